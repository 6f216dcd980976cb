"""Records to Arrow columns, exactly: every float bit, every nanosecond, every decimal digit.

Ticks cost no Python per row. The columns of the JSON records follow from their struct: a field of a
record is a column of its table, with the two names that differ in ``_COLUMN_OF``.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import inspect
from numpy.typing import NDArray

from clickhouse.tables import TABLE_OF, TICK_TABLES
from domain.errors import Halt
from domain.ticks import TICK_DTYPE, TickArray, reasons
from domain.topics import RECORD_TYPES, Topic
from sinks.clickhouse_batch import ArchiveBatch

Build = Callable[[list[Any]], pa.Array]

MOMENT = pa.timestamp("ns", tz="UTC")
MONEY = pa.decimal256(76, 38)
"""Wide enough for what a 28-digit decimal context computes; Arrow refuses what would be rounded."""

_COLUMN_OF = {
    "ts_open_ns": "ts_open",
    "ts_event_ns": "ts_event",
    "ts_recv_ns": "ts_recv",
    "wall_ns": "ts_wall",
    "expire_ns": "ts_expire",
}
"""Fields that are moments, and the columns that keep them; ``horizon_ns`` is a duration."""

_WITH_OFFSET = frozenset({TABLE_OF[t] for t in (Topic.ORDERS, Topic.EXECUTIONS, Topic.POSITIONS)})
"""Tables in which the log's order decides between two rows of one key."""

_SYMBOL_TYPE = pa.binary(TICK_DTYPE["symbol"].itemsize)


def arrow_table(table: str, run: str, batches: Sequence[ArchiveBatch]) -> pa.Table:
    """Return the rows of some batches as an Arrow table with the columns of a ClickHouse table.

    Raises
    ------
    Halt
        If a value does not fit its column without loss.
    """
    try:
        columns = (
            _tick_columns(table, batches) if table in TICK_TABLES else _columns(table, batches)
        )
    except (pa.ArrowException, AttributeError, TypeError, ValueError, OverflowError) as error:
        msg = f"a record does not fit table {table}: {error}"
        raise Halt(msg) from error
    rows = len(next(iter(columns.values())))
    return pa.table({"run": _constant(run, rows), **columns})


def _constant(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int8)), pa.array([text]))


def _moments(values: NDArray[np.int64]) -> pa.Array:
    return pa.array(values).cast(MOMENT)


def _tick_columns(table: str, batches: Sequence[ArchiveBatch]) -> dict[str, pa.Array]:
    ticks: TickArray = np.concatenate([np.asarray(batch.rows) for batch in batches])
    if ticks.dtype != TICK_DTYPE:
        msg = f"table {table} takes tick arrays, not {ticks.dtype}"
        raise TypeError(msg)
    columns = {
        "symbol": _symbols(ticks),
        "ts_event": _moments(np.ascontiguousarray(ticks["ts_event_ns"])),
        "ts_recv": _moments(np.ascontiguousarray(ticks["ts_recv_ns"])),
    }
    for name in ("seq", "bid", "ask", "bid_size", "ask_size", "source"):
        columns[name] = pa.array(np.ascontiguousarray(ticks[name]))
    columns["verdict"] = pa.array(np.ascontiguousarray(ticks["verdict"]))
    if table != TABLE_OF[Topic.TICKS]:
        columns["reasons"] = _reasons(ticks["verdict"])
    return columns


def _symbols(ticks: TickArray) -> pa.Array:
    # Arrow finds the distinct symbols in C; numpy's `unique` would sort every row.
    raw = pa.py_buffer(np.ascontiguousarray(ticks["symbol"]))
    padded = pa.Array.from_buffers(_SYMBOL_TYPE, len(ticks), [None, raw]).dictionary_encode()
    names = [
        value.rstrip(b"\0").decode(errors="backslashreplace")
        for value in padded.dictionary.to_pylist()
    ]
    return pa.DictionaryArray.from_arrays(padded.indices, pa.array(names, pa.string()))


