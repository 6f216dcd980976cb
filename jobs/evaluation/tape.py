"""The rows of an evaluation: features, labels, costs, and which prices can be believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.fx_calendar import new_york_clock
from domain.instruments import instrument
from domain.nanos import DAY_NS
from features.hour_features import HourBars, hour_features
from features.hour_spec import HOUR_FEATURE_NAMES, HOUR_SCHEMA
from models.contract import usable_rows
from models.evaluation.scores import round_trip_pips
from models.labels.arrays import Labels, later_index, sign_labels
from models.labels.delayed import DelayedLabels
from models.training.dataset import TrainingData
from sources.recorded_bars import RecordedBars

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROLLOVER_HOURS = (17, 18, 19)
"""New York hours of closes at which spreads are wide: the median of OANDA at 17, 18 and 19 is 2.5,
1.8 and 1.2 times that of the other hours. A bid at such a close is no mid less a constant."""

MAX_GAP_NS = 4 * DAY_NS
"""A window of rows may span a weekend, not a hole of a week."""


@dataclass(frozen=True, slots=True)
class TapeConfig:
    """How bars become rows.

    Parameters
    ----------
    horizon_bars
        How many bars ahead the answer lies (> 0).
    assumed_spread_pips
        Spread where the file has only one side (>= 0).
    slippage_pips
        Of each of the two orders (>= 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    horizon_bars: int = 1
    assumed_spread_pips: float = 1.5
    slippage_pips: float = 0.1

    def __post_init__(self) -> None:
        if self.horizon_bars < 1 or min(self.assumed_spread_pips, self.slippage_pips) < 0:
            msg = f"evaluation needs horizon_bars >= 1 and costs >= 0: {self}"
            raise BadUse(msg)


class Tape(NamedTuple):
    """All rows, in the order of `TrainingData`; columns of shape (n,).

    Attributes
    ----------
    data
        Features and mids.
    rule
        The label rule of the stream.
    labels
        Answers; none where the price now or then cannot be believed.
    askable
        Where a model may be asked: features warm, and both prices to be believed.
    rollover
        Where the price now or one horizon later is one of the rollover's.
    mid_known
        Where the prices are mids of bid and ask.
    pip, cost_pips
        Size of a pip; spread and slippage of a whole trade.
    sources
        What was read: symbol, file, hash, bars, prices; ready for JSON.
    """

    data: TrainingData
    rule: DelayedLabels
    labels: Labels
    askable: Mask
    rollover: Mask
    mid_known: Mask
    pip: Floats
    cost_pips: Floats
    sources: tuple[dict[str, Any], ...]


def make_tape(bars: Sequence[RecordedBars], config: TapeConfig) -> Tape:
    """Compute features, labels and costs of recorded bars.

    On bars of the bid alone, closes of the rollover are left out as the beginning and as the end of
    a move: there the spread opens and closes again, and the bid falls and rises with it without any
    move of the mid. On bars of both sides they stay in, and are told apart in the figures.

    Raises
    ------
    BadUse
        If the bars are of different lengths.
    """
    lengths = {one.length_ns for one in bars}
    if len(lengths) != 1:
        words = ", ".join(f"{one.symbol} {one.length_ns / 60e9:g} min" for one in bars)
        msg = f"bars of one length are needed, not {words}: evaluate them apart"
        raise BadUse(msg)
    (length_ns,) = lengths
    clocks = [new_york_clock(one.close_ns) for one in bars]
    rows = hour_features(
        {one.symbol: _hour_bars(one, *clock) for one, clock in zip(bars, clocks, strict=True)}
    )
    ordered = sorted(bars, key=lambda one: one.symbol)
    counts = [one.close_ns.size for one in ordered]
    data = TrainingData(
        ts_ns=np.concatenate([one.close_ns for one in ordered]),
        x=np.concatenate([rows[one.symbol] for one in ordered]),
        mid=np.concatenate([one.close for one in ordered]),
        feature_schema=HOUR_SCHEMA,
        feature_names=HOUR_FEATURE_NAMES,
        symbol_codes=np.repeat(np.arange(len(ordered)), counts),
        symbols=tuple(one.symbol for one in ordered),
        max_gap_ns=MAX_GAP_NS,
    )
    horizon_ns = config.horizon_bars * length_ns
    rule = DelayedLabels(horizon_ns, tolerance_ns=0)
    mid_known = np.repeat([one.mid_known for one in ordered], counts)
    rollover = is_rollover(data.ts_ns) | is_rollover(data.ts_ns + horizon_ns)
    believed = mid_known | ~rollover
    pip = np.repeat([instrument(one.symbol).pip for one in ordered], counts)
    labels = sign_labels(data.ts_ns, data.symbol_codes, data.mid, rule)
    labels = Labels(
        y=np.where(believed, labels.y, np.nan),
        end_ns=np.where(believed, labels.end_ns, 0),
        later=np.where(believed, labels.later, np.nan),
        weight=labels.weight,
    )
    half = _half_spreads(ordered, pip, config.assumed_spread_pips)
    return Tape(
        data=data,
        rule=rule,
        labels=labels,
        askable=usable_rows(data.x, len(HOUR_FEATURE_NAMES)) & believed,
        rollover=rollover,
        mid_known=mid_known,
        pip=pip,
        cost_pips=round_trip_pips(half, later_value(data, half, rule), pip, config.slippage_pips),
        sources=tuple(
            {
                "symbol": one.symbol,
                "file": one.path.name,
                "sha256": one.sha256,
                "bars": int(one.close_ns.size),
                "prices": "mid" if one.mid_known else "bid",
                "repeated": one.repeated,
            }
            for one in ordered
        ),
    )


def is_rollover(ts_ns: NDArray[np.int64]) -> Mask:
    """Say of each close whether it is one of the rollover's."""
    return np.isin(new_york_clock(ts_ns)[0], ROLLOVER_HOURS)


def _hour_bars(bars: RecordedBars, hour: NDArray[np.int64], weekday: NDArray[np.int64]) -> HourBars:
    return HourBars(
        close_ns=bars.close_ns,
        new_york_hour=hour,
        new_york_weekday=weekday,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        spread=bars.spread,
        ticks=bars.ticks,
        mid_known=bars.mid_known,
    )


def _half_spreads(bars: Sequence[RecordedBars], pip: Floats, assumed_pips: float) -> Floats:
    spread = np.concatenate([one.spread for one in bars])
    # A negative spread in a file is a crossed quote: it earns nothing.
    return np.maximum(np.where(np.isfinite(spread), spread, assumed_pips * pip), 0.0) / 2


def later_value(data: TrainingData, values: Floats, rule: DelayedLabels) -> Floats:
    """Return each row's value at its outcome, or its own where there is none."""
    later = values.copy()
    for code in range(len(data.symbols)):
        own = np.flatnonzero(data.symbol_codes == code)
        at = later_index(data.ts_ns[own], rule.horizon_ns, rule.tolerance_ns)
        later[own[at >= 0]] = values[own[at[at >= 0]]]
    return later
