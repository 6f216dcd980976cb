"""What may not lie in an artefact: pickles and their kin, and anything that was not written there.

A pickle runs code when it is read. Nothing here ever reads one: it is known by its first bytes or
by its name, and refused.
"""

from pathlib import PurePosixPath

_PICKLE_SUFFIXES = frozenset(
    {".pkl", ".pickle", ".p", ".joblib", ".dill", ".sav", ".npz", ".npy", ".pt", ".pth", ".h5"}
)
"""Names under which libraries store what they later unpickle, or may."""

_PICKLE_HEADS = tuple(
    (bytes([0x80, version]), f"a pickle (protocol {version})") for version in range(2, 6)
)
"""PROTO opcode and version: how every pickle since protocol 2 begins."""

_HEADS: tuple[tuple[bytes, str], ...] = (
    *_PICKLE_HEADS,
    (b"PK\x03\x04", "a zip archive (npz, torch)"),
    (b"\x93NUMPY", "a numpy file, which may hold a pickle"),
    (b"\x1f\x8b", "gzip, as joblib writes"),
    (b"x\x01", "zlib, as joblib writes"),
    (b"x\x5e", "zlib, as joblib writes"),
    (b"x\x9c", "zlib, as joblib writes"),
    (b"x\xda", "zlib, as joblib writes"),
    (b"ZF", "a joblib file"),
    (b"BZh", "bzip2, as joblib writes"),
    (b"\xfd7zXZ", "xz, as joblib writes"),
    (b"\x04\x22\x4d\x18", "lz4, as joblib writes"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"\x89HDF", "an HDF5 file"),
)


def kind_of(name: str, head: bytes) -> str | None:
    """Say what a file is if it is, or may hide, a pickle; None if it is not known as one.

    Parameters
    ----------
    name
        Its name, for the suffix.
    head
        Its first bytes, six or more where it has them.
    """
    for magic, words in _HEADS:
        if head.startswith(magic):
            return words
    if PurePosixPath(name.lower()).suffix in _PICKLE_SUFFIXES:
        return "by its name a pickle or kin"
    return None
