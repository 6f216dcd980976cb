"""The ingest as a process that dies while the ledger grows: ``python -m tests.kafka.switch_flow``.

The steps are those of the ingest; the ledger grows as snapshots are taken, so by the wall clock.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow

from domain.deployments import ModelSwitch
from domain.log import LogAddress, OutRecord
from domain.ticks import TickArray
from domain.topics import Topic
from features.quality import QualityConfig
from operators import engine
from operators.ingest import SWITCH_STREAM, JudgeLogic, Routed, route
from operators.keyed import keyed
from sinks.kafka import KafkaSink, KafkaSinkConfig, SharedProducer
from sources.feed_source import PART, FeedSource, FeedSourceConfig
from sources.quiesce import Quiesce
from sources.switches import BeyondReplay
from testkit.switches import a_switch
from testkit.tapes import arrivals, batches, walk
from tests.kafka.log import ignore, wall

SYMBOLS = ("EURUSD", "USDJPY")
TAPE = arrivals(*(walk(symbol, 1_500, n, mean_gap_ms=900.0) for n, symbol in enumerate(SYMBOLS)))
RULES = QualityConfig(SYMBOLS)
ENTRIES = 12


class Orders(msgspec.Struct, frozen=True):
    """What one life is told: how many entries the ledger has, and at which message it dies (-1)."""

    address: LogAddress
    folder: str
    entries: int
    epoch_ms: int
    dies_at: int


@dataclass(frozen=True)
class Tape:
    """The feed."""

    symbols: tuple[str, ...] = SYMBOLS
    fingerprint: str = "tape"
    end_ns: int | None = None
    rows: int = TAPE.size

    def batches(self, first_row: int = 0) -> Iterator[TickArray]:
        """Give the rows from ``first_row`` on."""
        return iter(batches(TAPE[first_row:], 500))


class Growing:
    """A ledger that has some entries, and one more with every third look."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._looks = 0

    def poll(self, taken: int) -> Sequence[ModelSwitch]:
        """Return what is behind the first so many."""
        self._looks += 1
        entries = min(self._entries + self._looks // 3, ENTRIES)
        return [a_switch(n, 0) for n in range(taken, entries)]


class FatalProducer(SharedProducer):
    """A producer that dies with its n-th message, which the broker may have or not."""

    def __init__(self, bootstrap: str, dies_at: int) -> None:
        super().__init__(bootstrap)
        self._left = dies_at

    def write(
        self, topic: str, partition: int, key: bytes, value: bytes, *headers: tuple[str, bytes]
    ) -> None:
        """Queue one message, and perhaps die."""
        super().write(topic, partition, key, value, *headers)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(orders: Orders) -> int:
    """Live one life."""
    address = orders.address
    active = frozenset(address.partition(symbol) for symbol in SYMBOLS)
    producer = FatalProducer(address.bootstrap, orders.dies_at)
    sink = KafkaSink(KafkaSinkConfig(address, Topic.TICKS), producer, wall, ignore, ignore)
    source = FeedSource(
        Tape(),
        FeedSourceConfig(batch_rows=20),
        Quiesce(),
        lambda: True,
        lambda _rows: sleep(0.001),
        BeyondReplay(Growing(orders.entries), lambda: sink.replays(active, SWITCH_STREAM)),
    )
    flow = Dataflow("ingest")
    raw = op.key_on("one_feed", op.input("feed", flow, source), lambda _: PART)
    judged = keyed(
        "judge", raw, lambda _key, state: JudgeLogic(RULES, state, lambda _: None), lambda _: PART
    )
    routed = op.flat_map("route", judged, lambda item: route(item[1], address, active))
    good = op.filter("accepted", routed, lambda item: item.topic is Topic.TICKS)
    keys = op.map("keys", good, _keyed)
    op.output("out", keys, sink)
    engine.run(flow, orders.epoch_ms, Path(orders.folder) / "recovery")
    return 0


def _keyed(routed: Routed) -> tuple[str, list[OutRecord]]:
    return f"{routed.partition:04d}", routed.records


if __name__ == "__main__":
    sys.exit(main(msgspec.json.decode(sys.argv[1], type=Orders)))
