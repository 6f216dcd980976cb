"""From ticks to signals through the three steps: reasons, identities, resuming, no look-ahead."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.ids import signal_id
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.predictions import Signal
from domain.ticks import Kind, TickArray, TickBatch, heartbeat
from domain.topics import encode
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.quality import QualityConfig
from features.spec import FEATURE_NAMES, SCHEMA, WARM_UP_BARS
from models.contract import Role
from models.ensemble import EnsembleConfig
from models.labels import DelayedLabels
from models.online import OnlineLogistic
from models.prediction import PredictionConfig
from operators.decide import (
    BarStep,
    Closed,
    Considered,
    Decided,
    DecisionConfig,
    DecisionStep,
    FeatureStep,
)
from testkit.tapes import START, across_weekend, batches, spoil, ticks, walk
from trading.signals import SignalConfig

HORIZON_NS = 3 * MINUTE_NS
MIN_LABELS = 20
T0 = parse_ns(START)


@dataclass(frozen=True)
class ByReturn:
    """A batch model that follows the last return: enough to make signals of every kind."""

    role: Role = "batch"
    model_id: str = "by-return"
    feature_schema: str = SCHEMA
    horizon_ns: int = HORIZON_NS

    def predict(self, x: NDArray[np.float64]) -> float | None:
        """Return the logistic of the last return."""
        return 1.0 / (1.0 + math.exp(-float(x[0]) / 2.0))


def _decisions() -> DecisionConfig:
    online = OnlineLogistic(SCHEMA, FEATURE_NAMES, DelayedLabels(HORIZON_NS), min_labels=MIN_LABELS)
    models = PredictionConfig(online, ByReturn(), EnsembleConfig())
    return DecisionConfig(models, SignalConfig(models.model_id, HORIZON_NS))


CONFIG = _decisions()


class Out(NamedTuple):
    """Everything that the three steps give, as it goes to the log."""

    bars: list[bytes]
    vectors: list[bytes]
    predictions: list[bytes]
    signals: list[bytes]


class Way:
    """The steps of one symbol in a row, as the dataflow wires them."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        parts = state or {"bars": None, "features": None, "decisions": None}
        self.bars = BarStep(BarConfig(), "EURUSD", parts["bars"])
        self.features = FeatureStep(FeatureConfig(), "EURUSD", parts["features"])
        self.decisions = DecisionStep(CONFIG, "EURUSD", parts["decisions"])
        self.out = Out([], [], [], [])
        self.signals: list[Signal] = []

    def feed(self, records: TickArray) -> list[Decided]:
        """Pass records through; keep what comes out."""
        closed: list[Closed] = list(self.bars.on_batch([TickBatch("EURUSD", records, 42)]))
        considered: list[Considered] = list(self.features.on_batch(closed))
        decided = list(self.decisions.on_batch(considered))
        self.out.bars.extend(encode(bar) for item in closed for bar in item.bars)
        self.out.vectors.extend(encode(i.vector) for i in considered if i.vector is not None)
        self.out.predictions.extend(encode(p) for item in decided for p in item.predictions)
        self.out.signals.extend(encode(item.signal) for item in decided)
        self.signals += [item.signal for item in decided]
        return decided

    def snapshot(self) -> dict[str, Any]:
        """Return the state of all three, through text."""
        state = {
            "bars": self.bars.snapshot(),
            "features": self.features.snapshot(),
            "decisions": self.decisions.snapshot(),
        }
        plain: dict[str, Any] = json.loads(json.dumps(state))
        return plain


def _run(parts: Iterable[TickArray]) -> Out:
    way = Way()
    for part in parts:
        way.feed(part)
    return way.out


@pytest.fixture(scope="module")
def log() -> TickArray:
    """Give some five hours of accepted ticks and heartbeats over a weekend."""
    raw = spoil(across_weekend("EURUSD", 10_000, 8, mean_gap_ms=1_900.0), 0.02, 8)
    rules = QualityConfig(("EURUSD",)).build(None)
    return np.concatenate([rules.judge(raw).log, rules.last_heartbeat()])


@pytest.fixture(scope="module")
def whole(log: TickArray) -> Out:
    """Give everything that comes of it in one run."""
    way = Way()
    way.feed(log)
    reasons = {signal.reason for signal in way.signals}
    assert {"edge", "hold", "features_not_ready", "model_not_ready", "gap"} <= reasons
    assert {signal.side for signal in way.signals} == {"buy", "sell", "flat"}
    return way.out


def test_what_is_known_at_a_cut_does_not_depend_on_what_follows(log: TickArray, whole: Out) -> None:
    """Cut the tape anywhere: bars, features, predictions, signals are the first of the whole's."""
    rng = np.random.default_rng(4)
    way, done = Way(), 0
    for cut in sorted(rng.integers(1, log.size, 8).tolist()):
        way.feed(log[done:cut])
        done = cut
        truncated = _run([log[:cut]])
        assert truncated == way.out
        for part, all_of_it in zip(truncated, whole, strict=True):
            assert part == all_of_it[: len(part)]


