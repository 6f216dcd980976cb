"""Tick quality: what the ingest decides about every tick before it may enter the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from domain.instruments import instrument
from domain.nanos import MS_NS, SECOND_NS
from domain.ticks import TICK_DTYPE, TickArray, heartbeat, new_records
from features.quality_calendar import CalendarWindow
from features.quality_kernel import drop_held, judge_kernel
from features.quality_rules import CHANGE_LEVELS_NS, CHANGE_STEPS, INSTRUMENT, PARAMS
from features.quality_state import HELD, NO_TIME, RECEIVED, WORDS, QualityState

MEAN_MOVES_OF_SIGMA = 1.2533
"""Standard deviation of normal moves in mean absolute moves, sqrt(pi / 2)."""


class Judged(NamedTuple):
    """What became of one batch of raw ticks, and of ticks that were held before it.

    Attributes
    ----------
    log
        Accepted ticks and the heartbeats between them, in log order; a verdict has no bit of
        ``domain.ticks.REJECTED``.
    rejected
        The other ticks, whole, with their verdict bits set.
    """

    log: TickArray
    rejected: TickArray


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """Settings of the tick-quality step.

    Attributes
    ----------
    symbols
        Every symbol of the feed.
    future_skew_ns
        Event time may lie this far after the receive time (clock skew of a venue); beyond it the
        tick would poison the event time of its symbol.
    grace_ns
        How long after a heartbeat's time a tick of before it may still come. Bars of a symbol that
        has gone quiet close this much later.
    heartbeat_ns
        One heartbeat per passed multiple of this on the receive clock.
    lateness_ns
        A tick may lie this far before the newest accepted one of its symbol (>= 0).
    gap_ns
        Time between accepted ticks of a symbol after which the feed counts as interrupted (> 0).
    learn_ticks
        Accepted ticks of a symbol before its moves and spreads are compared with anything (> 0).
    spread_ratio, spread_floor_pips
        A spread is blown out above this many medians of its minute of the week, if also above the
        floor (> 1; >= 0).
    spike_sigmas, spike_floor_pips
        A move of the mid is a spike above this many robust standard deviations of the moves from
        tick to tick, if also above the floor (> 0, <= 100; > 0).
    spike_confirm_ticks
        Ticks in a row near a new level that make it the level (2 to 16).
    spike_hold_ns
        How long a tick waits for that on the receive clock; never longer than the grace (> 0).
    stale_min_changes
        Changes of a quote in a part of the day before the age of another is compared (> 0).
    burst_min_duplicates, burst_z_score
        Duplicates in a second of the receive clock that are a burst, if also this many standard
        deviations above their mean rate (> 0).
    one_sided_ticks
        Accepted ticks in a row that move one side only, from which on the other is dead (> 0).
    """

    symbols: tuple[str, ...]
    future_skew_ns: int = 500 * MS_NS
    grace_ns: int = 500 * MS_NS
    heartbeat_ns: int = SECOND_NS
    lateness_ns: int = 0
    gap_ns: int = 60 * SECOND_NS
    learn_ticks: int = 100
    spread_ratio: float = 5.0
    spread_floor_pips: float = 2.0
    spike_sigmas: float = 20.0
    spike_floor_pips: float = 5.0
    spike_confirm_ticks: int = 3
    spike_hold_ns: int = 400 * MS_NS
    stale_min_changes: int = 1_000
    burst_min_duplicates: int = 8
    burst_z_score: float = 6.0
    one_sided_ticks: int = 50

    @property
    def wait_ns(self) -> int:
        """How far before a heartbeat's time a tick may lie: what it proves ends there."""
        return max(self.grace_ns, self.lateness_ns)

    def build(self, resume_state: Mapping[str, Any] | None) -> "QualityLogic":
        """Return the logic, anew or as it was."""
        return QualityLogic(self, resume_state)


