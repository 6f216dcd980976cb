"""Recorded ticks as rows: the features of a run at every minute, with the spread they had."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from config.plan import Plan
from config.settings import Settings
from dataflows.context import Context, label_rule
from dataflows.fused import build_history
from domain.instruments import instrument
from domain.log import LogAddress
from features.minute_rows import FeatureRows
from features.spec import FEATURE_NAMES, SCHEMA
from jobs import feeds
from jobs.evaluation.lineup import minute_lineup
from jobs.evaluation.run import EvaluationConfig, Say, evaluate_tape
from jobs.evaluation.tape import Tape, TapeConfig, is_rollover, later_value
from models.contract import usable_rows
from models.evaluation.scores import round_trip_pips
from models.labels.arrays import sign_labels
from models.training.dataset import TrainingData
from operators import engine
from operators.decide import Closed, Considered
from operators.meter import Meter
from sources.quiesce import Quiesce

_EPOCH_MS = 60_000
"""Nothing is kept: snapshots would only cost."""

MINUTES = EvaluationConfig(first_days=5, test_days=2, embargo_days=0, quick=True)
"""The procedure for days of minutes. Labels are known minutes later: the horizon is embargo enough,
as `walk_forward` never trains on a label that is not known before the test begins."""


def evaluate_ticks(
    ticks: Path, settings: Settings, config: EvaluationConfig, say: Say
) -> dict[str, Any]:
    """Evaluate the members of a run, with its features and its horizon, on recorded ticks.

    Returns
    -------
    dict
        ``results`` and ``details`` as of `jobs.evaluation.run.evaluate`.
    """
    started = time.monotonic()
    tape = minute_tape(ticks, settings, config.tape)
    _, found = evaluate_tape(tape, config, minute_lineup(), say)
    found["details"]["seconds"] = round(time.monotonic() - started, 1)
    return found


def minute_tape(ticks: Path, settings: Settings, config: TapeConfig) -> Tape:
    """Play ticks through quality, bars and features, and label the minutes by the run's rule.

    Raises
    ------
    BadUse
        If the ticks cannot be played.
    """
    choice = feeds.choose(ticks, [], None, None, feeds.DEFAULT_SEED, 1)
    plan = Plan(
        run="evaluation",
        data_dir="",
        run_dir="",
        address=LogAddress("", "", 1),
        feed=choice.feed,
        feed_fingerprint=choice.fingerprint,
        speed=None,
        deployments=(),
        settings={},
    )
    rows: dict[str, list[FeatureRows]] = {}

    def take(item: Considered) -> None:
        rows.setdefault(item.symbol, []).append(item.joined.rows)

    def ignore(_item: Closed) -> None:
        """Bars are of no use here."""

    clock = time.time_ns  # noqa: TID251 - the edge: nothing in a history run reads it
    context = Context(plan, settings, Quiesce(), Meter("evaluation", clock), clock)
    engine.run(build_history(context, ("1m",), ignore, take), _EPOCH_MS, None)
    return _tape(rows, choice.fingerprint, settings, config)


def _tape(
    rows: dict[str, list[FeatureRows]], fingerprint: str, settings: Settings, config: TapeConfig
) -> Tape:
    symbols = tuple(sorted(rows))
    whole = {name: np.concatenate([one.bars for one in rows[name]]) for name in symbols}
    counts = [whole[name].size for name in symbols]
    bars = np.concatenate([whole[name] for name in symbols])
    ready = np.concatenate([one.ready for name in symbols for one in rows[name]])
    data = TrainingData(
        ts_ns=bars["ts_event_ns"].astype(np.int64),
        x=np.concatenate([one.values for name in symbols for one in rows[name]]),
        mid=bars["mid_close"].astype(np.float64),
        feature_schema=SCHEMA,
        feature_names=FEATURE_NAMES,
        symbol_codes=np.repeat(np.arange(len(symbols)), counts),
        symbols=symbols,
    )
    rule = label_rule(settings)
    pip = np.repeat([instrument(name).pip for name in symbols], counts)
    # The mean of the minute, not its last quote: one wide quote at the close is no price to trade.
    half = bars["spread_sum_millipips"] / (1_000.0 * bars["tick_count"]) * pip / 2
    return Tape(
        data=data,
        rule=rule,
        labels=sign_labels(data.ts_ns, data.symbol_codes, data.mid, rule),
        askable=ready & usable_rows(data.x, len(FEATURE_NAMES)),
        rollover=is_rollover(data.ts_ns) | is_rollover(data.ts_ns + rule.horizon_ns),
        mid_known=np.ones(len(data.ts_ns), dtype=np.bool_),
        pip=pip,
        cost_pips=round_trip_pips(half, later_value(data, half, rule), pip, config.slippage_pips),
        sources=tuple(
            {
                "symbol": name,
                "file": "ticks",
                "sha256": fingerprint,
                "bars": count,
                "prices": "mid",
                "repeated": 0,
            }
            for name, count in zip(symbols, counts, strict=True)
        ),
    )
