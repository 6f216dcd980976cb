"""Files that are there whole or not at all, and stay there."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in the place of what was there; it is on disk when this returns.

    Raises
    ------
    OSError
        If it cannot be written; what was there before then still is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
