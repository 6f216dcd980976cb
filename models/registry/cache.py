"""A bucket read through a folder of this machine, and how an address becomes a store.

A worker asks the bucket once for an artefact; from then on the copy serves, checked by its hashes
each time it is read. The ledger and the reports are never cached: they grow.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from domain.errors import BadUse, Corrupt
from models.registry.artefact import MANIFEST, MODEL, files_of, is_id, read
from models.registry.bucket import SCHEME, BucketStore
from models.registry.store import Compose, FolderStore, ModelStore, Say


class CachedStore:
    """A store whose artefacts are read through a folder; see `models.registry.store.ModelStore`.

    Parameters
    ----------
    remote
        The store.
    cache
        Folder for the copies. One that does not hash to its name is taken away and fetched anew.
    """

    def __init__(self, remote: ModelStore, cache: Path) -> None:
        self._remote = remote
        self._cache = FolderStore(cache)

    @property
    def url(self) -> str:
        """Address of the remote store."""
        return self._remote.url

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; of an artefact's file, that of the copy."""
        artefact_id, _, rest = name.partition("/")
        if is_id(artefact_id) and rest in {MODEL, MANIFEST} and self._fetched(artefact_id):
            return self._cache.read(name)
        return self._remote.read(name)

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder; of an artefact, those of the copy."""
        if is_id(folder) and self._fetched(folder):
            return self._cache.names(folder)
        return self._remote.names(folder)

    def folders(self) -> list[str]:
        """Return the folders of the remote store."""
        return self._remote.folders()

    def write_file(self, name: str, raw: bytes) -> bool:
        """Write to the remote store."""
        return self._remote.write_file(name, raw)

    def write_folder(self, folder: str, files: Mapping[str, bytes]) -> bool:
        """Write to the remote store."""
        return self._remote.write_folder(folder, files)

    def lines(self, say: Say) -> list[bytes]:
        """Return the lines of the remote ledger."""
        return self._remote.lines(say)

    def append(self, compose: Compose, say: Say) -> bytes:
        """Add a line to the remote ledger."""
        return self._remote.append(compose, say)

    def _fetched(self, artefact_id: str) -> bool:
        """Say whether a whole copy is in the folder, fetched now where it was not.

        False leaves it to the remote store to say what is wrong with its artefact.
        """
        if self._whole(artefact_id):
            return True
        shutil.rmtree(self._cache.folder / artefact_id, ignore_errors=True)
        try:
            manifest, model = files_of(self._remote, artefact_id)
        except (BadUse, Corrupt):
            return False
        # A second worker may have been quicker: then its copy is judged.
        self._cache.write_folder(artefact_id, {MODEL: model, MANIFEST: manifest})
        return self._whole(artefact_id)

    def _whole(self, artefact_id: str) -> bool:
        try:
            read(self._cache, artefact_id)
        except (BadUse, Corrupt):
            return False
        return True


def open_store(address: str | Path, cache: Path | None = None) -> ModelStore:
    """Return the store at an address.

    Parameters
    ----------
    address
        A folder, or ``s3://bucket/prefix``.
    cache
        Folder for copies of a bucket's artefacts; None reads the bucket every time.

    Raises
    ------
    BadUse
        If the address is of another kind.
    """
    text = str(address)
    if text.startswith(SCHEME):
        bucket = BucketStore(text)
        return bucket if cache is None else CachedStore(bucket, cache)
    if "://" in text:
        kind = text.partition("://")[0]
        msg = f"{kind}:// is no place for models: give a folder or s3://bucket/prefix"
        raise BadUse(msg)
    return FolderStore(Path(address))
