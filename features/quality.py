"""Tick quality: what the ingest decides about every tick before it may enter the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from domain.errors import Corrupt
from domain.fx_calendar import sessions
from domain.nanos import MS_NS, SECOND_NS
from domain.ticks import TickArray, heartbeat, new_records, reasons
from features.quality_kernel import NO_TIME, judge_kernel

STATE_VERSION = 1


class Judged(NamedTuple):
    """What became of one batch of raw ticks.

    Attributes
    ----------
    log
        Accepted ticks and the heartbeats between them, in log order (verdict 0).
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
    """

    symbols: tuple[str, ...]
    future_skew_ns: int = 500 * MS_NS
    grace_ns: int = 500 * MS_NS
    heartbeat_ns: int = SECOND_NS

    def build(self, resume_state: Mapping[str, Any] | None) -> "QualityLogic":
        """Return the logic, anew or as it was."""
        return QualityLogic(self, resume_state)


class QualityLogic:
    """Judges ticks in arrival order and puts heartbeats between them."""

    def __init__(self, config: QualityConfig, resume_state: Mapping[str, Any] | None) -> None:
        self._config = config
        self._codes = np.array([s.encode() for s in config.symbols], dtype="S16")
        self._sorted = np.argsort(self._codes)
        count = len(config.symbols)
        self._last_event = np.full(count, NO_TIME, dtype=np.int64)
        self._last_quote = np.zeros((count, 2))
        self._clock = np.full(2, NO_TIME, dtype=np.int64)
        self.counts: dict[str, int] = {"ticks_in": 0, "ticks_accepted": 0}
        if resume_state is not None:
            self._restore(resume_state)

    def judge(self, ticks: TickArray) -> Judged:
        """Judge one batch; ``ticks`` is not changed.

        Parameters
        ----------
        ticks
            Raw ticks in arrival order, symbols all of the config.
        """
        count = ticks.size
        if count == 0:
            return Judged(ticks, ticks)
        place = np.searchsorted(self._codes, ticks["symbol"], sorter=self._sorted)
        event = np.ascontiguousarray(ticks["ts_event_ns"])
        verdict = np.zeros(count, dtype=np.uint32)
        beats = np.empty(count, dtype=np.int64)
        opens, closes = sessions(int(event.min()), int(event.max()))
        judge_kernel(
            self._sorted[place].astype(np.int64),
            event,
            np.ascontiguousarray(ticks["ts_recv_ns"]),
            np.ascontiguousarray(ticks["bid"]),
            np.ascontiguousarray(ticks["ask"]),
            self._last_event,
            self._last_quote,
            self._clock,
            opens,
            closes,
            self._config.future_skew_ns,
            self._config.grace_ns,
            self._config.heartbeat_ns,
            verdict,
            beats,
        )
        judged = ticks.copy()
        judged["verdict"] = verdict
        fit = verdict == 0
        self._count(verdict[~fit], count)
        return Judged(self._with_heartbeats(judged, fit, beats), judged[~fit])

    def last_heartbeat(self, ts_recv_ns: int | None = None) -> TickArray:
        """Return the heartbeat that ends a tape: at the receive clock, or at a later given time."""
        clock = int(self._clock[0])
        end = clock if ts_recv_ns is None else max(clock, ts_recv_ns)
        return heartbeat(end) if end != NO_TIME else new_records(0)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "symbols": list(self._config.symbols),
            "last_event_ns": self._last_event.tolist(),
            "last_quote": self._last_quote.tolist(),
            "clock_ns": self._clock.tolist(),
            "counts": dict(self.counts),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["v"] != STATE_VERSION or tuple(state["symbols"]) != self._config.symbols:
            msg = (
                f"tick-quality state v{state['v']} of {state['symbols']} does not fit "
                f"v{STATE_VERSION} of {list(self._config.symbols)}"
            )
            raise Corrupt(msg)
        self._last_event[:] = state["last_event_ns"]
        self._last_quote[:] = state["last_quote"]
        self._clock[:] = state["clock_ns"]
        self.counts = dict(state["counts"])

    def _count(self, bad: np.ndarray[Any, np.dtype[np.uint32]], total: int) -> None:
        self.counts["ticks_in"] += total
        self.counts["ticks_accepted"] += total - bad.size
        values, times = np.unique(bad, return_counts=True)
        for bits, n in zip(values.tolist(), times.tolist(), strict=True):
            # A tick that breaks several rules is counted once, under the first of them, so that
            # the counts add up to the ticks that came in.
            name = "rejected." + reasons(bits)[0]
            self.counts[name] = self.counts.get(name, 0) + n

    @staticmethod
    def _with_heartbeats(
        judged: TickArray, fit: np.ndarray[Any, np.dtype[np.bool_]], beats: np.ndarray[Any, Any]
    ) -> TickArray:
        due = beats != NO_TIME
        if not due.any():
            accepted: TickArray = judged[fit]
            return accepted
        # A heartbeat stands before its tick: sort keys 2 i and 2 i + 1.
        at = np.flatnonzero(due)
        pulses = np.repeat(heartbeat(0), at.size)
        pulses["ts_recv_ns"] = beats[at]
        pulses["ts_event_ns"] = beats[at]
        kept = np.flatnonzero(fit)
        order = np.argsort(np.concatenate([2 * at, 2 * kept + 1]), kind="stable")
        merged: TickArray = np.concatenate([pulses, judged[kept]])[order]
        return merged
