"""The panel: all pairs at one minute, for the cross-pair features of the next.

It is built from the closed 1 m bars of every pair and is complete up to a minute once every pair
has passed it. Each worker builds the whole panel from the ``bars`` topic, so neither the order of
arrival nor the number of workers changes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.bars import FOR_EVER
from domain.errors import Corrupt
from domain.fx_calendar import sessions
from domain.instruments import instrument
from domain.nanos import MINUTE_NS
from features.cross_kernel import CROSS_WIDTH, FACTOR_WINDOW, cross_kernel

STATE_VERSION = 1

_USD = "USD"


class PanelInput(NamedTuple):
    """News of one pair, in its own order.

    Attributes
    ----------
    symbol
        The pair.
    ts_ns, mid_close
        End and last mid of its newly closed 1 m bars, ascending, shape (n,).
    passed_ns
        Minute boundary up to which all of its bars have been given, these included; ``FOR_EVER``
        where no more will come.
    """

    symbol: str
    ts_ns: NDArray[np.int64]
    mid_close: NDArray[np.float64]
    passed_ns: int


class PanelRows(NamedTuple):
    """Cross features of all pairs at newly complete minutes.

    Attributes
    ----------
    ts_ns
        Minutes of the open market, ascending, shape (n,).
    values
        Shape (n, number of symbols, ``CROSS_WIDTH``), in the order of the config's symbols.
    complete_ns
        Up to here no further minute will come.
    """

    ts_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    complete_ns: int


@dataclass(frozen=True, slots=True)
class PanelConfig:
    """Settings of the panel: every symbol of the run, whichever worker has it."""

    symbols: tuple[str, ...]

    def build(self, resume_state: Mapping[str, Any] | None) -> "PanelLogic":
        """Return the logic, anew or as it was.

        Raises
        ------
        Corrupt
            If the state is of another version or other symbols, or not a whole one.
        """
        return PanelLogic(self, resume_state)


class PanelLogic:
    """Waits until every pair has passed a minute, then computes it once for all."""

    def __init__(self, config: PanelConfig, resume_state: Mapping[str, Any] | None) -> None:
        self._config = config
        self._place = {symbol: i for i, symbol in enumerate(config.symbols)}
        self._map = _CurrencyMap.of(config.symbols)
        count = len(config.symbols)
        self._passed: list[int | None] = [None] * count
        self._waiting: list[list[tuple[int, float]]] = [[] for _ in range(count)]
        self._complete_ns: int | None = None
        self._session_ns = -1
        self._last = np.full(count, np.nan)
        self._factors = np.zeros(FACTOR_WINDOW)
        if resume_state is not None:
            self._restore(resume_state)

    def on_inputs(self, inputs: Sequence[PanelInput]) -> PanelRows | None:
        """Take news of some pairs; return the minutes that are complete now, if any."""
        for news in inputs:
            at = self._place.get(news.symbol)
            if at is None:
                continue
            bars = zip(news.ts_ns.tolist(), news.mid_close.tolist(), strict=True)
            self._waiting[at].extend(bars)
            # What tells of a quiet minute may come behind a later bar.
            passed_ns = self._passed[at]
            self._passed[at] = max(news.passed_ns, -1 if passed_ns is None else passed_ns)
        complete_ns = min((-1 if passed is None else passed) for passed in self._passed)
        if complete_ns < 0 or complete_ns == self._complete_ns:
            return None
        return self._advance(complete_ns)

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "symbols": list(self._config.symbols),
            "passed": list(self._passed),
            "waiting": [[list(bar) for bar in bars] for bars in self._waiting],
            "complete_ns": self._complete_ns,
            "session_ns": self._session_ns,
            "last": self._last.tolist(),
            "factors": self._factors.tolist(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        version, names = state.get("v"), state.get("symbols")
        if version != STATE_VERSION or names != list(self._config.symbols):
            msg = (
                f"panel state v{version} of {names} does not fit "
                f"v{STATE_VERSION} of {list(self._config.symbols)}"
            )
            raise Corrupt(msg)
        try:
            self._passed = list(state["passed"])
            self._waiting = [[(ts, close) for ts, close in bars] for bars in state["waiting"]]
            self._complete_ns = state["complete_ns"]
            self._session_ns = state["session_ns"]
            for name, block in (("last", self._last), ("factors", self._factors)):
                np.copyto(block, np.array(state[name], dtype=np.float64).reshape(block.shape))
        except (KeyError, TypeError, ValueError) as error:
            msg = f"panel state is not a whole one: {error}"
            raise Corrupt(msg) from error

    def _advance(self, passed_ns: int) -> PanelRows:
        # Where every log has ended, the panel ends with the last bar of any.
        complete_ns = passed_ns
        if passed_ns == FOR_EVER:
            ends = [bars[-1][0] for bars in self._waiting if bars]
            complete_ns = max([*ends, -1 if self._complete_ns is None else self._complete_ns])
        first_ns = self._first_minute(complete_ns)
        self._complete_ns = passed_ns
        minutes, opened = _open_minutes(first_ns, complete_ns)
        log_closes = np.full((minutes.size, len(self._waiting)), np.nan)
        for s, bars in enumerate(self._waiting):
            due = 0
            while due < len(bars) and bars[due][0] <= complete_ns:
                due += 1
            if due:
                times, closes = (np.array(column) for column in zip(*bars[:due], strict=True))
                at = np.searchsorted(minutes, times)
                # A bar of a closed market, which a log of another origin may hold, is none here.
                fits = np.isin(times, minutes)
                log_closes[at[fits], s] = np.log(closes[fits])
                del bars[:due]
        values = np.empty((minutes.size, len(self._waiting), CROSS_WIDTH))
        if minutes.size:
            starts = np.diff(opened, prepend=self._session_ns) != 0
            self._session_ns = int(opened[-1])
            cross_kernel(log_closes, starts, *self._map, self._last, self._factors, values)
        return PanelRows(minutes, values, passed_ns)

    def _first_minute(self, complete_ns: int) -> int:
        # Until a first minute is known there is none; it is that of the first bar of any pair.
        if self._complete_ns is not None and self._session_ns >= 0:
            return self._complete_ns + MINUTE_NS
        return min((bars[0][0] for bars in self._waiting if bars), default=complete_ns + MINUTE_NS)


class _CurrencyMap(NamedTuple):
    """How the pairs of a run hang together; see ``features.cross_kernel``."""

    usd_sign: NDArray[np.int64]
    base: NDArray[np.int64]
    quote: NDArray[np.int64]
    triangles: NDArray[np.int64]

    @classmethod
    def of(cls, symbols: Sequence[str]) -> "_CurrencyMap":
        legs = [(instrument(symbol).base, instrument(symbol).quote) for symbol in symbols]
        names = sorted({currency for pair in legs for currency in pair})
        number = {name: i for i, name in enumerate(names)}
        sign = [(base == _USD) - (quote == _USD) for base, quote in legs]
        # Signed steps from one currency to another: ln(base in quote), or its negative.
        steps: dict[tuple[str, str], tuple[int, int]] = {}
        for i, (base, quote) in enumerate(legs):
            steps[base, quote] = (i, 1)
            steps[quote, base] = (i, -1)
        triangles = [
            (i, *steps[base, over], *steps[over, quote])
            for i, (base, quote) in enumerate(legs)
            for over in names
            if over not in {base, quote} and (base, over) in steps and (over, quote) in steps
        ]
        return cls(
            np.array(sign, dtype=np.int64),
            np.array([number[base] for base, _ in legs], dtype=np.int64),
            np.array([number[quote] for _, quote in legs], dtype=np.int64),
            np.array(triangles, dtype=np.int64).reshape(-1, 5),
        )


def _open_minutes(first_ns: int, last_ns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ends of the market's minutes in ``[first_ns, last_ns]``, and their sessions."""
    minutes = np.arange(first_ns, last_ns + 1, MINUTE_NS, dtype=np.int64)
    if not minutes.size:
        return minutes, minutes
    opens, closes = sessions(first_ns - MINUTE_NS, last_ns)
    begins = minutes - MINUTE_NS
    which = np.searchsorted(opens, begins, side="right") - 1
    is_open = (which >= 0) & (begins < closes[which])
    return minutes[is_open], opens[which[is_open]]
