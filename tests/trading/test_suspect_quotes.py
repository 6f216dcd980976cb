"""Doubted quotes: nothing new is risked or valued on one, and the venue fills on it."""

from decimal import Decimal
from pathlib import Path

import msgspec

from domain.orders import Execution
from domain.predictions import Signal
from domain.ticks import TickBatch, Verdict
from tests.trading.tape import Desk, Sides, account, at, positions, read, story, tick, with_signals

EURUSD = account("EURUSD")
EUR_TAPE = """
    00:00:30.000 EURUSD 1.09990 1.10010
    00:01:00.000 EURUSD 1.09990 1.10010
    00:01:00.049 EURUSD 1.10500 1.10520
    00:01:00.050 EURUSD 1.10000 1.10020
    00:02:00.000 EURUSD 1.10100 1.10120
    00:02:01.000 EURUSD 1.10120 1.10140
"""
YEN_TAPE = """
    00:00:30.000 USDJPY 149.990 150.010
    00:01:00.000 USDJPY 149.990 150.010
    00:01:01.000 USDJPY 149.980 150.000
    00:02:00.000 USDJPY 149.900 149.920
    00:02:01.000 USDJPY 149.900 149.920
"""


def test_nothing_opens_on_a_suspect_signal(tmp_path: Path) -> None:
    """The order is denied in the ledger, and the way out stays open."""
    sides: Sides = {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "flat"}
    desk = Desk(EURUSD, tmp_path)
    events = with_signals(read(EUR_TAPE, EURUSD.symbols), sides, EURUSD)
    doubted = [
        msgspec.structs.replace(event, verdict=int(Verdict.SPREAD_BLOWOUT | Verdict.DELAYED))
        if isinstance(event, Signal)
        else event
        for event in events
    ]
    desk.feed(doubted)
    assert story(desk.out) == ["EURUSD buy 18181 denied suspect_quote"]
    held = Desk(EURUSD, tmp_path / "held")
    held.feed([*events[:6], *doubted[6:]])
    assert story(held.out)[4:] == [
        "EURUSD sell 18181 pending_new",
        "EURUSD sell 18181 accepted",
        "EURUSD fill 1.10120 pnl 18.181000",
        "EURUSD sell 18181 filled",
    ]


def test_a_suspect_tick_fills_and_values_nothing(tmp_path: Path) -> None:
    """The venue fills on it; equity, the statement and the conversion keep to the quote before."""
    config = account("USDJPY")
    tape = read(YEN_TAPE, config.symbols)
    # The ticks of both fills, and the one at 00:02 that would be the last before its mark.
    for row in (2, 4):
        tape[row].records["verdict"] = int(Verdict.STALE)
    tape.insert(3, TickBatch("USDJPY", tick("USDJPY", at("00:01:30"), 100.0, 100.02)))
    tape[3].records["verdict"] = int(Verdict.ONE_SIDED)
    desk = Desk(config, tmp_path)
    sides: Sides = {("USDJPY", "00:01"): "buy", ("USDJPY", "00:02"): "flat"}
    desk.feed(with_signals(tape, sides, config))
    fills = [record for record in desk.out if isinstance(record, Execution)]
    assert [str(fill.price) for fill in fills] == ["150.000", "149.900"]
    # 20,000 * -0.10 JPY are bought back at the bid of the last sound quote, 149.900 of 00:02.
    assert fills[1].conversion_rate == 1 / Decimal("149.900")
    held, _ = positions(desk.out, "USDJPY")
    # Bought at 150.000, valued at the bid of 00:01: -200 JPY at 149.990.
    assert held.unrealised_account == Decimal("-1.333422")
    _, second = positions(desk.out, "*")
    assert second.unrealised_account == Decimal("-1.333422")
    assert second.ts_recv_ns == at("00:01:00.002")
