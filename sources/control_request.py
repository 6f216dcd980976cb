"""What one file of the control folder asks for; a kill is taken however badly it is written."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import Drop
from trading.risk.control import SYSTEM, control_event

_BY = SYSTEM + "control_folder"
_MAX_BYTES = 65_536
"""A request is about 300 bytes; more is none, and reading it could take long."""

_END_NS = 1 << 63
"""Times are int64: one beyond could be written into no journal."""


class RequestFile(NamedTuple):
    """A file as it was found.

    Attributes
    ----------
    name
        Without its folder, fit to be shown.
    changed_ns
        When it was last changed, nanoseconds UTC.
    data, fault
        Its content, or None and why it cannot be read.
    """

    name: str
    changed_ns: int
    data: bytes | None
    fault: str = ""

    @property
    def is_kill(self) -> bool:
        """Whether its name says that it is a kill, whatever is in it."""
        return self.name.casefold().startswith("kill")


def read(entry: os.DirEntry[str]) -> RequestFile | None:
    """Read a file, never waiting for anybody; None if it is gone again."""
    name = entry.name.encode(errors="replace").decode()
    changed_ns = 0
    try:
        found = entry.stat(follow_symlinks=False)
        changed_ns = found.st_mtime_ns
        if not stat.S_ISREG(found.st_mode):
            # A pipe would be waited on for ever.
            return RequestFile(name, changed_ns, None, "it is no plain file")
        if found.st_size > _MAX_BYTES:
            fault = f"it has {found.st_size} bytes, and no request has more than {_MAX_BYTES}"
            return RequestFile(name, changed_ns, None, fault)
        return RequestFile(name, changed_ns, Path(entry.path).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        return RequestFile(name, changed_ns, None, error.strerror or str(error))


def request_of(file: RequestFile, account: str) -> ControlEvent:
    """Return the request in a file.

    Parameters
    ----------
    account
        Whose folder it lies in: a kill is about this account whatever it says.

    Raises
    ------
    Drop
        If there is none in it and its name does not say ``kill``.
    """
    if file.is_kill and file.data == b"":
        return _kill(account, f"the file {file.name} was put in", file.changed_ns)
    try:
        event = _decoded(file)
    except Drop as error:
        if file.is_kill:
            reason = f"unreadable kill file {file.name}: {error}"
            return _kill(account, reason, file.changed_ns)
        raise
    if event.cancels:
        return _mended(event, account)
    if file.is_kill:
        return _kill(account, f"kill file {file.name} asks for {event.kind}", file.changed_ns)
    if event.account != account:
        msg = f"it is about account {event.account}, this is {account}"
        raise Drop(msg)
    if event != _named(event):
        msg = "its control_id does not follow from its fields"
        raise Drop(msg)
    return event


def _decoded(file: RequestFile) -> ControlEvent:
    if file.data is None:
        raise Drop(file.fault)
    try:
        event = msgspec.json.decode(file.data, type=ControlEvent)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Drop(str(error)) from error
    if not 0 <= event.ts_event_ns < _END_NS:
        msg = f"ts_event_ns {event.ts_event_ns} is no time"
        raise Drop(msg)
    return event


def _kill(account: str, reason: str, ts_event_ns: int) -> ControlEvent:
    return control_event(
        ControlKind.KILL,
        TradingState.HALTED,
        account=account,
        by=_BY,
        reason=reason,
        ts_event_ns=ts_event_ns,
    )


def _mended(event: ControlEvent, account: str) -> ControlEvent:
    """Return a kill as the journal takes it: what is wrong with it is no reason to wait."""
    return control_event(
        ControlKind.KILL,
        TradingState.HALTED,
        account=account,
        strategy=event.strategy,
        by=event.by if event.by.strip() else _BY,
        role=event.role,
        reason=event.reason if event.reason.strip() else "no reason was given",
        ts_event_ns=event.ts_event_ns,
    )


def _named(event: ControlEvent) -> ControlEvent:
    """Return the record that its own fields make."""
    return control_event(
        event.kind,
        event.to,
        account=event.account,
        by=event.by,
        reason=event.reason,
        ts_event_ns=event.ts_event_ns,
        strategy=event.strategy,
        role=event.role,
    )
