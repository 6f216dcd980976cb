"""Routing: the cheapest account that can, why not the others, and splits that come out even."""

from decimal import Decimal
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.orders import Order, OrderTerms
from tests.trading.algos.floor import ABLE, INSTRUMENT, TUESDAY_NS
from tests.trading.routing.qualities import fill
from trading.algos.legs import part_id
from trading.routing.candidates import Candidate, Objection, Wanted
from trading.routing.costs import CostTable
from trading.routing.router import Routed, parts_of, route
from trading.tca.config import TcaConfig

D = Decimal
CONFIG = TcaConfig("USD", ("EURUSD",))


def account(name: str, most: int = 10**7, least: int = 1, step: int = 1, **more: Any) -> Candidate:
    """Return an account at a venue of its own name."""
    instrument = replace(INSTRUMENT, max_units=D(most), min_units=D(least), units_step=D(step))
    return Candidate(name, name, ABLE, {"EURUSD": instrument}, **more)


def wanted(units: int, tif: Any = "IOC") -> Wanted:
    """Return an order to buy at market."""
    return Wanted("EURUSD", "buy", OrderTerms(D(units), "market", tif))


def costs(**pips: float) -> CostTable:
    """Return measured costs by venue."""
    table = CostTable()
    for venue, value in pips.items():
        for _ in range(500):
            table.learn_fill(fill(value, venue=venue))
    return table


def routed(order: Wanted, *accounts: Candidate, table: CostTable | None = None) -> Routed:
    """Route an order in the morning of London."""
    return route(order, accounts, table or CostTable(), TUESDAY_NS, CONFIG)


def shares(result: Routed) -> list[tuple[str, int]]:
    """Return account and size of each part."""
    return [(part.account, int(part.quantity_units)) for part in result.parts]


def test_capability_comes_before_cost_and_the_cheapest_that_can_wins() -> None:
    """Each other one is told why it lost."""
    result = routed(
        wanted(1000),
        account("a"),
        account("b"),
        account("c", link_up=False),
        table=costs(a=0.8, b=0.3, c=0.1),
    )
    assert shares(result) == [("b", 1000)]
    assert result.unrouted_units == 0
    names = [judged.account for judged in result.judged]
    assert names == ["b", "a", "c"]
    b, a, c = result.judged
    assert "takes 1000" in b.why
    assert "dearer than b by 0.4" in a.why
    assert c.objections == (Objection.LINK_DOWN,)
    assert c.why == "cannot take it: link_down"
    assert c.expected is None


def test_of_equal_costs_the_first_by_name_wins_however_they_come() -> None:
    """The order of the candidates means nothing."""
    accounts = [account("c"), account("a"), account("b")]
    results = [routed(wanted(1000), *order) for order in permutations(accounts)]
    assert all(result == results[0] for result in results)
    assert shares(results[0]) == [("a", 1000)]
    assert results[0].judged[1].why.endswith("as dear as a, which comes first by name")


def test_commission_is_a_cost() -> None:
    """The tighter venue with the commission is the dearer one."""
    result = routed(
        wanted(1000), account("a", commission_pips=0.6), account("b"), table=costs(a=0.1, b=0.5)
    )
    assert shares(result) == [("b", 1000)]


def test_a_lucky_fill_is_one_observation_and_a_bad_record_turns_the_choice() -> None:
    """One at -2 pips wins a trial against 0.3; thirty at 0.9 after it lose the order again."""
    table = costs(a=0.3)
    table.learn_fill(fill(-2.0, venue="b"))
    assert shares(routed(wanted(1000), account("a"), account("b"), table=table)) == [("b", 1000)]
    for _ in range(30):
        table.learn_fill(fill(0.9, venue="b"))
    assert shares(routed(wanted(1000), account("a"), account("b"), table=table)) == [("a", 1000)]


def test_what_one_account_cannot_take_is_split_the_cheapest_first() -> None:
    """The cheapest to its limit, the next the rest."""
    table = costs(a=0.1, b=0.3, c=0.5)
    result = routed(wanted(1000), account("a", 600), account("b", 300), account("c"), table=table)
    assert shares(result) == [("a", 600), ("b", 300), ("c", 100)]


def test_the_rest_is_never_too_small_for_the_next_account() -> None:
    """A cheaper one gives up what brings it to the least size."""
    table = costs(a=0.1, b=0.3)
    result = routed(wanted(1000), account("a", 950), account("b", least=100), table=table)
    assert shares(result) == [("a", 900), ("b", 100)]


def test_what_all_together_cannot_take_is_not_routed_at_all() -> None:
    """A smaller order is for others to decide on."""
    result = routed(wanted(1000), account("a", 400), account("b", 300))
    assert result.parts == ()
    assert result.unrouted_units == 300
    assert all("lack 300 units" in judged.why for judged in result.judged)
    nowhere = routed(wanted(1000), account("a", link_up=False))
    assert (nowhere.parts, nowhere.unrouted_units) == ((), D(1000))


def test_all_or_none_goes_to_one_account_or_to_none() -> None:
    """To the cheapest that takes all of it, although a cheaper one takes a part."""
    table = costs(a=0.1, b=0.3)
    accounts = account("a", 600), account("b")
    assert shares(routed(wanted(1000, "FOK"), *accounts, table=table)) == [("b", 1000)]
    assert routed(wanted(1000, "FOK"), account("a", 600), account("b", 600)).parts == ()


@given(
    units=st.integers(1, 5000),
    limits=st.lists(
        st.tuples(st.integers(1, 2000), st.sampled_from([1, 5, 50]), st.sampled_from([1, 5, 10])),
        min_size=1,
        max_size=5,
    ),
)
def test_splits_keep_every_bound_and_come_to_the_whole_or_to_nothing(
    units: int, limits: list[tuple[int, int, int]]
) -> None:
    """For all sizes, bounds and grids."""
    accounts = [
        account(f"a{row}", most, least, step) for row, (most, least, step) in enumerate(limits)
    ]
    result = routed(wanted(units), *accounts)
    given_out = sum((part.quantity_units for part in result.parts), D(0))
    assert given_out == (0 if result.unrouted_units else units)
    for part in result.parts:
        instrument = accounts[int(part.account[1:])].instruments["EURUSD"]
        assert instrument.min_units <= part.quantity_units <= instrument.max_units
        assert part.quantity_units % instrument.units_step == 0


def test_parts_have_ids_of_their_own_and_name_the_order() -> None:
    """One account takes the order as it is; several take parts, each with its own id."""
    order = Order(
        client_order_id="ax1",
        account="",
        strategy="trend",
        signal_id="s1",
        symbol="EURUSD",
        side="buy",
        quantity_units=D(1000),
        status="initialized",
        ts_event_ns=1,
        ts_recv_ns=1,
        user="ann",
    )
    (whole,) = parts_of(order, routed(wanted(1000), account("a")))
    assert (whole.client_order_id, whole.account, whole.venue) == ("ax1", "a", "a")
    first, second = parts_of(order, routed(wanted(1000), account("a", 600), account("b")), leg=2)
    assert first.client_order_id == part_id("trend", "s1", 2, 0)
    assert second.client_order_id == part_id("trend", "s1", 2, 1)
    assert (first.parent_id, second.parent_id, second.user) == ("ax1", "ax1", "ann")
    assert (first.account, second.account) == ("a", "b")
    assert (int(first.quantity_units), int(second.quantity_units)) == (600, 400)
