"""Ticks on the wire and in memory: one fixed-width, little-endian, versioned record each.

A whole poll is decoded by one ``numpy.frombuffer``. A record is a tick, a heartbeat or a switch. A
heartbeat carries the ingest's receive clock in ``ts_recv_ns`` and nothing else, and moves event
time on. A switch (`domain.switch_records`) says which model answers from when on, and moves
nothing.
"""

from enum import IntEnum, IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.deployments import ModelSwitch
from domain.errors import Drop

TICK_VERSION = 1
"""Layout version in the first byte of every record; a reader refuses any other."""

TICK_DTYPE = np.dtype(
    [
        ("version", "u1"),
        ("kind", "u1"),
        ("source", "u1"),
        ("reserved", "u1"),
        ("verdict", "<u4"),
        ("symbol", "S16"),
        ("ts_event_ns", "<i8"),
        ("ts_recv_ns", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("bid_size", "<f4"),
        ("ask_size", "<f4"),
        ("seq", "<i8"),
    ]
)
"""72 bytes. Prices in quote currency per unit of base, sizes in base units (NaN: not given),
``seq`` the row number in the feed (unique within a run), times in nanoseconds UTC."""

TickArray = NDArray[np.void]
"""A structured array of ``TICK_DTYPE``."""


class Kind(IntEnum):
    """What a record on the ticks topic is."""

    TICK = 0
    HEARTBEAT = 1
    SWITCH = 2


class TickSource(IntEnum):
    """Where a tick came from."""

    RECORDED = 0
    SIMULATED = 1


class Verdict(IntFlag):
    """What is wrong with a tick; 0 is nothing. Bits are on the wire: never renumber.

    A bit of ``REJECTED`` keeps the tick out of the log of good ticks. A bit of ``SUSPECT`` lets it
    in, and nothing new may be risked on it. The other bits only inform.
    """

    NOT_FINITE = 1 << 0
    NOT_POSITIVE = 1 << 1
    CROSSED = 1 << 2
    FUTURE = 1 << 3
    OUT_OF_ORDER = 1 << 4
    DUPLICATE = 1 << 5
    CLOSED_MARKET = 1 << 6
    LATE = 1 << 7
    OFF_GRID = 1 << 8
    SPIKE = 1 << 9
    TRUNCATED = 1 << 10
    UNKNOWN_VERSION = 1 << 11
    UNKNOWN_KIND = 1 << 12
    UNKNOWN_SYMBOL = 1 << 13
    SPREAD_BLOWOUT = 1 << 16
    STALE = 1 << 17
    BURST = 1 << 18
    ONE_SIDED = 1 << 19
    LOCKED = 1 << 24
    DELAYED = 1 << 25
    GAP = 1 << 26


REJECTED = 0x0000FFFF
"""Bits that keep a tick out of the log of good ticks."""

SUSPECT = 0x00FF0000
"""Bits with which a tick is in the log, and no new risk is taken on it."""


def reasons(verdict: int) -> list[str]:
    """Name the bits of a verdict, lowest bit first; no bit, no name."""
    return [str(bit.name).lower() for bit in Verdict if verdict & bit]


class TickBatch(NamedTuple):
    """A micro-batch of one symbol's records in log order: ticks, heartbeats, switches between.

    Attributes
    ----------
    symbol
        Canonical symbol of every tick in the batch.
    records
        Structured array of ``TICK_DTYPE``; read-only by contract.
    wall_ns
        Wall-clock nanoseconds at which the newest record entered the log. For latency figures
        only: no result may depend on it. 0 where it is not known.
    last
        True where the symbol's log ends with this batch.
    """

    symbol: str
    records: TickArray
    wall_ns: int = 0
    last: bool = False


class FeedBatch(NamedTuple):
    """What the feed source emits.

    Attributes
    ----------
    ticks
        Raw ticks in arrival order.
    last
        True with the last batch of the feed; ``end_ns`` then says until when it is complete.
    switches
        Switches of models that stand before these ticks, in order.
    first_switch
        Number of the first of them in the feed, from 1.
    """

    ticks: TickArray
    last: bool = False
    end_ns: int | None = None
    switches: tuple[ModelSwitch, ...] = ()
    first_switch: int = 1


def new_records(count: int) -> TickArray:
    """Return ``count`` zeroed records of the current version."""
    records = np.zeros(count, dtype=TICK_DTYPE)
    records["version"] = TICK_VERSION
    return records


def heartbeat(ts_recv_ns: int) -> TickArray:
    """Return the one record that says: the ingest's receive clock stood at ``ts_recv_ns``."""
    record = new_records(1)
    record["kind"] = Kind.HEARTBEAT
    record["ts_recv_ns"] = ts_recv_ns
    record["ts_event_ns"] = ts_recv_ns
    return record


def decode_ticks(value: bytes) -> TickArray:
    """Read the records of one or many joined message values; a view, not a copy.

    Raises
    ------
    Drop
        If the bytes are no whole number of records, or a record has another version.
    """
    if len(value) % TICK_DTYPE.itemsize:
        msg = f"{len(value)} bytes are no whole number of {TICK_DTYPE.itemsize}-byte tick records"
        raise Drop(msg)
    records = np.frombuffer(value, dtype=TICK_DTYPE)
    wrong = records["version"] != TICK_VERSION
    if wrong.any():
        version = int(records["version"][wrong][0])
        msg = f"tick record version {version}; this reader knows version {TICK_VERSION}"
        raise Drop(msg)
    return records


def event_clock(records: TickArray, grace_ns: int, lateness_ns: int = 0) -> NDArray[np.int64]:
    """Return how far each record proves its symbol's event time complete, running maximum.

    A tick proves it up to its own ``ts_event_ns`` less the allowed lateness. A heartbeat proves it
    up to ``ts_recv_ns`` less the grace: the ingest rejects as late what would come before that. A
    switch proves nothing: where no other record stands before it, it has the smallest int64.

    Parameters
    ----------
    records
        In log order.
    grace_ns, lateness_ns
        As in ``features.quality.QualityConfig``.
    """
    kind = records["kind"]
    moved = np.where(
        kind == Kind.HEARTBEAT,
        records["ts_recv_ns"] - max(grace_ns, lateness_ns),
        records["ts_event_ns"] - lateness_ns,
    )
    moved[kind == Kind.SWITCH] = np.iinfo(np.int64).min
    clock: NDArray[np.int64] = np.maximum.accumulate(moved)
    return clock
