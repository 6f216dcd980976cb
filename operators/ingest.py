"""The ingest step: judge the feed's ticks, put switches in their place, route all to partitions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from domain.deployments import ModelSwitch
from domain.log import LogAddress, OutRecord
from domain.nanos import MINUTE_NS, floor_ns
from domain.switch_records import switch_record
from domain.ticks import TICK_DTYPE, FeedBatch, Kind, TickArray, new_records
from domain.topics import Topic
from features.quality import Judged, QualityConfig, QualityLogic

HEARTBEAT_STREAM = "heartbeat"
SWITCH_STREAM = "switch"

_LEAD_NS = 2 * MINUTE_NS
"""From the last minute boundary of the receive clock to the first that a new switch may hold for:
the next one may be passed by the very next tick."""


class JudgeLogic:
    """Judges the batches of one feed; at its end adds the heartbeat that closes it.

    Parameters
    ----------
    config
        The rules.
    resume_state
        Snapshot, or None.
    report
        Told the totals since the start of the run: when a run is taken up again, as nothing may be
        left to judge, and after each batch.
    """

    def __init__(
        self,
        config: QualityConfig,
        resume_state: Mapping[str, Any] | None,
        report: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._config = config
        self._report = report
        self._quality: QualityLogic = config.build(resume_state)
        if resume_state is not None:
            report(self._quality.counts)

    def on_batch(self, values: list[FeedBatch]) -> Iterable[Judged]:
        """Judge feed batches in order."""
        judged: list[Judged] = []
        for batch in values:
            if batch.switches:
                judged.append(Judged(self._placed(batch), new_records(0)))
            if batch.ticks.size:
                judged.append(self._quality.judge(batch.ticks))
            if batch.last:
                # A feed that is complete until a known time closes every bar until then.
                end_ns = None if batch.end_ns is None else batch.end_ns + self._config.wait_ns
                judged.append(self._quality.close(end_ns))
        self._report(self._quality.counts)
        return judged

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the quality rules."""
        return self._quality.snapshot()

    def _placed(self, batch: FeedBatch) -> TickArray:
        """Return the records of a batch's switches."""
        clock_ns = self._quality.receive_clock_ns
        return np.concatenate(
            [
                switch_record(in_time(switch, clock_ns), clock_ns or 0, number)
                for number, switch in enumerate(batch.switches, batch.first_switch)
            ]
        )


def in_time(switch: ModelSwitch, clock_ns: int | None) -> ModelSwitch:
    """Return a switch with an effective time that no symbol's event time can have reached.

    Parameters
    ----------
    switch
        As the ledger has it.
    clock_ns
        The receive clock where it is put into the log, nanoseconds UTC; None before the first tick.

    Returns
    -------
    ModelSwitch
        Effective at the second minute boundary after the receive clock, or later. So it stands in
        every symbol's log before each boundary that it holds for, and all symbols switch at one
        event time.
    """
    if clock_ns is None:
        return switch
    first_ns = floor_ns(clock_ns, MINUTE_NS) + _LEAD_NS
    return msgspec.structs.replace(switch, effective_ns=max(switch.effective_ns, first_ns))


class Routed(NamedTuple):
    """Records for one partition of one topic, in order."""

    topic: Topic
    partition: int
    records: list[OutRecord]


def route(judged: Judged, address: LogAddress, active: frozenset[int]) -> list[Routed]:
    """Send each tick to its symbol's partition, heartbeats and switches to every active one.

    Parameters
    ----------
    judged
        What the quality rules made of one batch.
    address
        Knows the partition of a symbol.
    active
        Partitions in which some symbol of the feed lives: the others hold nothing to move on.
    """
    by_partition: dict[int, list[OutRecord]] = {p: [] for p in active}
    symbols: dict[bytes, tuple[str, int]] = {}
    for raw, symbol, kind in _cut(judged.log):
        if kind != Kind.TICK:
            # A stream each: the feed does not say how many of the one come before the other.
            stream = HEARTBEAT_STREAM if kind == Kind.HEARTBEAT else SWITCH_STREAM
            for records in by_partition.values():
                records.append(OutRecord("", stream, raw))
            continue
        name, partition = _place(symbol, symbols, address)
        by_partition[partition].append(OutRecord(name, name, raw))
    routed = [Routed(Topic.TICKS, p, records) for p, records in by_partition.items() if records]

    rejected: dict[int, list[OutRecord]] = {}
    for raw, symbol, _ in _cut(judged.rejected):
        name, partition = _place(symbol, symbols, address)
        rejected.setdefault(partition, []).append(OutRecord(name, name, raw))
    routed += [Routed(Topic.TICKS_REJECTED, p, records) for p, records in rejected.items()]
    return routed


def _cut(records: TickArray) -> Iterable[tuple[bytes, bytes, int]]:
    raw = records.tobytes()
    size = TICK_DTYPE.itemsize
    pieces = [raw[i : i + size] for i in range(0, len(raw), size)]
    return zip(pieces, records["symbol"].tolist(), records["kind"].tolist(), strict=True)


def _place(
    symbol: bytes, known: dict[bytes, tuple[str, int]], address: LogAddress
) -> tuple[str, int]:
    place = known.get(symbol)
    if place is None:
        # A feed may say anything: what is no text still has a place among the rejected.
        name = symbol.decode("ascii", "backslashreplace")
        place = known[symbol] = (name, address.partition(name))
    return place
