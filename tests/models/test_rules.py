"""The technical rules as a voter: votes, patterns, and how often each was right."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from features.spec import FEATURE_NAMES, SCHEMA
from models.rules import INPUTS, PATTERNS, SILENT, RulesConfig

NAMES = ("other", "macd", "rsi_14", "donchian_60")
CONFIG = RulesConfig("schema-1", NAMES, half_life_labels=10, min_labels=3)


def _rows(*rows: tuple[float, float, float]) -> Any:
    return np.array([(9.0, *row) for row in rows])


@pytest.mark.parametrize(
    ("macd", "rsi", "channel", "votes"),
    [
        (0.1, 0.5, 0.5, (1, 0, 0)),
        (-0.1, 0.5, 0.5, (-1, 0, 0)),
        (0.0, 0.5, 0.5, (0, 0, 0)),
        (0.0, 0.7, 0.5, (0, -1, 0)),
        (0.0, 0.69, 0.5, (0, 0, 0)),
        (0.0, 0.3, 0.5, (0, 1, 0)),
        (0.0, 0.31, 0.5, (0, 0, 0)),
        (0.0, 0.5, 0.95, (0, 0, 1)),
        (0.0, 0.5, 0.05, (0, 0, -1)),
        (1.0, 0.9, 1.0, (1, -1, 1)),
        (-1.0, 0.1, 0.0, (-1, 1, -1)),
        (np.nan, np.nan, np.nan, (0, 0, 0)),
    ],
)
def test_votes(macd: float, rsi: float, channel: float, votes: tuple[int, ...]) -> None:
    """EMA cross, RSI and breakout, each up, down or silent."""
    found = CONFIG.votes(_rows((macd, rsi, channel)))
    assert tuple(found[0].tolist()) == votes
    code = sum((vote + 1) * 3 ** (2 - place) for place, vote in enumerate(votes))
    assert CONFIG.patterns(_rows((macd, rsi, channel))).tolist() == [code]


def test_every_pattern_has_a_number() -> None:
    """Twenty-seven, one of them silence."""
    values = [(m, r, c) for m in (-1, 0, 1) for r in (0.9, 0.5, 0.1) for c in (0.0, 0.5, 1.0)]
    assert CONFIG.patterns(_rows(*values)).tolist() == list(range(PATTERNS))
    assert CONFIG.patterns(_rows((0.0, 0.5, 0.5))).tolist() == [SILENT]


def test_the_features_are_those_of_the_platform() -> None:
    """The names that the rules read exist in the schema that is served."""
    assert set(INPUTS) <= set(FEATURE_NAMES)
    assert RulesConfig(SCHEMA, FEATURE_NAMES).model_id != CONFIG.model_id


def test_a_pattern_is_heard_by_its_smoothed_share_of_higher_mids() -> None:
    """None until there are enough, then (hits + 1) / (labels + 2), the old ones counting less."""
    rules = CONFIG.build(None)
    decay = 0.5**0.1
    ups = labels = 0.0
    for at, y in enumerate([1, 1, 0, 1, 1, 1, 0, 1]):
        if labels < 3:
            assert rules.predict(5) is None
        else:
            assert rules.predict(5) == pytest.approx((ups + 1) / (labels + 2))
        rules.learn(5, y)
        rules.learn(6, 1 - y)
        ups, labels = decay * ups + y, decay * labels + 1
        assert rules.predict(7) is None, at
    assert rules.predict(5) == pytest.approx((ups + 1) / (labels + 2))
    heard = rules.predict(6)
    assert heard is not None
    assert heard < 0.5


def test_silence_is_not_heard() -> None:
    """Where no rule votes there is no answer, however often it was seen."""
    rules = CONFIG.build(None)
    for _ in range(50):
        rules.learn(SILENT, 1)
    assert rules.predict(SILENT) is None


@given(
    labels=st.lists(st.tuples(st.integers(0, 26), st.integers(0, 1)), max_size=60),
    cut=st.integers(0, 60),
)
def test_they_resume_anywhere(labels: list[tuple[int, int]], cut: int) -> None:
    """Through text, to the bit; what they say is a probability."""
    whole, part = CONFIG.build(None), CONFIG.build(None)
    for at, (pattern, y) in enumerate(labels):
        if at == cut:
            part = CONFIG.build(json.loads(json.dumps(part.snapshot())))
        whole.learn(pattern, y)
        part.learn(pattern, y)
        heard = part.predict(pattern)
        assert heard == whole.predict(pattern)
        assert heard is None or 0 < heard < 1
    assert part.snapshot() == whole.snapshot()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"feature_names": ("macd", "rsi_14")}, "need the features donchian_60"),
        ({"rsi_high": 0.5}, "rsi_high and channel_edge"),
        ({"channel_edge": 1.0}, "rsi_high and channel_edge"),
        ({"half_life_labels": 0}, "half_life_labels > 0"),
        ({"min_labels": 501}, "min_labels in"),
    ],
)
def test_bounds_are_held(change: dict[str, Any], words: str) -> None:
    """A pattern that could never be heard is refused, too."""
    with pytest.raises(BadUse, match=words):
        RulesConfig(**{"feature_schema": "s", "feature_names": NAMES, **change})


@pytest.mark.parametrize("change", [{"v": 2}, {"owner": "another"}, {"seen": [[1]]}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Another version, other rules, or not whole."""
    with pytest.raises(Corrupt, match="rules"):
        CONFIG.build({**CONFIG.build(None).snapshot(), **change})
