"""Recorded ticks in Parquet: ``symbol, ts, bid, ask[, bid_size, ask_size][, ts_recv]``.

Order of arrival is the receive time; where a file records none, the event time stands for it.
Within one file the order of the rows is kept: a row that goes back in time arrives where it stands.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.errors import BadUse
from domain.instruments import canonical, instrument
from domain.ticks import TickArray, TickSource, new_records

REQUIRED = ("symbol", "ts", "bid", "ask")
OPTIONAL = ("bid_size", "ask_size", "ts_recv")
TIMES = ("ts", "ts_recv")


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
        self._files: list[_File] = []
        for file in _parquet_files(path):
            with _reading(file):
                self._files.append(_File(file))
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
        extents = [_extent(self._load(group)) for group in self._groups]
        self._row_counts = [count for count, _ in extents]
        if self.rows == 0:
            msg = f"{path} holds no ticks of {', '.join(self._symbols)} between --from and --to"
            raise BadUse(msg)
        self._first_ns = min(first_ns for count, first_ns in extents if count)

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
                ticks["seq"] = np.arange(row, row + count)
                yield ticks[max(first_row - row, 0) :]
            row += count

    def _load(self, group: Sequence["_File"]) -> TickArray:
        parts: list[TickArray] = []
        for file in group:
            with _reading(file.path):
                parts.append(file.read(self._symbols, self._from_ns, self._to_ns))
        ticks = np.concatenate(parts)
        # A file's own order is kept: a row arrives no earlier than the rows above it.
        arrival = np.concatenate([np.maximum.accumulate(part["ts_recv_ns"]) for part in parts])
        ordered: TickArray = ticks[np.argsort(arrival, kind="stable")]
        return ordered


class _File:
    """One Parquet file, its columns checked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        schema = pq.read_schema(path)
        columns = schema.names
        missing = [name for name in REQUIRED if name not in columns]
        if missing:
            msg = (
                f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
                f"it has {', '.join(columns)}; recorded ticks need {', '.join(REQUIRED)}"
            )
            raise BadUse(msg)
        self._columns = [name for name in (*REQUIRED, *OPTIONAL) if name in columns]
        for name in TIMES:
            kind = schema.field(name).type if name in columns else None
            if kind is not None and not pa.types.is_timestamp(kind):
                msg = f"{path}: column {name} is {kind}, not a timestamp (UTC)"
                raise BadUse(msg)
        for name in ("bid", "ask", "bid_size", "ask_size"):
            kind = schema.field(name).type if name in columns else pa.float64()
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
                msg = f"{path}: column {name} is {kind}, not a number"
                raise BadUse(msg)
        head = pq.read_table(path, columns=[n for n in ("symbol", *TIMES) if n in columns])
        if head["ts"].null_count:
            msg = f"{path}: {head['ts'].null_count} rows have no ts; a tick without a time is none"
            raise BadUse(msg)
        names = pc.unique(head["symbol"]).to_pylist()
        self.symbols = frozenset(instrument(str(raw)).symbol for raw in names)
        arrival = pc.min_max(_received(head)).as_py()
        self.first_ns: int = arrival["min"] or 0
        self.last_ns: int = arrival["max"] or 0

    def sha256(self) -> bytes:
        return sha256(self.path.read_bytes()).digest()

    def read(self, symbols: Sequence[str], from_ns: int | None, to_ns: int | None) -> TickArray:
        table = pq.read_table(self.path, columns=self._columns)
        names = table["symbol"].combine_chunks().dictionary_encode()
        # A dictionary may hold words that no row uses: they are not checked, and match no symbol.
        words = [canonical(str(raw)).encode() for raw in names.dictionary.to_pylist()]
        codes = np.array(words, dtype="S16")
        ticks = new_records(table.num_rows)
        if table.num_rows:
            ticks["symbol"] = codes[names.indices.to_numpy(zero_copy_only=False)]
        ticks["source"] = TickSource.RECORDED
        ticks["ts_event_ns"] = _nanoseconds(table["ts"]).to_numpy()
        ticks["ts_recv_ns"] = _received(table).to_numpy()
        for name in ("bid", "ask"):
            ticks[name] = _floats(table[name])
        for name in ("bid_size", "ask_size"):
            ticks[name] = _floats(table[name]) if name in self._columns else np.nan
        keep = np.isin(ticks["symbol"], np.array(symbols, dtype="S16"))
        if from_ns is not None:
            keep &= ticks["ts_event_ns"] >= from_ns
        if to_ns is not None:
            keep &= ticks["ts_event_ns"] < to_ns
        kept: TickArray = ticks[keep]
        return kept


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    # A file may be damaged anywhere: its footer, a page, a text, a time out of range.
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = f"{path} is no readable Parquet file: {error}"
        raise BadUse(msg) from error


def _extent(ticks: TickArray) -> tuple[int, int]:
    """Return the number of ticks and their smallest event time."""
    return ticks.size, int(ticks["ts_event_ns"].min(initial=np.iinfo(np.int64).max))


def _received(table: pa.Table) -> pa.ChunkedArray:
    """Return the receive times of some rows; the event time stands for one that is missing."""
    event = _nanoseconds(table["ts"])
    if "ts_recv" not in table.column_names:
        return event
    return pc.coalesce(_nanoseconds(table["ts_recv"]), event)


def _nanoseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())


def _floats(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    # A missing price becomes NaN, which the quality rules reject by name: nothing is lost.
    values: np.ndarray[tuple[int], np.dtype[np.float64]] = column.cast(pa.float64()).to_numpy()
    return values


def _parquet_files(path: Path) -> list[Path]:
    if not path.exists():
        msg = f"no such file or folder: {path}; give --ticks a Parquet file or a folder of them"
        raise BadUse(msg)
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        msg = f"{path} holds no *.parquet file"
        raise BadUse(msg)
    return files


def _groups_in_time(files: Sequence[_File]) -> list[list[_File]]:
    """Group files whose spans of arrival touch; only one group is in memory at a time."""
    groups: list[list[_File]] = []
    reach = 0
    for file in sorted(files, key=lambda f: f.first_ns):
        if groups and file.first_ns <= reach:
            groups[-1].append(file)
        else:
            groups.append([file])
            reach = file.last_ns
        reach = max(reach, file.last_ns)
    return groups
