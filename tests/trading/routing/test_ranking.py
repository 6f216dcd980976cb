"""Ranking: the accounts that can, the cheapest first, then the others with what keeps them."""

from decimal import Decimal
from itertools import permutations
from typing import Any

from domain.orders import OrderTerms
from tests.trading.algos.floor import ABLE, INSTRUMENT, TUESDAY_NS
from tests.trading.routing.qualities import fill
from trading.routing.candidates import Candidate, Objection, Wanted
from trading.routing.costs import CostTable
from trading.routing.ranking import Judged, rank
from trading.tca.config import TcaConfig

D = Decimal
CONFIG = TcaConfig("USD", ("EURUSD",))
WANTED = Wanted("EURUSD", OrderTerms(D(1000), "market", "IOC"))


def account(name: str, **more: Any) -> Candidate:
    """Return an account at a venue of its own name."""
    return Candidate(name, name, ABLE, {"EURUSD": INSTRUMENT}, **more)


def costs(**pips: float) -> CostTable:
    """Return measured costs by venue."""
    table = CostTable()
    for venue, value in pips.items():
        for _ in range(500):
            table.learn_fill(fill(value, venue=venue))
    return table


def ranked(*accounts: Candidate, table: CostTable | None = None) -> tuple[Judged, ...]:
    """Rank accounts in the morning of London."""
    return rank(WANTED, accounts, table or CostTable(), TUESDAY_NS, CONFIG)


def names(result: tuple[Judged, ...]) -> list[str]:
    """Return the accounts in their order."""
    return [judged.account for judged in result]


def test_capability_comes_before_cost_and_the_cheapest_that_can_is_first() -> None:
    """What keeps an account is named, and what the others would cost."""
    table = costs(a=0.8, b=0.3, c=0.1)
    result = ranked(account("a"), account("b"), account("c", link_up=False), table=table)
    assert names(result) == ["b", "a", "c"]
    b, a, c = result
    assert b.objections == a.objections == ()
    assert b.expected is not None
    assert a.expected is not None
    assert 0.4 < a.expected.pips - b.expected.pips < 0.5
    assert (c.objections, c.expected) == ((Objection.LINK_DOWN,), None)


def test_of_equal_costs_the_first_by_name_comes_first_however_they_come() -> None:
    """The order of the candidates means nothing, of those that cannot either."""
    accounts = [
        account("c"),
        account("a"),
        account("e", link_up=False),
        account("d", link_up=False),
    ]
    results = [ranked(*order) for order in permutations(accounts)]
    assert all(result == results[0] for result in results)
    assert names(results[0]) == ["a", "c", "d", "e"]


def test_commission_is_a_cost() -> None:
    """The tighter venue with the commission is the dearer one."""
    table = costs(a=0.1, b=0.5)
    assert names(ranked(account("a"), account("b"), table=table)) == ["a", "b"]
    dear = account("a", commission_pips=0.6)
    assert names(ranked(dear, account("b"), table=table)) == ["b", "a"]


def test_a_lucky_fill_is_one_observation_and_a_bad_record_turns_the_choice() -> None:
    """One at -2 pips wins a trial against 0.3; thirty at 0.9 after it lose the order again."""
    table = costs(a=0.3)
    table.learn_fill(fill(-2.0, venue="b"))
    assert names(ranked(account("a"), account("b"), table=table)) == ["b", "a"]
    for _ in range(30):
        table.learn_fill(fill(0.9, venue="b"))
    assert names(ranked(account("a"), account("b"), table=table)) == ["a", "b"]
