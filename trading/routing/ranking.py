"""The accounts by what they can do and then by what they cost, each with how it fared."""

from collections.abc import Iterable

import msgspec

from trading.routing.candidates import Candidate, Objection, Wanted, objections
from trading.routing.costs import CostTable, Expected
from trading.tca.config import TcaConfig
from trading.tca.market_time import session_of
from trading.tca.measures import size_bucket


class Judged(msgspec.Struct, frozen=True):
    """How one account fared.

    Attributes
    ----------
    objections
        Why it cannot take the order; empty if it can.
    expected
        What it would cost; None where it cannot take the order.
    """

    account: str
    objections: tuple[Objection, ...]
    expected: Expected | None


def rank(
    wanted: Wanted,
    candidates: Iterable[Candidate],
    costs: CostTable,
    now_ns: int,
    config: TcaConfig,
) -> tuple[Judged, ...]:
    """Return every account: those that can take an order, the cheapest first, then the others.

    Parameters
    ----------
    wanted
        The order; its quantity lies above 0.
    candidates
        Accounts; the order in which they come does not matter: of equal costs, and of those that
        cannot, the first by name comes first.
    costs
        What they have cost.
    now_ns
        Says which session it is, receive time of the log.
    config
        Of execution quality: its size buckets are those of the costs.
    """
    session = session_of(now_ns)
    bucket = size_bucket(wanted.terms.quantity_units, config.size_buckets)
    able: list[tuple[float, Judged]] = []
    unable: list[Judged] = []
    for one in sorted(candidates, key=lambda candidate: (candidate.account, candidate.venue)):
        against = objections(one, wanted)
        if against:
            unable.append(Judged(one.account, against, None))
            continue
        expected = costs.expected(one.venue, wanted.symbol, session, bucket, one.commission_pips)
        able.append((expected.pips, Judged(one.account, (), expected)))
    # Sorting is stable: of equal costs the names decide.
    able.sort(key=lambda priced: priced[0])
    return (*(judged for _, judged in able), *unable)
