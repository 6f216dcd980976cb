"""What an account has lost: since 17:00 New York, over 24 hours, and from its highest value.

Equity is marked with everything in it: realised, unrealised, swap and commission. Money paid in or
out is no profit and no loss: it moves the figures that equity is compared with.
"""

from collections import deque
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain.errors import Corrupt
from domain.fx_calendar import trade_day_start_ns
from domain.nanos import DAY_NS, MINUTE_NS, floor_ns
from trading.risk.limits import LossLimits

STATE_VERSION = 1
_STEP_NS = MINUTE_NS
"""The 24 hours are kept as the first mark of each minute: at most 1,441 of them and one before."""


class Mark(NamedTuple):
    """A known equity, account currency, at one time."""

    ts_ns: int
    equity: Decimal


class Losses(NamedTuple):
    """Losses (>= 0) as fractions of what they are measured from; None: cannot be computed."""

    daily: Decimal | None
    rolling: Decimal | None
    drawdown: Decimal | None


class _State(msgspec.Struct, forbid_unknown_fields=True):
    last_ns: int = 0
    equity: Decimal | None = None
    known: Mark | None = None
    day_start_ns: int = 0
    day_equity: Decimal | None = None
    day_breached: bool = False
    high_water: Decimal | None = None
    rebased_ns: int = 0
    marks: list[Mark] = []


class LossWatch:
    """Equity over time, as far as the loss limits need it.

    Parameters
    ----------
    limits
        What counts as a breach of the trade day; it holds until the next one.
    """

    def __init__(self, limits: LossLimits) -> None:
        self._limits = limits
        self._state = _State()
        self._marks: deque[Mark] = deque()

    def mark(self, ts_ns: int, equity: Decimal | None) -> None:
        """Note the account's equity; None where it cannot be computed. An older mark is ignored.

        A trade day begins with the last equity known before it. Where none ever was, it begins with
        its first mark; if that is unknown, so are the day's losses.
        """
        state = self._state
        if ts_ns < state.last_ns:
            return
        if equity is not None and not equity.is_finite():
            equity = None
        first = not state.last_ns
        state.last_ns, state.equity = ts_ns, equity
        start_ns = trade_day_start_ns(ts_ns)
        if first or start_ns != state.day_start_ns:
            state.day_start_ns, state.day_breached = start_ns, False
            state.day_equity = equity if state.known is None else state.known.equity
        if equity is None:
            return
        now = Mark(ts_ns, equity)
        state.known = now
        if state.high_water is None or equity > state.high_water:
            state.high_water = equity
        if not self._marks or floor_ns(self._marks[-1].ts_ns, _STEP_NS) < floor_ns(ts_ns, _STEP_NS):
            self._marks.append(now)
        # The newest mark that is 24 hours old is what the window is measured from.
        while len(self._marks) > 1 and self._marks[1].ts_ns <= ts_ns - DAY_NS:
            self._marks.popleft()
        daily = _fraction(state.day_equity, equity)
        if daily is not None and daily > self._limits.max_daily_fraction:
            state.day_breached = True

    def transfer(self, amount: Decimal) -> None:
        """Note money paid in (> 0) or out: every figure of the past moves with it."""
        state = self._state
        self._marks = deque(Mark(ts_ns, equity + amount) for ts_ns, equity in self._marks)
        if state.known is not None:
            state.known = Mark(state.known.ts_ns, state.known.equity + amount)
        state.equity = None if state.equity is None else state.equity + amount
        state.day_equity = None if state.day_equity is None else state.day_equity + amount
        state.high_water = None if state.high_water is None else state.high_water + amount

    def rebase(self, ts_ns: int) -> None:
        """Begin the high-water mark anew: a person has let the account go on.

        Once per ``ts_ns``: a record that is read again after a restart changes nothing.
        """
        state = self._state
        if ts_ns > state.rebased_ns:
            state.rebased_ns = ts_ns
            state.high_water = state.equity

    def equity(self, now_ns: int) -> Decimal | None:
        """Return the last equity; None if it is unknown or too old."""
        state = self._state
        fresh = now_ns - state.last_ns <= self._limits.max_equity_age_ns
        return state.equity if fresh else None

    def losses(self, now_ns: int) -> Losses:
        """Return what has been lost as of the last mark."""
        state, equity = self._state, self._of_today(now_ns)
        if equity is None:
            return Losses(None, None, None)
        start = self._marks[0].equity if self._marks else None
        return Losses(
            _fraction(state.day_equity, equity),
            _fraction(start, equity),
            _fraction(state.high_water, equity),
        )

    def drawdown(self, now_ns: int) -> Decimal | None:
        """Return how far the last mark is below the high-water mark, as in `losses`."""
        equity = self._of_today(now_ns)
        return None if equity is None else _fraction(self._state.high_water, equity)

    @property
    def day_breached(self) -> bool:
        """Whether the trade day of the last mark has been beyond its limit at any mark."""
        return self._state.day_breached

    def snapshot(self) -> dict[str, Any]:
        """Return what must be kept over a restart, as a plain mapping."""
        self._state.marks = list(self._marks)
        kept: dict[str, Any] = msgspec.to_builtins(self._state)
        return {"v": STATE_VERSION, **kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what was kept.

        Raises
        ------
        Corrupt
            If it was kept by a version that is not known here, or is none of ours.
        """
        kept = dict(state)
        if (version := kept.pop("v", None)) != STATE_VERSION:
            msg = f"losses were kept in version {version}; this reads {STATE_VERSION}"
            raise Corrupt(msg)
        try:
            self._state = msgspec.convert(kept, _State)
        except msgspec.ValidationError as error:
            msg = f"the losses that were kept cannot be read: {error}"
            raise Corrupt(msg) from error
        self._marks = deque(self._state.marks)

    def _of_today(self, now_ns: int) -> Decimal | None:
        """Return the last equity; None if it is unknown, too old or of another trade day."""
        if trade_day_start_ns(now_ns) != self._state.day_start_ns:
            return None
        return self.equity(now_ns)


def _fraction(start: Decimal | None, now: Decimal) -> Decimal | None:
    """Return the loss since a start as a fraction of it (>= 0); None without a start above 0."""
    if start is None or start <= 0:
        return None
    return max(Decimal(0), (start - now) / start)
