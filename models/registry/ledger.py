"""The promotion ledger: every change of an artefact's stage is one line, and no line ever changes.

Every line carries a digest of itself and of the line before, so a line that was changed, moved or
taken from between others shows. `models.registry.stages` says what the lines amount to.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from domain.deployments import Slot, Stage
from domain.errors import BadUse, Corrupt
from domain.ids import digest
from models.registry.store import LEDGER, ModelStore, Say, as_store

if TYPE_CHECKING:
    # It loads the runtime of the models, and who reads the ledger beside a feed has no use for it.
    from models.registry.artefact import Artefact

LEDGER_VERSION = 2

Act = Literal["enter", "move", "approve", "rollback"]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the ledger.

    Attributes
    ----------
    act
        ``enter``: an artefact becomes a candidate. ``move``: it goes from one stage to another.
        ``approve``: a person answers for it; its stage stays. ``rollback``: it comes back as
        champion, and ``before_id`` is retired.
    at_ns
        When, by the clock of whoever acted.
    by
        Who: a person's name, or that of a job for ``enter``.
    reason
        Why, in words.
    artefact_id, slot
        What it is about.
    from_stage, to_stage
        Before and after; equal for ``approve``, and ``from_stage`` is None for ``enter``.
    before_id
        The champion that leaves with this line; empty where none does.
    share
        Of the symbols, in (0, 1]; less than 1 only for a canary.
    effective_ns
        Event time from which it holds, never before ``data_last_ns + horizon_ns``: a replay of
        earlier times does not meet it.
    evidence
        Digest of the validation report that the act rests on; empty for ``enter`` and where an
        artefact is retired.
    golden_sha256
        Hash of its answers to its golden vectors when it became shadow, canary or champion.
    feature_schema, horizon_ns, data_first_ns, data_last_ns
        Copied from the manifest, so that choosing reads the ledger alone.
    check
        Digest of the line before and of every other field.
    """

    act: Act
    at_ns: int
    by: str
    reason: str
    artefact_id: str
    slot: Slot
    from_stage: Stage | None
    to_stage: Stage
    before_id: str
    share: float
    effective_ns: int
    evidence: str
    golden_sha256: str
    feature_schema: str
    horizon_ns: int
    data_first_ns: int
    data_last_ns: int
    check: str = ""
    v: int = LEDGER_VERSION

    @property
    def known_ns(self) -> int:
        """Event time at which all that the artefact was trained on was known."""
        return self.data_last_ns + self.horizon_ns

    @property
    def place(self) -> tuple[Slot, str, int]:
        """Slot, schema and horizon: of each there is one champion."""
        return self.slot, self.feature_schema, self.horizon_ns


class _Version(msgspec.Struct):
    v: int = 0


Draft = Callable[[Sequence[Entry]], Entry]
"""Makes the next entry from all before, its ``check`` left empty. It raises what the act breaks."""


def history(where: Path | ModelStore, say: Say = print) -> list[Entry]:
    """Return all lines, oldest first; none where there is no ledger.

    A last line without its end was never acknowledged: it is left out, and ``say`` is told.

    Raises
    ------
    Corrupt
        If any other line is not what was written, or is of another version.
    """
    return parse(as_store(where).lines(say))


def append(where: Path | ModelStore, draft: Draft, say: Say = print) -> Entry:
    """Add the line that ``draft`` makes of those before, durable on return.

    No other writer comes between the lines that ``draft`` has seen and its own.

    Raises
    ------
    Corrupt
        If the ledger fails its check.
    """

    def compose(lines: Sequence[bytes]) -> bytes:
        before = parse(lines)
        entry = draft(before)
        _require_sense(entry)
        chained = before[-1].check if before else ""
        return msgspec.json.encode(
            msgspec.structs.replace(entry, check=_check(chained, entry)), order="sorted"
        )

    return msgspec.json.decode(as_store(where).append(compose, say), type=Entry)


def entry_of(artefact: "Artefact", act: Act, to: Stage, at_ns: int, by: str, reason: str) -> Entry:
    """Return an entry about an artefact, with what its manifest says and no more.

    Raises
    ------
    BadUse
        If it is not said who acts, or why.
    """
    if not by.strip():
        msg = "who acts? an act needs the name of a person: --by NAME"
        raise BadUse(msg)
    if not reason.strip():
        msg = "why? an act needs a reason: --reason WORDS"
        raise BadUse(msg)
    manifest = artefact.manifest
    return Entry(
        act=act,
        at_ns=at_ns,
        by=by,
        reason=reason,
        artefact_id=artefact.artefact_id,
        slot=manifest.kind,
        from_stage=None,
        to_stage=to,
        before_id="",
        share=1.0,
        effective_ns=manifest.data_last_ns + manifest.horizon_ns,
        evidence="",
        golden_sha256="",
        feature_schema=manifest.feature_schema,
        horizon_ns=manifest.horizon_ns,
        data_first_ns=manifest.data_first_ns,
        data_last_ns=manifest.data_last_ns,
    )


def parse(lines: Sequence[bytes]) -> list[Entry]:
    """Return the entries of a ledger's lines, each checked against the line before.

    Raises
    ------
    Corrupt
        If a line is not what was written.
    """
    entries: list[Entry] = []
    before = ""
    for number, line in enumerate(lines, start=1):
        entry = _decode(line, number)
        if entry.check != _check(before, entry):
            msg = f"{LEDGER} line {number} was changed, or the line before it"
            raise Corrupt(msg)
        before = entry.check
        entries.append(entry)
    return entries


def _decode(line: bytes, number: int) -> Entry:
    try:
        version = msgspec.json.decode(line, type=_Version).v
        if version == 1:
            msg = (
                f"{LEDGER} is of version 1, whose models this code cannot serve: move the folder "
                "of models away and train anew with aifx train"
            )
            raise Corrupt(msg)
        if version != LEDGER_VERSION:
            msg = f"{LEDGER} line {number} has version {version}, not {LEDGER_VERSION}"
            raise Corrupt(msg)
        entry = msgspec.json.decode(line, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        msg = f"{LEDGER} line {number} cannot be read: {error}"
        raise Corrupt(msg) from error
    return entry


def _require_sense(entry: Entry) -> None:
    """Hold what choosing relies on, whoever drafted the entry."""
    if entry.effective_ns < entry.known_ns:
        msg = (
            f"artefact {entry.artefact_id} cannot hold from {entry.effective_ns} ns: what it was "
            f"trained on was not known before {entry.known_ns} ns"
        )
        raise BadUse(msg)
    if not 0 < entry.share <= 1:
        msg = f"a share of {entry.share} of the symbols: give a number above 0, at most 1"
        raise BadUse(msg)
    if entry.share < 1 and entry.to_stage is not Stage.CANARY:
        msg = f"only a canary has a share of the symbols, a {entry.to_stage} has all"
        raise BadUse(msg)


def _check(before: str, entry: Entry) -> str:
    bare = msgspec.structs.replace(entry, check="")
    return digest("promotion", before, msgspec.json.encode(bare, order="sorted").decode())
