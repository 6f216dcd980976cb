"""Orders sliced over time: evenly (TWAP), or as busy as the market usually is (volume profile).

The time from start to deadline is cut into slices of equal market time. By the begin of a slice a
certain part of the whole is due; what is due and neither filled nor working is placed. So a slice
that was refused, or filled in part, is made up for by the next ones.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from domain.nanos import SECOND_NS
from trading.algos.actions import Action, Cancel, Done, Place, Progress
from trading.algos.market import (
    MarketView,
    cannot_take,
    near_touch,
    on_grid,
    open_ns,
    portion,
    taking,
)
from trading.algos.placed import ZERO
from trading.algos.work import Work
from trading.venues import Capabilities


class Sliced(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What both ways of slicing share.

    Attributes
    ----------
    style
        ``take``: each child trades at once what it can. ``post``: it rests at the near touch until
        the next slice begins.
    at_end
        What becomes of the rest at the deadline: ``leave`` it, or ``cross`` the spread for it.
    catch_up
        Largest child as a multiple of the mean slice (>= 1): after a long silence the market is
        not hit with all of it at once.
    attempts
        Children of one slice at most (> 0); what fails beyond waits for the next one.
    retry_ns
        Least time between two children (> 0).
    again_ns
        Least time between two requests to cancel one child (> 0).
    """

    style: Literal["take", "post"] = "take"
    at_end: Literal["leave", "cross"] = "leave"
    catch_up: Decimal = Decimal(2)
    attempts: int = 3
    retry_ns: int = SECOND_NS
    again_ns: int = 5 * SECOND_NS

    @property
    def parts(self) -> tuple[int, ...]:
        """Weights of the slices, in their order."""
        raise NotImplementedError

    def refusal(self, work: Work, capabilities: Capabilities) -> str:
        """Return what makes it unable to work an order at a venue; empty if nothing."""
        if not self.parts or min(self.parts) < 0 or not sum(self.parts):
            return "it needs at least one slice, and one with a weight above 0"
        if self.catch_up < 1 or self.attempts < 1 or self.retry_ns <= 0 or self.again_ns <= 0:
            return "catch_up and attempts begin at 1, times above 0"
        takes = self.style == "take" or self.at_end == "cross"
        return cannot_take(work.limit_price, capabilities) if takes else ""

    def slice_at(self, work: Work, now_ns: int) -> int:
        """Return the number of the slice that a moment is in; the count of slices after the end."""
        if now_ns >= work.end_ns:
            return len(self.parts)
        past, whole = open_ns(work.start_ns, now_ns), open_ns(work.start_ns, work.end_ns)
        return min(len(self.parts) - 1, past * len(self.parts) // whole)

    def due_units(self, work: Work, slice_number: int, step: Decimal) -> Decimal:
        """Return what is due in total once a slice has begun, on the grid; at last all of it."""
        weights = self.parts
        if slice_number + 1 >= len(weights):
            return work.quantity_units
        begun, whole = sum(weights[: slice_number + 1]), sum(weights)
        return on_grid(work.quantity_units * begun / whole, step)

    def on_clock(
        self, work: Work, now_ns: int, market: MarketView, progress: Progress
    ) -> tuple[Action, ...]:
        """Return what is to be done now."""
        number = self.slice_at(work, now_ns)
        is_over = number == len(self.parts)
        if is_over and self.at_end == "leave":
            return (Done("deadline"),)
        old = [child for child in progress.open if self.slice_at(work, child.placed_ns) < number]
        stale = [child for child in old if child.may_cancel(now_ns, self.again_ns)]
        cancels = tuple(Cancel(child.client_order_id) for child in stale)
        # What is in doubt may stay so for long: it counts as working, and the rest goes on.
        if any(not child.in_doubt for child in old):
            return cancels
        tries = sum(self.slice_at(work, child.placed_ns) == number for child in progress.own)
        if tries >= self.attempts:
            return (Done("exhausted"),) if is_over and not progress.open else cancels
        if not market.trades or not progress.rested(now_ns, self.retry_ns):
            return cancels
        return (*cancels, *self._place(work, number, market, progress))

    def _place(
        self, work: Work, number: int, market: MarketView, progress: Progress
    ) -> tuple[Action, ...]:
        if market.quote is None:
            return ()
        due = self.due_units(work, number, market.instrument.units_step)
        is_over = number == len(self.parts)
        wanted = due - (work.quantity_units - progress.free_units)
        if not is_over:
            wanted = min(wanted, self.catch_up * work.quantity_units / len(self.parts))
        units = portion(max(wanted, ZERO), progress.free_units, market.instrument)
        if not units:
            return ()
        if self.style == "take" or is_over:
            return (Place(taking(units, work.limit_price, market.capabilities)),)
        return (Place(work.post(units, near_touch(market.quote, work.side))),)


class Twap(Sliced, frozen=True, kw_only=True, tag="twap"):
    """Time-weighted: slices of equal size.

    Attributes
    ----------
    slices
        How many (> 0).
    """

    slices: int

    @property
    def parts(self) -> tuple[int, ...]:
        """Weights of the slices: all the same."""
        return (1,) * self.slices


class VolumeProfile(Sliced, frozen=True, kw_only=True, tag="volume_profile"):
    """Weighted by how busy the market usually is.

    Attributes
    ----------
    weights
        One a slice (>= 0), as `trading.algos.tick_profile.TickProfile.weights` gives them. They are
        part of the request: a profile that learns on does not change what was begun.
    """

    weights: tuple[int, ...]

    @property
    def parts(self) -> tuple[int, ...]:
        """Weights of the slices."""
        return self.weights
