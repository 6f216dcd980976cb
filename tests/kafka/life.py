"""A source driven by hand, and numbered records for it."""

from collections.abc import Callable
from typing import Any

from bytewax.inputs import StatefulSourcePartition

from domain.log import LogAddress, Polled
from domain.topics import Topic
from sources.kafka import KafkaSource, KafkaSourceConfig
from sources.quiesce import Quiesce
from tests.kafka.log import wait_until, wall

MAIN = Topic.SIGNALS
SIDE = Topic.METRICS
GROUP = "tests.source"
Part = StatefulSourcePartition[Polled, dict[str, Any]]
State = dict[str, Any]


class Life:
    """A source with its partitions, driven by hand as the engine drives them."""

    def __init__(
        self,
        address: LogAddress,
        resume: dict[str, State] | None = None,
        *,
        topics: tuple[Topic, ...] = (MAIN,),
        side_topics: tuple[Topic, ...] = (),
        whole_topics: tuple[Topic, ...] = (),
        share: tuple[int, int] = (0, 1),
        group: str = GROUP,
        idle_ms: float = 1.0,
        whole_is_over: Callable[[], bool] | None = None,
    ) -> None:
        self.quiesce = Quiesce()
        self.observed: list[tuple[str, int]] = []
        config = KafkaSourceConfig(
            address=address,
            topics=topics,
            side_topics=side_topics,
            whole_topics=whole_topics,
            reader="tests",
            group=group,
            index=share[0],
            count=share[1],
            idle_ms=idle_ms,
            flow_control=True,
        )
        source = KafkaSource(
            config,
            self.quiesce,
            lambda hop, ns: self.observed.append((hop, ns)),
            wall,
            whole_is_over,
        )
        states = resume or {}
        self.parts: dict[str, Part] = {
            name: source.build_part("in", name, states.get(name)) for name in source.list_parts()
        }
        self.got: dict[str, list[Polled]] = {name: [] for name in self.parts}

    def turn(self) -> None:
        """Ask every partition once; one that has ended is closed and gone."""
        for name, part in list(self.parts.items()):
            part.next_awake()
            try:
                self.got[name] += part.next_batch()
            except StopIteration:
                part.close()
                del self.parts[name]

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Go on until something holds."""

        def holds() -> bool:
            self.turn()
            return true()

        wait_until(holds, what)

    def run_until(self, count: int) -> None:
        """Go on until so many records were read."""
        self.until(lambda: self.count() >= count, f"{count} records")

    def run_to_end(self) -> None:
        """Go on until every partition has ended."""
        self.until(lambda: not self.parts, "the end")

    def count(self) -> int:
        """Return how many records were read."""
        return sum(len(p.values) for polls in self.got.values() for p in polls)

    def values(self) -> dict[str, list[bytes]]:
        """Return what each partition gave, in order."""
        return {
            name: [value for polled in polls for value in polled.values]
            for name, polls in self.got.items()
            if any(polled.values for polled in polls)
        }

    def snapshots(self) -> dict[str, State]:
        """Take a snapshot of every partition."""
        return {name: part.snapshot() for name, part in self.parts.items()}


def numbered(address: LogAddress, count: int) -> list[tuple[int, bytes, bytes]]:
    """Make records that go round the partitions, each with its number for a value."""
    return [(n % address.partitions, b"k", b"%d" % n) for n in range(count)]


def expected(address: LogAddress, count: int, first: int = 0) -> dict[str, list[bytes]]:
    """Say what each partition must give of these, from the n-th record of each on."""
    by_part: dict[str, list[bytes]] = {}
    for partition, _, value in numbered(address, count):
        by_part.setdefault(f"{MAIN}|{partition:04d}", []).append(value)
    return {name: values[first:] for name, values in by_part.items()}
