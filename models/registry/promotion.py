"""Which artefact may trade: an append-only ledger, one JSON line for each promotion.

Every line carries a digest of itself and of the line before, so a line that was changed, moved or
taken from between others shows. A replay chooses from the ledger by the data that a model has seen,
not by when it was promoted: it never meets a model that knows its future.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from domain.errors import BadUse, Corrupt
from domain.ids import digest
from models.registry.artefact import load, sync_folder

LEDGER = "promotions.jsonl"
LEDGER_VERSION = 1

Say = Callable[[str], object]


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the ledger.

    Attributes
    ----------
    artefact_id
        What was promoted.
    at_ns
        When, by the clock of whoever promoted; for people, nothing is chosen by it.
    reason
        Why, in words.
    feature_schema, horizon_ns, data_first_ns, data_last_ns
        Copied from the manifest, so that choosing reads this file alone.
    check
        Digest of the line before and of every other field.
    """

    artefact_id: str
    at_ns: int
    reason: str
    feature_schema: str
    horizon_ns: int
    data_first_ns: int
    data_last_ns: int
    check: str = ""
    v: int = LEDGER_VERSION


def promote(
    models_dir: Path, artefact_id: str, at_ns: int, reason: str, say: Say = print
) -> Promotion:
    """Verify an artefact and append its promotion, durable on return.

    Parameters
    ----------
    at_ns
        Time of the decision, from the caller's clock.
    reason
        Why, not empty.
    say
        Takes one line where a torn end of the ledger is cut off.

    Raises
    ------
    BadUse
        If there is no such artefact, or no reason.
    Corrupt
        If the artefact or the ledger fails its check.
    """
    if not reason.strip():
        msg = "a promotion needs a reason"
        raise BadUse(msg)
    manifest = load(models_dir, artefact_id)[0].manifest
    handle = os.open(models_dir / LEDGER, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # two jobs at once would chain to the same line
        lines, whole = _parse(_read_all(handle), say)
        entry = Promotion(
            artefact_id,
            at_ns,
            reason,
            manifest.feature_schema,
            manifest.horizon_ns,
            manifest.data_first_ns,
            manifest.data_last_ns,
        )
        before = lines[-1].check if lines else ""
        entry = msgspec.structs.replace(entry, check=_check(before, entry))
        os.ftruncate(handle, whole)  # never acknowledged: the new line must not join a torn one
        _write_all(handle, msgspec.json.encode(entry) + b"\n", whole)
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(models_dir)
    return entry


def history(models_dir: Path, say: Say = print) -> list[Promotion]:
    """Return all promotions, oldest first; none where there is no ledger.

    A last line without its end was never acknowledged: it is left out, and ``say`` is told.

    Raises
    ------
    Corrupt
        If any other line is not what was written.
    """
    try:
        raw = (models_dir / LEDGER).read_bytes()
    except FileNotFoundError:
        return []
    return _parse(raw, say)[0]


def choose(
    models_dir: Path, feature_schema: str, horizon_ns: int, before_ns: int, say: Say = print
) -> str | None:
    """Return the artefact to use from ``before_ns`` on, or None.

    It is the newest promotion of this schema and horizon with ``data_last_ns + horizon_ns <=
    before_ns``: all that it was trained on was known by then.

    Raises
    ------
    Corrupt
        If the ledger fails its check.
    """
    for entry in reversed(history(models_dir, say)):
        if (entry.feature_schema, entry.horizon_ns) != (feature_schema, horizon_ns):
            continue
        if entry.data_last_ns + entry.horizon_ns <= before_ns:
            return entry.artefact_id
    return None


def _check(before: str, entry: Promotion) -> str:
    bare = msgspec.structs.replace(entry, check="")
    return digest("promotion", before, msgspec.json.encode(bare).decode())


def _parse(raw: bytes, say: Say) -> tuple[list[Promotion], int]:
    """Return the whole lines and how many bytes they take."""
    whole = raw.rfind(b"\n") + 1
    if whole < len(raw):
        say(f"{LEDGER}: the last line is torn ({len(raw) - whole} bytes) and is left out")
    entries: list[Promotion] = []
    before = ""
    for number, line in enumerate(raw[:whole].splitlines(), start=1):
        try:
            entry = msgspec.json.decode(line, type=Promotion)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            msg = f"{LEDGER} line {number} cannot be read: {error}"
            raise Corrupt(msg) from error
        if entry.v != LEDGER_VERSION:
            msg = f"{LEDGER} line {number} has version {entry.v}, not {LEDGER_VERSION}"
            raise Corrupt(msg)
        if entry.check != _check(before, entry):
            msg = f"{LEDGER} line {number} was changed, or the line before it"
            raise Corrupt(msg)
        before = entry.check
        entries.append(entry)
    return entries, whole


def _read_all(handle: int) -> bytes:
    return os.pread(handle, os.fstat(handle).st_size, 0)


def _write_all(handle: int, raw: bytes, offset: int) -> None:
    while raw:
        written = os.pwrite(handle, raw, offset)
        raw, offset = raw[written:], offset + written
