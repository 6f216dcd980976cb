"""Training data: feature rows of many symbols in one canonical order, and windows of them."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.contract import usable_rows
from models.sequence.window import DEFAULT_MAX_GAP_NS

Rows = NDArray[np.intp]
"""Row indices, shape (n_rows,)."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Feature vectors and mids of one or more symbols.

    Rows may be given in any order; here they stand by symbol name and then time, and the names in
    alphabetical order. So the same rows are the same data, and a symbol's window is a slice.

    Parameters
    ----------
    ts_ns
        Shape (n,): bar closes in nanoseconds; each symbol has a time at most once.
    x
        Shape (n, n_features). A row with a value that is not finite is not learned, but its mid
        still answers other rows, as in the stream.
    mid
        Shape (n,): mid at the close, finite.
    feature_schema, feature_names
        Schema and names of the columns.
    symbol_codes
        Shape (n,): index into ``symbols``.
    symbols
        Names of the symbols, distinct.
    max_gap_ns
        Longest time between two rows of one window (> 0), in training as in serving.

    Raises
    ------
    BadUse
        If shapes do not fit, there is no row, a mid is not finite or a bar is there twice.
    """

    ts_ns: NDArray[np.int64]
    x: NDArray[np.float64]
    mid: NDArray[np.float64]
    feature_schema: str
    feature_names: tuple[str, ...]
    symbol_codes: NDArray[np.int64]
    symbols: tuple[str, ...]
    max_gap_ns: int = DEFAULT_MAX_GAP_NS

    def __post_init__(self) -> None:
        n = len(self.ts_ns)
        if n == 0:
            msg = "there are no rows to train on"
            raise BadUse(msg)
        shapes = (self.x.shape, self.mid.shape, self.symbol_codes.shape)
        if shapes != ((n, len(self.feature_names)), (n,), (n,)):
            msg = f"{n} rows of {len(self.feature_names)} features do not fit arrays of {shapes}"
            raise BadUse(msg)
        if len(set(self.symbols)) != len(self.symbols) or not (
            self.symbol_codes.min() >= 0 and self.symbol_codes.max() < len(self.symbols)
        ):
            msg = f"symbol codes must point into distinct names, not {self.symbols}"
            raise BadUse(msg)
        if not np.isfinite(self.mid).all():
            msg = "training data holds a mid that is not finite"
            raise BadUse(msg)
        if self.max_gap_ns < 1:
            msg = f"max_gap_ns must be 1 or more, not {self.max_gap_ns}"
            raise BadUse(msg)
        self._put_in_order()
        if ((np.diff(self.ts_ns) == 0) & (np.diff(self.symbol_codes) == 0)).any():
            msg = "training data holds a bar of one symbol twice"
            raise BadUse(msg)

    def _put_in_order(self) -> None:
        ranks = np.argsort(np.argsort(np.array(self.symbols)))
        rank = ranks[self.symbol_codes].astype(np.int64)
        order = np.lexsort((self.ts_ns, rank))
        # The one moment at which the fields are set: afterwards nothing changes them.
        object.__setattr__(self, "symbols", tuple(sorted(self.symbols)))
        object.__setattr__(self, "symbol_codes", rank[order])
        for name in ("ts_ns", "x", "mid"):
            object.__setattr__(self, name, getattr(self, name)[order])

    def sha256(self) -> str:
        """Hash everything that training can see, but for its parameters."""
        hasher = hashlib.sha256()
        for name in (self.feature_schema, *self.feature_names, *self.symbols):
            hasher.update(f"{len(name.encode())}:{name}".encode())
        # One bit pattern for every NaN.
        x = np.where(np.isnan(self.x), np.nan, self.x)
        columns = ((self.ts_ns, "<i8"), (self.symbol_codes, "<i8"), (self.mid, "<f8"), (x, "<f8"))
        for column, layout in columns:
            hasher.update(np.ascontiguousarray(column, dtype=layout).tobytes())
        return hasher.hexdigest()

    def spacing_ns(self) -> float:
        """Return the typical time between bars of a symbol, divided by the number of symbols.

        Symbols at one moment share a currency and move together; dividing counts each moment once,
        the careful end of what `models.evaluation.accuracy.accuracy` needs.
        """
        steps = np.diff(self.ts_ns)[np.diff(self.symbol_codes) == 0]
        count = len(np.unique(self.symbol_codes))
        return float(np.median(steps)) / count if len(steps) else 0.0

    def whole(self, length: int) -> NDArray[np.bool_]:
        """Say of each row whether a model can read the window of ``length`` (>= 1) that it ends.

        Returns
        -------
        NDArray[np.bool_]
            Shape (n,): the rows are there without a gap, and every value is finite in float32.
        """
        readable = usable_rows(self.x, len(self.feature_names))
        at = np.arange(len(self.ts_ns))
        # The window may begin after the last row that cannot be read, as after a gap.
        first = np.maximum.accumulate(np.where(readable, self._run_starts(), at + 1))
        whole: NDArray[np.bool_] = at - first + 1 >= length
        return whole

    def window_index(self, rows: Rows, length: int) -> NDArray[np.intp]:
        """Return the rows of each window, shape (len(rows), length), oldest first; -1 for none."""
        _check_length(length)
        index = rows[:, None] - np.arange(length - 1, -1, -1)
        return np.where(index >= self._run_starts()[rows][:, None], index, -1)

    def windows(self, rows: Rows, length: int) -> NDArray[np.float64]:
        """Return the window that ends with each row.

        Parameters
        ----------
        rows
            Shape (k,): indices of rows.
        length
            Rows of a window (>= 1).

        Returns
        -------
        NDArray[np.float64]
            Shape (k, length, n_features), newest row last: consecutive rows of one symbol. Where
            there is no such history, or a longer gap than ``max_gap_ns``, a row of NaN.
        """
        index = self.window_index(rows, length)
        found = self.x[index]
        found[index < 0] = np.nan
        return found

    def _run_starts(self) -> NDArray[np.intp]:
        """Return for each row the first of the rows that lead to it without a gap."""
        fresh = np.ones(len(self.ts_ns), dtype=np.bool_)
        gap = np.diff(self.ts_ns) > self.max_gap_ns
        fresh[1:] = gap | (np.diff(self.symbol_codes) != 0)
        return np.maximum.accumulate(np.where(fresh, np.arange(len(self.ts_ns)), 0))


def _check_length(length: int) -> None:
    if length < 1:
        msg = f"a window has 1 row or more, not {length}"
        raise BadUse(msg)
