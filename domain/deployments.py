"""Which trained model is in which place, and since when: the nouns of promotion.

A **slot** is a place for one kind of trained model in the ensemble. A **switch** says who is in it
from an event time on. It stands in the log among the ticks, so a replay switches at the same tick.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal

import msgspec

from domain.errors import Corrupt

Slot = Literal["xgboost", "forest", "lstm"]
"""Kind of a trained model, and its place in the ensemble."""

SLOTS: tuple[Slot, ...] = ("xgboost", "forest", "lstm")
"""Order is on the wire: never renumber, only append."""


class Stage(StrEnum):
    """How far an artefact has come. Each stage is entered by a line of the promotion ledger."""

    CANDIDATE = "candidate"
    VALIDATED = "validated"
    SHADOW = "shadow"
    CANARY = "canary"
    CHAMPION = "champion"
    RETIRED = "retired"


STAGES: tuple[Stage, ...] = tuple(Stage)
"""Order is on the wire: never renumber, only append."""

IN_FLOW = frozenset({Stage.SHADOW, Stage.CANARY, Stage.CHAMPION, Stage.RETIRED})
"""Stages that a run takes notice of; the others concern the registry alone."""


class ModelSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From ``effective_ns`` on, an artefact has a stage in a slot.

    Attributes
    ----------
    slot
        Place in the ensemble.
    artefact_id
        32 hexadecimal digits.
    stage
        ``shadow``: it answers, and nothing follows. ``canary``: it answers in the champion's place
        for its share of the symbols. ``champion``: for all; the champion before stays loaded as the
        one to roll back to. ``retired``: it no longer answers.
    effective_ns
        First event time that it holds for: decisions at boundaries ``>= effective_ns``.
    share
        Of the symbols, in (0, 1]; only for a canary.
    """

    slot: Slot
    artefact_id: str
    stage: Stage
    effective_ns: int
    share: float = 1.0


def switches_to_plain(switches: Iterable[ModelSwitch]) -> list[dict[str, Any]]:
    """Return switches as plain mappings for a snapshot, in order."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(list(switches))
    return plain


def switches_from_plain(plain: object) -> tuple[ModelSwitch, ...]:
    """Return the switches that `switches_to_plain` has written.

    Raises
    ------
    Corrupt
        If it is something else.
    """
    try:
        return msgspec.convert(plain, tuple[ModelSwitch, ...])
    except msgspec.ValidationError as error:
        msg = f"these are no model switches: {error}"
        raise Corrupt(msg) from error


class ModelEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What became of the models of one symbol, written when it takes effect (topic ``models``).

    Attributes
    ----------
    symbol, ts_event_ns
        The decision boundary from which it holds, and of which symbol.
    kind
        ``switch``: a `ModelSwitch` of the log took effect. ``rollback``: the flow itself went back
        to the last champion. ``drift``: a detector fired. ``gate``: the accuracy gate opened or
        closed. ``difference``: the sequential test has shown a challenger to be better or worse.
    slot
        Place in the ensemble, or the role that drifted; empty for the gate.
    artefact_id, before_id
        Who answers from now on, and who did before; empty where that does not apply.
    stage
        Stage of ``artefact_id`` in the slot; empty where that does not apply.
    reason
        In words, with the figures that decided.
    golden_sha256
        Of the answers to the artefact's golden vectors, as it gave them when it was loaded: proof
        that a rollback serves the same model, bit for bit. Empty where that does not apply.
    """

    symbol: str
    ts_event_ns: int
    kind: Literal["switch", "rollback", "drift", "gate", "difference"]
    slot: str
    artefact_id: str
    before_id: str
    stage: str
    reason: str
    golden_sha256: str = ""
    v: int = 1
