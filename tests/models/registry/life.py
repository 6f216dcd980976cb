"""Takes artefacts through their stages, for tests that begin later in life."""

from itertools import count
from pathlib import Path
from typing import Any

from domain.deployments import Slot, Stage
from models.registry.acts import approve, promote, record_validation, register
from models.registry.store import ModelStore
from tests.models.registry.made import made, passed_report

_WAY = (Stage.CANDIDATE, Stage.VALIDATED, Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)
_CLOCK = count(1)


def raised(
    store: Path | ModelStore, number: int, to: Stage, kind: Slot = "xgboost", **acts: Any
) -> str:
    """Make the artefact of a number, take it to a stage, and return its id."""
    artefact_id = made(store, number, kind).artefact_id
    onward(store, artefact_id, Stage.CANDIDATE, to, **acts)
    return artefact_id


def onward(
    store: Path | ModelStore,
    artefact_id: str,
    first: Stage,
    last: Stage,
    *,
    share: float = 1.0,
    effective_ns: int | None = None,
) -> None:
    """Take an artefact through some stages, each by its own act; the last one holds from then."""
    for stage in _WAY[_WAY.index(first) : _WAY.index(last) + 1]:
        at_ns = next(_CLOCK)
        match stage:
            case Stage.CANDIDATE:
                register(store, artefact_id, at_ns, "Ada", "trained")
            case Stage.VALIDATED:
                report = passed_report(store, artefact_id)
                record_validation(store, artefact_id, report, at_ns, "Ada", "passed")
                approve(store, artefact_id, at_ns, "Grace", "I have read the report")
            case _:
                promote(
                    store,
                    artefact_id,
                    stage,
                    at_ns,
                    "Ada",
                    "on it goes",
                    share=share if stage is Stage.CANARY else 1.0,
                    effective_ns=effective_ns if stage is last else None,
                )
