"""Parameters of the simulator: what is fitted, in which unit, within which bounds.

All profiles are by hour of the trade day: entry 0 is 17:00-18:00 New York, entry 23 is 16:00-17:00.
The price grid is not a parameter: it is ``domain.instruments.Instrument.tick_size``.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from domain.errors import BadUse

HOURS = 24
PROFILE_BIN_MINUTES = 5
"""Width of one entry of the rollover and week-open profiles."""
ROLLOVER_BEFORE_MINUTES = 15
"""The rollover profile begins this long before 17:00 New York ..."""
ROLLOVER_AFTER_MINUTES = 30
"""... and ends this long after it."""
WEEK_OPEN_MINUTES = 60
"""The week-open profile runs from the first open of the week for this long."""

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
ByHour = Annotated[tuple[Positive, ...], Meta(min_length=HOURS, max_length=HOURS)]
Rollover = Annotated[tuple[Positive, ...], Meta(min_length=9, max_length=9)]
WeekOpen = Annotated[tuple[Positive, ...], Meta(min_length=12, max_length=12)]
Basis = Literal["ticks", "bars", "assumed"]
"""Where a set of numbers comes from: fitted on ticks, scaled by H1 bars, or a stated assumption."""


class Volatility(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Clustering of volatility: its logarithm is the sum of two Ornstein-Uhlenbeck processes.

    Attributes
    ----------
    fast_sd, slow_sd
        Standard deviations of the two components of log volatility (>= 0).
    fast_half_life_min
        Half-life of the component within the day, in minutes (> 0).
    slow_half_life_days
        Half-life of the component from day to day, in trade days (> 0).
    """

    fast_sd: NotNegative
    fast_half_life_min: Positive
    slow_sd: NotNegative
    slow_half_life_days: Positive


class Leg(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mid of one pair against the dollar; every other pair is a product of two legs.

    Attributes
    ----------
    start_mid
        Mid at the start of a simulation, in quote currency (> 0).
    sigma_bp
        Root mean square of the mid's move in one second, in basis points, by hour (> 0).
    volatility
        How that sigma clusters.
    weekend_gap_bp
        Standard deviation of the jump over a closed market, in basis points (>= 0).
    basis
        Where ``sigma_bp`` comes from.
    """

    start_mid: Positive
    sigma_bp: ByHour
    volatility: Volatility
    weekend_gap_bp: NotNegative
    basis: Basis


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When quotes change.

    Attributes
    ----------
    ticks_per_s
        Mean number of ticks in a second, by hour (> 0).
    volatility_exponent
        The rate moves with volatility to this power (>= 0; Clark 1973, Tauchen and Pitts 1983).
    burst_size
        Mean number of ticks in a burst (>= 1).
    burst_gap_s
        Quantiles, at equal steps from 0 to 1, of the gap between ticks of a burst, in seconds.
    """

    ticks_per_s: ByHour
    volatility_exponent: NotNegative
    burst_size: Annotated[float, Meta(ge=1)]
    burst_gap_s: Annotated[tuple[NotNegative, ...], Meta(min_length=2)]


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far ask is above bid.

    Attributes
    ----------
    median_pips
        Median outside the windows of rollover and week open, by hour (> 0).
    dispersion
        Standard deviation of the log spread around it, by hour (> 0).
    persistent_share
        Share of that variance that persists from minute to minute; the rest is fresh each quote.
    half_life_min
        Half-life of the persistent part, in minutes (> 0).
    minimum_pips, maximum_pips
        Bounds of every spread (> 0).
    rollover
        Multipliers of the median by five minutes, from 16:45 to 17:30 New York.
    week_open
        Multipliers of the median by five minutes over the first hour of a week, in place of the
        rollover's.
    """

    median_pips: ByHour
    dispersion: ByHour
    persistent_share: Share
    half_life_min: Positive
    minimum_pips: Positive
    maximum_pips: Positive
    rollover: Rollover
    week_open: WeekOpen


class Quote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one symbol is quoted around its mid.

    Attributes
    ----------
    activity, spread
        When quotes change, and how far ask is above bid.
    one_sided
        Share of ticks that change only the bid or only the ask.
    basis
        Where the numbers come from.
    """

    activity: Activity
    spread: Spread
    one_sided: Share
    basis: Basis


class SimulatorParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that the simulator knows of the market.

    Attributes
    ----------
    legs
        The pairs against the dollar, by symbol; their order is that of ``correlation``.
    quotes
        How each symbol is quoted.
    correlation
        Of the legs' returns as quoted; symmetric, positive semidefinite, ones on the diagonal.
    common_volatility
        Share of the variance of log volatility that all legs have in common.
    delay_median_ms, delay_log_sd
        Log-normal delay from the venue to the receiver.
    sizes_units
        Sizes that are quoted, each as likely as any other, in base units (> 0).
    provenance
        In words: what was fitted on what, and what is assumed.
    """

    legs: dict[str, Leg]
    quotes: dict[str, Quote]
    correlation: tuple[tuple[float, ...], ...]
    common_volatility: Share
    delay_median_ms: Positive
    delay_log_sd: NotNegative
    sizes_units: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    provenance: dict[str, str]
    v: Literal[1] = 1

    def __post_init__(self) -> None:
        """Refuse a correlation that is none; the bounds of single fields are checked on reading."""
        matrix = self.correlation_matrix()
        valid = (
            matrix.shape == (len(self.legs), len(self.legs))
            and np.allclose(matrix, matrix.T)
            and np.allclose(np.diag(matrix), 1.0)
            and np.linalg.eigvalsh(matrix).min() > -1e-9
        )
        if not valid:
            msg = f"correlation must be a positive semidefinite matrix over {', '.join(self.legs)}"
            raise ValueError(msg)

    def correlation_matrix(self) -> NDArray[np.float64]:
        """Return ``correlation`` as an array."""
        return np.array(self.correlation, dtype=np.float64)


def read_params(raw: bytes) -> SimulatorParams:
    """Read parameters from JSON.

    Raises
    ------
    BadUse
        If a key is unknown or missing, or a value is out of bounds.
    """
    try:
        return msgspec.json.decode(raw, type=SimulatorParams)
    except (msgspec.MsgspecError, ValueError) as error:
        msg = f"simulator parameters cannot be used: {error}"
        raise BadUse(msg) from error


@lru_cache(maxsize=1)
def load_params() -> SimulatorParams:
    """Return the fitted parameters that come with the package."""
    return read_params(Path(__file__).with_name("params.json").read_bytes())


def round_params(params: SimulatorParams, digits: int = 5) -> SimulatorParams:
    """Return the parameters with every number cut to ``digits`` significant digits.

    The correlation keeps its digits: rounded, it might no longer be semidefinite.
    """

    def cut(value: object) -> object:
        if isinstance(value, float):
            return float(f"{value:.{digits}g}")
        if isinstance(value, dict):
            return {k: v if k == "correlation" else cut(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [cut(v) for v in value]
        return value

    return msgspec.convert(cut(msgspec.to_builtins(params)), SimulatorParams)
