"""Requests to change a trading state, as files in a folder: heard with everything else down.

Whoever asks puts in one file, whole or not at all; whoever trades looks often, and answers with a
file beside it. A request is lost only with the disk. What cannot be read is kept with the reason,
and if its name says ``kill`` it is a kill: nobody is asked to write one well.

::

    KILL                 by hand: ``touch KILL``
    kill-<time>-<id>.json, raise-..., lower-..., release-...
    acted/ done/ refused/    answers, by id; in refused/ unreadable files too, each with a .why
    beats/<sender>           the time of its last beat is the file's time of change
    state.json               all trading states, by whom and why
    readiness.json           what a technical fault lets through now, and the time of that word
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from domain.control import ControlEvent
from domain.errors import BadUse, Corrupt, Drop
from sources.control_request import read, request_of
from sources.durable import write_whole
from trading.readiness import Readiness
from trading.risk.control import Controls

CONTROL_FOLDER = "control"
"""Name of the folder beside what else is kept of an account."""

STATE_FILE = "state.json"
READINESS_FILE = "readiness.json"
STATE_VERSION = 1

Outcome = Literal["acted", "in_force", "refused"]

_ANSWERS: dict[Outcome, str] = {"refused": "refused", "in_force": "done", "acted": "acted"}
"""Folder of each outcome, the last word first."""

_BEATS = "beats"
_OWN = frozenset({STATE_FILE, READINESS_FILE, _BEATS, *_ANSWERS.values()})
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a request.

    Attributes
    ----------
    outcome
        ``acted``: the door of the venue is shut, and it is not in the journal yet; ``in_force``: it
        is in the journal; ``refused``: nothing has changed.
    words
        What was done, or why it was refused.
    """

    event: ControlEvent
    outcome: Outcome
    words: str = ""


class _StateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    controls: Controls


