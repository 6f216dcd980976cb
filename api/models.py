"""The models of a run as it goes: who decides where, whose gate is closed, what became of whom."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from api.rows import Recent, Row
from api.wording import event_reason, event_words
from domain.deployments import SLOTS, ModelEvent
from domain.nanos import MS_NS
from domain.predictions import Signal, Vote

MAX_EVENTS = 200
"""Events kept: a switch gives one of each symbol, so this is some seven of all 28 pairs."""

GATE_CLOSED = "accuracy_below_floor"
"""Reason of a signal whose symbol has a closed accuracy gate."""

_ROLES = ("online", *SLOTS, "rules")


class ModelsBoard:
    """What the newest signal of each symbol says of its members, and the last events.

    Who decides is read from the votes and not from the plan: after a switch, with a canary or after
    a rollback it differs from how the run began, and from symbol to symbol.
    """

    def __init__(self) -> None:
        self._newest: dict[str, Signal] = {}
        self._voted: dict[str, tuple[Vote, ...]] = {}
        self._events = Recent(MAX_EVENTS)

    def apply_signal(self, signal: Signal) -> bool:
        """Take in a decision; say whether anything changed."""
        known = self._newest.get(signal.symbol)
        if known is not None and signal.ts_event_ns <= known.ts_event_ns:
            return False
        self._newest[signal.symbol] = signal
        if signal.votes:
            self._voted[signal.symbol] = signal.votes
        return True

    def apply_event(self, event: ModelEvent) -> bool:
        """Take in what became of a model; say whether it was new."""
        row = _event_row(event)
        return self._events.put(repr(row), row)

    def snapshot(self) -> dict[str, Any]:
        """Return members, symbols with a closed gate, and events.

        Returns
        -------
        dict
            ``members``: one row for each model that some symbol asks, with the mean of its weights
            there and how many symbols that is; ``of``: symbols that have voted; ``closed``: symbols
            on which nothing is risked; ``events``: newest first, one row for all symbols of which
            the same is said.
        """
        return {
            "members": self._members(),
            "of": len(self._voted),
            "closed": sorted(
                symbol for symbol, last in self._newest.items() if last.reason == GATE_CLOSED
            ),
            "events": list(_grouped(self._events.newest_first())),
        }

    def _members(self) -> list[Row]:
        weights: dict[tuple[str, str], list[float]] = {}
        for votes in self._voted.values():
            for vote in votes:
                weights.setdefault((vote.role, vote.model_id), []).append(vote.weight)
        rows: list[Row] = [
            {"role": role, "id": model_id, "symbols": len(own), "weight": sum(own) / len(own)}
            for (role, model_id), own in weights.items()
        ]
        return sorted(rows, key=lambda row: (_place(row["role"]), -row["symbols"]))


def _place(role: str) -> int:
    return _ROLES.index(role) if role in _ROLES else len(_ROLES)


def _event_row(event: ModelEvent) -> Row:
    return {
        "t": event.ts_event_ns // MS_NS,
        "symbol": event.symbol,
        "kind": event.kind,
        "slot": event.slot,
        "words": event_words(event),
        "reason": event_reason(event),
    }


def _grouped(rows: list[Row]) -> Iterator[Row]:
    """Put rows that differ in their symbol alone into one."""

    def same(row: Row) -> tuple[Any, ...]:
        return -row["t"], row["kind"], row["slot"], row["words"], row["reason"]

    for _, group in groupby(sorted(rows, key=same), key=same):
        alike = list(group)
        first = {name: value for name, value in alike[0].items() if name != "symbol"}
        yield {**first, "symbols": sorted(row["symbol"] for row in alike)}
