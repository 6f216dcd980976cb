"""``live-latency``: from a tick into Kafka until its signal can be read from Kafka.

28 pairs at 500 and at 5,000 ticks/s over a real broker. Ticks are sent on a fixed schedule that
waits for nobody, and a latency counts from the moment at which its tick was due: no coordinated
omission. Event time runs 60 times as fast as the wall, so that every pair decides once a second;
this asks more of the engine than a live market, which decides once a minute.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from hdrh.histogram import HdrHistogram

from benchmarks.live import (
    START_NS,
    WITHOUT_SECONDS,
    Tape,
    busy_tape,
    ended,
    messages_of,
    new_run,
    now_ns,
    real_broker,
    scratch,
    start_reader,
)
from benchmarks.result import Bar, Measured
from config.plan import Plan
from domain.instruments import MAJOR_SYMBOLS
from domain.log import END_HEADER, STAMP_HEADER, Stamp, find_header
from domain.predictions import Signal
from domain.topics import Topic
from sinks.kafka_end import end_topics
from sources.kafka_hub import client_config

RATES = (500, 5_000)
SECONDS = 60
WARM_UP_S = 5
SPEED = 60.0
BAR_P99_MS, BAR_P999_MS = 10.0, 25.0
_READY_S = 12.0
_SLOT_S = 0.001


def measure() -> Measured:
    """Return the p99 at the higher rate, in milliseconds."""
    compared: dict[str, float] = {}
    met = True
    p99 = 0.0
    with real_broker() as bootstrap, scratch() as folder:
        for rate in RATES:
            histogram = _run(bootstrap, Path(folder), rate)
            for percentile in (50.0, 99.0, 99.9):
                name = f"{rate:,}/s p{percentile:g} ms"
                compared[name] = histogram.get_value_at_percentile(percentile) / 1e3
            compared[f"{rate:,}/s signals"] = float(histogram.get_total_count())
            p99 = compared[f"{rate:,}/s p99 ms"]
            met = met and p99 <= BAR_P99_MS and compared[f"{rate:,}/s p99.9 ms"] <= BAR_P999_MS
            print(f"  {rate:,} ticks/s: {compared}", flush=True)
    return Measured(
        value=p99,
        unit="ms",
        bar=Bar(BAR_P99_MS, f"p99 at most {BAR_P99_MS:g} ms, p99.9 {BAR_P999_MS:g} ms, both rates"),
        met=met,
        compared=compared,
        runs=[p99],
    )


def _run(bootstrap: str, folder: Path, rate: int) -> HdrHistogram:
    tape = busy_tape(MAJOR_SYMBOLS, rate * (SECONDS + WARM_UP_S), rate, SPEED)
    plan = new_run(bootstrap, tape.symbols, folder, bars={"timeframes": WITHOUT_SECONDS})
    reader = start_reader("trading", plan)
    time.sleep(_READY_S)
    began_ns = now_ns() + 500_000_000
    histogram = HdrHistogram(1, 60_000_000, 3)
    listening = Event()
    listener = Thread(target=_listen, args=(plan, began_ns, histogram, listening))
    listener.start()
    listening.wait(30.0)
    _play(tape, plan, began_ns)
    end_topics(plan.address, [Topic.TICKS])
    ended(reader, 120.0)
    end_topics(plan.address, [Topic.SIGNALS])
    listener.join(30.0)
    return histogram


def _play(tape: Tape, plan: Plan, began_ns: int) -> None:
    """Send each record when it is due, whatever became of those before."""
    producer = Producer(
        {"bootstrap.servers": plan.address.bootstrap, "linger.ms": 0, "acks": "1", "log_level": 3}
    )
    topic = plan.address.topic(Topic.TICKS)
    due = ((tape.records["ts_recv_ns"] - START_NS) / SPEED).astype("int64") + began_ns
    moments = due.tolist()
    for row, partition, key, value in messages_of(tape, plan.address):
        # What is due within a millisecond goes out together, never early.
        if moments[row] > now_ns():
            producer.poll(0)
            time.sleep(_SLOT_S)
            while moments[row] > now_ns():
                time.sleep(_SLOT_S)
        header = Stamp(0, moments[row], moments[row], "bench").pack()
        producer.produce(topic, value, key, partition, headers=[(STAMP_HEADER, header)])
    producer.flush()


def _listen(plan: Plan, began_ns: int, histogram: HdrHistogram, listening: Event) -> None:
    """Read the signals to their end; note how long after its record was due each one came."""
    address = plan.address
    consumer = Consumer(client_config(address.bootstrap, f"listen.{plan.run}"))
    topic = address.topic(Topic.SIGNALS)
    consumer.assign([TopicPartition(topic, p, 0) for p in range(address.partitions)])
    listening.set()
    decoder = msgspec.json.Decoder(Signal)
    counted_from_ns = began_ns + WARM_UP_S * 1_000_000_000
    for value, came_ns in _values(consumer, address.partitions):
        signal = decoder.decode(value)
        due_ns = int((signal.ts_recv_ns - START_NS) / SPEED) + began_ns
        if due_ns >= counted_from_ns:
            histogram.record_value(max(1, (came_ns - due_ns) // 1_000))
    consumer.close()


def _values(consumer: Consumer, partitions: int) -> Iterator[tuple[bytes, int]]:
    over = 0
    while over < partitions:
        for message in consumer.consume(1_000, 0.001):
            came_ns = now_ns()
            value = message.value()
            if value:
                yield value, came_ns
            elif find_header(message.headers(), END_HEADER) is not None:
                over += 1
