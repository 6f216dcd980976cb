"""Passive, then cross: earn the spread while there is patience, pay it when there is none left."""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from domain.nanos import SECOND_NS
from trading.algos.actions import Action, Cancel, Done, Place, Progress, Replace
from trading.algos.market import (
    MarketView,
    cannot_take,
    far_touch,
    near_touch,
    portion,
    stricter,
    taking,
)
from trading.algos.placed import Placed
from trading.algos.work import Work
from trading.venues import Capabilities


class PassiveThenCross(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="passive_then_cross"
):
    """Post at the near touch, follow it, and cross the spread at last.

    Attributes
    ----------
    patience_ns
        How long it rests after the parent's start (>= 0).
    repeg_pips
        How far the touch moves before the child follows it (> 0).
    repeg_ns
        Least time between two changes of price (> 0): each costs the place in the queue.
    bound_pips
        How far beyond the far touch a crossing child may fill (>= 0); the parent's limit holds too.
    attempts
        Crossing children at most (> 0).
    retry_ns, again_ns
        Least time between two children, and between two requests to cancel one (> 0).
    """

    patience_ns: int
    repeg_pips: Decimal = Decimal(1)
    repeg_ns: int = SECOND_NS
    bound_pips: Decimal = Decimal(2)
    attempts: int = 3
    retry_ns: int = SECOND_NS
    again_ns: int = 5 * SECOND_NS

    def refusal(self, work: Work, capabilities: Capabilities) -> str:
        """Return what makes it unable to work an order at a venue; empty if nothing."""
        if not 0 <= self.patience_ns < work.end_ns - work.start_ns:
            return "its patience ends before its deadline, or it never crosses"
        if not self.repeg_pips > 0 or not self.bound_pips >= 0 or self.attempts < 1:
            return "repeg_pips lie above 0, bound_pips not below it, attempts begin at 1"
        if min(self.repeg_ns, self.retry_ns, self.again_ns) <= 0:
            return "times lie above 0"
        # Crossing children always have a bound, whatever it will be.
        return cannot_take(Decimal(1), capabilities)

    def on_clock(
        self, work: Work, now_ns: int, market: MarketView, progress: Progress
    ) -> tuple[Action, ...]:
        """Return what is to be done now."""
        if now_ns >= work.end_ns:
            return (Done("deadline"),)
        turn_ns = work.start_ns + self.patience_ns
        if now_ns < turn_ns:
            return self._rest(work, now_ns, market, progress)
        posted = [child for child in progress.open if child.placed_ns < turn_ns]
        if posted:
            asked = [child for child in posted if child.may_cancel(now_ns, self.again_ns)]
            return tuple(Cancel(child.client_order_id) for child in asked)
        if progress.open:
            return ()
        if progress.placed_since(turn_ns) >= self.attempts:
            return (Done("exhausted"),)
        return self._cross(work, now_ns, market, progress)

    def _rest(
        self, work: Work, now_ns: int, market: MarketView, progress: Progress
    ) -> tuple[Action, ...]:
        if not market.trades or market.quote is None:
            return ()
        touch = near_touch(market.quote, work.side)
        if progress.open:
            moves = [self._repeg(work, now_ns, market, child, touch) for child in progress.open]
            return tuple(move for move in moves if move is not None)
        if not progress.rested(now_ns, self.retry_ns):
            return ()
        units = portion(progress.free_units, progress.free_units, market.instrument)
        return (Place(work.post(units, touch)),) if units else ()

    def _repeg(
        self, work: Work, now_ns: int, market: MarketView, child: Placed, touch: Decimal
    ) -> Replace | None:
        price = child.terms.limit_price
        wanted = work.post(child.terms.quantity_units, touch).limit_price
        if price is None or wanted is None or not child.may_amend(now_ns, self.repeg_ns):
            return None
        if abs(wanted - price) < self.repeg_pips * market.pip:
            return None
        return Replace(child.client_order_id, replace(child.terms, limit_price=wanted))

    def _cross(
        self, work: Work, now_ns: int, market: MarketView, progress: Progress
    ) -> tuple[Action, ...]:
        if market.quote is None or not market.trades:
            return ()
        first = not progress.placed_since(work.start_ns + self.patience_ns)
        if not first and not progress.rested(now_ns, self.retry_ns):
            return ()
        units = portion(progress.free_units, progress.free_units, market.instrument)
        if not units:
            return ()
        away = self.bound_pips * market.pip
        far = far_touch(market.quote, work.side)
        reach = far + away if work.side == "buy" else far - away
        bound = stricter(work.side, reach, work.limit_price)
        return (Place(taking(units, bound, market.capabilities)),)
