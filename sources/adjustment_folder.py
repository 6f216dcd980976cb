"""Requests to adjust a position, as files in a folder beside the one of control requests.

They wait for the account's engine, and are answered by a file beside them::

    adjust-<time>-<id>.json
    done/<id>.json, refused/<id>.json    answers; what cannot be read is in refused/ with a .why
"""

import os
from pathlib import Path
from typing import Literal

import msgspec

from domain.adjustments import PositionAdjustment, position_adjustment
from domain.errors import Drop
from sources.control_request import RequestFile, read
from sources.durable import write_whole

ADJUSTMENTS_FOLDER = "adjustments"
"""Name of the folder beside what else is kept of an account at a broker."""

Outcome = Literal["booked", "refused"]
_ANSWERS: dict[Outcome, str] = {"booked": "done", "refused": "refused"}


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a request; ``words`` say why it was refused."""

    adjustment: PositionAdjustment
    outcome: Outcome
    words: str = ""


class AdjustmentFolder:
    """The folder of one account; both sides use it, from any process.

    Parameters
    ----------
    path
        Of the folder; made when something is put in.
    account
        Whose positions these are.
    """

    def __init__(self, path: Path, account: str) -> None:
        self.path = path
        self.account = account
        self._complaints: list[str] = []

    def put(self, adjustment: PositionAdjustment) -> None:
        """Put a request in; on disk when this returns.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        write_whole(self._request_path(adjustment), msgspec.json.encode(adjustment))

    def answer(self, adjustment: PositionAdjustment) -> Answer | None:
        """Return what became of a request; None while nobody has answered."""
        for folder in _ANSWERS.values():
            try:
                data = self._answer_path(folder, adjustment).read_bytes()
            except FileNotFoundError:
                continue
            return msgspec.json.decode(data, type=Answer)
        return None

    def waiting(self) -> list[PositionAdjustment]:
        """Return the requests that are not answered, by time; what is none is put aside.

        Raises
        ------
        OSError
            If the folder cannot be read, or what is refused cannot be moved.
        """
        found = []
        for entry in self._inbox():
            file = read(entry)
            if file is None:
                continue
            try:
                found.append(_request_of(file))
            except Drop as error:
                self._set_aside(Path(entry.path), str(error))
        return sorted(found, key=lambda one: (one.ts_event_ns, one.adjustment_id))

    def complaints(self) -> list[str]:
        """Return, once, what a person should know of files that are no requests."""
        found, self._complaints = self._complaints, []
        return found

    def done(self, adjustment: PositionAdjustment, refused: str = "") -> None:
        """End a request.

        Parameters
        ----------
        refused
            Why nothing was booked; empty: it is in the journal.

        Raises
        ------
        OSError
            If the answer cannot be written.
        """
        outcome: Outcome = "refused" if refused else "booked"
        answer = Answer(adjustment, outcome, refused)
        write_whole(self._answer_path(_ANSWERS[outcome], adjustment), msgspec.json.encode(answer))
        self._request_path(adjustment).unlink(missing_ok=True)

    def _inbox(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return [entry for entry in entries if entry.name.startswith("adjust-")]
        except FileNotFoundError:
            return []

    def _set_aside(self, path: Path, why: str) -> None:
        folder = self.path / "refused"
        folder.mkdir(exist_ok=True)
        path.replace(folder / path.name)
        self._complaints.append(f"adjustment {path.name} is refused: {why}")
        write_whole(folder / f"{path.name}.why", f"{why}\n".encode())

    def _request_path(self, adjustment: PositionAdjustment) -> Path:
        name = f"adjust-{adjustment.ts_event_ns:019d}-{adjustment.adjustment_id}.json"
        return self.path / name

    def _answer_path(self, folder: str, adjustment: PositionAdjustment) -> Path:
        return self.path / folder / f"{adjustment.adjustment_id}.json"


def _request_of(file: RequestFile) -> PositionAdjustment:
    if file.data is None:
        raise Drop(file.fault)
    try:
        found = msgspec.json.decode(file.data, type=PositionAdjustment)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Drop(str(error)) from error
    named = position_adjustment(
        found.symbol,
        found.units,
        found.price,
        account=found.account,
        by=found.by,
        reason=found.reason,
        ts_event_ns=found.ts_event_ns,
    )
    if found != named:
        msg = "its adjustment_id does not follow from its fields"
        raise Drop(msg)
    return found
