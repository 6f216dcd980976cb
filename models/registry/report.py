"""The report of a validation: what was measured, which gates passed, under which limits.

It is named by its own content, and a line of the ledger names it: who promoted can be asked later
what was known.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import BadUse, Corrupt
from domain.ids import digest
from models.registry.store import ModelStore, as_store

REPORT_VERSION = 1

Figures = Mapping[str, float | int | str | None]
"""What was measured, by name; units are in the names."""

FOLDER = "reports"


class GateResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one gate found.

    Attributes
    ----------
    name
        Of the gate.
    ok
        Whether it lets the artefact pass. What could not be measured does not.
    words
        Why, in one sentence with the figures that decided.
    figures
        What was measured, by name; units are in the names.
    """

    name: str
    ok: bool
    words: str
    figures: Figures = {}


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The validation of one artefact.

    Attributes
    ----------
    artefact_id
        What was validated.
    champion_id
        What it was compared with; empty where there was no champion.
    gates
        Every gate, in order.
    limits
        The thresholds, by name.
    """

    artefact_id: str
    champion_id: str
    gates: tuple[GateResult, ...]
    limits: dict[str, Any]
    v: int = REPORT_VERSION

    @property
    def passed(self) -> bool:
        """Say whether every gate let it pass; a report without gates did not."""
        return bool(self.gates) and all(gate.ok for gate in self.gates)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the gates that refused."""
        return tuple(gate.name for gate in self.gates if not gate.ok)


def write_report(where: Path | ModelStore, report: Report) -> str:
    """Write a report under the digest of its content, and return the digest."""
    raw = msgspec.json.format(msgspec.json.encode(report, order="sorted"), indent=1)
    found = _digest(raw)
    as_store(where).write_file(_name(found), raw)
    return found


def read_report(where: Path | ModelStore, evidence: str) -> Report:
    """Return the report of a digest.

    Raises
    ------
    BadUse
        If there is none.
    Corrupt
        If it was changed or cannot be read.
    """
    raw = as_store(where).read(_name(evidence)) if evidence.isalnum() else None
    if raw is None:
        msg = f"there is no validation report {evidence!r}: run aifx models validate"
        raise BadUse(msg)
    if _digest(raw) != evidence:
        msg = f"report {evidence} was changed, it does not hash to its name"
        raise Corrupt(msg)
    try:
        report = msgspec.json.decode(raw, type=Report)
    except msgspec.MsgspecError as error:
        msg = f"report {evidence} cannot be read: {error}"
        raise Corrupt(msg) from error
    if report.v != REPORT_VERSION:
        msg = f"report {evidence} has version {report.v}, not {REPORT_VERSION}"
        raise Corrupt(msg)
    return report


def require_passed(where: Path | ModelStore, evidence: str, artefact_id: str) -> Report:
    """Return the report of an artefact that passed every gate.

    Raises
    ------
    BadUse
        If it is of another artefact, or a gate refused.
    """
    report = read_report(where, evidence)
    if report.artefact_id != artefact_id:
        msg = f"report {evidence} is of artefact {report.artefact_id}, not of {artefact_id}"
        raise BadUse(msg)
    if not report.passed:
        refused = ", ".join(report.failed) or "it has no gates"
        msg = f"artefact {artefact_id} has not passed its validation: {refused}"
        raise BadUse(msg)
    return report


def _name(evidence: str) -> str:
    return f"{FOLDER}/{evidence}.json"


def _digest(raw: bytes) -> str:
    return digest("report", raw.decode())
