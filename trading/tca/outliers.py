"""Costs far from what their pair usually costs: a robust z over the last fills of the pair.

The median and the median distance from it are hardly moved by the outliers that they are to find.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.quality import ExecutionQuality, QualityCode, QualityEvent
from trading.tca.config import TcaConfig

MEASURES = ("arrival_slippage_pips", "effective_spread_pips")
"""Costs that are watched."""

_NORMAL = 1.4826
"""Median distance to standard deviation of a normal distribution."""


class CostWindow(msgspec.Struct, forbid_unknown_fields=True):
    """The last costs of one measure of one pair."""

    symbol: str
    measure: str
    costs: list[float] = msgspec.field(default_factory=list)

    def robust_z(self, cost: float, config: TcaConfig) -> float | None:
        """Return how many robust deviations a cost is off; None while too few are known."""
        if len(self.costs) < config.outlier_least:
            return None
        known = np.sort(np.array(self.costs))
        centre = _middle(known)
        spread = _NORMAL * _middle(np.sort(np.abs(known - centre)))
        return (cost - centre) / max(spread, config.outlier_floor_pips)

    def add(self, cost: float, config: TcaConfig) -> None:
        """Remember a cost, and forget the oldest beyond the window."""
        self.costs.append(cost)
        del self.costs[: -config.outlier_window]


class Outliers:
    """Watches the costs of all pairs."""

    def __init__(self, config: TcaConfig, windows: list[CostWindow]) -> None:
        self._config = config
        self._windows = {(window.symbol, window.measure): window for window in windows}

    def state(self) -> list[CostWindow]:
        """Return what a snapshot must keep."""
        return [
            msgspec.structs.replace(self._windows[key], costs=list(self._windows[key].costs))
            for key in sorted(self._windows)
        ]

    def judge(self, quality: ExecutionQuality) -> list[QualityEvent]:
        """Hold a fill's costs against those before it, then remember them."""
        found: list[QualityEvent] = []
        for measure in MEASURES:
            cost: float | None = getattr(quality, measure)
            if cost is None:
                continue
            key = quality.symbol, measure
            window = self._windows.setdefault(key, CostWindow(*key))
            z = window.robust_z(cost, self._config)
            if z is not None and abs(z) > self._config.outlier_z:
                found.append(_event(quality, measure, z, self._config.outlier_z))
            window.add(cost, self._config)
        return found


def _middle(ascending: NDArray[np.float64]) -> float:
    """Return the median of sorted values."""
    half = len(ascending) // 2
    above = float(ascending[half])
    return above if len(ascending) % 2 else (float(ascending[half - 1]) + above) / 2


def _event(quality: ExecutionQuality, measure: str, z: float, bound: float) -> QualityEvent:
    return QualityEvent(
        QualityCode.OUTLIER,
        quality.execution_id,
        quality.client_order_id,
        quality.account,
        quality.symbol,
        quality.venue,
        quality.ts_event_ns,
        measure,
        z,
        bound,
    )