class QualityLogic:
    """Judges ticks in arrival order and puts heartbeats between them."""

    def __init__(self, config: QualityConfig, resume_state: Mapping[str, Any] | None) -> None:
        self._config = config
        self._instruments = _instruments(config)
        self._params = _params(config)
        self._calendar = CalendarWindow()
        start = int(np.searchsorted(CHANGE_LEVELS_NS, config.gap_ns))
        self._state = QualityState(
            config.symbols,
            config.spike_confirm_ticks - 1,
            min(start, CHANGE_LEVELS_NS.size - 1) * CHANGE_STEPS,
        )
        if resume_state is not None:
            self._state.restore(resume_state)

    @property
    def counts(self) -> dict[str, int]:
        """Totals by name since the start of the run; see `QualityState.counts`."""
        return self._state.counts()

    @property
    def receive_clock_ns(self) -> int | None:
        """The running maximum of receive times; None before the first tick."""
        clock = int(self._state.clock[RECEIVED])
        return None if clock == NO_TIME else clock

    def judge(self, ticks: TickArray) -> Judged:
        """Judge one batch; ``ticks`` is not changed.

        Parameters
        ----------
        ticks
            Raw ticks in arrival order. Whatever stands in them, they are judged.
        """
        count = ticks.size
        if count == 0:
            return Judged(ticks, ticks)
        raw = np.ascontiguousarray(ticks).view(np.int64)
        if not raw.flags.aligned:
            raw = raw.copy()
        # Read-only for all: the kernel is compiled once, whatever array a batch comes in.
        raw.flags.writeable = False
        rows = raw.reshape(-1, WORDS)
        prices = rows.view(np.float64)
        state, calendar = self._state, self._calendar
        waiting = int(state.clock[HELD])
        # At most one heartbeat before each tick.
        log = np.empty(2 * count + waiting, dtype=TICK_DTYPE)
        rejected = np.empty(count + waiting, dtype=TICK_DTYPE)
        log_words = log.view(np.int64).reshape(-1, WORDS)
        rejected_words = rejected.view(np.int64).reshape(-1, WORDS)
        row = at_log = at_rejected = 0
        while True:
            row, at_log, at_rejected = judge_kernel(
                rows,
                prices,
                row,
                self._instruments,
                self._params,
                calendar.table,
                calendar.first_ns,
                calendar.end_ns,
                state.block,
                state.profile,
                state.held,
                state.clock,
                state.tally,
                log_words,
                rejected_words,
                at_log,
                at_rejected,
            )
            if row == count:
                break
            calendar.cover(int(ticks["ts_event_ns"][row]))
        # Few ticks are rejected: a copy lets the room for all of them go.
        return Judged(log[:at_log], rejected[:at_rejected].copy())

    def close(self, ts_recv_ns: int | None = None) -> Judged:
        """Return what ends a feed: its last heartbeat, and the ticks that wait for no more.

        Parameters
        ----------
        ts_recv_ns
            As in `last_heartbeat`.
        """
        state = self._state
        rejected = new_records(int(state.clock[HELD]))
        words = rejected.view(np.int64).reshape(-1, WORDS)
        at = 0
        for symbol in np.flatnonzero(state.block["held"]).tolist():
            at = drop_held(symbol, state.block, state.held, state.clock, state.tally, words, at)
        return Judged(self.last_heartbeat(ts_recv_ns), rejected)

    def last_heartbeat(self, ts_recv_ns: int | None = None) -> TickArray:
        """Return the heartbeat that ends a tape: at the receive clock, or at a later given time."""
        clock = int(self._state.clock[RECEIVED])
        end = clock if ts_recv_ns is None else max(clock, ts_recv_ns)
        return heartbeat(end) if end != NO_TIME else new_records(0)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return self._state.to_mapping()


def _instruments(config: QualityConfig) -> np.ndarray[Any, np.dtype[np.void]]:
    table = np.zeros(len(config.symbols), dtype=INSTRUMENT)
    table["code"] = np.array(config.symbols, dtype="S16").view(np.int64).reshape(-1, 2)
    for row, symbol in zip(table, config.symbols, strict=True):
        pair = instrument(symbol)
        row["scale"] = 10.0**pair.display_precision
        points = 10.0 ** (pair.display_precision + pair.pip_location)
        row["spread_floor"] = round(config.spread_floor_pips * points)
        # Mids are counted in half points.
        row["spike_floor"] = round(config.spike_floor_pips * points * 2)
    return table


def _params(config: QualityConfig) -> np.ndarray[Any, np.dtype[np.void]]:
    params = np.zeros(1, dtype=PARAMS)
    params["skew_ns"] = config.future_skew_ns
    params["wait_ns"] = config.wait_ns
    params["heartbeat_ns"] = config.heartbeat_ns
    params["lateness_ns"] = config.lateness_ns
    params["gap_ns"] = config.gap_ns
    params["learn_ticks"] = config.learn_ticks
    params["spread_percent"] = round(config.spread_ratio * 100)
    params["spike_factor"] = round(config.spike_sigmas * MEAN_MOVES_OF_SIGMA * 256)
    params["spike_ticks"] = config.spike_confirm_ticks
    params["hold_ns"] = min(config.spike_hold_ns, config.grace_ns)
    params["stale_changes"] = config.stale_min_changes
    params["burst_duplicates"] = config.burst_min_duplicates
    params["burst_variances"] = round(config.burst_z_score**2)
    params["one_sided_ticks"] = config.one_sided_ticks
    return params
