"""Back to the last champion: the model that served before, proven to be the same bit for bit."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from domain.deployments import ModelSwitch, Slot, Stage
from domain.errors import BadUse, Corrupt
from models.registry.artefact import proof, read
from models.registry.ledger import Entry, append, entry_of, history
from models.registry.stages import Place, Standing, state
from models.registry.store import ModelStore, Say, as_store


def roll_back(
    where: Path | ModelStore,
    slot: Slot,
    at_ns: int,
    by: str,
    reason: str,
    *,
    place: Place | None = None,
    effective_ns: int | None = None,
    say: Say = print,
) -> ModelSwitch:
    """Bring the champion before back into a slot, and retire the present one, in one line.

    Parameters
    ----------
    where
        Folder of all artefacts, or a store.
    slot
        Place in the ensemble.
    at_ns
        Time of the act, from the caller's clock.
    by, reason
        Who and why, not empty.
    place
        Slot, schema and horizon, where champions of more than one are in the slot; None takes the
        only one.
    effective_ns
        Event time from which it holds; None: from when the champion that leaves held. A run that
        goes on switches at once.

    Returns
    -------
    ModelSwitch
        What a run is told: the champion before is champion.

    Raises
    ------
    BadUse
        If there is no champion before, or it is not clear which.
    Corrupt
        If that one does not give the same answers to its golden vectors as when it was promoted, or
        fails another check: then nothing changes, and the slot's champion should be retired.
    """
    store = as_store(where)
    back = _who_comes_back(history(store, say), slot, place)
    artefact = read(store, back.artefact_id)[0]
    found = proof(store, back.artefact_id)
    if found != back.golden_sha256:
        msg = (
            f"artefact {back.artefact_id} does not answer as when it was promoted: golden answers "
            f"hash to {found[:16]}, then to {back.golden_sha256[:16]}; nothing was changed, retire "
            "the champion if it must not trade"
        )
        raise Corrupt(msg)

    def draft(before: Sequence[Entry]) -> Entry:
        if _who_comes_back(before, slot, back.place).artefact_id != back.artefact_id:
            msg = f"slot {slot} was changed meanwhile: look at aifx models list, and try again"
            raise BadUse(msg)
        leaves = state(before).holder(back.place, Stage.CHAMPION)
        entry = entry_of(artefact, "rollback", Stage.CHAMPION, at_ns, by, reason)
        if effective_ns is not None:
            holds_ns = effective_ns
        else:
            # The one before has seen less, so it is known by the time that the other was; but
            # for models that were promoted out of order.
            since_ns = 0 if leaves is None else leaves.since_ns
            holds_ns = max(since_ns, entry.effective_ns)
        return msgspec.structs.replace(
            entry,
            from_stage=Stage.RETIRED,
            before_id="" if leaves is None else leaves.artefact_id,
            effective_ns=holds_ns,
            evidence=back.evidence,
            golden_sha256=found,
        )

    line = append(store, draft, say)
    return ModelSwitch(line.slot, line.artefact_id, Stage.CHAMPION, line.effective_ns)


def _who_comes_back(entries: Sequence[Entry], slot: Slot, place: Place | None) -> Standing:
    book = state(entries)
    places = [
        known
        for known in book.displaced
        if known[0] == slot and book.displaced[known] and place in {None, known}
    ]
    if not places:
        msg = (
            f"slot {slot} has no champion before the present one to go back to: retire the "
            "champion, and the slot abstains"
        )
        raise BadUse(msg)
    if len(places) > 1:
        which = "; ".join(f"schema {schema}, horizon {ns} ns" for _, schema, ns in places)
        msg = f"slot {slot} has champions of more than one schema or horizon: {which}: say which"
        raise BadUse(msg)
    found = book.before(places[0])
    if found is None:
        msg = f"slot {slot}: the ledger names no champion before"
        raise Corrupt(msg)
    return found
