"""A bracket: what has been entered is protected, and no more than that is ever given back.

By default one exit works at a time. The stop rests at the venue; when the market reaches the
target, the stop is canceled, and only once it is gone is the target sent for what it left. What
works beside what is filled never exceeds what was entered, whoever wins which race.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from trading.algos.market import MarketView, portion
from trading.algos.placed import ZERO, Placed
from trading.contingency.exits import (
    better,
    closing_price,
    immediate,
    is_beyond,
    other,
    stop_level,
    stop_terms,
    target_terms,
    trails_itself,
)
from trading.contingency.group_state import (
    Close,
    Finish,
    GroupState,
    PlaceMember,
    Roles,
    Step,
    Warn,
)
from trading.contingency.requests import EXITS, Bracket, Role


def with_best_price(state: GroupState, bracket: Bracket, market: MarketView) -> GroupState:
    """Return the state with the best price since the position exists."""
    held = _exists(bracket) or Roles(state, 0, 0).filled("entry")
    if bracket.trailing_distance is None or market.quote is None or not held:
        return state
    price = closing_price(market.quote, bracket.side)
    return replace(state, best_price=better(bracket.side, state.best_price, price))


def _exists(bracket: Bracket) -> bool:
    """Say whether the position was there before the bracket."""
    return bracket.entry is None and not bracket.entered_by


class BracketPlan:
    """What a bracket needs at one moment.

    Parameters
    ----------
    state
        Of the group; never changed.
    roles
        Its members by role.
    market
        Of its pair.
    entering
        Whether whoever else opens the position may still send orders for it.
    """

    def __init__(
        self,
        state: GroupState,
        bracket: Bracket,
        roles: Roles,
        market: MarketView,
        *,
        entering: bool = False,
    ) -> None:
        self._state = state
        self._bracket = bracket
        self._roles = roles
        self._market = market
        self._entering = entering
        entered = bracket.quantity_units if _exists(bracket) else roles.filled("entry")
        self._held = max(ZERO, entered - roles.exited)
        self._at_venue = bracket.both_at_venue and market.capabilities.reduce_only

    def steps(self) -> Iterator[Step]:
        """Return what is to be done now, in this order."""
        if self._enters():
            yield from self._entry()
        elif not self._bracket.entered_by:
            yield from self._roles.cancels("entry")
        if not self._held:
            yield from self._without_position()
        elif self._is_dust():
            yield Warn("too_small", f"{self._held} units are held, too few for any exit")
            yield Finish("below_minimum")
        elif self._state.closing:
            yield from self._close()
        elif self._market.is_open:
            yield from self._protect()

    # The way in.

    def _enters(self) -> bool:
        # What has begun to be given back is not entered any further.
        wanted = self._state.enters and not self._state.closing
        return self._bracket.entry is not None and wanted and not self._roles.exited

    def _entry(self) -> Iterator[Step]:
        entry = self._bracket.entry
        if entry is not None and not self._roles.of("entry"):
            yield PlaceMember("entry", self._bracket.side, entry)

    def _is_entered(self) -> bool:
        """Say whether nothing more will come of the entry."""
        tried = bool(self._roles.of("entry")) or not self._enters()
        if self._entering or _exists(self._bracket):
            return not self._entering
        return tried and not self._roles.counted("entry")

    def _is_dust(self) -> bool:
        """Say whether what is held is too little to be given back, and will not become more."""
        too_small = self._held < self._market.instrument.min_units
        return too_small and self._is_entered() and not self._roles.counted(*EXITS)

    def _without_position(self) -> Iterator[Step]:
        if not self._is_entered():
            return
        yield from self._roles.cancels(*EXITS)
        if not self._roles.counted(*EXITS):
            entries = self._roles.of("entry")
            unused = entries and not self._roles.filled("entry")
            yield Finish(f"entry_{entries[-1].status}" if unused else "closed")

    # The way out.

    def _room(self) -> Decimal:
        """Return what an exit may ask for beyond all that may still be given back (>= 0)."""
        return max(ZERO, self._held - self._roles.counted(*EXITS))

    def _close(self) -> Iterator[Step]:
        yield from self._roles.cancels("target", "stop")
        if not self._market.trades or not self._roles.may_try("close"):
            return
        units = portion(self._room(), self._room(), self._market.instrument)
        if self._roles.failed_in_a_row("close") >= self._roles.pace.attempts:
            yield Warn("cannot_close", f"{self._held} units are held, and closing is refused")
        if units:
            terms = immediate(units, None, self._market.capabilities)
            yield PlaceMember("close", other(self._bracket.side), terms)

    def _protect(self) -> Iterator[Step]:
        bracket = self._bracket
        has_stop = bracket.stop_price is not None or bracket.trailing_distance is not None
        if self._at_venue or not has_stop:
            if has_stop:
                yield from self._stop()
            yield from self._resting_target()
        elif self._target_is_reached():
            yield from self._roles.cancels("stop")
            yield from self._taken_target()
        else:
            yield from self._stop()

    def _stop(self) -> Iterator[Step]:
        bracket, able = self._bracket, self._market.capabilities
        level = stop_level(bracket, self._state.best_price, self._market.instrument.price_step)
        if level is None and not trails_itself(bracket, able):
            return
        for working in self._roles.open("stop"):
            yield from self._doubt(working)
            yield from self._kept(working, level)
            return
        if self._roles.failed_in_a_row("stop") >= self._roles.pace.attempts:
            why = f"the stop of {self._held} units is refused again and again"
            yield Warn("unprotected", why)
            yield Close("unprotected")
            return
        quote = self._market.quote
        if quote is not None and level is not None:
            price = closing_price(quote, bracket.side)
            if not is_beyond(bracket.side, price, level) or price == level:
                yield Warn("stop_passed", f"the market at {price} has passed the stop at {level}")
                yield Close("stop_passed")
                return
        units = self._size("stop")
        if units and self._roles.may_try("stop"):
            terms = stop_terms(bracket, units, level, able)
            yield PlaceMember("stop", other(bracket.side), terms)

    def _kept(self, stop: Placed, level: Decimal | None) -> Iterator[Step]:
        """Let a working stop have the size of what is held, and follow the market."""
        terms = replace(stop.terms, quantity_units=self._full_size(stop, "stop"))
        trigger = stop.terms.trigger_price
        if (
            level is not None
            and trigger is not None
            and self._bracket.trailing_distance is not None
        ):
            gain = level - trigger if self._bracket.side == "buy" else trigger - level
            if gain >= self._bracket.trailing_step:
                terms = replace(terms, trigger_price=level)
        yield from self._roles.amended(stop, terms)

    def _doubt(self, stop: Placed) -> Iterator[Step]:
        if stop.in_doubt and self._roles.now_ns - stop.placed_ns >= self._roles.pace.doubt_ns:
            text = f"nobody knows whether the stop of {self._held} units works"
            yield Warn("protection_in_doubt", text)

    def _target_is_reached(self) -> bool:
        target, quote = self._bracket.target_price, self._market.quote
        if target is None or quote is None:
            return False
        return is_beyond(self._bracket.side, closing_price(quote, self._bracket.side), target)

    def _taken_target(self) -> Iterator[Step]:
        target = self._bracket.target_price
        units = portion(self._room(), self._room(), self._market.instrument)
        if target is not None and units and self._roles.may_try("target"):
            terms = immediate(units, target, self._market.capabilities)
            yield PlaceMember("target", other(self._bracket.side), terms)

    def _resting_target(self) -> Iterator[Step]:
        bracket, market = self._bracket, self._market
        if bracket.target_price is None:
            return
        for working in self._roles.open("target"):
            yield from self._roles.resized(working, self._full_size(working, "target"))
            return
        if self._roles.failed_in_a_row("target") >= self._roles.pace.attempts:
            yield Warn("no_target", f"the target of {self._held} units is refused")
            return
        units = self._size("target")
        if units and market.trades and self._roles.may_try("target"):
            terms = target_terms(units, bracket.target_price, market, bracket.side)
            yield PlaceMember("target", other(bracket.side), terms)

    def _rivals(self, role: Role) -> Decimal:
        """Return what exits of other roles may still give back and this one must leave to them."""
        rivals: list[Role] = ["close"] if self._at_venue else [r for r in EXITS if r != role]
        return self._roles.counted(*rivals)

    def _size(self, role: Role) -> Decimal:
        """Return the size of a new exit, 0 if none can be placed."""
        room = self._held - self._rivals(role) - self._roles.counted(role)
        return portion(max(ZERO, room), max(ZERO, room), self._market.instrument)

    def _full_size(self, working: Placed, role: Role) -> Decimal:
        """Return the quantity, filled units included, that a working exit should have."""
        older = self._roles.counted(role) - working.counted_units(self._roles.now_ns, 0)
        room = max(ZERO, self._held - self._rivals(role) - older)
        most = min(room, self._market.instrument.max_units)
        return working.filled_units + max(most, ZERO)
