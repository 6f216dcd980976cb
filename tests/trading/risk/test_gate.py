"""The gate over many orders: exits, replaces, pace, runaway strategies, threads and restarts."""

import json
import threading
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest

from domain.control import ControlKind, TradingState
from domain.errors import BadUse, Corrupt
from domain.nanos import DAY_NS, MINUTE_NS, SECOND_NS
from domain.orders import Order, PositionEffect, terms_of
from tests.trading.risk.desk import (
    CONTEXT,
    NOW_NS,
    QUOTES,
    D,
    GlassGate,
    after,
    gate,
    held,
    holding,
    order,
)
from trading.risk.case import RiskContext
from trading.risk.codes import Deny
from trading.risk.control import Controls, control_event
from trading.risk.exposure import Held
from trading.risk.gate import GateConfig
from trading.risk.limits import (
    AccountLimits,
    ExposureLimits,
    OrderLimits,
    RateLimits,
    RepeatLimits,
    StrategyLimits,
)

FAST = RateLimits(100_000, 1_000, 100_000, 1_000)
UNHURRIED = AccountLimits(rates=FAST, account_rates=FAST, repeat=RepeatLimits(1, 1_000, MINUTE_NS))
BLIND = RiskContext(
    now_ns=NOW_NS,
    instrument=CONTEXT.instrument,
    quotes={},
    quote_recv_ns=None,
    verdict=None,
    held={},
    margin_rates={},
    tradeable=False,
)


def numbered(number: int, **changes: Any) -> Order:
    """Return the desk's order under an id of its own."""
    return order(**{"client_order_id": f"ax{number}", **changes})


@pytest.mark.parametrize(
    ("units", "buys", "sells", "side", "quantity", "exits"),
    [
        (10_000, 0, 0, "sell", 10_000, True),
        (10_000, 0, 0, "sell", 10_001, False),
        (10_000, 0, 1, "sell", 10_000, False),
        (10_000, 5_000, 0, "sell", 10_000, True),
        (10_000, 0, 0, "buy", 1, False),
        (-10_000, 0, 0, "buy", 10_000, True),
        (-10_000, 1, 0, "buy", 10_000, False),
        (0, 0, 0, "sell", 1, False),
    ],
)
def test_an_exit_passes_with_no_market_no_equity_and_no_rates(
    units: int, buys: int, sells: int, side: Any, quantity: int, exits: bool
) -> None:
    """It is one only if all that is working on its side cannot go through zero."""
    context = BLIND._replace(held={"EURUSD": held(units, buys, sells)})
    wanted = order(side=side, quantity_units=D(quantity))
    assert gate(equity=None).check(wanted, context).passed == exits


@pytest.mark.parametrize(
    ("effect", "enforced", "mode", "quantity", "exits"),
    [
        ("reduce_only", True, "netting", 10_000, True),
        ("reduce_only", True, "netting", 10_001, False),
        ("reduce_only", False, "netting", 10_000, False),
        ("open_only", True, "netting", 1, False),
        ("default", True, "hedging", 1, False),
        ("reduce_only", True, "hedging", 10_000, True),
        ("reduce_only", False, "hedging", 1, False),
    ],
)
def test_stop_and_target_of_one_position_both_exit_where_the_venue_keeps_to_it(
    effect: PositionEffect, enforced: bool, mode: Any, quantity: int, exits: bool
) -> None:
    """Each for the whole position; where the venue does not enforce it the figures decide."""
    context = BLIND._replace(
        held={"EURUSD": held(10_000, sells=10_000)},
        reduce_only_enforced=enforced,
        position_mode=mode,
    )
    wanted = order(side="sell", quantity_units=D(quantity), position_effect=effect)
    assert gate().check(wanted, context).passed == exits


def test_an_exit_of_unknown_figures_is_none() -> None:
    """A position that is no number cannot be said to get smaller."""
    context = BLIND._replace(held={"EURUSD": Held(D("NaN"))})
    assert gate().check(order(side="sell"), context).reason == Deny.NOT_FINITE


def test_one_client_order_id_passes_once_for_as_long_as_it_could_matter() -> None:
    """Until a day after its end, and an exit of the same id is no exception."""
    desk = gate(UNHURRIED)
    assert desk.admit(order(), lambda: CONTEXT).passed
    exit_again = order(side="sell")
    assert desk.check(exit_again, holding(20_000)).reason == Deny.DUPLICATE_ID
    desk.closed("ax1", NOW_NS)
    desk.closed("ax1", NOW_NS + DAY_NS - 1)
    assert desk.check(exit_again, holding(20_000)).reason == Deny.DUPLICATE_ID
    desk.closed("other", NOW_NS + DAY_NS)
    assert desk.check(exit_again, holding(20_000)).passed


