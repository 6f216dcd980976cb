"""Drift of one symbol as events: detectors on the ensemble's error and on some features."""

from dataclasses import dataclass
from typing import Any

from domain.deployments import ModelEvent
from models.contract import Features, State
from models.online.drift import ERROR, DriftConfig, DriftEvent
from models.views import ENSEMBLE


@dataclass(frozen=True, slots=True)
class DriftWatchConfig:
    """What is watched.

    Parameters
    ----------
    detectors
        The detectors and their parameters.
    roll_back
        Whether a risen error takes those out of their slots who decide while still on trial.
    """

    detectors: DriftConfig
    roll_back: bool = True

    def build(self, symbol: str, resume_state: State | None) -> "DriftWatch":
        """Return a watch that has seen nothing, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        return DriftWatch(self, symbol, resume_state)


class DriftWatch:
    """The detectors of one symbol."""

    def __init__(self, config: DriftWatchConfig, symbol: str, resume_state: State | None) -> None:
        self._symbol = symbol
        self._roll_back = config.roll_back
        self._logic = config.detectors.build(resume_state)
        self._events: list[ModelEvent] = []

    def on_error(self, ts_ns: int, loss: float) -> str:
        """Take the log-loss of an answer; return why models on trial must go, empty where not."""
        reason = ""
        for event in self._logic.on_error(ts_ns, loss):
            words = self._note(event)
            # An error that fell is a change too, but none to go back for.
            if self._roll_back and event.value > 0:
                reason = words
        return reason

    def on_features(self, ts_ns: int, x: Features) -> None:
        """Take a ready row, shape (n_features,)."""
        for event in self._logic.on_features(ts_ns, x):
            self._note(event)

    def take_events(self) -> list[ModelEvent]:
        """Return what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def snapshot(self) -> dict[str, Any]:
        """Return the state of the detectors as a plain mapping."""
        return dict(self._logic.snapshot())

    def _note(self, event: DriftEvent) -> str:
        what = "the ensemble's log-loss" if event.what == ERROR else f"feature {event.what}"
        words = f"{event.detector}: {what} is {event.value:+.2f} deviations from its usual level"
        self._events.append(
            ModelEvent(
                symbol=self._symbol,
                ts_event_ns=event.ts_ns,
                kind="drift",
                slot=ENSEMBLE if event.what == ERROR else "",
                artefact_id="",
                before_id="",
                stage="",
                reason=words,
            )
        )
        return words
