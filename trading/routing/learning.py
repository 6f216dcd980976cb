"""Costs of accounts, learned from the records of execution quality.

Two accounts at one broker are two: each is judged by its own fills. Sizes count together, since the
size of an order follows from the equity and the limits of whichever account it goes to.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from trading.routing.costs import CostTable
from trading.tca.measures import size_bucket

ALL_SIZES = size_bucket(Decimal(0), ())
"""Name of the one bucket."""


def place_of(venue: str, account: str) -> str:
    """Return the name under which the costs of an account at a venue are kept."""
    return f"{venue}/{account}"


def learn(
    table: CostTable, records: Iterable[ExecutionQuality | OrderQuality | QualityEvent]
) -> None:
    """Add records to what is known; fills that were taken back among them are left out."""
    known = list(records)
    busted = {
        (one.account, one.execution_id)
        for one in known
        if isinstance(one, QualityEvent) and one.code is QualityCode.BUSTED
    }
    for one in known:
        if isinstance(one, QualityEvent):
            continue
        mine = replace(one, venue=place_of(one.venue, one.account), size_bucket=ALL_SIZES)
        if isinstance(mine, OrderQuality):
            table.learn_order(mine)
        elif (mine.account, mine.execution_id) not in busted:
            table.learn_fill(mine)