def test_the_same_order_twice_within_the_window_is_a_duplicate() -> None:
    """Same strategy, symbol, side and size; a second later it is an order of its own."""
    desk = gate()
    assert desk.admit(numbered(1), lambda: CONTEXT).passed
    soon = after(SECOND_NS - 1)
    assert desk.check(numbered(2), soon).reason == Deny.DUPLICATE
    assert desk.check(numbered(2, quantity_units=D(10_001)), soon).passed
    assert desk.check(numbered(2, strategy="other"), soon).passed
    assert desk.check(numbered(2), after(SECOND_NS)).passed
    assert desk.check(numbered(2, side="sell"), soon._replace(held=holding(5_000).held)).passed


def test_orders_come_in_a_burst_and_then_at_the_rate() -> None:
    """Two at once, then one every second; the strategy beside it has a bucket of its own."""
    rates = RateLimits(60, 2, 1_000, 1_000)
    desk = gate(AccountLimits(rates=rates, account_rates=RateLimits(60, 3, 1_000, 1_000)))
    assert desk.admit(numbered(1), lambda: CONTEXT).passed
    assert desk.admit(numbered(2, quantity_units=D(9)), lambda: CONTEXT).passed
    third = numbered(3, quantity_units=D(8))
    assert desk.admit(third, lambda: after(SECOND_NS - 1)).reason == Deny.ORDER_RATE
    assert desk.admit(third, lambda: after(SECOND_NS)).passed
    fourth = numbered(4, quantity_units=D(7), strategy="other")
    assert desk.admit(fourth, lambda: after(SECOND_NS)).passed
    fifth = numbered(5, quantity_units=D(6), strategy="other")
    assert desk.admit(fifth, lambda: after(SECOND_NS)).reason == Deny.ORDER_RATE


def test_cancels_and_exits_use_up_messages_and_are_never_short_of_them() -> None:
    """Only what opens has to wait."""
    desk = gate(AccountLimits(rates=RateLimits(60, 5, 60, 2)))
    for _ in range(10):
        assert desk.admit_cancel(order(), NOW_NS).passed
    assert desk.check(order(), CONTEXT).reason == Deny.MESSAGE_RATE
    for number in range(10):
        leaving = numbered(number, side="sell", quantity_units=D(1))
        assert desk.admit(leaving, lambda: holding(20_000)).passed
    assert desk.check(numbered(99), after(SECOND_NS - 1)).reason == Deny.ORDER_RATE
    assert desk.check(numbered(99), after(SECOND_NS)).passed


def test_a_replace_is_judged_on_what_it_would_leave_working() -> None:
    """The old size makes room for the new one, and what has filled is in the position."""
    limits = AccountLimits(exposure=ExposureLimits(max_position_units=D(50_000)))
    desk = gate(limits)
    working = order(
        status="partially_filled",
        order_type="limit",
        limit_price=D("1.09"),
        quantity_units=D(20_000),
        filled_units=D(5_000),
    )
    context = holding(30_000, buys=15_000)
    for units, code in (
        (25_000, ""),
        (25_001, Deny.MAX_POSITION_UNITS),
        (5_000, Deny.BAD_QUANTITY),
    ):
        terms = msgspec.structs.replace(terms_of(working), quantity_units=D(units))
        assert desk.check_replace(working, terms, context).reason == code
    far = msgspec.structs.replace(terms_of(working), limit_price=D("1.07"))
    assert desk.check_replace(working, far, context).reason == Deny.PRICE_COLLAR


def test_what_a_replace_adds_is_counted_until_the_book_does() -> None:
    """Two replaces at the edge of a limit do not pass it together."""
    limits = msgspec.structs.replace(
        UNHURRIED, exposure=ExposureLimits(max_position_units=D(50_000))
    )
    desk = gate(limits)
    context = holding(0, buys=40_000)
    first, second = (
        numbered(n, status="accepted", order_type="limit", limit_price=D("1.09")) for n in (1, 2)
    )
    terms = msgspec.structs.replace(terms_of(first), quantity_units=D(20_000))
    assert desk.admit_replace(first, terms, lambda: context).passed
    assert desk.admit_replace(second, terms, lambda: context).reason == Deny.MAX_POSITION_UNITS
    desk.sent("ax1")
    assert desk.admit_replace(second, terms, lambda: context).passed


