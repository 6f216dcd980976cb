"""When to train anew: pure functions of what is known. A trigger never promotes anything.

What training then makes is a candidate; one that fails leaves everything as it was, since an
artefact counts only once it is whole, and a candidate only once its line is in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from domain.deployments import ModelEvent
from domain.errors import BadUse
from domain.nanos import DAY_NS


@dataclass(frozen=True, slots=True)
class Trigger:
    """A reason to train anew.

    Attributes
    ----------
    kind
        ``missing``: the slot has no champion. ``schedule``: its data is old. ``drift``: detectors
        have fired. ``performance``: it is below its floor.
    reason
        In words, with the figures that decided; for the candidate's line in the ledger.
    at_ns
        Event time at which it was so.
    """

    kind: Literal["missing", "schedule", "drift", "performance"]
    reason: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Performance:
    """Directional accuracy of the champion's latest answers.

    Attributes
    ----------
    accuracy, high
        Share that was right, and the upper bound of its interval, in [0, 1].
    signals
        How many answers that is.
    """

    accuracy: float
    high: float
    signals: int


@dataclass(frozen=True, slots=True)
class RetrainingConfig:
    """When to train anew.

    Parameters
    ----------
    max_age_ns
        Age of the champion's newest data at which it is trained anew (> 0).
    drift_events
        How many drift events within ``drift_window_ns`` are enough (> 0); one alone is often noise.
    drift_window_ns
        How far back they count (> 0).
    min_accuracy
        Floor, in [0, 1); 0 turns it off. Below it is an accuracy whose upper bound is below: then
        it is no bad luck.
    min_signals
        Answers below which performance is not judged (> 0).
    pause_ns
        Shortest time between two trainings of a slot (>= 0): data that a training has just seen
        makes no other model.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    max_age_ns: int = 7 * DAY_NS
    drift_events: int = 3
    drift_window_ns: int = DAY_NS
    min_accuracy: float = 0.0
    min_signals: int = 1_000
    pause_ns: int = DAY_NS

    def __post_init__(self) -> None:
        positive = (self.max_age_ns, self.drift_events, self.drift_window_ns, self.min_signals)
        if min(positive) <= 0 or self.pause_ns < 0 or not 0 <= self.min_accuracy < 1:
            msg = (
                "retraining: max_age_ns, drift_events, drift_window_ns and min_signals must be "
                f"above 0, pause_ns at least 0, min_accuracy in [0, 1): {self}"
            )
            raise BadUse(msg)


def due(
    config: RetrainingConfig,
    now_ns: int,
    data_last_ns: int | None,
    trained_ns: int | None,
    events: Sequence[ModelEvent],
    performance: Performance | None,
) -> Trigger | None:
    """Return why a slot should be trained anew, or None.

    Parameters
    ----------
    now_ns
        Event time; whoever asks says what time it is.
    data_last_ns
        Newest data that the champion has seen; None where the slot has no champion.
    trained_ns
        Event time of the last training of this slot, whatever became of it; None if there was none.
    events
        Of the slot, in any order; only ``drift`` counts, and only what is newer than
        ``trained_ns``.
    performance
        The champion's; None where it is not known.

    Returns
    -------
    Trigger or None
        The first that applies: missing, performance, drift, schedule.
    """
    if trained_ns is not None and now_ns - trained_ns < config.pause_ns:
        return None
    if data_last_ns is None:
        return Trigger("missing", "the slot has no champion", now_ns)
    return (
        below_floor(config, now_ns, performance)
        or drifted(config, now_ns, trained_ns, events)
        or stale(config, now_ns, data_last_ns)
    )


def stale(config: RetrainingConfig, now_ns: int, data_last_ns: int) -> Trigger | None:
    """Return a trigger where the champion's data is old."""
    age_ns = now_ns - data_last_ns
    if age_ns < config.max_age_ns:
        return None
    reason = (
        f"the champion's data is {age_ns / DAY_NS:.1f} days old, {config.max_age_ns / DAY_NS:.1f} "
        "are allowed"
    )
    return Trigger("schedule", reason, now_ns)


def drifted(
    config: RetrainingConfig, now_ns: int, trained_ns: int | None, events: Sequence[ModelEvent]
) -> Trigger | None:
    """Return a trigger where enough drift events stand in the window behind the last training."""
    since_ns = now_ns - config.drift_window_ns
    if trained_ns is not None:
        since_ns = max(since_ns, trained_ns)
    count = sum(
        event.kind == "drift" and since_ns < event.ts_event_ns <= now_ns for event in events
    )
    if count < config.drift_events:
        return None
    reason = f"{count} drift events, {config.drift_events} are enough"
    return Trigger("drift", reason, now_ns)


def below_floor(
    config: RetrainingConfig, now_ns: int, performance: Performance | None
) -> Trigger | None:
    """Return a trigger where the champion's accuracy lies below the floor with all its interval."""
    if performance is None or performance.signals < config.min_signals:
        return None
    if performance.high >= config.min_accuracy:
        return None
    reason = (
        f"accuracy {performance.accuracy:.4f}, at most {performance.high:.4f}, of "
        f"{performance.signals} signals is below the floor {config.min_accuracy}"
    )
    return Trigger("performance", reason, now_ns)
