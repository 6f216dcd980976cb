"""Recorded ticks in Parquet: ``symbol, ts, bid, ask[, bid_size, ask_size][, ts_recv]``.

Order of arrival is the receive time; where a file records none, the event time stands for it.
Within one file the order of the rows is kept: a row that goes back in time arrives where it stands.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.instruments import instrument
from domain.ticks import TickArray, TickSource, new_records
from sources.recorded_file import Columns, RecordedFile


class RecordedFeed:
    """Ticks of a file or of every Parquet file of a folder.

    Parameters
    ----------
    path
        File or folder.
    symbols
        Only these (any usual spelling); empty for all that the files hold.
    from_ns, to_ns
        Only ticks with an event time in ``[from_ns, to_ns)``; None for no bound.

    Raises
    ------
    BadUse
        If there is nothing to read, a column is missing, or a symbol is unknown or not there.
    """

    def __init__(
        self,
        path: Path,
        symbols: Sequence[str] = (),
        from_ns: int | None = None,
        to_ns: int | None = None,
    ) -> None:
        self._from_ns = from_ns
        self._to_ns = to_ns
        self._files = [RecordedFile(file) for file in _parquet_files(path)]
        wanted = tuple(instrument(s).symbol for s in symbols)
        held = {symbol for file in self._files for symbol in file.symbols}
        missing = sorted(set(wanted) - held)
        if missing:
            msg = (
                f"{path} holds no ticks of {', '.join(missing)}; it holds {', '.join(sorted(held))}"
            )
            raise BadUse(msg)
        self._symbols = tuple(sorted(wanted or held))
        self._groups = _groups_in_time(self._files)
        self._row_counts: list[int] = []
        self._first_ns = int(np.iinfo(np.int64).max)
        for group in self._groups:
            extents = [file.extent(frozenset(self._symbols), from_ns, to_ns) for file in group]
            self._row_counts.append(sum(count for count, _ in extents))
            self._first_ns = min(self._first_ns, *(first_ns for _, first_ns in extents))
        if self.rows == 0:
            msg = f"{path} holds no ticks of {', '.join(self._symbols)} between --from and --to"
            raise BadUse(msg)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the feed, ascending."""
        return self._symbols

    @property
    def rows(self) -> int:
        """Number of ticks."""
        return sum(self._row_counts)

    @property
    def end_ns(self) -> int | None:
        """The upper bound that was asked for, if any."""
        return self._to_ns

    @property
    def first_ns(self) -> int:
        """Smallest event time of the feed."""
        return self._first_ns

    @property
    def fingerprint(self) -> str:
        """Digest over the content of the files and the selection."""
        hasher = sha256(repr((self._symbols, self._from_ns, self._to_ns)).encode())
        for file in self._files:
            hasher.update(file.sha256())
        return "recorded:" + hasher.hexdigest()[:32]

    def batches(self, first_row: int = 0) -> Iterator[TickArray]:
        """Give the rows from ``first_row`` on; see `sources.feed.TickFeed`."""
        row = 0
        for group, count in zip(self._groups, self._row_counts, strict=True):
            if count and row + count > first_row:
                ticks = self._load(group)
                if ticks.size != count:
                    names = ", ".join(str(file.path) for file in group)
                    msg = f"{names}: {count} ticks when it was opened, {ticks.size} now"
                    raise BadUse(msg)
                ticks["seq"] = np.arange(row, row + count)
                yield ticks[max(first_row - row, 0) :]
            row += count

    def _load(self, group: Sequence[RecordedFile]) -> TickArray:
        symbols = frozenset(self._symbols)
        parts = [file.read(symbols, self._from_ns, self._to_ns) for file in group]
        ends = np.cumsum([part.event_ns.size for part in parts]).tolist()
        ticks = new_records(ends[-1])
        ticks["source"] = TickSource.RECORDED
        ticks["bid_size"] = ticks["ask_size"] = np.nan
        places = _places([part for part in parts if part.event_ns.size])
        for part, end in zip(parts, ends, strict=True):
            place = places[end - part.event_ns.size : end] if places is not None else slice(None)
            if part.event_ns.size:
                _fill(ticks, place, part)
        return ticks


def _places(parts: Sequence[Columns]) -> NDArray[np.int64] | None:
    """Return the row of each tick in order of arrival; None for one part, which is in order."""
    if len(parts) < 2:
        return None
    # A file's own order is kept: a row arrives no earlier than the rows above it. So each part
    # ascends, and a stable sort of ascending parts is one merge.
    arrival = np.concatenate([np.maximum.accumulate(part.recv_ns) for part in parts])
    places = np.empty(arrival.size, dtype=np.int64)
    places[np.argsort(arrival, kind="stable")] = np.arange(arrival.size)
    return places


def _fill(ticks: TickArray, place: NDArray[np.int64] | slice, part: Columns) -> None:
    ticks["symbol"][place] = part.symbol
    ticks["ts_event_ns"][place] = part.event_ns
    ticks["ts_recv_ns"][place] = part.recv_ns
    for name, values in part.numbers.items():
        ticks[name][place] = values


def _parquet_files(path: Path) -> list[Path]:
    if not path.exists():
        msg = f"no such file or folder: {path}; give --ticks a Parquet file or a folder of them"
        raise BadUse(msg)
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        msg = f"{path} holds no *.parquet file"
        raise BadUse(msg)
    return files


def _groups_in_time(files: Sequence[RecordedFile]) -> list[list[RecordedFile]]:
    """Group files whose spans of arrival touch; only one group is in memory at a time."""
    groups: list[list[RecordedFile]] = []
    reach = 0
    for file in sorted(files, key=lambda f: f.arrival_span[0]):
        first_ns, last_ns = file.arrival_span
        if groups and first_ns <= reach:
            groups[-1].append(file)
        else:
            groups.append([file])
            reach = last_ns
        reach = max(reach, last_ns)
    return groups
