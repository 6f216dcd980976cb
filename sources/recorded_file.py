"""One Parquet file of recorded ticks: what its metadata says, and its columns.

Nothing is read before it is needed: where the metadata carry counts, spans and the symbol, opening
a file reads no row of it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.instruments import canonical, instrument

REQUIRED = ("symbol", "ts", "bid", "ask")
OPTIONAL = ("bid_size", "ask_size", "ts_recv")
TIMES = ("ts", "ts_recv")
NUMBERS = ("bid", "ask", "bid_size", "ask_size")

_UNIT_NS = {"milliseconds": 1_000_000, "microseconds": 1_000, "nanoseconds": 1}
_INT64 = np.iinfo(np.int64)

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Span = tuple[int, int]
"""Smallest and largest of some times in nanoseconds, both included."""


class Columns(NamedTuple):
    """Rows of one file in their order.

    Attributes
    ----------
    symbol
        Canonical symbol of each row, or the one of all of them.
    numbers
        Prices and sizes by column; one that the file does not hold is not there.
    """

    symbol: NDArray[np.bytes_]
    event_ns: I64
    recv_ns: I64
    numbers: dict[str, F64]


class RecordedFile:
    """One file, its columns checked.

    Attributes
    ----------
    symbols
        Canonical symbols that it holds.
    event_span, arrival_span
        Of its event times, and of its receive times (the event time where none is recorded); zeros
        for a file without rows.

    Raises
    ------
    BadUse
        If it cannot be read, or does not hold ticks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path), pq.ParquetFile(path) as file:
            self._columns = _checked(path, file.schema_arrow)
            self._rows: int = file.metadata.num_rows
            whole = [
                name
                for name in self._columns
                if name in NUMBERS and pa.types.is_integer(file.schema_arrow.field(name).type)
            ]
            # Whole numbers may be too large for a price: told now, not in the middle of a replay.
            for column in file.read(columns=whole).columns if whole else ():
                _floats(column)
            names = _only_names(file.metadata)
            event = _span(file.metadata, "ts")
            arrival = _span(file.metadata, "ts_recv") if "ts_recv" in self._columns else event
            if names is None or event is None or arrival is None:
                names, event, arrival = self._look(file)
        self.symbols = frozenset(instrument(name).symbol for name in names)
        self.event_span, self.arrival_span = event, arrival

    def sha256(self) -> bytes:
        """Return the digest of its content."""
        with self.path.open("rb") as file:
            return file_digest(file, "sha256").digest()

    def extent(
        self, symbols: frozenset[str], from_ns: int | None, to_ns: int | None
    ) -> tuple[int, int]:
        """Return the number of ticks of a selection, and their smallest event time."""
        first_ns, last_ns = self.event_span
        none = (0, int(_INT64.max))
        if not self._rows or not symbols & self.symbols:
            return none
        if (from_ns is not None and last_ns < from_ns) or (to_ns is not None and first_ns >= to_ns):
            return none
        if self._lies_within(symbols, from_ns, to_ns):
            return self._rows, first_ns
        with reading(self.path), pq.ParquetFile(self.path, read_dictionary=["symbol"]) as file:
            table = file.read(columns=["symbol", "ts"])
            event = self._whole(_nanoseconds(table["ts"]))
            names = self._names(table["symbol"])
            kept = event[self._keep(*names, event, symbols, from_ns, to_ns)]
        return kept.size, int(kept.min(initial=_INT64.max))

    def read(self, symbols: frozenset[str], from_ns: int | None, to_ns: int | None) -> Columns:
        """Read the rows of a selection.

        Raises
        ------
        BadUse
            If they are not what the metadata say: damaged, or changed since.
        """
        with reading(self.path), pq.ParquetFile(self.path, read_dictionary=["symbol"]) as file:
            table = file.read(columns=self._columns)
            words, codes = self._names(table["symbol"])
            event = self._whole(_nanoseconds(table["ts"]))
            recv = self._whole(_received(table)) if "ts_recv" in self._columns else event
            numbers = {n: _floats(table[n]) for n in NUMBERS if n in self._columns}
        self._agree(event, recv)
        if self._lies_within(symbols, from_ns, to_ns) and set(words.tolist()) <= _raw(symbols):
            names = words if words.size == 1 else words[codes]
            return Columns(names, event, recv, numbers)
        keep = self._keep(words, codes, event, symbols, from_ns, to_ns)
        kept = {name: values[keep] for name, values in numbers.items()}
        return Columns(words[codes[keep]], event[keep], recv[keep], kept)

    def _look(self, file: pq.ParquetFile) -> tuple[list[str], Span, Span]:
        """Find in the rows what the metadata do not say."""
        table = file.read(columns=[n for n in ("symbol", *TIMES) if n in self._columns])
        nulls = table["ts"].null_count
        if nulls:
            msg = f"{self.path}: {nulls} rows have no ts; a tick without a time is none"
            raise BadUse(msg)
        names = [str(raw) for raw in pc.unique(table["symbol"]).to_pylist()]
        times = (_nanoseconds(table["ts"]), _received(table))
        event, arrival = (pc.min_max(column).as_py() for column in times)
        return (
            names,
            (event["min"] or 0, event["max"] or 0),
            (arrival["min"] or 0, arrival["max"] or 0),
        )

    def _lies_within(self, symbols: frozenset[str], from_ns: int | None, to_ns: int | None) -> bool:
        first_ns, last_ns = self.event_span
        return (
            self.symbols <= symbols
            and (from_ns is None or from_ns <= first_ns)
            and (to_ns is None or last_ns < to_ns)
        )

    def _keep(
        self,
        words: NDArray[np.bytes_],
        codes: I64,
        event: I64,
        symbols: frozenset[str],
        from_ns: int | None,
        to_ns: int | None,
    ) -> NDArray[np.bool_]:
        raw = _raw(symbols)
        wanted = np.array([word in raw for word in words.tolist()], dtype=np.bool_)
        keep: NDArray[np.bool_] = wanted[codes] if event.size else np.zeros(0, dtype=np.bool_)
        if from_ns is not None:
            keep &= event >= from_ns
        if to_ns is not None:
            keep &= event < to_ns
        return keep

    def _names(self, column: pa.ChunkedArray) -> tuple[NDArray[np.bytes_], I64]:
        """Return the words that a column may hold, canonical, and which of them each row holds."""
        names = column.combine_chunks()
        if not pa.types.is_dictionary(names.type):
            names = names.dictionary_encode()
        # A dictionary may hold words that no row uses: they are not checked, and match no symbol.
        words = [canonical(str(raw)).encode() for raw in names.dictionary.to_pylist()]
        return np.array(words, dtype="S16"), self._whole(names.indices)

    def _whole(self, column: pa.Array | pa.ChunkedArray) -> I64:
        if column.null_count:
            raise BadUse(self._unlike())
        values: I64 = column.to_numpy(zero_copy_only=False)
        return values

    def _agree(self, event: I64, recv: I64) -> None:
        """Hold the rows against what the metadata said, by which files were put in order."""
        fits = event.size == self._rows
        for times, (first_ns, last_ns) in (event, self.event_span), (recv, self.arrival_span):
            if fits and times.size:
                fits = first_ns <= int(times.min()) and int(times.max()) <= last_ns
        if not fits:
            raise BadUse(self._unlike())

    def _unlike(self) -> str:
        return f"{self.path} is damaged or has changed: its rows are not what its metadata say"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a damaged file may raise into one line that names it."""
    # A file may be damaged anywhere: its footer, a page, a text, a time out of range.
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = f"{path} is no readable Parquet file: {error}"
        raise BadUse(msg) from error


def _checked(path: Path, schema: pa.Schema) -> list[str]:
    """Return the columns to read."""
    columns = schema.names
    double = sorted(name for name, count in Counter(columns).items() if count > 1)
    if double:
        msg = f"{path} has more than one column {', '.join(double)}: which one counts is not known"
        raise BadUse(msg)
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        msg = (
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"it has {', '.join(columns)}; recorded ticks need {', '.join(REQUIRED)}"
        )
        raise BadUse(msg)
    for name in (n for n in TIMES if n in columns):
        kind = schema.field(name).type
        if not pa.types.is_timestamp(kind):
            msg = f"{path}: column {name} is {kind}, not a timestamp (UTC)"
            raise BadUse(msg)
    for name in (n for n in NUMBERS if n in columns):
        kind = schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            msg = f"{path}: column {name} is {kind}, not a number"
            raise BadUse(msg)
    return [name for name in (*REQUIRED, *OPTIONAL) if name in columns]


def _statistics(metadata: pq.FileMetaData, name: str) -> list[Any] | None:
    """Return a column's statistics per group of rows; None unless all are there, without a null."""
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    if name not in paths:
        return None
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    found = [group.column(paths.index(name)).statistics for group in groups if group.num_rows]
    usable = all(s and s.has_min_max and s.has_null_count and s.null_count == 0 for s in found)
    return found if found and usable else None


