"""Tape in, trades out: algorithms, stops and targets that can be checked by hand.

20 % of 100,000 USD at a mid of 1.1 is 18,181.8 EUR. Looks are 100 ms apart at least, and come
before a record; an order is at the venue 50 ms after its decision.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from domain.control import ControlKind, TradingState
from domain.nanos import SECOND_NS
from domain.orders import Execution, Order
from tests.trading.tape import Desk, Sides, account, at, positions, read, with_signals
from trading.algos.parents import ParentCancel, ParentOrder
from trading.contingency.requests import GroupCancel
from trading.desk.entries import Fact, fact_of
from trading.risk.control import control_event
from trading.tactics.config import Tactics

D = Decimal
BRACKET = Tactics(stop_pips=D(10), target_pips=D(20))
TWAP = Tactics("twap", work_ns=40 * SECOND_NS, slices=4)


def trades(desk: Desk) -> list[str]:
    """Tell ends of orders: ``buy 18181 market filled 1.10020``, or with a reason for no price."""
    told = []
    for record in desk.out:
        if isinstance(record, Order) and record.status in {"filled", "canceled", "denied"}:
            end = record.average_price if record.status == "filled" else record.reason
            words = (record.side, record.quantity_units, record.order_type, record.status, end)
            told.append(" ".join(str(word) for word in words))
    return told


def facts(desk: Desk) -> list[Fact | None]:
    """Return all that the journal holds."""
    return [fact_of(entry) for entry in desk.journal.read()]


def run(tactics: Tactics, tape: str, sides: Sides, folder: Path) -> Desk:
    """Trade a tape."""
    config = account("EURUSD", tactics=tactics)
    desk = Desk(config, folder)
    desk.feed(with_signals(read(tape, config.symbols), sides, config))
    return desk


def test_a_stop_is_hit_as_by_hand(tmp_path: Path) -> None:
    """Ten pips below the ask of the decision: the market gaps through, and the target goes."""
    desk = run(
        BRACKET,
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:01:02.000 EURUSD 1.09920 1.09940
        00:01:03.000 EURUSD 1.09905 1.09925
        00:01:04.000 EURUSD 1.09950 1.09970
        00:01:05.000 EURUSD 1.09950 1.09970
        """,
        {("EURUSD", "00:01"): "buy"},
        tmp_path,
    )
    # Decided at an ask of 1.10010: the stop is 1.09910, the market gaps through to 1.09905.
    assert trades(desk) == [
        "buy 18181 market filled 1.10020",
        "sell 18181 stop_loss filled 1.09905",
        "sell 18181 take_profit canceled requested",
    ]
    stop = next(o for o in desk.out if isinstance(o, Order) and o.order_type == "stop_loss")
    assert stop.trigger_price == D("1.09910")
    assert positions(desk.out, "EURUSD")[-1].units == 0
    desk.stop()


