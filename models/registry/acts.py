"""What people and jobs do to artefacts: each act is checked, then one line of the ledger.

An artefact becomes shadow only with a validation report in which every gate let it pass, and canary
or champion only after a named person has approved it. Whoever acts and why is part of the line.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from domain.deployments import Stage
from domain.errors import BadUse
from models.registry.artefact import Artefact, proof, read
from models.registry.ledger import Entry, append, entry_of, history
from models.registry.report import require_passed
from models.registry.stages import ANSWERING, Book, Standing, require_move, state
from models.registry.store import ModelStore, Say, as_store

_NEEDS_APPROVAL = frozenset({Stage.CANARY, Stage.CHAMPION})
_CAN_BE_APPROVED = frozenset({Stage.VALIDATED, Stage.SHADOW, Stage.CANARY})


def register(
    where: Path | ModelStore, artefact_id: str, at_ns: int, by: str, reason: str, say: Say = print
) -> Entry:
    """Enter an artefact that proves itself as a candidate; one that was entered before stays.

    Parameters
    ----------
    where
        Folder of all artefacts, or a store.
    at_ns
        Time of the act, from the caller's clock.
    by, reason
        Who and why, not empty.
    say
        Takes one line where a torn end of the ledger is cut off.

    Returns
    -------
    Entry
        The line; the earlier one where there was one.

    Raises
    ------
    BadUse
        If there is no such artefact, or it is not said who or why.
    Corrupt
        If the artefact or the ledger fails its check.
    """
    store = as_store(where)
    proof(store, artefact_id)
    artefact = read(store, artefact_id)[0]
    entry = entry_of(artefact, "enter", Stage.CANDIDATE, at_ns, by, reason)
    known = state(history(store, say)).standings.get(artefact_id)
    if known is not None:
        return known.enter

    def draft(before: Sequence[Entry]) -> Entry:
        if artefact_id in state(before).standings:
            msg = f"artefact {artefact_id} was entered by another job meanwhile"
            raise BadUse(msg)
        return entry

    return append(store, draft, say)


def record_validation(
    where: Path | ModelStore,
    artefact_id: str,
    evidence: str,
    at_ns: int,
    by: str,
    reason: str,
    say: Say = print,
) -> Entry:
    """Make a candidate validated, on a report in which every gate let it pass.

    Parameters
    ----------
    evidence
        Digest of the report.

    Raises
    ------
    BadUse
        If a gate refused, the report is of another artefact, or it is no candidate.
    Corrupt
        If artefact, report or ledger fail their check.
    """
    store = as_store(where)
    require_passed(store, evidence, artefact_id)
    artefact = read(store, artefact_id)[0]

    def draft(before: Sequence[Entry]) -> Entry:
        standing = standing_of(state(before), artefact_id)
        require_move(standing, Stage.VALIDATED)
        return _moved(artefact, standing, Stage.VALIDATED, at_ns, by, reason, evidence=evidence)

    return append(store, draft, say)


def approve(
    where: Path | ModelStore, artefact_id: str, at_ns: int, by: str, reason: str, say: Say = print
) -> Entry:
    """Answer for a validated artefact by name; without it none becomes canary or champion.

    Raises
    ------
    BadUse
        If it has not passed its validation, is retired or champion, or who or why is missing.
    """
    store = as_store(where)
    artefact = read(store, artefact_id)[0]

    def draft(before: Sequence[Entry]) -> Entry:
        standing = standing_of(state(before), artefact_id)
        if standing.stage not in _CAN_BE_APPROVED:
            can = ", ".join(sorted(_CAN_BE_APPROVED))
            msg = f"artefact {artefact_id} is {standing.stage}: approved is what is {can}"
            raise BadUse(msg)
        require_passed(store, standing.evidence, artefact_id)
        return msgspec.structs.replace(
            entry_of(artefact, "approve", standing.stage, at_ns, by, reason),
            from_stage=standing.stage,
            evidence=standing.evidence,
        )

    return append(store, draft, say)


def promote(
    where: Path | ModelStore,
    artefact_id: str,
    to: Stage,
    at_ns: int,
    by: str,
    reason: str,
    *,
    share: float = 1.0,
    effective_ns: int | None = None,
    say: Say = print,
) -> Entry:
    """Take an artefact one stage on: to shadow, canary or champion.

    Parameters
    ----------
    share
        Of the symbols that a canary answers for, in (0, 1].
    effective_ns
        Event time from which it holds; None: as soon as all that it was trained on was known, so
        for a run that goes on at once, and for replays of all that came after.

    Raises
    ------
    BadUse
        If the stage does not follow on its present one, a gate has refused it, nobody has approved
        it, another canary is there, or a value is out of its bounds.
    Corrupt
        If artefact, report or ledger fail their check.
    """
    store = as_store(where)
    if to not in ANSWERING:
        act = "aifx models validate" if to is Stage.VALIDATED else "aifx models retire"
        msg = f"nothing is promoted to {to}: give shadow, canary or champion, or use {act}"
        raise BadUse(msg)
    golden = proof(store, artefact_id)
    artefact = read(store, artefact_id)[0]

    def draft(before: Sequence[Entry]) -> Entry:
        book = state(before)
        standing = standing_of(book, artefact_id)
        require_move(standing, to)
        require_passed(store, standing.evidence, artefact_id)
        if to in _NEEDS_APPROVAL and not standing.approved_by:
            msg = (
                f"artefact {artefact_id} is not approved: a {to} needs a person who answers for it "
                "(aifx models approve)"
            )
            raise BadUse(msg)
        leaves = _who_leaves(book, standing, to)
        entry = _moved(artefact, standing, to, at_ns, by, reason, evidence=standing.evidence)
        return msgspec.structs.replace(
            entry,
            before_id=leaves,
            share=share,
            effective_ns=entry.effective_ns if effective_ns is None else effective_ns,
            golden_sha256=golden,
        )

    return append(store, draft, say)


def retire(
    where: Path | ModelStore,
    artefact_id: str,
    at_ns: int,
    by: str,
    reason: str,
    *,
    effective_ns: int | None = None,
    say: Say = print,
) -> Entry:
    """Retire an artefact of any stage; a damaged one too.

    Parameters
    ----------
    effective_ns
        Event time from which it no longer answers; None: from when its present stage held.

    Raises
    ------
    BadUse
        If the ledger does not know it, or it is retired.
    """
    store = as_store(where)

    def draft(before: Sequence[Entry]) -> Entry:
        standing = standing_of(state(before), artefact_id)
        require_move(standing, Stage.RETIRED)
        # Nothing is read but the ledger: what is broken must be retirable.
        return retirement(standing, at_ns, by, reason, effective_ns)

    return append(store, draft, say)


def retirement(
    standing: Standing, at_ns: int, by: str, reason: str, effective_ns: int | None
) -> Entry:
    """Return the entry that retires an artefact."""
    for words, what in ((by, "who acts? --by NAME"), (reason, "why? --reason WORDS")):
        if not words.strip():
            msg = f"an act needs a name and a reason: {what}"
            raise BadUse(msg)
    return msgspec.structs.replace(
        standing.enter,
        act="move",
        at_ns=at_ns,
        by=by,
        reason=reason,
        from_stage=standing.stage,
        to_stage=Stage.RETIRED,
        effective_ns=standing.since_ns if effective_ns is None else effective_ns,
        check="",
    )


def standing_of(book: Book, artefact_id: str) -> Standing:
    """Return where an artefact stands.

    Raises
    ------
    BadUse
        If the ledger does not know it.
    """
    standing = book.standings.get(artefact_id)
    if standing is None:
        msg = f"the ledger knows no artefact {artefact_id!r}: aifx models list shows those it knows"
        raise BadUse(msg)
    return standing


def _moved(
    artefact: Artefact,
    standing: Standing,
    to: Stage,
    at_ns: int,
    by: str,
    reason: str,
    *,
    evidence: str,
) -> Entry:
    return msgspec.structs.replace(
        entry_of(artefact, "move", to, at_ns, by, reason),
        from_stage=standing.stage,
        evidence=evidence,
    )


def _who_leaves(book: Book, standing: Standing, to: Stage) -> str:
    """Return the champion that a new one displaces; refuse a second canary."""
    there = book.holder(standing.place, to)
    if there is None or to is Stage.SHADOW:
        return ""
    if to is Stage.CANARY:
        msg = (
            f"artefact {there.artefact_id} is the canary of {standing.enter.slot}: promote it or "
            "retire it first"
        )
        raise BadUse(msg)
    return there.artefact_id
