"""Features of one symbol, computed when a 1 m bar closes; see ``features.spec`` for each."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from domain.bars import Bar
from domain.errors import Corrupt
from domain.fx_calendar import session_open_ns, trade_day_start_ns
from domain.nanos import DAY_NS
from domain.predictions import FeatureVector
from features.spec import FEATURES, SCHEMA

STATE_VERSION = 1
BPS = 1e4
_WINDOW = 61
"""Longest look-back: 60 returns need 61 closes."""
_WILDER = 14
_EMA_SPANS = (12, 26, 48)


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """The feature step has no settings yet: the list itself is its identity."""

    def build(self, symbol: str, resume_state: Mapping[str, Any] | None) -> "FeatureLogic":
        """Return the logic for one symbol, anew or as it was."""
        return FeatureLogic(symbol, resume_state)


class FeatureLogic:
    """Keeps one session's windows of one symbol: a fixed block of numbers."""

    def __init__(self, symbol: str, resume_state: Mapping[str, Any] | None) -> None:
        self._symbol = symbol
        self._start_session(-1)
        if resume_state is not None:
            self._restore(resume_state)

    def on_bar(self, bar: Bar) -> FeatureVector:
        """Take in the next closed 1 m bar and return its features, NaN where not yet warm."""
        # The bar belongs to the session in which it opened: its end may be the weekly close.
        session = session_open_ns(bar.ts_open_ns) or 0
        if session != self._session_ns:
            self._start_session(session)
        self._take(bar)
        values = self._values(bar)
        cold = tuple(
            None if self._bars < feature.warm_up_bars else value
            for feature, value in zip(FEATURES, values, strict=True)
        )
        return FeatureVector(
            symbol=self._symbol,
            ts_event_ns=bar.ts_event_ns,
            ts_recv_ns=bar.ts_recv_ns,
            schema=SCHEMA,
            values=cold,
            ready=None not in cold,
            mid_close=bar.mid_close,
            spread_mean_pips=bar.spread_mean_pips,
        )

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "schema": SCHEMA,
            "session_ns": self._session_ns,
            "bars": self._bars,
            "closes": list(self._closes),
            "log_ranges": list(self._log_ranges),
            "spreads": list(self._spreads),
            "emas": list(self._emas),
            "wilder": list(self._wilder),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["v"] != STATE_VERSION or state["schema"] != SCHEMA:
            msg = f"feature state v{state['v']} schema {state['schema']} is not of schema {SCHEMA}"
            raise Corrupt(msg)
        self._start_session(state["session_ns"])
        self._bars = state["bars"]
        self._closes.extend(state["closes"])
        self._log_ranges.extend(state["log_ranges"])
        self._spreads.extend(state["spreads"])
        self._emas = list(state["emas"])
        self._wilder = list(state["wilder"])

    def _start_session(self, session_ns: int) -> None:
        self._session_ns = session_ns
        self._bars = 0
        self._closes: deque[float] = deque(maxlen=_WINDOW)
        self._log_ranges: deque[float] = deque(maxlen=15)
        self._spreads: deque[float] = deque(maxlen=60)
        self._emas = [0.0] * len(_EMA_SPANS)
        # Wilder's averages: gain, loss, true range.
        self._wilder = [0.0, 0.0, 0.0]

    def _take(self, bar: Bar) -> None:
        close = bar.mid_close
        self._bars += 1
        if self._bars == 1:
            self._emas = [close] * len(_EMA_SPANS)
        else:
            before = self._closes[-1]
            self._emas = [
                ema + 2.0 / (span + 1.0) * (close - ema)
                for ema, span in zip(self._emas, _EMA_SPANS, strict=True)
            ]
            change = close - before
            true_range = max(bar.mid_high, before) - min(bar.mid_low, before)
            # Wilder: a plain mean of the first 14 changes, then smoothing by 1/14.
            weight = 1.0 / min(self._bars - 1, _WILDER)
            moves = (max(change, 0.0), max(-change, 0.0), true_range)
            self._wilder = [
                mean + weight * (move - mean)
                for mean, move in zip(self._wilder, moves, strict=True)
            ]
        self._closes.append(close)
        self._log_ranges.append(math.log(bar.mid_high / bar.mid_low))
        self._spreads.append(bar.spread_mean_pips)

    def _values(self, bar: Bar) -> tuple[float, ...]:
        close = bar.mid_close
        closes = np.array(self._closes)
        returns = BPS * np.diff(np.log(closes))
        spreads = np.array(self._spreads)
        ranges = np.array(self._log_ranges)
        height = bar.mid_high - bar.mid_low
        gain, loss, true_range = self._wilder
        ema_12, ema_26, ema_48 = self._emas
        angle = math.tau * (bar.ts_event_ns - trade_day_start_ns(bar.ts_event_ns)) / DAY_NS
        return (
            _return_over(closes, 1),
            _return_over(closes, 5),
            _return_over(closes, 15),
            _return_over(closes, 60),
            _deviation(returns[-15:]),
            _deviation(returns[-60:]),
            BPS * math.sqrt(float(np.mean(ranges**2)) / (4.0 * math.log(2.0))),
            BPS * math.log(bar.mid_high / bar.mid_low),
            (close - bar.mid_low) / height if height > 0.0 else 0.5,
            BPS * (close / ema_12 - 1.0),
            BPS * (close / ema_48 - 1.0),
            BPS * (ema_12 - ema_26) / close,
            gain / (gain + loss) if gain + loss > 0.0 else 0.5,
            BPS * true_range / close,
            _z_score(closes[-20:]),
            bar.spread_mean_pips,
            _z_score(spreads),
            math.log(bar.tick_count),
            math.sin(angle),
            math.cos(angle),
        )


def _return_over(closes: np.ndarray[Any, np.dtype[np.float64]], bars: int) -> float:
    if closes.size <= bars:
        return math.nan
    return BPS * math.log(closes[-1] / closes[-1 - bars])


def _deviation(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.std(values, ddof=1)) if values.size > 1 else math.nan


def _z_score(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Z-score of the last value; 0 where the others do not differ beyond rounding."""
    if values.size < 2:
        return math.nan
    deviation = float(np.std(values, ddof=1))
    mean = float(np.mean(values))
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        return 0.0
    return (float(values[-1]) - mean) / deviation