class ShownReadiness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an account stands on the ladder of readiness, and when its process last said so."""

    account: str
    readiness: Readiness
    ts_ns: int
    v: int = STATE_VERSION


class ControlFolder:
    """The folder of one account; both sides use it, from any thread or process.

    Parameters
    ----------
    path
        Of the folder; made when something is put in.
    account
        Whose trading states these are.
    """

    def __init__(self, path: Path, account: str) -> None:
        self.path = path
        self.account = account
        self._seen: set[str] = set()
        self._files: dict[str, str] = {}
        self._complaints: list[str] = []

    # Who asks.

    def put(self, event: ControlEvent) -> None:
        """Put a request in; on disk when this returns.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        name = f"{event.kind}-{event.ts_event_ns:019d}-{event.control_id}.json"
        self._write(self.path / name, msgspec.json.encode(event))

    def answer(self, event: ControlEvent) -> Answer | None:
        """Return the last word about a request; None while there is none."""
        for folder in _ANSWERS.values():
            try:
                data = self._answer_path(folder, event).read_bytes()
            except FileNotFoundError:
                continue
            return msgspec.json.decode(data, type=Answer)
        return None

    def held(self) -> list[ControlEvent]:
        """Return the kills that were carried out and are not in the journal yet, by time."""
        found = []
        for path in (self.path / _ANSWERS["acted"]).glob("*.json"):
            # One that is gone again has come into the journal.
            with suppress(FileNotFoundError):
                found.append(msgspec.json.decode(path.read_bytes(), type=Answer).event)
        return sorted(found, key=lambda event: event.ts_event_ns)

    def waiting(self) -> list[str]:
        """Return the names of requests that the engine has not answered, sorted."""
        return sorted(_shown(entry.name) for entry in self._inbox())

    def beat(self, name: str, ts_ns: int) -> None:
        """Say that a sender of heartbeats is alive; a touch of its file says the same.

        Raises
        ------
        BadUse
            If the name could not be one.
        """
        if not name or _NO_NAME.search(name):
            msg = f"heartbeat {name!r}: a sender's name has letters, digits, _ and - only"
            raise BadUse(msg)
        folder = self.path / _BEATS
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.utime(handle, ns=(ts_ns, ts_ns))
        finally:
            os.close(handle)

    def state(self) -> Controls | None:
        """Return the trading states as they were last written; None if they never were.

        Raises
        ------
        Corrupt
            If the file is there and cannot be trusted.
        """
        path = self.path / STATE_FILE
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=_StateFile)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            msg = f"trading states in {path} cannot be read: {error}"
            raise Corrupt(msg) from error
        if stored.v != STATE_VERSION or stored.controls.account != self.account:
            msg = (
                f"{path} is version {stored.v} of account {stored.controls.account}; this is "
                f"version {STATE_VERSION} of {self.account}"
            )
            raise Corrupt(msg)
        return stored.controls

    def readiness(self) -> ShownReadiness | None:
        """Return the last word on the account's readiness; None if there never was one.

        Raises
        ------
        Corrupt
            If the file is there and cannot be read, or is another account's.
        """
        path = self.path / READINESS_FILE
        try:
            shown = msgspec.json.decode(path.read_bytes(), type=ShownReadiness)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            msg = f"the readiness in {path} cannot be read: {error}"
            raise Corrupt(msg) from error
        if shown.v != STATE_VERSION or shown.account != self.account:
            msg = f"{path} is version {shown.v} of account {shown.account}, not of {self.account}"
            raise Corrupt(msg)
        return shown

    # Who trades.

    def new(self) -> list[ControlEvent]:
        """Return the requests that this object has not returned yet, by time.

        Raises
        ------
        OSError
            If the folder cannot be read, or what is refused cannot be moved.
        """
        events = []
        for entry in self._inbox():
            if entry.name in self._seen:
                continue
            file = read(entry)
            if file is None:
                continue
            try:
                event = request_of(file, self.account)
            except Drop as error:
                self._set_aside(entry.name, str(error))
                continue
            if self._is_answered(event):
                # A crash came between the answer and the end of the request.
                (self.path / entry.name).unlink(missing_ok=True)
                self._answer_path(_ANSWERS["acted"], event).unlink(missing_ok=True)
                continue
            self._seen.add(entry.name)
            self._files[event.control_id] = entry.name
            events.append(event)
        return sorted(events, key=lambda event: (event.ts_event_ns, event.control_id))

    def complaints(self) -> list[str]:
        """Return, once, what a person should know of files that are no requests."""
        found, self._complaints = self._complaints, []
        return found

    def acted(self, event: ControlEvent, words: str) -> None:
        """Note that a kill has been carried out at the door; the request stays."""
        self._answer(Answer(event, "acted", words))

    def done(self, event: ControlEvent, refused: str = "") -> None:
        """End a request.

        Parameters
        ----------
        refused
            Why nothing was changed; empty: it is in force.
        """
        self._answer(Answer(event, "refused" if refused else "in_force", refused))
        self._answer_path(_ANSWERS["acted"], event).unlink(missing_ok=True)
        name = self._files.pop(event.control_id, None)
        if name is not None:
            (self.path / name).unlink(missing_ok=True)
            self._seen.discard(name)

    def beats(self) -> dict[str, int]:
        """Return when each sender was last heard of, nanoseconds UTC by the sender's clock."""
        try:
            with os.scandir(self.path / _BEATS) as entries:
                return {entry.name: entry.stat().st_mtime_ns for entry in entries}
        except FileNotFoundError:
            return {}

    def write_state(self, controls: Controls) -> None:
        """Show the trading states as they are, for people and for the next start."""
        stored = _StateFile(STATE_VERSION, controls)
        self._write(self.path / STATE_FILE, msgspec.json.encode(stored))

    def write_readiness(self, readiness: Readiness, ts_ns: int) -> None:
        """Show the readiness as it is at a moment; not forced to the disk, the next word is near.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        shown = ShownReadiness(self.account, readiness, ts_ns)
        path = self.path / READINESS_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_bytes(msgspec.json.encode(shown))
        part.replace(path)

    # How it is done.

    def _inbox(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return [e for e in entries if e.name not in _OWN and not e.name.startswith(".")]
        except FileNotFoundError:
            return []

    def _is_answered(self, event: ControlEvent) -> bool:
        return any(self._answer_path(folder, event).exists() for folder in ("refused", "done"))

    def _set_aside(self, name: str, why: str) -> None:
        folder = self.path / "refused"
        folder.mkdir(exist_ok=True)
        (self.path / name).replace(folder / name)
        self._complaints.append(f"control request {_shown(name)} is refused: {why}")
        (folder / f"{name}.why").write_text(why + "\n", encoding="utf-8")

    def _answer(self, answer: Answer) -> None:
        path = self._answer_path(_ANSWERS[answer.outcome], answer.event)
        self._write(path, msgspec.json.encode(answer))

    def _answer_path(self, folder: str, event: ControlEvent) -> Path:
        return self.path / folder / f"{event.control_id}.json"

    def _write(self, path: Path, data: bytes) -> None:
        write_whole(path, data)


def _shown(name: str) -> str:
    """Return a file's name fit for a terminal and for JSON."""
    return name.encode(errors="replace").decode()
