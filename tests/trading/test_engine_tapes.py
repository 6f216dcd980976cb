"""Tape in, trades out: whole runs that can be checked by hand."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from config.trading_settings import RiskSettings
from dataflows.account_config import account_limits
from domain.errors import Halt
from domain.ids import client_order_id, signal_id
from domain.nanos import SECOND_NS
from domain.orders import Execution, Order
from tests.trading.tape import (
    Desk,
    Sides,
    account,
    at,
    positions,
    read,
    signal,
    story,
    with_signals,
)
from trading.execution_config import ExecutionConfig

EURUSD = account("EURUSD")


@dataclass(frozen=True)
class Case:
    """One tape, the sides wanted, and the orders and fills that must come of it."""

    name: str
    tape: str
    sides: Sides
    trades: list[str]
    config: ExecutionConfig = EURUSD


CASES = [
    # 20 % of 100,000 USD at a mid of 1.1 is 18,181.8 EUR; the fill is at the first tick received
    # 50 ms after the decision (00:01:00.002), not at the one before.
    Case(
        "a buy fills at the ask after the latency, a close at the bid",
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:00.049 EURUSD 1.10500 1.10520
        00:01:00.050 EURUSD 1.10000 1.10020
        00:02:00.000 EURUSD 1.10100 1.10120
        00:02:01.000 EURUSD 1.10120 1.10140
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "flat"},
        [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 accepted",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18181 filled",
            "EURUSD sell 18181 pending_new",
            "EURUSD sell 18181 accepted",
            "EURUSD fill 1.10120 pnl 18.181000",
            "EURUSD sell 18181 filled",
        ],
    ),
    # Equity at 00:01:59 is 100,000 - 18,181 * 0.0002 = 99,996.3638: 18,181.15 EUR at mid 1.1001.
    Case(
        "a flip is one order through zero",
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:02:00.000 EURUSD 1.10000 1.10020
        00:02:01.000 EURUSD 1.10000 1.10020
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "sell"},
        [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 accepted",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18181 filled",
            "EURUSD sell 36360 pending_new",
            "EURUSD sell 36360 accepted",
            "EURUSD fill 1.10000 pnl -3.636200",
            "EURUSD sell 36360 filled",
        ],
    ),
    Case(
        "a position that is wanted already is left alone, and so is one without a view",
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:02:00.000 EURUSD 1.20000 1.20020
        00:03:00.000 EURUSD 1.20000 1.20020
        00:03:01.000 EURUSD 1.20000 1.20020
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "buy"},
        [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 accepted",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18181 filled",
        ],
    ),
    Case(
        "an order in flight counts as held: its side asks for nothing, another side is denied",
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:02:00.600 *
        00:03:00.600 *
        00:04:00.600 *
        00:04:01.000 EURUSD 1.10000 1.10020
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "buy", ("EURUSD", "00:03"): "sell"},
        [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 accepted",
            "EURUSD sell 18181 denied order_in_flight",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18181 filled",
        ],
    ),
    Case(
        "a flip that is denied leaves the close",
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:02:00.000 EURUSD 1.10000 1.10200
        00:02:01.000 EURUSD 1.10000 1.10200
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "sell"},
        [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 accepted",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18181 filled",
            "EURUSD sell 36360 denied spread",
            "EURUSD sell 18181 pending_new",
            "EURUSD sell 18181 accepted",
            "EURUSD fill 1.10000 pnl -3.636200",
            "EURUSD sell 18181 filled",
        ],
    ),
    # 20,000 USD; a loss of 20,000 * 0.10 JPY is bought back at the bid: 2,000 / 149.90.
    Case(
        "yen lost on USDJPY are bought at the bid of the fill",
        """
        00:00:30.000 USDJPY 149.990 150.010
        00:01:00.000 USDJPY 149.990 150.010
        00:01:01.000 USDJPY 149.980 150.000
        00:02:00.000 USDJPY 149.900 149.920
        00:02:01.000 USDJPY 149.900 149.920
        """,
        {("USDJPY", "00:01"): "buy", ("USDJPY", "00:02"): "flat"},
        [
            "USDJPY buy 20000 pending_new",
            "USDJPY buy 20000 accepted",
            "USDJPY fill 150.000 pnl 0",
            "USDJPY buy 20000 filled",
            "USDJPY sell 20000 pending_new",
            "USDJPY sell 20000 accepted",
            "USDJPY fill 149.900 pnl -13.342228",
            "USDJPY sell 20000 filled",
        ],
        account("USDJPY"),
    ),
    # 20,000 USD at EURUSD 1.1 mid are 18,181 EUR; 18,181 * 0.10 = 1,818.1 JPY won are sold at the
    # USDJPY ask of the mark of 00:02, 150.010, not at what USDJPY became after it.
    Case(
        "yen won on EURJPY are sold at the mark's USDJPY ask",
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:00:30.000 USDJPY 149.990 150.010
        00:00:30.000 EURJPY 164.980 165.000
        00:01:00.000 EURJPY 164.980 165.000
        00:01:01.000 EURJPY 164.980 165.000
        00:01:30.600 *
        00:02:00.000 EURJPY 165.100 165.120
        00:02:00.000 USDJPY 100.000 100.020
        00:02:01.000 EURJPY 165.100 165.120
        00:02:02.600 *
        """,
        {("EURJPY", "00:01"): "buy", ("EURJPY", "00:02"): "flat"},
        [
            "EURJPY buy 18181 pending_new",
            "EURJPY buy 18181 accepted",
            "EURJPY fill 165.000 pnl 0",
            "EURJPY buy 18181 filled",
            "EURJPY sell 18181 pending_new",
            "EURJPY sell 18181 accepted",
            "EURJPY fill 165.100 pnl 12.119859",
            "EURJPY sell 18181 filled",
        ],
        account("EURUSD", "USDJPY", "EURJPY"),
    ),
    Case(
        "without a rate to the account currency nothing opens",
        """
        00:00:30.000 EURJPY 164.980 165.000
        00:01:00.000 EURJPY 164.980 165.000
        00:01:01.000 EURJPY 164.980 165.000
        """,
        {("EURJPY", "00:01"): "buy"},
        ["EURJPY buy 1 denied no_conversion_rate"],
        account("EURJPY"),
    ),
    Case(
        "a price as old as the limit still trades",
        """
        00:00:30.598 EURUSD 1.09990 1.10010
        00:01:00.600 *
        00:01:01.000 EURUSD 1.10000 1.10020
        """,
        {("EURUSD", "00:01"): "buy"},
        [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 accepted",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18181 filled",
        ],
    ),
    Case(
        "an older one does not",
        """
        00:00:30.597 EURUSD 1.09990 1.10010
        00:01:00.600 *
        00:01:01.000 EURUSD 1.10000 1.10020
        """,
        {("EURUSD", "00:01"): "buy"},
        ["EURUSD buy 18181 denied stale_price"],
    ),
    # Long 18,181 from 1.10020; 1.00 at the bid is a loss of 1,821.7 USD, 1.8 % of the day's start;
    # 0.98 at 00:03:59 is over 2 %. It stays denied after the recovery, and opens again when the
    # trade date has rolled at 22:00 and the quarter of an hour after it is over.
    Case(
        "a daily loss denies new positions until 17:00 New York, never the way out",
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:02:00.000 EURUSD 0.98000 0.98020
        00:03:00.000 EURUSD 1.10000 1.10020
        00:03:01.000 EURUSD 1.10000 1.10020
        00:04:00.000 EURUSD 1.10000 1.10020
        00:05:00.000 EURUSD 1.10000 1.10020
        21:50:00.000 EURUSD 1.10000 1.10020
        22:20:00.000 EURUSD 1.10000 1.10020
        22:20:01.000 EURUSD 1.10000 1.10020
        """,
        {
            ("EURUSD", "00:01"): "buy",
            ("EURUSD", "00:03"): "sell",
            ("EURUSD", "00:05"): "buy",
            ("EURUSD", "21:50"): "buy",
            ("EURUSD", "22:20"): "buy",
        },
        [
            "EURUSD buy 18181 pending_new",
            "EURUSD buy 18181 accepted",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18181 filled",
            # Equity at the mark is 97,814.64: 19,562.9 USD are 19,960.9 EUR at 0.9801.
            "EURUSD sell 38141 denied daily_loss",
            "EURUSD sell 18181 pending_new",
            "EURUSD sell 18181 accepted",
            "EURUSD fill 1.10000 pnl -3.636200",
            "EURUSD sell 18181 filled",
            "EURUSD buy 18179 denied daily_loss",
            "EURUSD buy 18179 denied daily_loss",
            "EURUSD buy 18179 pending_new",
            "EURUSD buy 18179 accepted",
            "EURUSD fill 1.10020 pnl 0",
            "EURUSD buy 18179 filled",
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_tape_gives_trades(case: Case, tmp_path: Path) -> None:
    """The orders and fills of a tape are the ones worked out by hand."""
    desk = Desk(case.config, tmp_path)
    tape = read(case.tape, case.config.symbols)
    desk.feed(with_signals(tape, case.sides, case.config))
    assert story(desk.out) == case.trades


def test_records_carry_times_ids_and_conversion(tmp_path: Path) -> None:
    """A fill is stamped with its quote, an order with its decision, ids with their cause."""
    case = CASES[5]
    desk = Desk(case.config, tmp_path)
    desk.feed(with_signals(read(case.tape, case.config.symbols), case.sides, case.config))
    orders = [record for record in desk.out if isinstance(record, Order)]
    fills = [record for record in desk.out if isinstance(record, Execution)]
    signal_name = signal_id("model", "USDJPY", at("00:01"), "rule")
    assert orders[0].client_order_id == client_order_id("edge-hold", signal_name, 0, 0)
    assert (orders[0].ts_event_ns, orders[0].ts_recv_ns) == (at("00:01"), at("00:01:00.002"))
    assert (fills[0].ts_event_ns, fills[0].ts_recv_ns) == (at("00:01:01"), at("00:01:01.002"))
    assert fills[1].pnl_quote == Decimal("-2000.000")
    assert fills[1].conversion_rate == 1 / Decimal("149.900")


def test_account_total_is_marked_a_second_before_each_boundary(tmp_path: Path) -> None:
    """The total values the position at its closing side, at what was known at the mark."""
    case = CASES[0]
    desk = Desk(case.config, tmp_path)
    desk.feed(with_signals(read(case.tape, case.config.symbols), case.sides, case.config))
    first, second = positions(desk.out, "*")
    assert (first.ts_event_ns, first.equity_account) == (at("00:00:59"), Decimal(100_000))
    assert second.ts_event_ns == at("00:01:59")
    assert second.unrealised_account == Decimal("-3.636200")
    assert second.equity_account == Decimal("99996.363800")
    held, flat = positions(desk.out, "EURUSD")
    assert (held.units, held.average_price) == (Decimal(18181), Decimal("1.10020"))
    assert (flat.units, flat.average_price) == (Decimal(0), None)
    assert flat.realised_account == Decimal("18.181000")


def test_marks_are_only_made_for_boundaries_that_a_lane_reaches(tmp_path: Path) -> None:
    """A gap of hours makes one mark and one decision, for the last boundary before its end."""
    config = account("EURUSD", "USDJPY")
    tape = """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:00:30.000 USDJPY 149.990 150.010
        00:01:00.000 EURUSD 1.09990 1.10010
        08:00:10.000 EURUSD 1.09990 1.10010
        09:00:10.000 USDJPY 149.990 150.010
        """
    desk = Desk(config, tmp_path)
    desk.feed(with_signals(read(tape, config.symbols), {}, config))
    marks = [total.ts_event_ns for total in positions(desk.out, "*")]
    # The mark of 08:59:59 waits: EURUSD has not passed it.
    assert marks == [at("00:00:59"), at("07:59:59")]


def test_lateness_moves_every_boundary(tmp_path: Path) -> None:
    """With allowed lateness a minute is passed when a tick proves it, as in the trading flow."""
    config = replace(EURUSD, lateness_ns=2 * SECOND_NS)
    tape = """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:01.999 EURUSD 1.09990 1.10010
        00:01:02.000 EURUSD 1.09990 1.10010
        00:01:03.000 EURUSD 1.10000 1.10020
        00:02:01.900 *
        """
    desk = Desk(config, tmp_path)
    desk.feed(with_signals(read(tape, ["EURUSD"]), {("EURUSD", "00:01"): "buy"}, config))
    (first, *_) = [record for record in desk.out if isinstance(record, Order)]
    assert (first.ts_event_ns, first.ts_recv_ns) == (at("00:01"), at("00:01:02.002"))
    # A heartbeat proves as much less: it has passed 00:01:59.9, not the next boundary.
    assert [total.ts_event_ns for total in positions(desk.out, "*")] == [at("00:00:59")]


def test_another_boundarys_signal_halts(tmp_path: Path) -> None:
    """Ticks and signals that do not belong together stop the account."""
    desk = Desk(EURUSD, tmp_path)
    desk.feed([signal("EURUSD", at("00:02"), at("00:02"), "buy")])
    tape = "00:00:30.000 EURUSD 1.1 1.1001\n00:01:00.000 EURUSD 1.1 1.1001"
    with pytest.raises(Halt, match="call for the signal of"):
        desk.feed(read(tape, ["EURUSD"]))


LIMIT_CASES = [
    ("max_order", {"max_order_notional": Decimal("19999.1")}, True),
    ("max_order", {"max_order_notional": Decimal("19999.099")}, False),
    ("max_position", {"max_position_notional": Decimal("19999.1")}, True),
    ("max_position", {"max_position_notional": Decimal("19999.099")}, False),
    ("spread", {"max_spread_pips": Decimal("2.0")}, True),
    ("spread", {"max_spread_pips": Decimal("1.99")}, False),
]


@pytest.mark.parametrize(("reason", "limits", "passes"), LIMIT_CASES)
def test_limits_deny_beyond_their_edge(
    reason: str, limits: dict[str, Decimal], passes: bool, tmp_path: Path
) -> None:
    """A value on the bound passes, the next one is denied with the check's reason, in the ledger.

    The order is 18,181 EUR at a mid of 1.1: 19,999.1 USD, on a spread of 2.0 pips.
    """
    config = replace(EURUSD, limits=account_limits(RiskSettings.model_validate(limits)))
    desk = Desk(config, tmp_path)
    desk.feed(with_signals(read(CASES[0].tape, ["EURUSD"]), {("EURUSD", "00:01"): "buy"}, config))
    first = story(desk.out)[0]
    assert first == f"EURUSD buy 18181 {'pending_new' if passes else f'denied {reason}'}"
    if not passes:
        assert [order.reason for order in desk.journal.orders()] == [reason]
        assert desk.venue.requests() == []