def test_a_hundred_submits_at_once_do_not_pass_a_limit_together() -> None:
    """What is sent, working and held never comes to more than the limit, whoever is first."""
    limits = msgspec.structs.replace(
        UNHURRIED, exposure=ExposureLimits(max_position_units=D(70_000))
    )
    desk = gate(limits)
    start = threading.Barrier(100)
    book: dict[str, int] = {}

    def read() -> RiskContext:
        return holding(10_000, buys=sum(list(book.values())))

    def submit(number: int) -> None:
        wanted = numbered(number, quantity_units=D(1_000 + number))
        start.wait()
        if desk.admit(wanted, read).passed:
            book[wanted.client_order_id] = 1_000 + number
            desk.sent(wanted.client_order_id)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = 10_000 + sum(book.values())
    assert total <= 70_000
    assert total > 70_000 - 1_100


def test_without_a_booking_what_was_admitted_still_counts() -> None:
    """The caller may be as slow as it likes between the step and the book."""
    limits = msgspec.structs.replace(
        UNHURRIED, exposure=ExposureLimits(max_position_units=D(25_000))
    )
    desk = gate(limits)
    assert desk.admit(numbered(1), lambda: CONTEXT).passed
    assert desk.admit(numbered(2), lambda: after(1)).passed
    assert desk.admit(numbered(3), lambda: after(2)).reason == Deny.MAX_POSITION_UNITS
    desk.sent("ax1")
    assert desk.admit(numbered(3), lambda: after(2)).passed