def _only_names(metadata: pq.FileMetaData) -> list[str] | None:
    """Return the symbols as the file writes them, if every group of rows holds just one."""
    found = _statistics(metadata, "symbol")
    if found is None or not all(isinstance(s.min, str) and s.min == s.max for s in found):
        return None
    return sorted({s.min for s in found})


def _span(metadata: pq.FileMetaData, name: str) -> Span | None:
    """Return the span of a column of times, if the metadata say it."""
    found = _statistics(metadata, name)
    if found is None or any(s.physical_type != "INT64" for s in found):
        return None
    unit_ns = _UNIT_NS.get(json.loads(found[0].logical_type.to_json()).get("timeUnit", ""))
    if unit_ns is None:
        return None
    first_ns = min(s.min_raw for s in found) * unit_ns
    last_ns = max(s.max_raw for s in found) * unit_ns
    return (first_ns, last_ns) if _INT64.min <= first_ns <= last_ns <= _INT64.max else None


def _raw(symbols: frozenset[str]) -> set[bytes]:
    return {symbol.encode() for symbol in symbols}


def _received(table: pa.Table) -> pa.ChunkedArray:
    """Return the receive times of some rows; the event time stands for one that is missing."""
    event = _nanoseconds(table["ts"])
    if "ts_recv" not in table.column_names:
        return event
    return pc.coalesce(_nanoseconds(table["ts_recv"]), event)


def _nanoseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())


def _floats(column: pa.ChunkedArray) -> F64:
    # A missing price becomes NaN, which the quality rules reject by name: nothing is lost.
    values: F64 = column.cast(pa.float64()).to_numpy()
    return values
