"""Simulated ticks as a feed: trade days of the fitted market model, the same for the same seed."""

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec
import numpy as np

from domain.errors import BadUse
from domain.fx_calendar import roll_ns
from domain.ids import digest
from domain.instruments import instrument
from domain.ticks import TickArray
from sources.simulator.generator import simulate
from sources.simulator.params import load_params


class SimulatedFeed:
    """Trade days ``first`` to ``last`` of a market that begins at ``origin``.

    Parameters
    ----------
    symbols
        Any usual spelling; must be known to the simulator.
    origin
        Trade date at which prices start: days before ``first`` are lived through, not given.
    first, last
        Trade dates to give, both included.
    seed
        Of all randomness (>= 0).

    Raises
    ------
    BadUse
        If a symbol has no parameters.
    """

    def __init__(
        self, symbols: Sequence[str], origin: date, first: date, last: date, seed: int
    ) -> None:
        self._symbols = tuple(sorted(instrument(s).symbol for s in symbols))
        self._origin = origin
        self._first = first
        self._last = last
        self._seed = seed
        self._params = load_params()
        unknown = sorted(set(self._symbols) - set(self._params.quotes))
        if unknown:
            known = ", ".join(sorted(self._params.quotes))
            msg = f"cannot simulate {', '.join(unknown)}; parameters exist for {known}"
            raise BadUse(msg)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the feed, ascending."""
        return self._symbols

    @property
    def fingerprint(self) -> str:
        """Digest of everything that makes the ticks."""
        params = digest(msgspec.json.encode(self._params).decode())
        span = (self._origin.isoformat(), self._first.isoformat(), self._last.isoformat())
        return "simulated:" + digest(params, *span, self._seed, *self._symbols)

    @property
    def end_ns(self) -> int | None:
        """17:00 New York of the last trade date: the simulator knows when it is over."""
        return roll_ns(self._last)

    @property
    def rows(self) -> int | None:
        """None: the number is not known before the days have been simulated."""
        return None

    def batches(self, first_row: int = 0) -> Iterator[TickArray]:
        """Give the rows from ``first_row`` on; see `sources.feed.TickFeed`."""
        row = 0
        days = simulate(self._params, self._symbols, self._origin, self._last, self._seed)
        for day, ticks in days:
            if day < self._first:
                continue
            ticks["seq"] = np.arange(row, row + ticks.size)
            if row + ticks.size > first_row:
                yield ticks[max(first_row - row, 0) :]
            row += ticks.size
