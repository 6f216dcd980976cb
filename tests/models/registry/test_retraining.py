"""When to train anew: by age, by drift, by performance, and not too often."""

from typing import Any

import pytest

from domain.deployments import ModelEvent
from domain.errors import BadUse
from domain.nanos import DAY_NS
from models.registry.retraining import Performance, RetrainingConfig, Trigger, due

CONFIG = RetrainingConfig(min_accuracy=0.52)
NOW_NS = 20_000 * DAY_NS
FRESH_NS = NOW_NS - DAY_NS


def _event(at_ns: int, kind: Any = "drift") -> ModelEvent:
    return ModelEvent("EURUSD", at_ns, kind, "xgboost", "", "", "", "error rose")


def _kind(trigger: Trigger | None) -> str | None:
    return None if trigger is None else trigger.kind


def test_a_fresh_sound_champion_is_left_alone() -> None:
    """Nothing has happened."""
    assert due(CONFIG, NOW_NS, FRESH_NS, None, [], Performance(0.55, 0.58, 5_000)) is None


def test_an_empty_slot_wants_a_model() -> None:
    """The reason says so, at the time asked about."""
    trigger = due(CONFIG, NOW_NS, None, None, [], None)
    assert trigger == Trigger("missing", "the slot has no champion", NOW_NS)


@pytest.mark.parametrize(("days", "kind"), [(6.99, None), (7, "schedule"), (30, "schedule")])
def test_old_data_is_a_reason(days: float, kind: str | None) -> None:
    """From the seventh day on."""
    trigger = due(CONFIG, NOW_NS, NOW_NS - int(days * DAY_NS), None, [], None)
    assert _kind(trigger) == kind


def test_drift_counts_within_its_window_and_behind_the_last_training() -> None:
    """Three within a day; what is older, answered by a training, or no drift does not count."""
    recent = [_event(NOW_NS - k) for k in range(3)]
    assert _kind(due(CONFIG, NOW_NS, FRESH_NS, None, recent, None)) == "drift"
    assert due(CONFIG, NOW_NS, FRESH_NS, None, recent[:2], None) is None
    old = [*recent[:2], _event(NOW_NS - DAY_NS)]
    assert due(CONFIG, NOW_NS, FRESH_NS, None, old, None) is None
    others = [*recent[:2], _event(NOW_NS, "gate"), _event(NOW_NS + 1)]
    assert due(CONFIG, NOW_NS, FRESH_NS, None, others, None) is None
    eager = RetrainingConfig(pause_ns=0)
    assert due(eager, NOW_NS, FRESH_NS, NOW_NS - 1, recent, None) is None


@pytest.mark.parametrize(
    ("high", "signals", "kind"),
    [(0.51, 5_000, "performance"), (0.52, 5_000, None), (0.51, 999, None)],
)
def test_only_a_whole_interval_below_the_floor_is_no_bad_luck(
    high: float, signals: int, kind: str | None
) -> None:
    """And only on enough signals."""
    found = due(CONFIG, NOW_NS, FRESH_NS, None, [], Performance(0.49, high, signals))
    assert _kind(found) == kind


def test_a_training_is_followed_by_a_pause() -> None:
    """Whatever the reason, and whether or not it succeeded."""
    for trained_ns, kind in ((NOW_NS - DAY_NS + 1, None), (NOW_NS - DAY_NS, "missing")):
        assert _kind(due(CONFIG, NOW_NS, None, trained_ns, [], None)) == kind


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_age_ns": 0},
        {"drift_events": 0},
        {"drift_window_ns": 0},
        {"min_accuracy": 1.0},
        {"min_signals": 0},
        {"pause_ns": -1},
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, Any]) -> None:
    """The line names the bounds."""
    with pytest.raises(BadUse, match=next(iter(wrong))):
        RetrainingConfig(**wrong)
