"""Where artefacts, reports and the ledger are kept: one port, and its adapter for a folder.

::

    store/
    ├── <artefact id>/model.onnx, manifest.json     (models.registry.artefact)
    ├── reports/<digest>.json                       (models.registry.report)
    └── promotions.jsonl                            (models.registry.ledger)

Nothing is ever overwritten: a name is written once, whole or not at all, and the ledger only grows.
The adapter for buckets is `models.registry.bucket.BucketStore`.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from domain.errors import BadUse, Corrupt

LEDGER = "promotions.jsonl"

Say = Callable[[str], object]
Compose = Callable[[Sequence[bytes]], bytes]
"""Makes the next line of the ledger, without its end, from all lines before. It may raise: then
nothing is written. It may be called again where another writer was first."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644


class ModelStore(Protocol):
    """A place for models. Names are relative, with ``/``; none begins with a dot."""

    @property
    def url(self) -> str:
        """Where it is, for messages; without credentials."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None where there is none."""

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder, sorted and relative to it; none without a folder."""

    def folders(self) -> list[str]:
        """Return the names of the folders of the store, sorted."""

    def write_file(self, name: str, raw: bytes) -> bool:
        """Write a file that is not there yet, whole or not at all; durable on return.

        Returns
        -------
        bool
            False where the name is taken: nothing was changed.
        """

    def write_folder(self, folder: str, files: Mapping[str, bytes]) -> bool:
        """Write the files of a new folder; without the last of them the folder does not count.

        Returns
        -------
        bool
            False where the folder is there already: nothing was changed.
        """

    def lines(self, say: Say) -> list[bytes]:
        """Return the lines of the ledger, oldest first; ``say`` is told of a torn last one."""

    def append(self, compose: Compose, say: Say) -> bytes:
        """Add one line to the ledger, durable on return; no other writer comes between.

        Parameters
        ----------
        compose
            Is given all lines, and returns the next.
        say
            Is told where a torn last line is cut off.

        Returns
        -------
        bytes
            The line as written.
        """


class FolderStore:
    """A store in a folder of this machine; see `ModelStore`.

    Parameters
    ----------
    folder
        Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def url(self) -> str:
        """The path."""
        return str(self.folder)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None."""
        path = self.folder / checked(name)
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise Corrupt(msg) from error

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder.

        Raises
        ------
        Corrupt
            If one is a link: it would lead out of the folder.
        """
        root = self.folder / checked(folder)
        found: list[str] = []
        for parent, folders, files in os.walk(root):
            for name in (*folders, *files):
                path = Path(parent) / name
                if path.is_symlink():
                    msg = f"{path} is a link: a model's files stand in its own folder"
                    raise Corrupt(msg)
                if name in files:
                    found.append(path.relative_to(root).as_posix())
        return sorted(found)

    def folders(self) -> list[str]:
        """Return the folders of the store."""
        if not self.folder.is_dir():
            return []
        return sorted(
            path.name
            for path in self.folder.iterdir()
            if path.is_dir() and not path.name.startswith(".")
        )

    def write_file(self, name: str, raw: bytes) -> bool:
        """Write a new file, whole or not at all."""
        path = self.folder / checked(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=".partial-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                _write_through(file.fileno(), raw)
            Path(partial).chmod(_FILE_MODE)  # mkstemp makes a file that only this user could read
            try:
                os.link(partial, path)  # unlike a rename, it never replaces
            except FileExistsError:
                return False
        finally:
            Path(partial).unlink()
        sync_folder(path.parent)
        return True

    def write_folder(self, folder: str, files: Mapping[str, bytes]) -> bool:
        """Write a new folder, whole or not at all."""
        path = self.folder / checked(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=path.parent))
        try:
            for name, raw in files.items():
                with (partial / checked(name)).open("wb") as file:
                    _write_through(file.fileno(), raw)
            partial.chmod(_FOLDER_MODE)
            try:
                partial.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
                return False
            sync_folder(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return True

    def lines(self, say: Say) -> list[bytes]:
        """Return the whole lines of the ledger."""
        path = self.folder / LEDGER
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}"
            raise Corrupt(msg) from error
        return _whole(raw, say)[0]

    def append(self, compose: Compose, say: Say) -> bytes:
        """Add one line, under a lock: two jobs at once would chain to the same line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / LEDGER, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            raw = os.pread(handle, os.fstat(handle).st_size, 0)
            lines, whole = _whole(raw, say)
            line = compose(lines)
            os.ftruncate(handle, whole)  # never acknowledged: the new line must not join a torn one
            os.lseek(handle, whole, os.SEEK_SET)
            _write_through(handle, line + b"\n")
        finally:
            os.close(handle)
        sync_folder(self.folder)
        return line


def checked(name: str) -> str:
    """Return a name that stays in the store.

    Raises
    ------
    BadUse
        If it could lead out of it, or is hidden.
    """
    if not _NAME.fullmatch(name):
        msg = f"{name!r} is no name in a model store: letters, digits, '-', '_', '.' between '/'"
        raise BadUse(msg)
    return name


def as_store(where: "Path | ModelStore") -> ModelStore:
    """Return a store; a path is a folder."""
    return FolderStore(where) if isinstance(where, Path) else where


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable: a rename or a new file is lost with the power else."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whole(raw: bytes, say: Say) -> tuple[list[bytes], int]:
    """Return the whole lines and how many bytes they take."""
    whole = raw.rfind(b"\n") + 1
    if whole < len(raw):
        say(f"{LEDGER}: the last line is torn ({len(raw) - whole} bytes) and is left out")
    return raw[:whole].split(b"\n")[:-1], whole


def _write_through(handle: int, raw: bytes) -> None:
    rest = memoryview(raw)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)
