"""A small dataflow as a process that can be killed where it hurts: ``python -m tests.kafka.flow``.

Signals come in as ``KEY:NUMBER``; each gives the running sum of its key, every third one twice.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import sleep
from typing import Any, Literal

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow

from domain.log import LogAddress, OutRecord, Polled
from domain.topics import Topic
from operators import engine
from operators.keyed import keyed
from sinks.kafka import KafkaSink, KafkaSinkConfig, SharedProducer
from sinks.kafka_end import end_topics
from sources import kafka_hub
from sources.kafka import KafkaSource, KafkaSourceConfig
from sources.quiesce import Quiesce
from tests.kafka.log import ignore, wall

SOURCE = Topic.SIGNALS
TARGET = Topic.BARS

Place = Literal["step", "write", "before_flush", "after_flush"]


class Death(msgspec.Struct, frozen=True):
    """Where in its life a process dies: at the n-th time that it comes to a place."""

    place: Place
    at: int
    by: Literal["exit", "kill"]


class Orders(msgspec.Struct, frozen=True):
    """What one life of the process is told."""

    address: LogAddress
    folder: str
    epoch_ms: int
    poll_records: int
    pause_ms: float
    death: Death | None = None

    @property
    def group(self) -> str:
        """Consumer group of the process."""
        return self.address.prefix + "flow"

    @property
    def seen(self) -> Path:
        """File of the inputs that the step saw, a line each, over all lives."""
        return Path(self.folder) / "seen"

    @property
    def resumed(self) -> Path:
        """File of the positions at which this life went on, by partition number."""
        return Path(self.folder) / "resumed"


def value_of(key: str, number: int) -> bytes:
    """Write an input."""
    return f"{key}:{number}".encode()


def results_of(key: str, number: int, total: int) -> list[bytes]:
    """Write what an input gives."""
    result = f"{key}:{number}:{total}".encode()
    return [result, result + b"!"] if number % 3 == 0 else [result]


class Fate:
    """Kills the process when its time has come."""

    def __init__(self, death: Death | None) -> None:
        self._death = death
        self._times: dict[str, int] = {}

    def come_to(self, place: Place) -> None:
        """Note that a place was reached, which may be the last thing that happens."""
        self._times[place] = self._times.get(place, 0) + 1
        death = self._death
        if death is None or (place, self._times[place]) != (death.place, death.at):
            return
        if death.by == "exit":
            os._exit(9)
        os.kill(os.getpid(), signal.SIGKILL)


class Summing:
    """Running sums of one key."""

    def __init__(
        self, key: str, state: Mapping[str, Any] | None, saw: Callable[[bytes], None]
    ) -> None:
        self._key = key
        self._total: int = 0 if state is None else state["total"]
        self._saw = saw

    def on_batch(self, values: list[bytes]) -> Iterable[list[OutRecord]]:
        """Add up."""
        for value in values:
            self._saw(value)
            number = int(value.partition(b":")[2])
            self._total += number
            results = results_of(self._key, number, self._total)
            yield [OutRecord(self._key, self._key, result) for result in results]

    def snapshot(self) -> Mapping[str, Any]:
        """Return the sum."""
        return {"total": self._total}


class NotingSource(KafkaSource):
    """Notes where it goes on."""

    resumed: dict[str, int]

    def build_part(self, step_id: str, for_part: str, resume_state: dict[str, Any] | None) -> Any:
        """Open a partition and note its position."""
        self.resumed[for_part[-4:]] = 0 if resume_state is None else resume_state["offset"]
        return super().build_part(step_id, for_part, resume_state)


class FatalProducer(SharedProducer):
    """A producer during whose work the process may die."""

    def __init__(self, bootstrap: str, fate: Fate) -> None:
        super().__init__(bootstrap)
        self._fate = fate

    def write(
        self, topic: str, partition: int, key: bytes, value: bytes, *headers: tuple[str, bytes]
    ) -> None:
        """Queue one message, and perhaps die."""
        super().write(topic, partition, key, value, *headers)
        self._fate.come_to("write")

    def flush(self) -> None:
        """Die, wait until the broker has everything, or die then."""
        self._fate.come_to("before_flush")
        super().flush()
        self._fate.come_to("after_flush")


def key_of(value: bytes) -> str:
    """Read the key of an input."""
    return value.partition(b":")[0].decode()


def main(orders: Orders) -> int:
    """Live one life."""
    kafka_hub._MAX_POLL_RECORDS = orders.poll_records
    quiesce = Quiesce()
    signal.signal(signal.SIGTERM, lambda *_: quiesce.stop())
    fate = Fate(orders.death)
    seen = os.open(orders.seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def saw(value: bytes) -> None:
        os.write(seen, value + b"\n")
        fate.come_to("step")

    def split(polled: Polled) -> list[bytes]:
        sleep(orders.pause_ms / 1_000)
        return polled.values

    source = NotingSource(
        KafkaSourceConfig(
            address=orders.address,
            topics=(SOURCE,),
            reader="flow",
            group=orders.group,
            flow_control=True,
        ),
        quiesce,
        ignore,
        wall,
    )
    source.resumed = {}
    flow = Dataflow("flow")
    values = op.flat_map("split", op.input("in", flow, source), split)
    sums = keyed(
        "sum",
        op.key_on("by_key", values, key_of),
        lambda key, state: Summing(key, state, saw),
        key_of,
    )
    producer = FatalProducer(orders.address.bootstrap, fate)
    op.output(
        "out",
        sums,
        KafkaSink(KafkaSinkConfig(orders.address, TARGET), producer, wall, ignore, ignore),
    )
    engine.run(flow, orders.epoch_ms, Path(orders.folder) / "recovery")
    if not quiesce.stopping:
        end_topics(orders.address, [TARGET])
    orders.resumed.write_bytes(msgspec.json.encode(source.resumed))
    return 0


if __name__ == "__main__":
    sys.exit(main(msgspec.json.decode(sys.argv[1], type=Orders)))
