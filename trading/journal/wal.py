"""The write-ahead log that a killed process leaves: torn at its end, or damaged in its middle.

SQLite reads its log up to the first frame whose checksum is wrong and drops the rest. After a power
cut that is right: the last commit was still being written. But a bit that flips later in an older
frame would drop every commit behind it, without a word. Each commit is on disk before the next one
begins, so two commits at or behind the first wrong frame mean that at least one was complete.

The format is that of https://www.sqlite.org/fileformat2.html#walformat.
"""

import struct
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from domain.errors import Corrupt

_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
_MAGIC = 0x377F0682
"""Of a log whose checksums read little-endian words; one more: big-endian ones."""

_CHECKED_OF_HEADER, _CHECKED_OF_FRAME = 24, 8
"""Leading bytes of the log's and of a frame's header that their checksums cover."""

_WORD = 0xFFFFFFFF


class _Damage(NamedTuple):
    """First wrong frame (1, 2, ...; 0 for the log's header) of one generation of a log."""

    salts: tuple[int, int]
    frame: int


def check_wal(file: Path) -> None:
    """Refuse an SQLite file whose write-ahead log lost commits that had been complete.

    Must be called before the file is opened: SQLite deletes the log when it closes the file.

    Parameters
    ----------
    file
        The database; its log is beside it, if it has one.

    Raises
    ------
    Corrupt
        If a commit that was on disk cannot be read any more.
    """
    log = file.with_name(file.name + "-wal")
    # Where a process is writing just now, one reading may see a frame before it is complete and
    # others after it; the next reading then sees it complete.
    first = _damage(log)
    if first is not None and _damage(log) == first:
        msg = (
            f"journal {file} cannot be used: its write-ahead log is damaged at frame "
            f"{first.frame}, and a commit from there on had been complete; restore both files "
            "from a backup and reconcile with the broker"
        )
        raise Corrupt(msg)


def _damage(log: Path) -> _Damage | None:
    try:
        content = log.read_bytes()
    except FileNotFoundError:
        return None
    if len(content) <= _HEADER.size:
        return None
    magic, _, page_bytes, _, *salts, sum_0, sum_1 = _HEADER.unpack_from(content)
    order = ">" if magic & 1 else "<"
    own = (salts[0], salts[1])
    found = _checksum(content[:_CHECKED_OF_HEADER], order, (0, 0))
    if magic & ~1 != _MAGIC or found != (sum_0, sum_1):
        return _Damage(own, 0)
    return _first_wrong_frame(content, page_bytes, order, own, found)


def _first_wrong_frame(
    content: bytes, page_bytes: int, order: str, own: tuple[int, int], state: tuple[int, int]
) -> _Damage | None:
    step = _FRAME_HEADER.size + page_bytes
    starts = range(_HEADER.size, len(content) - step + 1, step)
    for number, start in enumerate(starts):
        header = _FRAME_HEADER.unpack_from(content, start)
        state = _checksum(content[start : start + _CHECKED_OF_FRAME], order, state)
        state = _checksum(content[start + _FRAME_HEADER.size : start + step], order, state)
        if header[2:4] == own and header[4:] == state:
            continue
        # One salt is enough for the wrong frame itself: the other may be what was damaged. Frames
        # of an older generation, which lie behind the end of every log, share neither.
        commits = int(bool(header[1]) and (header[2] == own[0] or header[3] == own[1]))
        for later in islice(starts, number + 1, None):
            _, commit, *salts, _, _ = _FRAME_HEADER.unpack_from(content, later)
            commits += bool(commit) and tuple(salts) == own
        return _Damage(own, number + 1) if commits > 1 else None
    return None


def _checksum(raw: bytes, order: str, state: tuple[int, int]) -> tuple[int, int]:
    words = struct.unpack(f"{order}{len(raw) // 4}I", raw)
    first, second = state
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first, second
