"""Event-time bars of one symbol, and the decision boundaries that its records pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from domain.bars import TIMEFRAMES, Bar, Timeframe
from domain.errors import Corrupt
from domain.instruments import instrument
from domain.nanos import MINUTE_NS, MS_NS
from domain.ticks import Kind, TickArray, event_clock
from features.bar_kernel import (
    COUNT,
    OPEN_NS,
    PRICES,
    RECV_NS,
    SPREAD_MAX,
    SPREAD_SUM,
    bar_kernel,
)

STATE_VERSION = 1
MILLIPIPS_PER_PIP = 1000.0


class Boundary(NamedTuple):
    """A decision is due: a record passed a minute boundary.

    Attributes
    ----------
    ts_event_ns
        The boundary (the latest, where one record passed several).
    ts_recv_ns
        Receive time of the record that passed it.
    bar
        The 1 m bar that closed with it, if the minute had ticks.
    bid, ask
        Last accepted quote before it; None before the first tick.
    """

    symbol: str
    ts_event_ns: int
    ts_recv_ns: int
    bar: Bar | None
    bid: float | None
    ask: float | None


class BarOut(NamedTuple):
    """What one batch closed: bars in order of closing, and decision boundaries."""

    bars: list[Bar]
    boundaries: list[Boundary]


@dataclass(frozen=True, slots=True)
class BarConfig:
    """Settings of the bar step.

    Attributes
    ----------
    timeframes
        Which bars to build, shortest first; must hold ``1m``, on which decisions are made.
    grace_ns
        As in the tick-quality step: a heartbeat proves event time up to itself less this.
    """

    timeframes: tuple[Timeframe, ...] = ("1s", "1m", "5m", "1h")
    grace_ns: int = 500 * MS_NS

    def build(self, symbol: str, resume_state: Mapping[str, Any] | None) -> "BarLogic":
        """Return the logic for one symbol, anew or as it was."""
        return BarLogic(self, symbol, resume_state)


class BarLogic:
    """Builds the bars of one symbol from its ticks and heartbeats in log order."""

    def __init__(
        self, config: BarConfig, symbol: str, resume_state: Mapping[str, Any] | None
    ) -> None:
        self._config = config
        self._symbol = symbol
        self._millipips = MILLIPIPS_PER_PIP / instrument(symbol).pip
        self._lengths = np.array([TIMEFRAMES[t] for t in config.timeframes], dtype=np.int64)
        self._decision_bar = config.timeframes.index("1m")
        frames = len(config.timeframes)
        self._prices = np.zeros((frames, PRICES))
        self._numbers = np.zeros((frames, 5), dtype=np.int64)
        self._numbers[:, OPEN_NS] = -1
        self._clock = np.full(2, -1, dtype=np.int64)
        self._quote = np.full(2, np.nan)
        if resume_state is not None:
            self._restore(resume_state)

    def on_records(self, records: TickArray) -> BarOut:
        """Fold records in log order; results do not depend on how they are cut into batches."""
        most = records.size * len(self._lengths)
        prices = np.empty((most, PRICES))
        numbers = np.empty((most, 5), dtype=np.int64)
        frame = np.empty(most, dtype=np.int64)
        edges = np.empty((records.size, 2), dtype=np.int64)
        edge_bar = np.empty(records.size, dtype=np.int64)
        edge_quote = np.empty((records.size, 2))
        n_bars, n_edges = bar_kernel(
            records["kind"] == Kind.HEARTBEAT,
            event_clock(records, self._config.grace_ns),
            np.ascontiguousarray(records["ts_recv_ns"]),
            np.ascontiguousarray(records["bid"]),
            np.ascontiguousarray(records["ask"]),
            self._lengths,
            MINUTE_NS,
            self._decision_bar,
            self._millipips,
            self._prices,
            self._numbers,
            self._clock,
            self._quote,
            prices,
            numbers,
            frame,
            edges,
            edge_bar,
            edge_quote,
        )
        bars = [
            self._bar(p, n, f)
            for p, n, f in zip(
                prices[:n_bars].tolist(),
                numbers[:n_bars].tolist(),
                frame[:n_bars].tolist(),
                strict=True,
            )
        ]
        boundaries = [
            Boundary(
                self._symbol,
                ts,
                recv,
                bars[at] if at >= 0 else None,
                None if np.isnan(bid) else bid,
                None if np.isnan(bid) else ask,
            )
            for (ts, recv), at, (bid, ask) in zip(
                edges[:n_edges].tolist(),
                edge_bar[:n_edges].tolist(),
                edge_quote[:n_edges].tolist(),
                strict=True,
            )
        ]
        return BarOut(bars, boundaries)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping of fixed size."""
        return {
            "v": STATE_VERSION,
            "timeframes": list(self._config.timeframes),
            "prices": self._prices.tolist(),
            "numbers": self._numbers.tolist(),
            "clock": self._clock.tolist(),
            "quote": self._quote.tolist(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["v"] != STATE_VERSION or tuple(state["timeframes"]) != self._config.timeframes:
            msg = (
                f"bar state v{state['v']} of {state['timeframes']} does not fit "
                f"v{STATE_VERSION} of {list(self._config.timeframes)}"
            )
            raise Corrupt(msg)
        self._prices[:] = state["prices"]
        self._numbers[:] = state["numbers"]
        self._clock[:] = state["clock"]
        self._quote[:] = state["quote"]

    def _bar(self, p: list[float], n: list[int], frame: int) -> Bar:
        count = n[COUNT]
        # Written out: a starred list would hide from the type checker which price goes where.
        return Bar(
            symbol=self._symbol,
            timeframe=self._config.timeframes[frame],
            ts_open_ns=n[OPEN_NS],
            ts_event_ns=n[OPEN_NS] + TIMEFRAMES[self._config.timeframes[frame]],
            ts_recv_ns=n[RECV_NS],
            bid_open=p[0],
            bid_high=p[1],
            bid_low=p[2],
            bid_close=p[3],
            ask_open=p[4],
            ask_high=p[5],
            ask_low=p[6],
            ask_close=p[7],
            mid_open=p[8],
            mid_high=p[9],
            mid_low=p[10],
            mid_close=p[11],
            tick_count=count,
            spread_mean_pips=n[SPREAD_SUM] / (count * MILLIPIPS_PER_PIP),
            spread_max_pips=n[SPREAD_MAX] / MILLIPIPS_PER_PIP,
        )
