"""Settings of execution quality."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.errors import BadUse
from domain.instruments import INSTRUMENTS, Instrument
from domain.nanos import MINUTE_NS, SECOND_NS


@dataclass(frozen=True)
class TcaConfig:
    """Settings of execution quality.

    Attributes
    ----------
    account_currency
        Currency in which costs are stated.
    symbols
        Pairs whose quotes will come; a benchmark of any other is not waited for.
    instruments
        Instruments of at least these.
    algorithm
        What works the orders of signals as slices; their records carry its name. Empty: nothing.
    max_quote_age_ns
        An older quote is no benchmark (> 0).
    retention_ns
        How far orders and fills may lag behind the quotes (> 0): quotes are kept for so long.
    lateness_ns, beat_lag_ns
        What a tick's, and a heartbeat's, time proves less than it says (>= 0), as in the engine.
    size_buckets
        Upper bounds of the size buckets, base units, ascending.
    spread_tolerance_pips
        How far beyond bid or ask a fill may lie before it is told (>= 0).
    outlier_z
        Robust z beyond which a cost is told (> 0).
    outlier_window, outlier_least
        How many costs of a pair are remembered, and how many there must be to judge (>= 1).
    outlier_floor_pips
        Least spread of costs assumed (> 0): in a market that never moves all would be outliers.
    """

    account_currency: str
    symbols: tuple[str, ...]
    instruments: Mapping[str, Instrument] = field(default_factory=lambda: INSTRUMENTS)
    algorithm: str = ""
    max_quote_age_ns: int = 10 * SECOND_NS
    retention_ns: int = 10 * MINUTE_NS
    lateness_ns: int = 0
    beat_lag_ns: int = 0
    size_buckets: tuple[int, ...] = (100_000, 1_000_000, 5_000_000)
    spread_tolerance_pips: float = 0.0
    outlier_z: float = 6.0
    outlier_window: int = 500
    outlier_least: int = 30
    outlier_floor_pips: float = 0.05

    def __post_init__(self) -> None:
        """Refuse settings under which nothing could be measured."""
        bounds = {
            "max_quote_age_ns": self.max_quote_age_ns > 0,
            "retention_ns": self.retention_ns > 0,
            "lateness_ns": self.lateness_ns >= 0,
            "beat_lag_ns": self.beat_lag_ns >= 0,
            "spread_tolerance_pips": self.spread_tolerance_pips >= 0,
            "outlier_z": self.outlier_z > 0,
            "outlier_window": self.outlier_window >= self.outlier_least,
            "outlier_least": self.outlier_least >= 1,
            "outlier_floor_pips": self.outlier_floor_pips > 0,
            "size_buckets": list(self.size_buckets) == sorted(set(self.size_buckets)),
            "symbols": all(symbol in self.instruments for symbol in self.symbols),
        }
        wrong = [name for name, holds in bounds.items() if not holds]
        if wrong:
            msg = f"execution quality: {', '.join(wrong)} out of bounds; see TcaConfig"
            raise BadUse(msg)