def _reasons(verdicts: NDArray[np.uint32]) -> pa.Array:
    distinct, which = np.unique(verdicts, return_inverse=True)
    names = pa.array([reasons(int(verdict)) for verdict in distinct], pa.list_(pa.string()))
    return names.take(pa.array(which))


def _columns(table: str, batches: Sequence[ArchiveBatch]) -> dict[str, pa.Array]:
    records = list(chain.from_iterable(batch.rows for batch in batches))
    columns = {
        column: build(list(map(attrgetter(field), records)))
        for field, column, build in _FIELDS[table]
    }
    if table in _WITH_OFFSET:
        offsets = [batch.first_offset + np.arange(len(batch.rows)) for batch in batches]
        columns["log_offset"] = pa.array(np.concatenate(offsets).astype(np.int64))
    return columns


def _times(values: list[int]) -> pa.Array:
    return pa.array(values, pa.int64()).cast(MOMENT)


def _texts(values: list[str]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode()


def _vectors(values: list[Sequence[float | None]]) -> pa.Array:
    ends = np.cumsum([0, *map(len, values)])
    # As an array of doubles None becomes NaN, which is how a column without nulls says it.
    flat = np.array(list(chain.from_iterable(values)), dtype=np.float64)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(flat))


def _lists(field: str, of: type[inspect.Type]) -> Build:
    """Return what makes one field of the structs in a tuple a column of arrays."""

    def build(values: list[Sequence[msgspec.Struct]]) -> pa.Array:
        picked: list[Sequence[Any]] = [[getattr(one, field) for one in items] for items in values]
        if of is inspect.FloatType:
            return _vectors(picked)
        ends = np.cumsum([0, *map(len, picked)])
        flat = pa.array(list(chain.from_iterable(picked)), pa.string())
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat)

    return build


def _maps(of: pa.DataType) -> Build:
    type_ = pa.map_(pa.string(), of)
    return lambda values: pa.array([list(value.items()) for value in values], type_)


def _plain(type_: pa.DataType) -> Build:
    return lambda values: pa.array(values, type_)


_BUILDERS: dict[type[inspect.Type], Build] = {
    inspect.StrType: _texts,
    inspect.LiteralType: _texts,
    inspect.EnumType: _texts,
    inspect.IntType: _plain(pa.int64()),
    inspect.FloatType: _plain(pa.float64()),
    inspect.BoolType: _plain(pa.bool_()),
    inspect.BytesType: _plain(pa.binary()),
    inspect.DecimalType: _plain(MONEY),
    inspect.VarTupleType: _vectors,
}


def _present(type_: inspect.Type) -> inspect.Type:
    """Return the type of a field where it is there."""
    if isinstance(type_, inspect.UnionType):
        (type_,) = (one for one in type_.types if not isinstance(one, inspect.NoneType))
    return type_


def _builder(type_: inspect.Type) -> Build:
    type_ = _present(type_)
    if isinstance(type_, inspect.DictType):
        return _maps(pa.int64() if isinstance(type_.value_type, inspect.IntType) else pa.string())
    return _BUILDERS[type(type_)]


def _fields(record: type[msgspec.Struct]) -> list[tuple[str, str, Build]]:
    info = inspect.type_info(record)
    if not isinstance(info, inspect.StructType):
        msg = f"{record} is no struct"
        raise TypeError(msg)
    columns: list[tuple[str, str, Build]] = []
    for field in info.fields:
        if field.name in _COLUMN_OF:
            columns.append((field.name, _COLUMN_OF[field.name], _times))
        elif isinstance(field.type, inspect.VarTupleType) and isinstance(
            field.type.item_type, inspect.StructType
        ):
            # An array of structs is one array a field: the votes as vote_role, vote_p_up, ...
            columns += [
                (
                    field.name,
                    f"{field.name.removesuffix('s')}_{part.name}",
                    _lists(part.name, type(_present(part.type))),
                )
                for part in field.type.item_type.fields
            ]
        elif field.name != "v":
            columns.append((field.name, field.name, _builder(field.type)))
    return columns


_FIELDS = {TABLE_OF[topic]: _fields(record) for topic, record in RECORD_TYPES.items()}
