"""``python -m benchmarks.peers.bars_quix TICKS_FILE --bootstrap HOST:PORT``: the same with Quix.

Quix Streams from a real broker: one message a tick, JSON (its default), key the symbol, Kafka
timestamp the time of the tick (milliseconds, which is all that Quix has), one partition, so that
one process has all pairs. ``tumbling_window(...).reduce(...).final()`` gives the bars as its guide
shows for several figures at once; the EMA is a stateful ``apply``. Its state is in RocksDB.

All defaults but ``auto_offset_reset="earliest"``; without the changelog topics, to which Quix
writes its state as well, it takes as long. Results go to Python lists, not back to the broker,
which spares Quix work that a deployment would have.

A window closes with a later tick of its key. To close the last ones, one more message a symbol
follows an hour after the last tick; it is in the measured time, not in ``ticks`` nor in the EMA.

In the measured time: from the first message processed to the last one processed: fetching, JSON,
both results, RocksDB, commits. Not in it: imports, reading the file, filling the topic, creating
and joining the consumer group.
"""

import os
import tempfile
import time
from typing import Any

from confluent_kafka.admin import AdminClient
from quixstreams import Application, State
from quixstreams.models import Topic, TopicConfig

from benchmarks.peers import tape as t

BAR_MS = 1_000
CLOSER_MS = 3_600_000
"""How long after the last tick the messages come that close the last windows."""


class Clock:
    """Counts processed messages and stops the application after the last."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self._started = 0.0
        self.seconds = 0.0
        self.app: Application | None = None

    def __call__(self, topic: str, partition: int, offset: int) -> None:  # noqa: ARG002
        """Note one processed message."""
        self._left -= 1
        if not self._started:
            self._started = time.perf_counter()
        if self._left == 0:
            self.seconds = time.perf_counter() - self._started
            assert self.app is not None
            self.app.stop()


def fill(app: Application, topic: Topic, tape: t.Tape) -> int:
    """Write every tick and the closing messages; return how many."""
    last_ms = int(tape.ts_event_ns[-1]) // 1_000_000 + CLOSER_MS
    ticks = zip(
        tape.names(),
        (tape.ts_event_ns // 1_000_000).tolist(),
        tape.bid.tolist(),
        tape.ask.tolist(),
        strict=True,
    )
    closers = ((name, last_ms, 1.0, 1.0) for name in sorted(set(tape.names())))
    count = 0
    with app.get_producer() as producer:
        for rows in (ticks, closers):
            for name, ts_ms, bid, ask in rows:
                message = topic.serialize(name, {"bid": bid, "ask": ask}, timestamp_ms=ts_ms)
                producer.produce(topic.name, message.value, message.key, timestamp=ts_ms)
                count += 1
    return count


def ema(mid: float, state: State) -> float:
    """Move the EMA by one tick."""
    last = state.get("ema")
    value = mid if last is None else last + t.ALPHA * (mid - last)
    state.set("ema", value)
    return value


def new_bar(mid: float) -> list[float]:
    """Begin a bar."""
    return [mid, mid, mid, mid]


def add_to_bar(bar: list[float], mid: float) -> list[float]:
    """Add a tick to a bar."""
    opened, high, low, _ = bar
    return [opened, max(high, mid), min(low, mid), mid]


def delete_topics(bootstrap: str, name: str) -> None:
    """Remove the topic of the ticks and those in which Quix keeps its state."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    ours = [topic for topic in admin.list_topics(timeout=10).topics if name in topic]
    for deleted in admin.delete_topics(ours).values():
        deleted.result()


def main() -> None:
    """Fill, run and report."""
    args = t.arguments("--bootstrap")
    tape = t.load(args.ticks_file)
    name = f"peer-bars-{os.getpid()}-{time.perf_counter_ns()}"
    windows: list[t.Bar] = []
    emas: list[tuple[str, float]] = []

    def keep_bar(value: dict[str, Any], key: str, timestamp: int, headers: object) -> None:  # noqa: ARG001
        opened, high, low, close = value["value"]
        windows.append((key, value["start"] // BAR_MS, opened, high, low, close))

    def keep_ema(value: float, key: str, timestamp: int, headers: object) -> None:  # noqa: ARG001
        emas.append((key, value))

    closers = len(set(tape.symbol.tolist()))
    clock = Clock(tape.size + closers)
    with tempfile.TemporaryDirectory(prefix="peer-quix-") as folder:
        app = clock.app = Application(
            broker_address=args.bootstrap,
            consumer_group=name,
            auto_offset_reset="earliest",
            state_dir=folder,
            on_message_processed=clock,
            loglevel="WARNING",
        )
        topic = app.topic(name, key_deserializer="str", config=TopicConfig(1, 1))
        try:
            assert fill(app, topic, tape) == tape.size + closers
            mids = app.dataframe(topic).apply(lambda tick: (tick["bid"] + tick["ask"]) / 2)
            mids.apply(ema, stateful=True).update(keep_ema, metadata=True)
            bars = mids.tumbling_window(BAR_MS).reduce(add_to_bar, new_bar).final()
            bars.update(keep_bar, metadata=True)
            app.run()
        finally:
            delete_topics(args.bootstrap, name)

    t.report("quixstreams", tape, clock.seconds, windows, dict(emas[: tape.size]))


if __name__ == "__main__":
    main()
