"""A secret in a file, such as a mounted one: read anew once it has changed there."""

from pathlib import Path

from pydantic import SecretStr

from domain.errors import BadUse


class SecretFile:
    """A file that holds a secret and nothing else but white space.

    It is looked at before each use, so that a value that was put there is used from then on, and
    the one before it is kept nowhere. Put it there by a rename, as whoever mounts secrets does: a
    file that is just being written may hold half of one.

    Parameters
    ----------
    path
        The file.
    what
        What it holds, for messages.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self._seen: tuple[int, int, int] | None = None
        self._value = SecretStr("")

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    def read(self) -> SecretStr:
        """Return the secret as it stands now; empty where the file is.

        Raises
        ------
        BadUse
            If the file cannot be read, or holds what is no ASCII.
        """
        try:
            # A renamed file may be of the same age and size: it is another one all the same.
            stat = self._path.stat()
            version = stat.st_ino, stat.st_mtime_ns, stat.st_size
            if version != self._seen:
                self._value = SecretStr(self._path.read_text(encoding="ascii").strip())
                self._seen = version
        except (OSError, UnicodeDecodeError) as error:
            # The cause may quote the file's bytes.
            msg = f"{self._what} in {self._path} cannot be read: {type(error).__name__}"
            raise BadUse(msg) from None
        return self._value
