"""From raw log records to ticks by symbol and structs; what is unreadable is a stream too."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec
import numpy as np

from domain.bars import Bar, Passed
from domain.deployments import SLOTS
from domain.errors import Drop
from domain.log import Polled
from domain.nanos import DAY_NS, parse_ns
from domain.switch_records import IN_FLOW_BITS, switch_of
from domain.ticks import TICK_DTYPE, TICK_VERSION, Kind, TickArray, TickBatch, Verdict, new_records
from domain.topics import DeadLetter, Topic, decode
from features.panel import PanelInput
from features.split_kernel import check_kernel, split_kernel, symbol_table, words_of

_SIZE: Final = TICK_DTYPE.itemsize
_TIMES: Final = (parse_ns("2000-01-01"), parse_ns("2100-01-01"))
"""A time outside of these is not one that was read."""

_PLACES: Final = (Topic.TICKS, Topic.TICKS_REJECTED, Topic.TICKS_LATE)
_PARTITIONS_MOST: Final = 1_000


def ticks_of(
    polled: Polled, symbols: Sequence[str] | None = None
) -> tuple[TickArray, list[DeadLetter]]:
    """Decode a poll of the tick topics at once; where a value is bad, one by one.

    A value is one or many whole records. It is refused whole: where it is torn, or one of its
    records has another version, an unknown kind, or a symbol that is none, or is a switch that no
    run could follow. Nothing is raised.

    Parameters
    ----------
    polled
        Values of a tick topic.
    symbols
        The symbols of the run; None to take every symbol that can be printed. On
        ``ticks.rejected`` a record that says itself that its symbol is unknown is good.

    Returns
    -------
    tuple[TickArray, list[DeadLetter]]
        The good records in log order, and each bad value with its reason.
    """
    values = polled.values
    # Joined, two torn records could look like a whole one: each value must be whole by itself.
    if all(size and not size % _SIZE for size in set(map(len, values))):
        # Not `bytes`: kernels are compiled for arrays that can be written to, and only once.
        records = _records(bytearray().join(values))
        if not _fault(records, polled.topic, symbols)[0]:
            return records, []
    good: list[TickArray] = [new_records(0)]
    bad: list[DeadLetter] = []
    for at, value in enumerate(values):
        reason = _reason(value, polled.topic, symbols)
        if reason is None:
            good.append(_records(bytearray(value)))
        else:
            bad.append(_dead(polled, at, value, reason))
    return np.concatenate(good), bad


def rejected_ticks(dead: Sequence[DeadLetter], symbols: Sequence[str] | None = None) -> TickArray:
    """Return one rejected tick for each value that `ticks_of` refused, with its verdict.

    It has what can be read of the first bad record, zero where nothing can; ``seq`` is the offset
    in the log. To the receive time a nanosecond is added for each partition before its own, and
    a microsecond for each topic: rows of two places are never taken for copies of one.

    Parameters
    ----------
    dead
        Dead letters of tick topics.
    symbols
        As `ticks_of` was given.
    """
    return np.concatenate([new_records(0), *(_rejected(letter, symbols) for letter in dead)])


def structs_of(polled: Polled) -> tuple[list[msgspec.Struct], list[DeadLetter]]:
    """Decode a poll of a JSON topic."""
    good: list[msgspec.Struct] = []
    bad: list[DeadLetter] = []
    for at, value in enumerate(polled.values):
        try:
            good.append(decode(polled.topic, value))
        except Drop as error:
            bad.append(_dead(polled, at, value, str(error)))
    return good, bad


def by_symbol(records: TickArray, symbols: Sequence[str], wall_ns: int) -> list[TickBatch]:
    """Split records into one batch per symbol: its own ticks, all heartbeats and switches between.

    A symbol that neither has a tick nor gets any of these has no batch. Ticks of other symbols are
    left out. Batches may be the records given, or share memory.
    """
    words = words_of(records)
    starts, rows = split_kernel(words, *symbol_table(tuple(symbols)), len(symbols))
    edges = starts.tolist()
    shared = not rows.size
    ordered = records if shared else rows.view(TICK_DTYPE).ravel()
    return [
        TickBatch(symbol, ordered if shared else ordered[edges[at] : edges[at + 1]], wall_ns)
        for at, symbol in enumerate(symbols)
        if edges[at] < edges[at + 1]
    ]


def panel_news(values: Iterable[bytes], timeframe: str) -> list[PanelInput]:
    """Return the news of each symbol in a poll of the ``bars`` topic, one a symbol.

    Bars of other timeframes are passed over without decoding them, and so is what cannot be read:
    the archive writes its dead letter.

    Parameters
    ----------
    values
        Values in log order.
    timeframe
        Name of the timeframe that panels are built from.
    """
    marks = b'"timeframe":"%s"' % timeframe.encode(), b'"type":"passed"'
    bars: dict[str, list[Bar]] = {}
    passed: dict[str, int] = {}
    for value in values:
        if marks[0] not in value and marks[1] not in value:
            continue
        with suppress(Drop):
            record = decode(Topic.BARS, value)
            if isinstance(record, Bar):
                bars.setdefault(record.symbol, []).append(record)
            if isinstance(record, Bar | Passed):
                until_ns = passed.get(record.symbol, record.ts_event_ns)
                passed[record.symbol] = max(until_ns, record.ts_event_ns)
    return [
        PanelInput(
            symbol,
            np.array([bar.ts_event_ns for bar in bars.get(symbol, ())], np.int64),
            np.array([bar.mid_close for bar in bars.get(symbol, ())], np.float64),
            until_ns,
        )
        for symbol, until_ns in passed.items()
    ]


def _records(values: bytearray) -> TickArray:
    return np.frombuffer(values, TICK_DTYPE)


def _fault(records: TickArray, topic: Topic, symbols: Sequence[str] | None) -> tuple[int, int]:
    """Return the bits of what is wrong with some records, and the place of the first bad one."""
    judged = topic is Topic.TICKS_REJECTED
    any_symbol = symbols is None
    table = symbol_table(() if symbols is None else tuple(symbols))
    switches = len(SLOTS), IN_FLOW_BITS
    bits, first = check_kernel(words_of(records), *table, any_symbol, judged, *switches)
    return bits, first


def _reason(value: bytes, topic: Topic, symbols: Sequence[str] | None) -> str | None:
    """Say in words why a value is refused, or None for a good one."""
    if not value or len(value) % _SIZE:
        return f"{len(value)} bytes are no whole number of {_SIZE}-byte tick records"
    records = _records(bytearray(value))
    bits, first = _fault(records, topic, symbols)
    if not bits:
        return None
    record = records[first]
    if record["version"] != TICK_VERSION:
        return f"tick record version {record['version']}; this reader knows version {TICK_VERSION}"
    if record["kind"] not in tuple(Kind):
        return f"tick record kind {record['kind']}; this reader knows kinds 0 to {max(Kind)}"
    if record["kind"] == Kind.SWITCH:
        return _why_no_switch(records[first : first + 1])
    return f"tick record symbol {record['symbol']!r} is none of the run"


def _why_no_switch(record: TickArray) -> str:
    try:
        switch_of(record)
    except Drop as error:
        return str(error)
    # Two readings of one rule: that they agree is held by a test.
    return "switch record that the check refuses"


def _rejected(letter: DeadLetter, symbols: Sequence[str] | None) -> TickArray:
    value = letter.value
    bits, first = int(Verdict.TRUNCATED), 0
    if value and not len(value) % _SIZE:
        bits, first = _fault(_records(bytearray(value)), Topic(letter.topic), symbols)
    raw = value[first * _SIZE : (first + 1) * _SIZE].ljust(_SIZE, b"\0")
    record = _records(bytearray(raw))
    record["version"] = TICK_VERSION
    record["kind"] = Kind.TICK
    record["reserved"] = 0
    record["verdict"] = bits
    if not all(0x20 < byte < 0x7F for byte in bytes(record["symbol"][0])):
        record["symbol"] = b""
    event, recv = int(record["ts_event_ns"][0]), int(record["ts_recv_ns"][0])
    if not _TIMES[0] <= event < _TIMES[1]:
        record["ts_event_ns"] = event = 0
    # The table has a part for each month of receipt: noise must not make hundreds of them.
    if not (_TIMES[0] <= recv < _TIMES[1] and abs(recv - event) <= DAY_NS):
        recv = 0
    topic = _PLACES.index(Topic(letter.topic))
    record["ts_recv_ns"] = recv + letter.partition + topic * _PARTITIONS_MOST
    record["seq"] = letter.offset
    return record


def _dead(polled: Polled, at: int, value: bytes, reason: str) -> DeadLetter:
    return DeadLetter(
        topic=Topic(polled.topic).value,
        partition=polled.partition,
        offset=polled.first_offset + at,
        reason=reason,
        value=value,
    )
