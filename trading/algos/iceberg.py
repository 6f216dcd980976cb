"""Iceberg: a large limit order of which only a part shows; filled, the next part comes up."""

from decimal import Decimal

import msgspec

from domain.ids import digest
from domain.nanos import SECOND_NS
from trading.algos.actions import Action, Done, Place, Progress
from trading.algos.market import MarketView, portion
from trading.algos.work import Work
from trading.venues import Capabilities

_DIGITS = 13
"""Hexadecimal digits of a digest that make a fraction: 52 bits."""
_RANGE = Decimal(16**_DIGITS)


class Iceberg(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="iceberg"):
    """Show a part at the parent's limit price, and refill it.

    Attributes
    ----------
    display_units
        Size of what shows (> 0).
    variation
        By which part of it each refill may differ, either way ([0, 1)): equal refills give an
        iceberg away.
    seed
        Other seeds, other sizes; the same seed gives the same.
    retry_ns
        Least time between two refills (> 0).
    """

    display_units: Decimal
    variation: Decimal = Decimal(0)
    seed: int = 0
    retry_ns: int = SECOND_NS

    def refusal(self, work: Work, capabilities: Capabilities) -> str:
        """Return what makes it unable to work an order at a venue; empty if nothing."""
        if work.resting not in capabilities.times_in_force.get("limit", frozenset()):
            return f"the venue takes no {work.resting} limit orders"
        if work.limit_price is None:
            return "an iceberg rests at a limit price: name one"
        if not self.display_units > 0 or not 0 <= self.variation < 1 or self.retry_ns <= 0:
            return "it shows more than 0 units, varied by less than all of them, paced above 0 ns"
        return ""

    def display(self, parent_id: str, number: int) -> Decimal:
        """Return the size of the n-th part of an order."""
        drawn = int(digest("iceberg", parent_id, self.seed, number)[:_DIGITS], 16)
        shift = 2 * Decimal(drawn) / _RANGE - 1
        return self.display_units * (Decimal(1) + self.variation * shift)

    def on_clock(
        self, work: Work, now_ns: int, market: MarketView, progress: Progress
    ) -> tuple[Action, ...]:
        """Return what is to be done now."""
        if now_ns >= work.end_ns:
            return (Done("deadline"),)
        waits = progress.open or not progress.rested(now_ns, self.retry_ns)
        if waits or not market.trades or work.limit_price is None:
            return ()
        wanted = self.display(work.parent_id, len(progress.own))
        wanted = max(wanted, market.instrument.min_units)
        units = portion(wanted, progress.free_units, market.instrument)
        return (Place(work.post(units, work.limit_price)),) if units else ()
