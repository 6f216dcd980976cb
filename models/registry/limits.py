"""The thresholds of the validation gates."""

from dataclasses import dataclass
from typing import Literal

from domain.errors import BadUse


@dataclass(frozen=True, slots=True)
class Limits:
    """What an artefact must reach to be validated.

    Parameters
    ----------
    golden_difference
        Largest difference of an answer to a golden vector (>= 0); float32 keeps seven digits.
    parity_difference
        Largest difference between the served model and the trained original (> 0).
    parity_rows
        Rows on which that must have been measured (> 0).
    latency_p99_ms
        Budget of one row, 99th percentile, in milliseconds (> 0).
    latency_rounds
        Rows asked to measure it (>= 100: fewer have no 99th percentile).
    calibration_error
        Largest expected calibration error on answers of which the model had not seen the outcome,
        in (0, 1].
    min_edge
        Answers with ``|p - 0.5|`` below it give no signal and do not count for accuracy and
        expectancy, in [0, 0.5).
    min_signals
        Signals below which accuracy and expectancy are not judged, and the gate refuses (> 0).
    min_accuracy
        Directional accuracy that the lower interval bound must reach besides the base rate, in
        [0, 1).
    champion_z
        Width of the interval of the difference from the champion, in standard errors (> 0): 1.96
        for 95 %.
    expectancy
        ``positive``: the mean signal must earn more than it costs. ``champion``: it must not earn
        less than the champion's on the same rows; for a market in which neither earns.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    golden_difference: float = 1e-6
    parity_difference: float = 1e-5
    parity_rows: int = 100
    latency_p99_ms: float = 0.5
    latency_rounds: int = 2_000
    calibration_error: float = 0.03
    min_edge: float = 0.0
    min_signals: int = 1_000
    min_accuracy: float = 0.0
    champion_z: float = 1.96
    expectancy: Literal["positive", "champion"] = "positive"

    def __post_init__(self) -> None:
        above_zero = (self.parity_difference, self.latency_p99_ms, self.champion_z)
        broken = [
            words
            for words, held in (
                ("golden_difference must be at least 0", self.golden_difference >= 0),
                (
                    "parity_difference, latency_p99_ms and champion_z must be above 0",
                    all(value > 0 for value in above_zero),
                ),
                (
                    "parity_rows and min_signals must be above 0",
                    min(self.parity_rows, self.min_signals) > 0,
                ),
                ("latency_rounds must be at least 100", self.latency_rounds >= 100),
                ("calibration_error must be in (0, 1]", 0 < self.calibration_error <= 1),
                ("min_edge must be in [0, 0.5)", 0 <= self.min_edge < 0.5),
                ("min_accuracy must be in [0, 1)", 0 <= self.min_accuracy < 1),
                (
                    "expectancy must be positive or champion",
                    self.expectancy in {"positive", "champion"},
                ),
            )
            if not held
        ]
        if broken:
            msg = f"limits of validation: {'; '.join(broken)}"
            raise BadUse(msg)
