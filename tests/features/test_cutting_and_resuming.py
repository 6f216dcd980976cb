"""However a tape is cut into batches, and wherever it is interrupted, the results are the same."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.ticks import TickArray
from domain.topics import encode
from features.bars import BarConfig, BarLogic, BarOut, Boundary
from features.minute_features import FeatureConfig
from features.quality import QualityConfig
from operators.decode import by_symbol
from testkit.tapes import (
    across_weekend,
    arrivals,
    batches,
    minute_bar,
    spoil,
    walk,
)

SYMBOLS = ("EURUSD", "NZDUSD")
_R = TypeVar("_R")


class Resumable(Protocol):
    """Any logic with a snapshot."""

    def snapshot(self) -> dict[str, Any]:
        """Return all of its state."""
        ...


_Logic = TypeVar("_Logic", bound=Resumable)


class Bytes(NamedTuple):
    """Everything that a tape leads to, as it goes to the log."""

    bars: list[bytes]
    boundaries: list[Boundary]
    features: list[bytes]


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
    bars, features = BarConfig().build("EURUSD", None), FeatureConfig().build("EURUSD", None)
    out = [bars.on_records(part) for part in parts]
    boundaries = [boundary for one in out for boundary in one.boundaries]
    return Bytes(
        [encode(bar) for one in out for bar in one.bars],
        boundaries,
        [encode(features.on_bar(b.bar)) for b in boundaries if b.bar is not None],
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
    assert len(whole.bars) > 1_000
    assert len(whole.features) > 20
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


@settings(max_examples=40, deadline=None)
@given(cuts=CUTS)
def test_bars_resume_anywhere(cuts: list[int]) -> None:
    """Interrupted at any records, bars, boundaries and final state are those of one run."""
    log = _log(TAPE)
    whole = BarConfig().build("EURUSD", None)
    wanted = whole.on_records(log)

    def build(state: Mapping[str, Any] | None) -> BarLogic:
        return BarConfig().build("EURUSD", state)

    parts, state = _resumed(build, lambda logic, part: logic.on_records(part), _cut(log, cuts))
    assert (
        BarOut(
            [bar for part in parts for bar in part.bars],
            [boundary for part in parts for boundary in part.boundaries],
        )
        == wanted
    )
    assert state == json.dumps(whole.snapshot())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000), stop=st.integers(0, 140))
def test_features_resume_anywhere(seed: int, stop: int) -> None:
    """Interrupted after any bar, of the first session or the second, all values stay the same."""
    rng = np.random.default_rng(seed)
    closes = 1.1 + np.cumsum(rng.normal(size=140)) / 1e4
    bars = [minute_bar(m, close, "2024-03-08T20:50") for m, close in enumerate(closes[:70])]
    bars += [minute_bar(m, close, "2024-03-10T21:00") for m, close in enumerate(closes[70:])]
    whole = FeatureConfig().build("EURUSD", None)
    wanted = [whole.on_bar(bar) for bar in bars]
    cut = [part for part in (bars[:stop], bars[stop:]) if part]
    parts, state = _resumed(
        lambda state: FeatureConfig().build("EURUSD", state),
        lambda logic, part: [logic.on_bar(bar) for bar in part],
        cut,
    )
    assert [vector for part in parts for vector in part] == wanted
    assert state == json.dumps(whole.snapshot())


def _cut(records: TickArray, at: list[int]) -> list[TickArray]:
    return [part for part in np.split(records, at) if part.size]


def test_a_snapshot_does_not_grow() -> None:
    """State is a fixed block of numbers: a week of ticks takes no more room than an hour."""
    bars, features = BarConfig().build("EURUSD", None), FeatureConfig().build("EURUSD", None)
    sizes = []
    for part in np.array_split(walk("EURUSD", 40_000, 2), 4):
        for bar in bars.on_records(part).bars:
            if bar.timeframe == "1m":
                features.on_bar(bar)
        state = features.snapshot()
        lengths = [len(v) for v in state.values() if isinstance(v, list)]
        sizes.append((np.array(bars.snapshot()["prices"]).shape, lengths))
    assert sizes[1:] == [sizes[0]] * 3


def test_a_snapshot_is_a_copy() -> None:
    """What goes on after a snapshot must not change it."""
    tape = walk("EURUSD", 3_000, 2)
    rules, bars = QualityConfig(("EURUSD",)).build(None), BarConfig().build("EURUSD", None)
    features = FeatureConfig().build("EURUSD", None)
    rules.judge(tape[:100])
    bars.on_records(tape[:100])
    features.on_bar(minute_bar(0))
    states = [logic.snapshot() for logic in (rules, bars, features)]
    before = json.dumps(states)
    rules.judge(tape[100:])
    bars.on_records(tape[100:])
    features.on_bar(minute_bar(1, 1.2))
    assert json.dumps(states) == before
