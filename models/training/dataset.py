"""Training data: feature vectors of many symbols with the label rule of the stream."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.contract import FEATURE_LIMIT
from models.evaluation.accuracy import later_mid
from models.labels.delayed import DelayedLabels


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Rows whose answer is known, sorted by time and then symbol.

    Attributes
    ----------
    ts_ns
        Shape (n,): bar closes.
    x
        Shape (n, n_features), all finite.
    mid_now, mid_later
        Shape (n,): mid at the bar and one horizon later, never equal.
    y
        Shape (n,): 1.0 where the mid is higher later, else 0.0.
    flat
        Rows left out because the mid was unchanged.
    """

    ts_ns: NDArray[np.int64]
    x: NDArray[np.float64]
    mid_now: NDArray[np.float64]
    mid_later: NDArray[np.float64]
    y: NDArray[np.float64]
    flat: int


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Feature vectors and mids of one or more symbols, in any order of rows.

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
        order, rank = self._canonical()
        ts, symbol = self.ts_ns[order], rank[order]
        if ((np.diff(ts) == 0) & (np.diff(symbol) == 0)).any():
            msg = "training data holds a bar of one symbol twice"
            raise BadUse(msg)

    def labelled(self, rule: DelayedLabels) -> LabelledRows:
        """Give each row its answer, symbol by symbol, and leave out those without."""
        order, rank = self._canonical()
        ts, mid, x, symbol = self.ts_ns[order], self.mid[order], self.x[order], rank[order]
        later = np.full(len(ts), np.nan)
        for code in np.unique(symbol):
            own = symbol == code
            later[own] = later_mid(ts[own], mid[own], rule.horizon_ns, rule.tolerance_ns)
        # NaN fails the comparison; the limit is the one of models.contract.usable.
        known = ~np.isnan(later) & (np.abs(x) <= FEATURE_LIMIT).all(axis=1)
        keep = known & (later != mid)
        return LabelledRows(
            ts_ns=ts[keep],
            x=x[keep],
            mid_now=mid[keep],
            mid_later=later[keep],
            y=(later[keep] > mid[keep]).astype(np.float64),
            flat=int(known.sum() - keep.sum()),
        )

    def sha256(self) -> str:
        """Hash everything that training can see, in canonical order of rows and symbols."""
        order, rank = self._canonical()
        hasher = hashlib.sha256()
        names = (self.feature_schema, *self.feature_names, *sorted(self.symbols))
        for name in names:
            hasher.update(f"{len(name.encode())}:{name}".encode())
        # One bit pattern for every NaN.
        x = np.where(np.isnan(self.x), np.nan, self.x)[order]
        hasher.update(np.ascontiguousarray(self.ts_ns[order], dtype="<i8").tobytes())
        hasher.update(np.ascontiguousarray(rank[order], dtype="<i8").tobytes())
        hasher.update(np.ascontiguousarray(self.mid[order], dtype="<f8").tobytes())
        hasher.update(np.ascontiguousarray(x, dtype="<f8").tobytes())
        return hasher.hexdigest()

    def spacing_ns(self) -> float:
        """Return the typical time between bars of a symbol, divided by the number of symbols.

        Symbols at one moment share a currency and move together; dividing counts each moment once,
        the careful end of what `models.evaluation.accuracy.accuracy` needs.
        """
        order, rank = self._canonical()
        ts, symbol = self.ts_ns[order], rank[order]
        codes = np.unique(symbol)
        steps = np.concatenate([np.diff(ts[symbol == code]) for code in codes])
        return float(np.median(steps)) / len(codes) if len(steps) else 0.0

    def _canonical(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return the order of rows by time and symbol name, and each row's rank of its name."""
        ranks = np.argsort(np.argsort(np.array(self.symbols)))
        rank = ranks[self.symbol_codes].astype(np.int64)
        return np.lexsort((rank, self.ts_ns)), rank
