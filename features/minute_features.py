"""The local features of one symbol, computed as its 1 m bars close; see ``features.spec``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.bars import BarArray
from domain.errors import Corrupt
from domain.fx_calendar import floor_day, rolls, sessions
from domain.instruments import instrument
from domain.nanos import DAY_NS
from features.feature_kernel import (
    AVERAGES,
    BARS,
    COLUMNS,
    PRICES,
    SERIES,
    SESSION_NS,
    WINDOW,
    feature_kernel,
)
from features.spec import LOCAL_FEATURES, SCHEMA

STATE_VERSION = 2

WARM_UP = np.array([feature.warm_up_bars for feature in LOCAL_FEATURES], dtype=np.int64)
"""Bars of the session from which each local feature is ready, in the order of the schema."""

if tuple(feature.name for feature in LOCAL_FEATURES) != COLUMNS:
    msg = "features.spec and features.feature_kernel do not list the same local features"
    raise RuntimeError(msg)


class LocalRows(NamedTuple):
    """The local features of a batch of bars.

    Attributes
    ----------
    values
        Shape (n, ``len(LOCAL_FEATURES)``), in the units of the spec; NaN where not warm yet.
    session_bars
        Shape (n,): bars that the session of each bar had by then, that bar included (> 0).
    """

    values: NDArray[np.float64]
    session_bars: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """The feature step has no settings: the list itself is its identity."""

    def build(self, symbol: str, resume_state: Mapping[str, Any] | None) -> "FeatureLogic":
        """Return the logic for one symbol, anew or as it was.

        Raises
        ------
        Corrupt
            If the state is of another version or schema, or not a whole one.
        """
        return FeatureLogic(symbol, resume_state)


class FeatureLogic:
    """Keeps one session's windows of one symbol: a block of numbers of fixed size."""

    def __init__(self, symbol: str, resume_state: Mapping[str, Any] | None) -> None:
        self._pip = instrument(symbol).pip
        self._prices = np.zeros(PRICES)
        self._windows = np.zeros((SERIES, WINDOW - 1))
        self._averages = np.zeros(AVERAGES)
        self._session = np.zeros(2, dtype=np.int64)
        # Days for which the tables of the calendar have been looked up; no state: made again.
        self._days = (0, 0)
        self._opens = self._closes = self._rolls = np.empty(0, dtype=np.int64)
        if resume_state is not None:
            self._restore(resume_state)

    def on_bars(self, bars: BarArray) -> LocalRows:
        """Take in the next closed 1 m bars; how they are cut into batches changes no bit.

        Parameters
        ----------
        bars
            Rows of ``domain.bars.BAR_DTYPE`` of this symbol, in order, shape (n,).
        """
        out = LocalRows(np.empty((bars.size, len(COLUMNS))), np.empty(bars.size, dtype=np.int64))
        if bars.size == 0:
            return out
        if not (bars.flags.c_contiguous and bars.flags.writeable):
            # Numba would compile the kernel once more for each other kind of array.
            bars = bars.copy()
        self._look_up(int(bars["ts_open_ns"][0]), int(bars["ts_event_ns"][-1]))
        feature_kernel(
            bars,
            self._pip,
            self._opens,
            self._closes,
            self._rolls,
            WARM_UP,
            self._prices,
            self._windows,
            self._averages,
            self._session,
            out.values,
            out.session_bars,
        )
        return out

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping of fixed size."""
        return {
            "v": STATE_VERSION,
            "schema": SCHEMA,
            "session_ns": int(self._session[SESSION_NS]),
            "bars": int(self._session[BARS]),
            "prices": self._prices.tolist(),
            "windows": self._windows.tolist(),
            "averages": self._averages.tolist(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["v"] != STATE_VERSION or state["schema"] != SCHEMA:
            msg = f"feature state v{state['v']} schema {state['schema']} is not of schema {SCHEMA}"
            raise Corrupt(msg)
        try:
            self._session[:] = (state["session_ns"], state["bars"])
            for name, block in (
                ("prices", self._prices),
                ("windows", self._windows),
                ("averages", self._averages),
            ):
                np.copyto(block, np.array(state[name], dtype=np.float64).reshape(block.shape))
        except (KeyError, TypeError, ValueError) as error:
            msg = f"feature state is not a whole one: {error}"
            raise Corrupt(msg) from error

    def _look_up(self, first_ns: int, last_ns: int) -> None:
        """Have the calendar around these moments; looked up once a day, not once a bar."""
        if self._days[0] <= first_ns and last_ns < self._days[1]:
            return
        self._days = (floor_day(first_ns), floor_day(last_ns) + DAY_NS)
        self._opens, self._closes = sessions(*self._days)
        self._rolls = rolls(*self._days)
