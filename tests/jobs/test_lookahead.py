"""The platform's own features are played whole and cut short: what looks ahead is named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.plan import AnyFeed, RecordedPlan
from config.settings import Settings
from domain.errors import BadUse
from domain.nanos import HOUR_NS, MINUTE_NS, SECOND_NS, iso
from features.spec import FEATURE_NAMES, SCHEMA
from jobs.lookahead import Rows, changed_features, detector, played
from tests.models.registry.made import logistic, manifest_of

START_NS = 1_768_351_200 * SECOND_NS  # Wednesday 2026-01-14 00:40 UTC
HOURS = 10


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write ten hours of two pairs that wander, a tick every few seconds."""
    rng = np.random.default_rng(8)
    n = HOURS * 3600 // 5
    path = tmp_path_factory.mktemp("ticks") / "ticks.parquet"
    parts = []
    for symbol, price in (("EURUSD", 1.1), ("NZDUSD", 0.6)):
        mid = price + 1e-5 * np.cumsum(rng.integers(-2, 3, n))
        ts_us = START_NS // 1_000 + 5_000_000 * np.arange(n)
        parts.append(
            pa.table(
                {
                    "symbol": [symbol] * n,
                    "ts": pa.array(ts_us, pa.timestamp("us", "UTC")),
                    "bid": np.round(mid - 5e-5, 6),
                    "ask": np.round(mid + 5e-5, 6),
                }
            )
        )
    pq.write_table(pa.concat_tables(parts).sort_by("ts"), path)
    return path


@pytest.fixture(scope="module")
def feed(tape: Path) -> RecordedPlan:
    """Return the whole tape as a feed."""
    return RecordedPlan(("EURUSD", "NZDUSD"), str(tape), None, START_NS + HOURS * HOUR_NS)


@pytest.fixture(scope="module")
def play() -> Callable[[AnyFeed], Rows]:
    """Play feeds with the settings of a run."""
    return played(Settings())


CUT_NS = START_NS + 9 * HOUR_NS


def test_what_the_platform_computes_does_not_look_ahead(
    play: Callable[[AnyFeed], Rows], feed: RecordedPlan
) -> None:
    """Every feature of every minute before the cut is the same, bit for bit."""
    assert changed_features(play, feed, [CUT_NS]) == []


def test_a_planted_look_ahead_is_named(play: Callable[[AnyFeed], Rows], feed: RecordedPlan) -> None:
    """One feature reads the minute that follows, where there is one."""

    def peeking(part: AnyFeed) -> Rows:
        rows = play(part)
        found = {}
        for (symbol, close_ns), values in rows.items():
            ahead = rows.get((symbol, close_ns + MINUTE_NS), values)
            found[symbol, close_ns] = np.append(ahead[:1], values[1:])
        return found

    assert changed_features(peeking, feed, [CUT_NS]) == [FEATURE_NAMES[0]]


def test_a_tape_that_is_too_short_proves_nothing(
    play: Callable[[AnyFeed], Rows], feed: RecordedPlan
) -> None:
    """Features that are never ready before the cut were not compared."""
    with pytest.raises(BadUse, match="never ready before a cut: give a longer tape"):
        changed_features(play, feed, [START_NS + HOUR_NS])


def test_the_detector_knows_its_schema_and_needs_an_end(tape: Path) -> None:
    """An artefact of other features cannot be judged by these."""
    with pytest.raises(BadUse, match="needs an end"):
        detector(tape, "", None, None, None)
    look = detector(tape, "EURUSD,NZDUSD", None, iso(START_NS + HOURS * HOUR_NS), None)
    model = logistic(np.array([1.0, -0.5, 0.25]))
    with pytest.raises(BadUse, match=f"computes {SCHEMA}"):
        look(manifest_of(model))
    assert look(manifest_of(model, feature_schema=SCHEMA)) == []
