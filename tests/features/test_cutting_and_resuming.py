"""However a tape is cut into batches, and wherever it is interrupted, the results are the same."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import BAR_DTYPE
from domain.ticks import TickArray
from features.bar_kernel import EDGE_DTYPE
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.quality import QualityConfig
from operators.decode import by_symbol
from testkit.bar_rows import bar_rows
from testkit.tapes import (
    across_weekend,
    arrivals,
    batches,
    spoil,
    walk,
)
from tests.features.slow_bars import joined

SYMBOLS = ("EURUSD", "NZDUSD")
_R = TypeVar("_R")


class Resumable(Protocol):
    """Any logic with a snapshot."""

    def snapshot(self) -> dict[str, Any]:
        """Return all of its state."""
        ...


_Logic = TypeVar("_Logic", bound=Resumable)


class Bytes(NamedTuple):
    """Everything that a tape leads to."""

    bars: bytes
    edges: bytes
    features: bytes


def _raw(seed: int, count: int = 4_000) -> TickArray:
    return arrivals(
        spoil(across_weekend("EURUSD", count, seed), 0.05, seed),
        spoil(across_weekend("NZDUSD", count // 4, seed + 9), 0.05, seed + 1),
    )


def _log(raw: TickArray) -> TickArray:
    rules = QualityConfig(SYMBOLS).build(None)
    log = np.concatenate([rules.judge(raw).log, rules.last_heartbeat()])
    return next(iter(by_symbol(log, SYMBOLS, 0))).records


def _way(parts: Iterable[TickArray]) -> Bytes:
    config = BarConfig()
    bars, features = config.build("EURUSD", None), FeatureConfig().build("EURUSD", None)
    out = [bars.on_records(part) for part in parts]
    minutes = [one.bars[one.bars["frame"] == config.decision_frame] for one in out]
    return Bytes(
        b"".join(one.bars.tobytes() for one in out),
        joined(out).edges.tobytes(),
        b"".join(features.on_bars(part).values.tobytes() for part in minutes),
    )


def _resumed(
    build: Callable[[Mapping[str, Any] | None], _Logic],
    step: Callable[[_Logic, Any], _R],
    parts: Iterable[Any],
) -> tuple[list[_R], str]:
    """Run the parts, and between any two throw the logic away and restore it from its snapshot."""
    results: list[_R] = []
    state: dict[str, Any] | None = None
    for part in parts:
        logic = build(state)
        results.append(step(logic, part))
        # Through text: what is stored is numbers, strings, lists and mappings, and nothing else.
        state = json.loads(json.dumps(logic.snapshot()))
    return results, json.dumps(state)


CUTS = st.lists(st.integers(0, 1_200), max_size=12).map(sorted)
TAPE = _raw(3, 1_000)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_batches_of_any_size_give_the_same_bytes(size: int) -> None:
    """Bars, boundaries and features of a tape over a weekend do not depend on the cut."""
    log = _log(_raw(1))
    whole = _way([log])
    assert len(whole.bars) > 1_000 * BAR_DTYPE.itemsize
    assert len(whole.edges) > 20 * EDGE_DTYPE.itemsize
    assert _way(batches(log, size)) == whole


@pytest.mark.real_data
@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_recorded_ticks_can_be_cut_anywhere(size: int, real_ticks: Mapping[str, TickArray]) -> None:
    """The same for the hours around a recorded weekend."""
    tape = real_ticks["EURUSD"]
    gap = int(np.argmax(np.diff(tape["ts_event_ns"]))) + 1
    log = _log(tape[gap - 6_000 : gap + 6_000])
    assert _way(batches(log, size)) == _way([log])


@settings(max_examples=40, deadline=None)
@given(cuts=CUTS)
def test_quality_resumes_anywhere(cuts: list[int]) -> None:
    """Interrupted at any ticks, log, rejects and final state are those of one run."""
    config = QualityConfig(SYMBOLS)
    whole = config.build(None)
    wanted = whole.judge(TAPE)
    parts, state = _resumed(config.build, lambda rules, part: rules.judge(part), _cut(TAPE, cuts))
    assert b"".join(part.log.tobytes() for part in parts) == wanted.log.tobytes()
    assert b"".join(part.rejected.tobytes() for part in parts) == wanted.rejected.tobytes()
    assert state == json.dumps(whole.snapshot())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000), stop=st.integers(0, 140))
def test_features_resume_anywhere(seed: int, stop: int) -> None:
    """Interrupted after any bar, of the first session or the second, all values stay the same."""
    rng = np.random.default_rng(seed)
    closes = 1.1 + np.cumsum(rng.normal(size=140)) / 1e4
    bars = np.concatenate(
        [bar_rows(closes[:70], "2024-03-08T20:50"), bar_rows(closes[70:], "2024-03-10T21:00")]
    )
    whole = FeatureConfig().build("EURUSD", None)
    wanted = whole.on_bars(bars).values
    parts, state = _resumed(
        lambda state: FeatureConfig().build("EURUSD", state),
        lambda logic, part: logic.on_bars(part).values,
        [bars[:stop], bars[stop:]],
    )
    assert b"".join(part.tobytes() for part in parts) == wanted.tobytes()
    assert state == json.dumps(whole.snapshot())


def _cut(records: TickArray, at: list[int]) -> list[TickArray]:
    return [part for part in np.split(records, at) if part.size]


def test_a_snapshot_does_not_grow() -> None:
    """State is a fixed block of numbers: a week of ticks takes no more room than an hour."""
    config = BarConfig()
    bars, features = config.build("EURUSD", None), FeatureConfig().build("EURUSD", None)
    sizes = []
    for part in np.array_split(walk("EURUSD", 40_000, 2), 4):
        closed = bars.on_records(part).bars
        features.on_bars(closed[closed["frame"] == config.decision_frame])
        states = (bars.snapshot(), features.snapshot())
        sizes.append(
            [np.shape(v) for state in states for v in state.values() if isinstance(v, list)]
        )
    assert sizes[1:] == [sizes[0]] * 3


def test_a_snapshot_is_a_copy() -> None:
    """What goes on after a snapshot must not change it."""
    tape = walk("EURUSD", 3_000, 2)
    rules, bars = QualityConfig(("EURUSD",)).build(None), BarConfig().build("EURUSD", None)
    features = FeatureConfig().build("EURUSD", None)
    rules.judge(tape[:100])
    bars.on_records(tape[:100])
    features.on_bars(bar_rows([1.1]))
    states = [logic.snapshot() for logic in (rules, bars, features)]
    before = json.dumps(states)
    rules.judge(tape[100:])
    bars.on_records(tape[100:])
    features.on_bars(bar_rows([1.2], minutes=[1]))
    assert json.dumps(states) == before
