"""Which account a signal goes to: bound first, then able, then cheap; one at a time, explained."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.errors import Corrupt
from domain.nanos import MINUTE_NS, parse_ns
from domain.orders import OrderSide
from domain.predictions import Side, Signal
from domain.quality import QualityCode, QualityEvent
from operators.execute import Heard
from operators.route import RouteStep
from tests.trading.algos.floor import ABLE, INSTRUMENT
from tests.trading.routing.qualities import fill, order
from tests.trading.tape import signal
from trading.routing.assignment import Assignment, OrderRule, Route
from trading.routing.candidates import Candidate
from trading.routing.learning import ALL_SIZES, AccountCosts, place_of

PAIR = "EURUSD"
NOON_NS = parse_ns("2024-03-05T11:00")
RULE = OrderRule("FOK", bounded=False)


class Accounts:
    """Accounts as a test has them; without a binding of its own a side stays where it is."""

    def __init__(self, *candidates: Candidate, bindings: Mapping[str, str] | None = None) -> None:
        self.list = list(candidates)
        self.bindings = dict(bindings or {})

    def candidates(self, symbol: str) -> Sequence[Candidate]:
        """Return all."""
        assert symbol == PAIR
        return self.list

    def bound(self, signal: Signal, side: OrderSide, last: Route | None) -> str | None:
        """Return what the test says of the signal, else the account of the side."""
        if signal.signal_id in self.bindings:
            return self.bindings[signal.signal_id]
        return last.account if last is not None and last.side == side else None


def account(name: str, **more: Any) -> Candidate:
    """Return an account that can do everything."""
    fields: dict[str, Any] = {"capabilities": ABLE, "instruments": {PAIR: INSTRUMENT}} | more
    return Candidate(account=name, venue=place_of("oanda", name), **fields)


def costs(**pips: float) -> AccountCosts:
    """Return costs by account."""
    table = AccountCosts()
    for name, value in pips.items():
        table.learn([fill(value, account=name)] * 200)
    return table


def wish(minute: int, side: Side | None) -> Signal:
    """Return the signal of a minute; without a side it is not actionable."""
    at_ns = NOON_NS + minute * MINUTE_NS
    return signal(PAIR, at_ns, at_ns, side)


def went(assignment: Assignment, *sides: Side | None) -> list[str | None]:
    """Return where signals went, minute by minute; None for those that open nothing."""
    routes = [assignment.assign(wish(minute, side)) for minute, side in enumerate(sides)]
    return [None if route is None else route.account for route in routes]


def test_a_side_stays_and_the_next_one_is_chosen_anew() -> None:
    """What has become cheaper meanwhile waits for the next side."""
    table = costs(a=0.1, b=0.5)
    assignment = Assignment(Accounts(account("a"), account("b")), table, RULE)
    assert went(assignment, "buy") == ["a"]
    table.learn([fill(9.0, account="a")] * 200)
    assert went(assignment, "buy", None, "buy") == ["a", None, "a"]
    assert went(assignment, "sell", "sell", "flat", "sell") == ["b", "b", None, "b"]


def test_a_signal_to_be_flat_ends_a_route() -> None:
    """The same side is chosen for anew behind it."""
    table = costs(a=0.1, b=0.5)
    assignment = Assignment(Accounts(account("a"), account("b")), table, RULE)
    assert went(assignment, "flat", "buy", "flat") == [None, "a", None]
    table.learn([fill(9.0, account="a")] * 200)
    assert went(assignment, "buy") == ["b"]


@pytest.mark.parametrize(
    ("changed", "rule", "word"),
    [
        ({"link_up": False}, RULE, "link_down"),
        ({"takes_orders": False}, RULE, "not_trading"),
        ({"room_units": {PAIR: Decimal(0)}}, RULE, "no_room"),
        ({"instruments": {}}, RULE, "unknown_symbol"),
        (
            {"instruments": {PAIR: replace(INSTRUMENT, tradeable=False)}},
            RULE,
            "not_tradeable",
        ),
        (
            {"capabilities": replace(ABLE, times_in_force={"market": frozenset({"IOC"})})},
            RULE,
            "time_in_force",
        ),
        ({"capabilities": replace(ABLE, times_in_force={})}, RULE, "order_type"),
        (
            {"capabilities": replace(ABLE, price_bound=False)},
            OrderRule("FOK", bounded=True),
            "price_bound",
        ),
    ],
)
def test_one_that_cannot_is_passed_over_however_cheap(
    changed: dict[str, Any], rule: OrderRule, word: str
) -> None:
    """And the route says why, in words."""
    field = Accounts(account("a", **changed), account("b"))
    route = Assignment(field, costs(a=0.1, b=5.0), rule).assign(wish(1, "buy"))
    assert route is not None
    assert route.account == "b"
    assert f"a: cannot take it: {word}" in route.why
    assert "b: 4." in route.why


def test_where_none_can_one_is_named_whose_gate_says_so() -> None:
    """Not one that may never trade the pair: then nobody is."""
    down, foreign = account("b", link_up=False), account("a", instruments={})
    assert went(Assignment(Accounts(foreign, down), AccountCosts(), RULE), "buy") == ["b"]
    assert went(Assignment(Accounts(foreign), AccountCosts(), RULE), "buy") == [""]
    assert went(Assignment(Accounts(), AccountCosts(), RULE), "buy") == [""]


def test_what_is_bound_wins_over_all_else() -> None:
    """Its words say who holds it, or that nobody knows."""
    first, second, third = (wish(minute, "buy") for minute in (1, 2, 3))
    field = Accounts(
        account("a", link_up=False),
        account("b"),
        bindings={first.signal_id: "", second.signal_id: "a"},
    )
    assignment = Assignment(field, costs(a=5.0, b=0.1), RULE)
    unknown, held, after = (assignment.assign(one) for one in (first, second, third))
    assert unknown is not None
    assert held is not None
    assert after is not None
    assert (unknown.account, unknown.why) == ("", "what the accounts hold is not known yet")
    assert (held.account, held.why) == ("a", "a holds it already")
    assert (after.account, after.why) == ("a", held.why)


SIDES = st.lists(st.sampled_from(["buy", "sell", "flat", None]), max_size=30)


@given(SIDES, st.integers(0, 30), st.permutations(["a", "b", "c"]))
def test_routes_follow_from_the_signals_alone(
    sides: list[Side | None], cut: int, names: list[str]
) -> None:
    """Whatever the order of the accounts, and with a snapshot anywhere on the way."""
    table = costs(a=0.3, b=0.2, c=0.2)
    whole = went(
        Assignment(Accounts(*map(account, ("a", "b", "c"))), table, RULE),
        *sides,
    )
    first = Assignment(Accounts(*map(account, names)), table, RULE)
    routes = [first.assign(wish(n, side)) for n, side in enumerate(sides[:cut])]
    then = Assignment(Accounts(*map(account, names)), table, RULE).restore(first.snapshot())
    routes += [then.assign(wish(cut + n, side)) for n, side in enumerate(sides[cut:])]
    assert [None if route is None else route.account for route in routes] == whole
    assert {name for name in whole if name is not None} <= {"b"}


def test_a_snapshot_that_cannot_be_read_is_refused() -> None:
    """Of another version, or not whole."""
    assignment = Assignment(Accounts(), AccountCosts(), RULE)
    with pytest.raises(Corrupt, match="version 9"):
        assignment.restore({"v": 9})
    with pytest.raises(Corrupt, match="cannot be read"):
        assignment.restore({"v": 1, "routes": [{}]})


def test_the_step_names_each_signal_and_tells_of_changes_alone() -> None:
    """Also behind a snapshot; signals that open nothing have no name."""
    table = costs(a=0.1, b=0.5)
    told: list[str] = []

    def step(state: Mapping[str, Any] | None) -> RouteStep:
        assignment = Assignment(Accounts(account("a"), account("b")), table, RULE)
        return RouteStep(assignment, state, lambda route: told.append(route.account))

    first = step(None)
    wishes = [wish(0, "buy"), wish(1, "flat"), wish(2, "sell")]
    (heard,) = first.on_batch([Heard(wishes, 7)])
    assert heard.signals == wishes
    assert heard.wall_ns == 7
    assert heard.routes == {wishes[0].signal_id: "a", wishes[2].signal_id: "a"}
    table.learn([fill(9.0, account="a")] * 200)
    then = step(first.snapshot())
    (heard,) = then.on_batch([Heard([wish(4, "sell"), wish(5, "buy")], 0)])
    assert list(heard.routes.values()) == ["a", "b"]
    assert told == ["a", "b"]


def test_costs_are_learned_by_account_and_without_what_was_taken_back() -> None:
    """Two accounts at one broker are two; sizes count together; a refused order costs its miss."""
    table = AccountCosts()
    busted = QualityEvent(
        QualityCode.BUSTED, "gone", "o", "a", PAIR, "oanda", NOON_NS, "", 0.0, 0.0
    )
    records = [fill(n / 10, size_bucket=f"<={n}", account="a", execution_id=str(n)) for n in (1, 3)]
    table.learn([*records, fill(50.0, account="a", execution_id="gone"), busted])
    table.learn([fill(5.0, account="b", execution_id="gone"), order(0.0, account="b")])
    one, other = (
        table.table.expected(place_of("oanda", name), PAIR, "london", ALL_SIZES)
        for name in ("a", "b")
    )
    assert (one.fills, other.fills) == (2, 1)
    assert one.pips < other.pips
    assert other.fill_ratio == pytest.approx(20 / 21)


def charged(account: str, fees: float | None, **more: Any) -> Any:
    """Return a filled order of 100,000 EUR at 1.1, half a pip dear, of which this was charged."""
    fields: dict[str, Any] = {"filled_units": Decimal(100_000), "quantity_units": Decimal(100_000)}
    shortfall = 5.0 + (fees or 0.0)
    money = {"fees_account": fees, "shortfall_account": shortfall}
    bps = {"shortfall_bps": shortfall / 110_000.0 * 10_000.0}
    return order(1.0, account=account, **fields | money | bps | more)


def test_commission_counts_at_the_price_of_the_day() -> None:
    """By hand: 5.5 USD of 110,000 USD are half a pip at 1.1 and at 2.2 a whole one."""
    table = costs(a=0.2, b=0.4)
    assert went(Assignment(Accounts(account("a"), account("b")), table, RULE), "buy") == ["a"]
    half_filled = {"filled_units": Decimal(50_000)}
    table.learn([charged("a", 5.5), charged("a", 2.75, **half_filled), charged("b", 0.0)])
    table.learn([charged("a", None), charged("a", 9.0, filled_units=Decimal(0))])
    place = place_of("oanda", "a")
    assert table.commission_pips(place, PAIR, 1.1) == pytest.approx(0.55)
    assert table.commission_pips(place, PAIR, 2.2) == pytest.approx(1.1)
    # Of a pair that it has never charged for, what it charges for others.
    assert table.commission_pips(place, "USDJPY", 150.0) == pytest.approx(0.75)
    assert table.commission_pips(place_of("oanda", "b"), PAIR, 1.1) == 0.0
    assert table.commission_pips(place_of("oanda", "c"), PAIR, 1.1) == 0.0
    quoted = replace(wish(1, "buy"), bid=1.1, ask=1.1001)
    for known in (table, AccountCosts.load(table.dump())):
        route = Assignment(Accounts(account("a"), account("b")), known, RULE).assign(quoted)
        assert route is not None
        assert route.account == "b"


def test_costs_that_cannot_be_read_are_refused() -> None:
    """Of another version, or not whole."""
    with pytest.raises(Corrupt, match="version 9"):
        AccountCosts.load({"v": 9})
    with pytest.raises(Corrupt, match="cannot be read"):
        AccountCosts.load({"v": 1, "costs": {}})