def runaway(desk: GlassGate, ticks: int, strategy: str = "trend") -> list[str]:
    """Signal on each of many ticks, in and out by turns; return what the gate said to each."""
    said = []
    position = 0
    for tick in range(ticks):
        side: Any = "sell" if position else "buy"
        wanted = numbered(0, strategy=strategy, side=side, client_order_id=f"{strategy}{tick}")
        now = after(tick * SECOND_NS // 10)
        verdict = desk.admit(wanted, partial(now._replace, held={"EURUSD": held(position)}))
        said.append(verdict.reason)
        if verdict.passed:
            desk.sent(wanted.client_order_id)
            position += 10_000 if side == "buy" else -10_000
            desk.filled(wanted, now.now_ns)
            desk.filled(wanted, now.now_ns)
            desk.closed(wanted.client_order_id, now.now_ns)
    return said


def test_a_runaway_strategy_is_stopped_at_its_nth_execution_until_a_person_lets_it_go_on() -> None:
    """Exactly so many orders execute, and the strategy beside it goes on."""
    limits = msgspec.structs.replace(UNHURRIED, repeat=RepeatLimits(1, 7, MINUTE_NS))
    desk = gate(limits)
    assert runaway(desk, 100) == [""] * 7 + [Deny.CANCEL_ONLY] * 93
    why = desk.controls.why("trend")
    assert (why.by, why.reason) == ("system:repeat_throttle", "7 executions in 60000000000 ns")
    assert runaway(desk, 6, "other") == [""] * 6
    assert desk.check(numbered(999), after(DAY_NS)).reason == Deny.CANCEL_ONLY
    desk.control(
        control_event(
            ControlKind.RAISE,
            TradingState.ACTIVE,
            account="desk",
            by="anna",
            reason="it was a loop",
            ts_event_ns=NOW_NS,
            strategy="trend",
        )
    )
    renamed = [numbered(n, client_order_id=f"again{n}") for n in range(7)]
    passed = [desk.admit(one, lambda: after(20 * SECOND_NS)).passed for one in renamed[:1]]
    assert passed == [True]
    assert desk.filled(renamed[0], NOW_NS) == ()


def test_executions_far_enough_apart_stop_nothing() -> None:
    """The seventh within a minute does; every ten seconds there are only six."""
    limits = msgspec.structs.replace(UNHURRIED, repeat=RepeatLimits(1, 7, MINUTE_NS))
    desk = gate(limits)
    for number in range(50):
        assert desk.filled(numbered(number), NOW_NS + number * 10 * SECOND_NS) == ()


def test_a_strategy_may_have_limits_of_its_own() -> None:
    """Those that are not named are the account's."""
    own = {"trend": StrategyLimits(order=OrderLimits(max_units=D(9_999)))}
    desk = gate(AccountLimits(strategies=own))
    assert desk.check(order(), CONTEXT).reason == Deny.MAX_ORDER_UNITS
    assert desk.check(order(strategy="other"), CONTEXT).passed
    stale = CONTEXT._replace(quote_recv_ns=None)
    assert desk.check(order(quantity_units=D(1)), stale).reason == Deny.STALE_PRICE


def test_a_gate_goes_on_after_a_restart_as_if_there_had_been_none() -> None:
    """Through JSON and back: ids, pace, usual sizes, losses and reservations are all there."""
    limits = AccountLimits(rates=RateLimits(60, 3, 60, 10))
    desk = gate(limits)
    for number in range(3):
        wanted = numbered(number, quantity_units=D(1_000 + number))
        assert desk.admit(wanted, lambda: CONTEXT).passed
    desk.sent("ax0")
    desk.filled(numbered(1), NOW_NS)
    desk.closed("ax1", NOW_NS)
    desk.mark(NOW_NS, D(99_000))
    kept = json.loads(json.dumps(desk.snapshot()))
    again = GlassGate(GateConfig("desk", "USD", limits), Controls("desk"), kept)
    assert json.loads(json.dumps(again.snapshot())) == kept
    for wanted in (numbered(0), numbered(9, quantity_units=D(1_000)), numbered(9)):
        for context in (CONTEXT, after(SECOND_NS), after(2 * SECOND_NS)):
            verdict = desk.check(wanted, context, every=True)
            assert again.check(wanted, context, every=True) == verdict
    again.mark(NOW_NS, D(97_999))
    assert again.check(numbered(9), after(SECOND_NS)).reason == Deny.DAILY_LOSS


GOLDEN = {
    "v": 1,
    "account": "desk",
    "flow": {
        "v": 1,
        "orders": {"/trend": {"spent": 60_000_000_000, "ts_ns": NOW_NS}},
        "messages": {"/trend": {"spent": 60_000_000_000, "ts_ns": NOW_NS}},
        "passed": {"ax1": {"strategy": "trend", "executed": True, "closed_ns": NOW_NS}},
        "recent": {"trend/EURUSD/buy": [[NOW_NS, "10000"]]},
        "sizes": {"trend/EURUSD": ["10000"]},
        "executions": {"trend": [NOW_NS]},
    },
    "losses": {
        "v": 1,
        "last_ns": NOW_NS,
        "equity": "100000",
        "known": [NOW_NS, "100000"],
        "day_start_ns": 1709589600000000000,
        "day_equity": "100000",
        "day_breached": False,
        "high_water": "120000",
        "rebased_ns": 0,
        "marks": [[NOW_NS, "100000"]],
    },
    "reserved": {"ax2": ["USDJPY", "sell", "5"]},
}


def test_a_snapshot_of_the_first_version_is_read() -> None:
    """It is what a ledger of today may still hold tomorrow."""
    desk = GlassGate(GateConfig("desk", "USD", AccountLimits()), Controls("desk"), GOLDEN)
    assert json.loads(json.dumps(desk.snapshot())) == GOLDEN
    assert desk.check(order(), CONTEXT).reason == Deny.DUPLICATE_ID
    assert desk.check(numbered(2), CONTEXT).reason == Deny.DRAWDOWN


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"account": "other"},
        {"flow": {**GOLDEN["flow"], "v": 0}},  # type: ignore[dict-item]
        {"flow": {**GOLDEN["flow"], "more": 1}},  # type: ignore[dict-item]
        {"losses": {**GOLDEN["losses"], "v": None}},  # type: ignore[dict-item]
        {"losses": {**GOLDEN["losses"], "equity": "much"}},  # type: ignore[dict-item]
    ],
)
def test_a_snapshot_that_is_not_ours_is_refused(change: dict[str, Any]) -> None:
    """Another account's, another version's, or one with a field that nobody knows."""
    config = GateConfig("desk", "USD", AccountLimits())
    with pytest.raises(Corrupt):
        GlassGate(config, Controls("desk"), {**GOLDEN, **change})


def test_a_gate_takes_the_controls_of_its_own_account_only() -> None:
    """Another account's state would be no state."""
    with pytest.raises(BadUse, match="controls of account other at the gate of desk"):
        gate(controls=Controls("other"))


def test_limits_that_could_never_pass_or_never_deny_are_refused() -> None:
    """Zero, less, infinite, or a loss of everything."""
    for bad in (D(0), D(-1), D("NaN"), D("Infinity")):
        with pytest.raises(BadUse, match="max_units of OrderLimits"):
            OrderLimits(max_units=bad)
    with pytest.raises(BadUse, match="orders_per_min"):
        RateLimits(orders_per_min=0)


def test_quotes_of_the_desk_agree_with_one_another() -> None:
    """EURJPY is EURUSD times USDJPY, so that hand-computed exposures hold in any currency."""
    cross = QUOTES["EURUSD"].mid * QUOTES["USDJPY"].mid
    assert abs(cross - QUOTES["EURJPY"].mid) <= Decimal("0.01")
