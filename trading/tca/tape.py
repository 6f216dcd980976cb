"""One symbol's quotes as benchmarks: the last one at a moment, and the mean mid of a span.

Sums are kept in whole points of the price grid, so that no order of adding can change them.
"""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.instruments import Instrument
from domain.switch_records import without_switches
from domain.ticks import Kind, TickArray
from trading.lane_kernel import LEAST_PRICE, MOST_PRICE
from trading.quotes import UNSOUND
from trading.tca.config import TcaConfig

BEGINNING_NS = -(2**62)
"""Clock of a tape that has seen nothing."""

_ROW = np.dtype([("ts_ns", "<i8"), ("bid", "<f8"), ("ask", "<f8"), ("size", "<i8")])
_Rows = NDArray[np.void]

_MOST_SIZE = 1e8
"""Base units that one quote counts at most: with it the sums of 100,000 quotes fit 64 bits."""


def proven_ns(records: TickArray, config: TcaConfig) -> NDArray[np.int64]:
    """Return the moment up to which each tick or heartbeat proves its symbol's quotes whole.

    Another tick may carry the same time: a tick proves what was before it.
    """
    proven: NDArray[np.int64] = np.where(
        records["kind"] == Kind.TICK,
        records["ts_event_ns"] - config.lateness_ns - 1,
        records["ts_recv_ns"] - config.beat_lag_ns,
    )
    return proven


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A quote as a benchmark."""

    ts_ns: int
    bid: float
    ask: float

    @property
    def mid(self) -> float:
        """Half of bid plus ask."""
        return (self.bid + self.ask) / 2


class Sums(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Sums over the quotes of a span, in whole points.

    Attributes
    ----------
    count, points
        Quotes, and the sum of bid plus ask.
    sized, size, sized_points
        Quotes that name a size, their sizes in base units, and size times bid plus ask.
    """

    count: int = 0
    points: int = 0
    sized: int = 0
    size: int = 0
    sized_points: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.count + other.count,
            self.points + other.points,
            self.sized + other.sized,
            self.size + other.size,
            self.sized_points + other.sized_points,
        )

    def mean_mid(self, instrument: Instrument) -> float | None:
        """Return the mean mid: by size where every quote names one, else by count."""
        two_mids: int = 2 * 10**instrument.display_precision
        if not self.count:
            return None
        if self.sized == self.count:
            return self.sized_points / (self.size * two_mids)
        return self.points / (self.count * two_mids)


class TapeState(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot keeps of a tape."""

    symbol: str
    clock_ns: int = BEGINNING_NS
    late: int = 0
    rows: bytes = b""


class Forgotten(NamedTuple):
    """Quotes that a tape has just dropped; their sums over a span are still to be had."""

    tape: "QuoteTape"
    rows: _Rows

    def sums(self, after_ns: int, until_ns: int | None) -> Sums:
        """Return the sums over ``(after_ns, until_ns]``; None: without an end."""
        return self.tape.sums_of(self.rows, after_ns, until_ns)


class QuoteTape:
    """The quotes of one symbol that benchmarks may still ask for.

    Ticks may come in disorder up to ``lateness_ns``; one that comes later than the clock has passed
    is left out and counted, so that an answer once given stays true.
    """

    def __init__(self, config: TcaConfig, state: TapeState) -> None:
        self.symbol = state.symbol
        self.clock_ns = state.clock_ns
        self.late = state.late
        self._config = config
        self._scale = 10.0 ** config.instruments[state.symbol].display_precision
        self._rows: _Rows = np.frombuffer(state.rows, dtype=_ROW)
        self._new: list[_Rows] = []

    def state(self) -> TapeState:
        """Return what a snapshot must keep."""
        return TapeState(self.symbol, self.clock_ns, self.late, self._settled().tobytes())

    def append(self, records: TickArray) -> None:
        """Take records in log order; heartbeats move the clock, suspect ticks do only that."""
        records = without_switches(records)
        if not len(records):
            return
        is_tick = records["kind"] == Kind.TICK
        bid, ask, ts_ns = records["bid"], records["ask"], records["ts_event_ns"]
        proven = proven_ns(records, self._config)
        clocks = np.maximum.accumulate(np.concatenate(([self.clock_ns], proven)))
        sound = is_tick & (records["verdict"] & UNSOUND == 0)
        sound &= (bid >= LEAST_PRICE) & (bid <= ask) & (ask < MOST_PRICE)
        in_time = ts_ns > clocks[:-1]
        self.late += int(np.count_nonzero(sound & ~in_time))
        taken = records[sound & in_time]
        rows = np.empty(len(taken), dtype=_ROW)
        rows["ts_ns"], rows["bid"], rows["ask"] = taken["ts_event_ns"], taken["bid"], taken["ask"]
        size = taken["bid_size"].astype(np.float64) + taken["ask_size"]
        given = np.where(np.isfinite(size) & (size > 0), size, 0.0)
        rows["size"] = np.rint(np.minimum(given, _MOST_SIZE))
        self._new.append(rows)
        self.clock_ns = int(clocks[-1])

    def mark(self, ts_ns: int) -> Mark | None:
        """Return the last quote at or before a moment that is kept, or None."""
        rows = self._settled()
        row = int(np.searchsorted(rows["ts_ns"], ts_ns, side="right")) - 1
        if row < 0:
            return None
        return Mark(int(rows["ts_ns"][row]), float(rows["bid"][row]), float(rows["ask"][row]))

    def sums(self, after_ns: int, until_ns: int | None) -> Sums:
        """Return the sums over the kept quotes in ``(after_ns, until_ns]``; None: without end."""
        return self.sums_of(self._settled(), after_ns, until_ns)

    def sums_of(self, rows: _Rows, after_ns: int, until_ns: int | None) -> Sums:
        """Return the sums over some rows of this tape."""
        start = int(np.searchsorted(rows["ts_ns"], after_ns, side="right"))
        end = len(rows)
        if until_ns is not None:
            end = int(np.searchsorted(rows["ts_ns"], until_ns, side="right"))
        part = rows[start:end]
        points = np.rint(part["bid"] * self._scale) + np.rint(part["ask"] * self._scale)
        whole = points.astype(np.int64)
        return Sums(
            len(part),
            int(whole.sum()),
            int(np.count_nonzero(part["size"])),
            int(part["size"].sum()),
            int((whole * part["size"]).sum()),
        )

    def forget(self, before_ns: int) -> Forgotten | None:
        """Drop quotes that no moment from ``before_ns`` on asks for; None where there are none.

        Half of what is kept must go, or it stays: dropping copies the rest.
        """
        rows = self._settled()
        # The last one before is the quote that stands at ``before_ns``.
        count = int(np.searchsorted(rows["ts_ns"], before_ns, side="right")) - 1
        if count <= 0 or 2 * count < len(rows):
            return None
        self._rows = rows[count:].copy()
        return Forgotten(self, rows[:count])

    def _settled(self) -> _Rows:
        if self._new:
            rows = np.concatenate([self._rows, *self._new])
            ts_ns = rows["ts_ns"]
            if np.any(ts_ns[1:] < ts_ns[:-1]):
                # Stable: of equal times the last that came stands.
                rows = rows[np.argsort(ts_ns, kind="stable")]
            self._rows, self._new = rows, []
        return self._rows
