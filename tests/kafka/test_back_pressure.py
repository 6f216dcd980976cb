"""A slow sink: the source waits for it, memory stays bounded, and nothing is lost."""

import time
from pathlib import Path

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import Producer
from numpy.typing import NDArray

from domain.log import LogAddress, Polled
from domain.ticks import TICK_DTYPE, TickArray, new_records
from domain.topics import Topic
from operators import engine
from operators.decode import ticks_of
from sinks.kafka_end import end_topics
from sources import kafka_hub
from sources.kafka import KafkaSource, KafkaSourceConfig
from sources.kafka_hub import client_config
from sources.quiesce import Quiesce
from tests.kafka.log import TIMEOUT_S, ignore, wall

RECORDS = 300_000
POLL_RECORDS = 2_000
SLOWER = 10
"""The sink takes this many times as long for a record as the source alone."""


class Taken:
    """How many records the flow has taken from the client and not yet written; and its memory."""

    def __init__(self) -> None:
        self.read = 0
        self.written = 0
        self.most_between = 0
        self.resident_mb: list[float] = []

    def on_read(self, count: int) -> None:
        """Note what came from the source."""
        self.read += count
        self.most_between = max(self.most_between, self.read - self.written)

    def on_written(self, count: int) -> None:
        """Note what the sink is done with."""
        self.written += count
        if self.written > RECORDS // 4:
            self.resident_mb.append(resident_mb())


class SlowSink(FixedPartitionedSink[TickArray, None], StatefulSinkPartition[TickArray, None]):
    """Takes its time for each record, and keeps the numbers of all."""

    def __init__(self, taken: Taken, second_per_record: float) -> None:
        self._taken = taken
        self._pause_s = second_per_record
        self.numbers: list[NDArray[np.int64]] = []

    def list_parts(self) -> list[str]:
        """Name the one partition."""
        return ["only"]

    def build_part(
        self, _step_id: str, _for_part: str, _resume_state: None
    ) -> StatefulSinkPartition[TickArray, None]:
        """Open it."""
        return self

    def write_batch(self, values: list[TickArray]) -> None:
        """Write slowly."""
        for records in values:
            time.sleep(records.size * self._pause_s)
            self.numbers.append(records["seq"].copy())
            self._taken.on_written(records.size)

    def snapshot(self) -> None:
        """Keep nothing."""


def source(address: LogAddress) -> KafkaSource:
    """Open the source under test."""
    config = KafkaSourceConfig(address, (Topic.TICKS,), "tests", address.prefix + "slow")
    return KafkaSource(config, Quiesce(), ignore, wall)


def fill(address: LogAddress) -> None:
    """Write numbered ticks into the first partition, one a message, and end the topic."""
    records = new_records(RECORDS)
    records["symbol"] = b"EURUSD"
    records["seq"] = range(RECORDS)
    raw, size = records.tobytes(), TICK_DTYPE.itemsize
    producer = Producer(
        {"bootstrap.servers": address.bootstrap, "queue.buffering.max.messages": RECORDS}
    )
    for at in range(0, len(raw), size):
        producer.produce(address.topic(Topic.TICKS), raw[at : at + size], partition=0)
    assert producer.flush(TIMEOUT_S) == 0
    end_topics(address, [Topic.TICKS])


def seconds_alone(address: LogAddress) -> float:
    """Measure how long the source takes for a record when nobody waits for anybody."""
    parts = [source(address).build_part("in", f"{Topic.TICKS}|0000", None)]
    count, started = 0, 0.0
    while parts:
        try:
            got = sum(len(polled.values) for polled in parts[0].next_batch())
        except StopIteration:
            parts.pop().close()
        else:
            started = started or (time.monotonic() if got else 0.0)
            count += got
    return (time.monotonic() - started) / count


def resident_mb() -> float:
    """Return the memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.fixture
def _small_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut polls short, so that there are many, and let the client fetch little ahead."""
    monkeypatch.setattr(kafka_hub, "_MAX_POLL_RECORDS", POLL_RECORDS)
    monkeypatch.setattr(kafka_hub, "_QUEUE_KBYTES", 1_024)


def test_what_the_client_fetches_ahead_is_bounded() -> None:
    """By bytes over all partitions: that is where a slow flow makes the broker keep the records."""
    assert client_config("nowhere:1", "g")["queued.max.messages.kbytes"] == 16_384


@pytest.mark.kafka
@pytest.mark.usefixtures("_small_polls")
def test_a_slow_sink_slows_the_source_down(real: LogAddress, tmp_path: Path) -> None:
    """It takes a tenth of the speed; between source and sink there is never more than one poll."""
    fill(real)
    alone_s = seconds_alone(real)
    pause_s = alone_s * (SLOWER - 1)
    taken = Taken()
    sink = SlowSink(taken, pause_s)

    def decode(polled: Polled) -> TickArray:
        records, dead = ticks_of(polled)
        assert not dead
        taken.on_read(records.size)
        return records

    flow = Dataflow("slow")
    records = op.map("decode", op.input("in", flow, source(real)), decode)
    op.output("out", op.key_on("one", records, lambda _: "only"), sink)
    started = time.monotonic()
    engine.run(flow, 200, tmp_path / "recovery")
    took_s = time.monotonic() - started
    assert np.array_equal(np.concatenate(sink.numbers), np.arange(RECORDS))
    assert took_s > RECORDS * pause_s
    assert taken.most_between <= 2 * POLL_RECORDS
    # What is left to read then is 50 MB as the client holds it, and more as objects.
    assert max(taken.resident_mb) - taken.resident_mb[0] < 16.0