def test_a_target_is_hit_as_by_hand_and_does_not_lead_to_another_entry(tmp_path: Path) -> None:
    """A short: 20 pips below the bid. The same side asked for again opens nothing, another does."""
    desk = run(
        BRACKET,
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.09990 1.10010
        00:01:02.000 EURUSD 1.09990 1.10010
        00:01:03.000 EURUSD 1.09770 1.09790
        00:01:04.000 EURUSD 1.09770 1.09790
        00:01:05.000 EURUSD 1.09770 1.09790
        00:02:00.000 EURUSD 1.09770 1.09790
        00:02:01.000 EURUSD 1.09770 1.09790
        00:03:00.000 EURUSD 1.09770 1.09790
        00:03:01.000 EURUSD 1.09770 1.09790
        """,
        {("EURUSD", "00:01"): "sell", ("EURUSD", "00:02"): "sell", ("EURUSD", "00:03"): "buy"},
        tmp_path,
    )
    assert trades(desk) == [
        "sell 18181 market filled 1.09990",
        "buy 18181 take_profit filled 1.09790",
        "buy 18181 stop_loss canceled requested",
        "buy 18224 market filled 1.09790",
    ]
    desk.stop()


def test_a_signal_for_another_side_closes_first_then_opens(tmp_path: Path) -> None:
    """Stop and target are canceled, then the position is given back, and then the flip goes on."""
    desk = run(
        BRACKET,
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:01:02.000 EURUSD 1.10000 1.10020
        00:02:00.000 EURUSD 1.10000 1.10020
        00:02:00.200 EURUSD 1.10000 1.10020
        00:02:00.400 EURUSD 1.10000 1.10020
        00:02:00.500 EURUSD 1.09990 1.10010
        00:02:01.300 EURUSD 1.09970 1.09990
        00:02:01.500 EURUSD 1.09970 1.09990
        00:02:01.600 EURUSD 1.09980 1.10000
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "sell"},
        tmp_path,
    )
    # Canceled at 0.2 s, closed by an order of 0.4 s; a second after that the signal is decided on
    # anew: equity at 00:01:59 was 99,996.36, which is 18,179.5 EUR at 1.1001.
    assert trades(desk) == [
        "buy 18181 market filled 1.10020",
        "sell 18181 stop_loss canceled requested",
        "sell 18181 take_profit canceled requested",
        "sell 18181 market filled 1.09990",
        "sell 18179 market filled 1.09980",
    ]
    assert [p.units for p in positions(desk.out, "EURUSD")] == [18181, 0, -18179]
    desk.stop()


def test_a_twap_fills_in_equal_slices_and_comes_out_even(tmp_path: Path) -> None:
    """Four slices of ten seconds; what is still to be sent keeps a signal from asking again."""
    seconds = "\n".join(f"00:01:{s:02d}.000 EURUSD 1.10000 1.10020" for s in range(60))
    desk = run(
        Tactics("twap", work_ns=90 * SECOND_NS, slices=4),
        f"""
        00:00:30.000 EURUSD 1.09990 1.10010
        {seconds}
        00:02:00.000 EURUSD 1.10000 1.10020
        00:02:08.000 EURUSD 1.10000 1.10020
        00:02:09.000 EURUSD 1.10000 1.10020
        00:02:10.000 EURUSD 1.10000 1.10020
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "buy"},
        tmp_path,
    )
    children = [o for o in desk.journal.orders() if o.parent_id]
    (parent,) = [fact for fact in facts(desk) if isinstance(fact, ParentOrder)]
    assert parent.quantity_units == 18181
    assert sorted(child.filled_units for child in children) == [4545, 4545, 4545, 4546]
    assert {child.parent_id for child in children} == {parent.parent_id}
    fills = [fact.ts_recv_ns for fact in desk.out if isinstance(fact, Execution)]
    assert [(ns - at("00:01:00.002")) // SECOND_NS for ns in fills] == [1, 24, 47, 69]
    (end,) = [fact for fact in facts(desk) if isinstance(fact, ParentCancel)]
    assert end.reason == "filled"
    assert max(p.units for p in positions(desk.out, "EURUSD")) == 18181
    desk.stop()


def test_the_stop_follows_what_has_really_been_filled(tmp_path: Path) -> None:
    """Of a TWAP it protects each slice as it fills; hit, it ends the rest of the TWAP."""
    desk = run(
        Tactics("twap", work_ns=40 * SECOND_NS, slices=4, stop_pips=D(10)),
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:01:02.000 EURUSD 1.10000 1.10020
        00:01:10.100 EURUSD 1.10000 1.10020
        00:01:11.000 EURUSD 1.10000 1.10020
        00:01:14.000 EURUSD 1.10000 1.10020
        00:01:14.100 EURUSD 1.10000 1.10020
        00:01:15.000 EURUSD 1.09900 1.09920
        00:01:25.000 EURUSD 1.10000 1.10020
        00:01:35.000 EURUSD 1.10000 1.10020
        00:01:45.000 EURUSD 1.10000 1.10020
        """,
        {("EURUSD", "00:01"): "buy"},
        tmp_path,
    )
    assert trades(desk) == [
        "buy 4545 market filled 1.10020",
        "buy 4545 market filled 1.10020",
        "sell 9090 stop_loss filled 1.09900",
    ]
    sizes = [o.quantity_units for o in desk.out if isinstance(o, Order) and o.trigger_price]
    assert sorted(set(sizes)) == [4545, 9090]
    ends = [fact.reason for fact in facts(desk) if isinstance(fact, ParentCancel | GroupCancel)]
    assert ends == ["exited", "closed"]
    desk.stop()


@pytest.mark.parametrize("to", [TradingState.REDUCING, TradingState.HALTED])
def test_a_lowered_state_ends_what_opens_and_keeps_what_protects(
    to: TradingState, tmp_path: Path
) -> None:
    """The TWAP sends no further slice; the stop of what it has filled stays, and fills."""
    config = account(
        "EURUSD", tactics=Tactics("twap", work_ns=40 * SECOND_NS, slices=4, stop_pips=D(10))
    )
    desk = Desk(config, tmp_path)
    tape = """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:01:02.000 EURUSD 1.10000 1.10020
        00:01:03.000 EURUSD 1.10000 1.10020
        00:01:21.000 EURUSD 1.10000 1.10020
        00:01:22.000 EURUSD 1.10000 1.10020
        00:01:30.000 EURUSD 1.09900 1.09920
        00:01:31.000 EURUSD 1.09900 1.09920
    """
    events = with_signals(read(tape, config.symbols), {("EURUSD", "00:01"): "buy"}, config)
    desk.feed(events[:6])
    desk.logic.control(
        control_event(
            ControlKind.LOWER,
            to,
            account=config.account,
            by="ann",
            reason="a test",
            ts_event_ns=desk.logic.now_ns,
        )
    )
    desk.feed(events[6:])
    assert trades(desk) == [
        "buy 4545 market filled 1.10020",
        "sell 4545 stop_loss filled 1.09900",
    ]
    ends = [fact.reason for fact in facts(desk) if isinstance(fact, ParentCancel)]
    assert ends == [to.value]
    assert positions(desk.out, "EURUSD")[-1].units == 0
    desk.stop()


def test_a_killed_bracket_is_whole_again_once_trading_goes_on(tmp_path: Path) -> None:
    """A kill cancels stop and target at the venue; nothing is sent until it is ended."""
    config = account("EURUSD", tactics=BRACKET)
    desk = Desk(config, tmp_path)
    tape = """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.10000 1.10020
        00:01:02.000 EURUSD 1.10000 1.10020
        00:01:03.000 EURUSD 1.10000 1.10020
        00:01:04.000 EURUSD 1.10000 1.10020
        00:01:05.000 EURUSD 1.10000 1.10020
        00:01:06.000 EURUSD 1.10000 1.10020
    """
    events = with_signals(read(tape, config.symbols), {("EURUSD", "00:01"): "buy"}, config)

    def control(kind: ControlKind, to: TradingState, by: str) -> None:
        desk.logic.control(
            control_event(
                kind,
                to,
                account=config.account,
                by=by,
                reason="a test",
                role="risk" if kind is ControlKind.RELEASE else "",
                ts_event_ns=desk.logic.now_ns,
            )
        )

    desk.feed(events[:5])
    control(ControlKind.KILL, TradingState.HALTED, "ann")
    sent = len(desk.venue.requests())
    desk.feed(events[5:8])
    assert len(desk.venue.requests()) == sent == 3
    assert desk.logic.desk.book.open_states() == []
    desk.stop()


def test_an_exit_that_cannot_be_worked_goes_out_as_one_order(tmp_path: Path) -> None:
    """An iceberg rests at the touch; without a fresh quote it has no price, and the close goes."""
    desk = run(
        Tactics("iceberg", work_ns=50 * SECOND_NS, display_fraction=D(1)),
        """
        00:00:30.000 EURUSD 1.09990 1.10010
        00:01:00.000 EURUSD 1.09990 1.10010
        00:01:01.000 EURUSD 1.09970 1.09990
        00:01:02.000 EURUSD 1.09970 1.09990
        00:02:00.600 *
        00:02:01.600 *
        00:02:02.000 EURUSD 1.09950 1.09970
        """,
        {("EURUSD", "00:01"): "buy", ("EURUSD", "00:02"): "flat"},
        tmp_path,
    )
    assert trades(desk) == [
        "buy 18181 limit filled 1.09990",
        "sell 18181 market filled 1.09950",
    ]
    desk.stop()