def test_another_future_changes_nothing_before_it(log: TickArray) -> None:
    """Double every price behind a tick: what was decided until then stays, to the byte."""
    cut = log.size * 2 // 3
    other = log.copy()
    other["bid"][cut:] *= 2
    other["ask"][cut:] *= 2
    before = _run([log[:cut]])
    after = _run([other])
    for part, all_of_it in zip(before, after, strict=True):
        assert part == all_of_it[: len(part)]
    assert len(after.signals) > len(before.signals) > 150


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_batches_of_any_size_give_the_same_bytes(size: int, log: TickArray, whole: Out) -> None:
    """Predictions and signals, too, do not depend on how the log was polled."""
    assert _run(batches(log, size)) == whole


def test_the_steps_resume_anywhere(log: TickArray, whole: Out) -> None:
    """Thrown away and restored at a dozen random records, they go on as if nothing had been."""
    rng = np.random.default_rng(5)
    way, out = Way(), Out([], [], [], [])
    for part in np.split(log, sorted(rng.integers(0, log.size, 12).tolist())):
        way = Way(way.snapshot())
        way.feed(part)
        for mine, all_of_it in zip(way.out, out, strict=True):
            all_of_it.extend(mine)
    assert out == whole


def test_models_answer_from_their_warm_up_on(log: TickArray) -> None:
    """Features first, then the labels that the online model needs, then a view."""
    decided = Way().feed(log[: log.size // 2])
    reasons = [item.predictions[-1].reason for item in decided if item.predictions]
    cold = reasons.count("features_not_ready")
    untaught = reasons.count("model_not_ready")
    assert cold == WARM_UP_BARS - 1
    # Twenty labels, each known three minutes after its bar; a label of no move teaches nothing.
    assert untaught >= MIN_LABELS + 2
    assert (
        reasons[: cold + untaught] == ["features_not_ready"] * cold + ["model_not_ready"] * untaught
    )


def test_each_boundary_has_one_signal_with_its_own_id(log: TickArray) -> None:
    """Minute after minute, whether there is something to do or not."""
    way = Way()
    way.feed(log)
    moments = [signal.ts_event_ns for signal in way.signals]
    assert moments == sorted(set(moments))
    assert all(moment % MINUTE_NS == 0 for moment in moments)
    for signal in way.signals:
        assert signal.signal_id == signal_id(
            CONFIG.predictions.model_id, "EURUSD", signal.ts_event_ns, "edge-hold"
        )
        assert signal.ts_recv_ns >= signal.ts_event_ns


def test_before_the_first_tick_there_is_no_quote() -> None:
    """A heartbeat alone may pass a minute."""
    beats = np.concatenate([heartbeat(T0), heartbeat(T0 + 61 * SECOND_NS)])
    (decided,) = Way().feed(beats)
    assert decided.predictions == []
    signal = decided.signal
    assert (signal.reason, signal.bid, signal.actionable) == ("no_quote", None, False)


def test_a_minute_without_ticks_has_no_bar() -> None:
    """The quote is known, a view is not."""
    way = Way()
    way.feed(ticks("EURUSD", [(30, 1.1, 1.2)]))
    way.feed(heartbeat(T0 + 61 * SECOND_NS))
    (decided,) = way.feed(heartbeat(T0 + 121 * SECOND_NS))
    signal = decided.signal
    assert (signal.reason, signal.bid, signal.ask) == ("no_bar", 1.1, 1.2)
    assert not signal.actionable


def test_a_view_on_an_old_bar_is_none() -> None:
    """After a gap the bar is minutes old: predictions are written, the decision has no view."""
    way = Way()
    way.feed(walk("EURUSD", 12_000, 1, mean_gap_ms=900.0))
    assert way.signals[-1].actionable
    records = way.bars.snapshot()["clock"]
    later = (records[0] - T0) / SECOND_NS + 600
    (decided,) = way.feed(ticks("EURUSD", [(later, 1.3, 1.3001)]))
    assert decided.signal.reason == "gap"
    assert (decided.signal.p_up, decided.signal.actionable) == (None, False)
    assert decided.signal.side == way.signals[-2].side
    assert [p.model for p in decided.predictions] == ["online", "batch", "ensemble"]
    assert decided.predictions[-1].p_up is not None
    assert decided.predictions[-1].ts_event_ns < decided.signal.ts_event_ns


def test_the_wall_clock_of_a_batch_goes_through_and_decides_nothing(log: TickArray) -> None:
    """It is for latency figures: carried along, in no record."""
    decided = Way().feed(log[: log.size // 4])
    assert {item.wall_ns for item in decided} == {42}
    assert (log["kind"] == Kind.HEARTBEAT).any()
