"""A store in an S3-compatible bucket: every object is written once, and never replaced.

A bucket has no rename and no append. So an artefact's manifest is written last, and one without a
manifest does not exist; and each line of the ledger is an object of its own,
``ledger/00000001.json``, created only where none of that number is there (a conditional put, [1]_):
of two writers one wins, and the other composes its line anew behind it.

References
----------
.. [1] Amazon S3 User Guide, "How to prevent object overwrites with conditional writes":
   ``If-None-Match: *``.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from domain.errors import BadUse, Corrupt, Retry
from models.registry.store import Compose, Say, checked

SCHEME = "s3://"
_URL = re.compile(
    r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=-][A-Za-z0-9_.=-]*)*)/?"
)
_LINE = re.compile(r"(\d{8})\.json")
_PROBE = "conditional-writes"
_TRIES = 5
"""How often another writer may be first with a line before this one gives up: lines are written by
people and by jobs that take minutes."""


class BucketStore:
    """A store in a bucket; see `models.registry.store.ModelStore`.

    Endpoint, region and credentials are those of the environment (``AWS_ENDPOINT_URL_S3``,
    ``AWS_REGION``, ``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``, an instance's role, ...): nothing of
    them is ever part of the URL, of the ledger or of a message.

    Parameters
    ----------
    url
        ``s3://bucket`` or ``s3://bucket/prefix``.

    Raises
    ------
    BadUse
        If the URL is no such address, or the extra packages are missing.
    """

    def __init__(self, url: str) -> None:
        found = _URL.fullmatch(url)
        if found is None:
            msg = (
                f"{_without_secrets(url)} is no address of a bucket: give s3://bucket/prefix, and "
                "credentials in the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL_S3, ...)"
            )
            raise BadUse(msg)
        self._root = found[1] + found[2]
        try:
            import fsspec
            import s3fs  # noqa: F401 - fsspec finds it by name; here to say what is missing
        except ImportError as error:
            msg = f"a bucket needs the extra packages ({error.name}): pip install 'aifx[s3]'"
            raise BadUse(msg) from error
        # No cache of listings or instances: other writers would not be seen.
        self._files: Any = fsspec.filesystem(
            "s3", skip_instance_cache=True, use_listings_cache=False
        )
        self._conditional = False
        # A line never changes, so it is read once; a run that goes on looks every second.
        self._lines: list[bytes] = []

    @property
    def url(self) -> str:
        """The address."""
        return SCHEME + self._root

    def read(self, name: str) -> bytes | None:
        """Return the content of an object, or None."""
        with self._mapped():
            try:
                raw: bytes = self._files.cat_file(self._key(name))
            except FileNotFoundError:
                return None
            return raw

    def names(self, folder: str) -> list[str]:
        """Return the objects below a prefix."""
        prefix = self._key(folder) + "/"
        with self._mapped():
            found = self._files.find(prefix)
        return sorted(key.removeprefix(prefix) for key in found if key.startswith(prefix))

    def folders(self) -> list[str]:
        """Return the prefixes of the first level."""
        with self._mapped():
            try:
                found = self._files.ls(self._root, detail=True)
            except FileNotFoundError:  # nothing was written yet
                return []
        return sorted(
            entry["name"].rpartition("/")[2] for entry in found if entry["type"] == "directory"
        )

    def write_file(self, name: str, raw: bytes) -> bool:
        """Write a new object."""
        self._require_conditional()
        return self._create(name, raw)

    def write_folder(self, folder: str, files: Mapping[str, bytes]) -> bool:
        """Write the objects of a folder in their order; the last one makes it count."""
        self._require_conditional()
        created = False
        for name, raw in files.items():
            created = self._create(f"{folder}/{name}", raw)
        return created

    def lines(self, say: Say) -> list[bytes]:
        """Return the lines of the ledger; an object is whole or not there, so none is torn.

        Raises
        ------
        Corrupt
            If a number is missing or a name is no number.
        """
        del say  # nothing can be torn
        names = self.names("ledger")
        for number, name in enumerate(names, start=1):
            if name != _line_name(number):
                what = "was taken away" if _LINE.fullmatch(name) else f"{name!r} is no line"
                msg = f"{self.url}/ledger: line {number} is not where it belongs: {what}"
                raise Corrupt(msg)
        if len(names) < len(self._lines):
            msg = f"{self.url}/ledger: {len(self._lines) - len(names)} lines at the end are gone"
            raise Corrupt(msg)
        new = names[len(self._lines) :]
        keys = [self._key(f"ledger/{name}") for name in new]
        with self._mapped():
            found = self._files.cat(keys) if keys else {}
        self._lines += [found[key] for key in keys]
        return list(self._lines)

    def append(self, compose: Compose, say: Say) -> bytes:
        """Add one line; where another writer was first, compose it anew.

        Raises
        ------
        Retry
            If others were first every time.
        BadUse
            If the bucket does not keep conditional writes.
        """
        self._require_conditional()
        for _ in range(_TRIES):
            before = self.lines(say)
            line = compose(before)
            name = f"ledger/{_line_name(len(before) + 1)}"
            # A reply that was lost makes the client ask again: then the line there is this one.
            if self._create(name, line) or self.read(name) == line:
                return line
        msg = f"{self.url}: others wrote the ledger {_TRIES} times meanwhile; try again"
        raise Retry(msg)

    def _create(self, name: str, raw: bytes) -> bool:
        with self._mapped():
            try:
                self._files.pipe_file(self._key(name), raw, mode="create")
            except FileExistsError:
                return False
        return True

    def _require_conditional(self) -> None:
        """Refuse a bucket that ignores the condition: of two writers both would win."""
        if self._conditional:
            return
        # Content is constant, so writing it once more harms nobody.
        if self._create(_PROBE, b"") and self._create(_PROBE, b""):
            msg = (
                f"{self.url} ignores If-None-Match, so two writers could overwrite each other: use "
                "a server that keeps conditional writes, or a folder"
            )
            raise BadUse(msg)
        self._conditional = True

    def _key(self, name: str) -> str:
        return f"{self._root}/{checked(name)}"

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn the client's errors into ours."""
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            yield
        except (NoCredentialsError, PermissionError) as error:
            msg = (
                f"{self.url}: the bucket refuses: {_first_line(error)}; set AWS_ACCESS_KEY_ID, ..."
            )
            raise BadUse(msg) from error
        except FileNotFoundError as error:
            msg = f"{self.url}: {_first_line(error)}: make the bucket first"
            raise BadUse(msg) from error
        except (BotoCoreError, OSError) as error:
            msg = f"{self.url} does not answer: {_first_line(error)}"
            raise Retry(msg) from error


def _line_name(number: int) -> str:
    return f"{number:08d}.json"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _without_secrets(url: str) -> str:
    """Return an address without what stands before an ``@``."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rpartition("@")[2]
