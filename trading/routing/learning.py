"""Costs of accounts, learned from the records of execution quality.

Two accounts at one broker are two: each is judged by its own fills. Sizes count together, since the
size of an order follows from the equity and the limits of whichever account it goes to.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from domain.errors import Corrupt
from domain.instruments import instrument
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from trading.routing.commissions import Commissions, Rate
from trading.routing.costs import CostTable
from trading.tca.measures import size_bucket

_VERSION = 1

ALL_SIZES = size_bucket(Decimal(0), ())
"""Name of the one bucket."""


def place_of(venue: str, account: str) -> str:
    """Return the name under which the costs of an account at a venue are kept."""
    return f"{venue}/{account}"


class _Dump(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    costs: dict[str, Any]
    commissions: list[Rate]


class AccountCosts:
    """What dealing in each account has cost: against the mid, in misses, and in commission.

    Attributes
    ----------
    table
        Costs by `place_of` in place of the venue.
    """

    def __init__(self, table: CostTable | None = None, rates: list[Rate] | None = None) -> None:
        self.table = table or CostTable()
        self._commissions = Commissions(rates)

    def learn(self, records: Iterable[ExecutionQuality | OrderQuality | QualityEvent]) -> None:
        """Take records in; fills that were taken back among them are left out."""
        known = list(records)
        busted = {
            (one.account, one.execution_id)
            for one in known
            if isinstance(one, QualityEvent) and one.code is QualityCode.BUSTED
        }
        for one in known:
            if isinstance(one, QualityEvent):
                continue
            place = place_of(one.venue, one.account)
            mine = replace(one, venue=place, size_bucket=ALL_SIZES)
            if isinstance(mine, OrderQuality):
                self.table.learn_order(mine)
                self._commissions.learn(place, mine)
            elif (mine.account, mine.execution_id) not in busted:
                self.table.learn_fill(mine)

    def commission_pips(self, place: str, symbol: str, mid: float) -> float:
        """Return what a place is expected to charge for a deal at a price, in pips of the pair."""
        return self._commissions.expected(place, symbol) * mid / instrument(symbol).pip

    def dump(self) -> dict[str, Any]:
        """Write all figures as a plain, versioned mapping."""
        dump = _Dump(_VERSION, self.table.dump(), self._commissions.rates())
        plain: dict[str, Any] = msgspec.to_builtins(dump)
        return plain

    @classmethod
    def load(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `dump` wrote.

        Raises
        ------
        Corrupt
            If it is of another version, or not whole.
        """
        if plain.get("v") != _VERSION:
            msg = f"costs of accounts of version {plain.get('v')}, this reader knows {_VERSION}"
            raise Corrupt(msg)
        try:
            kept = msgspec.convert(plain, _Dump)
        except msgspec.ValidationError as error:
            msg = f"costs of accounts cannot be read: {error}"
            raise Corrupt(msg) from error
        return cls(CostTable.load(kept.costs), kept.commissions)
