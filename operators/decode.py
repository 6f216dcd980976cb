"""From raw log records to ticks by symbol and structs; what is unreadable is a stream too."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import msgspec
import numpy as np

from domain.errors import Drop
from domain.log import Polled
from domain.ticks import TICK_DTYPE, Kind, TickArray, TickBatch, decode_ticks
from domain.topics import DeadLetter, Topic, decode


def ticks_of(polled: Polled) -> tuple[TickArray, list[DeadLetter]]:
    """Decode a poll of the ticks topics at once; on a bad record, one by one."""
    # Joined, two torn records could look like a whole one: each value must be whole by itself.
    if not any(size % TICK_DTYPE.itemsize for size in set(map(len, polled.values))):
        with suppress(Drop):  # some record of the poll is bad: find it, and keep the others
            return decode_ticks(b"".join(polled.values)), []
    good: list[TickArray] = [decode_ticks(b"")]
    bad: list[DeadLetter] = []
    for at, value in enumerate(polled.values):
        try:
            good.append(decode_ticks(value))
        except Drop as error:
            bad.append(_dead(polled, at, value, error))
    return np.concatenate(good), bad


def structs_of(polled: Polled) -> tuple[list[msgspec.Struct], list[DeadLetter]]:
    """Decode a poll of a JSON topic."""
    good: list[msgspec.Struct] = []
    bad: list[DeadLetter] = []
    for at, value in enumerate(polled.values):
        try:
            good.append(decode(polled.topic, value))
        except Drop as error:
            bad.append(_dead(polled, at, value, error))
    return good, bad


def by_symbol(records: TickArray, symbols: Sequence[str], wall_ns: int) -> Iterable[TickBatch]:
    """Split records into one batch per symbol: its own ticks, and every heartbeat between them."""
    beat = records["kind"] == Kind.HEARTBEAT
    any_beat = bool(beat.any())
    for symbol in symbols:
        mine = records["symbol"] == symbol.encode()
        if any_beat or mine.any():
            yield TickBatch(symbol, records[mine | beat], wall_ns)


def _dead(polled: Polled, at: int, value: bytes, error: Drop) -> DeadLetter:
    return DeadLetter(
        topic=Topic(polled.topic).value,
        partition=polled.partition,
        offset=polled.first_offset + at,
        reason=str(error),
        value=value,
    )
