"""A real broker, tapes of ticks in its log, and processes that read them: for live figures."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from confluent_kafka import Producer

from config import plan as plans
from config.plan import Plan, RecordedPlan
from config.settings import settings_of, without_secrets
from domain.instruments import INSTRUMENTS, instrument
from domain.log import STAMP_HEADER, LogAddress, Stamp
from domain.nanos import SECOND_NS, parse_ns
from domain.ticks import TICK_DTYPE, Kind, TickArray, new_records
from domain.topics import Topic
from features.quality import QualityConfig
from jobs.kafka import create_topics
from sinks.kafka_end import end_topics
from sources.recorded import RecordedFeed
from testkit.kafka import broker

PARTITIONS = 12
SEED = 7
START_NS = parse_ns("2026-01-13T12:00")
WITHOUT_SECONDS = ("1m", "5m", "1h")
_runs = count()


class Tape(NamedTuple):
    """Records in log order, as the ingest writes them: ticks, and heartbeats for all."""

    symbols: tuple[str, ...]
    records: TickArray


@contextmanager
def real_broker() -> Iterator[str]:
    """Give the address of a real Kafka: that of the environment, else one of our own."""
    with broker(say=lambda line: print(f"  {line}", flush=True)) as address:
        yield address.bootstrap


def recorded_tape(folder: Path, limit: int) -> Tape:
    """Return the first recorded ticks as the ingest would write them."""
    feed = RecordedFeed(folder)
    rules = QualityConfig(feed.symbols).build(None)
    parts: list[TickArray] = []
    rows = 0
    for batch in feed.batches():
        parts.append(rules.judge(batch).log)
        rows += parts[-1].size
        if rows >= limit:
            break
    return Tape(feed.symbols, np.concatenate(parts)[:limit])


def busy_tape(symbols: Sequence[str], ticks: int, per_second: float, speed: float = 1.0) -> Tape:
    """Return a seeded walk of some pairs: ``per_second`` ticks a second of all pairs together.

    ``speed`` is how many seconds of event time pass in one of these, and between heartbeats.
    """
    rng = np.random.default_rng(SEED)
    records = new_records(ticks)
    step_ns = speed * SECOND_NS / per_second
    records["ts_event_ns"] = START_NS + (np.arange(ticks) * step_ns).astype(np.int64)
    records["ts_recv_ns"] = records["ts_event_ns"]
    records["seq"] = np.arange(ticks)
    which = rng.integers(0, len(symbols), ticks)
    names = np.array([symbol.encode() for symbol in symbols], dtype="S16")
    records["symbol"] = names[which]
    for at, symbol in enumerate(symbols):
        pair = instrument(symbol)
        mine = np.flatnonzero(which == at)
        grid = 10.0**-pair.display_precision
        walk = np.cumsum(rng.integers(-3, 4, mine.size))
        base = round((1.1 if pair.pip_location == -4 else 110.0) / grid)
        records["bid"][mine] = np.round((base + walk) * grid, pair.display_precision)
        records["ask"][mine] = np.round((base + walk + 8) * grid, pair.display_precision)
    return Tape(tuple(sorted(symbols)), _with_heartbeats(records, int(speed * SECOND_NS)))


def _with_heartbeats(ticks: TickArray, every_ns: int) -> TickArray:
    beats_so_far = ticks["ts_recv_ns"] // every_ns
    at = np.flatnonzero(np.diff(beats_so_far, prepend=beats_so_far[0]))
    beats = new_records(at.size)
    beats["kind"] = Kind.HEARTBEAT
    beats["ts_recv_ns"] = beats_so_far[at] * every_ns
    beats["ts_event_ns"] = beats["ts_recv_ns"]
    order = np.argsort(np.concatenate([2 * at, 2 * np.arange(ticks.size) + 1]), kind="stable")
    merged: TickArray = np.concatenate([beats, ticks])[order]
    return merged


def new_run(bootstrap: str, symbols: tuple[str, ...], folder: Path, **sections: object) -> Plan:
    """Make a run of its own: topics, plan, folder."""
    name = f"bench{os.getpid()}-{next(_runs)}"
    address = LogAddress(bootstrap, f"{name}.", PARTITIONS)
    create_topics(address)
    plan = Plan(
        run=name,
        data_dir=str(folder),
        run_dir=str(folder / name),
        address=address,
        feed=RecordedPlan(symbols, ""),
        feed_fingerprint="",
        speed=None,
        deployments=(),
        settings=without_secrets(settings_of(dict(sections))),
    )
    plans.save(plan)
    return plan


def messages_of(tape: Tape, address: LogAddress) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Give (row, partition, key, value) of each message: one tick each, heartbeats to all."""
    active = sorted({address.partition(symbol) for symbol in tape.symbols})
    homes = {s.encode(): (address.partition(s), s.encode()) for s in tape.symbols}
    raw, size = tape.records.tobytes(), TICK_DTYPE.itemsize
    names, kinds = tape.records["symbol"].tolist(), tape.records["kind"].tolist()
    for row, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        value = raw[row * size : (row + 1) * size]
        if kind == Kind.HEARTBEAT:
            for partition in active:
                yield row, partition, b"", value
        else:
            partition, key = homes[name]
            yield row, partition, key, value


def fill(tape: Tape, address: LogAddress) -> int:
    """Write a whole tape into the ticks topic and end it; return the number of messages."""
    producer = Producer(
        {"bootstrap.servers": address.bootstrap, "linger.ms": 50, "acks": "all", "log_level": 3}
    )
    topic, written = address.topic(Topic.TICKS), 0
    header: list[tuple[str, str | bytes | None]]
    # A wall clock that is not 0: the reader tells when it has the first record.
    header = [(STAMP_HEADER, Stamp(0, 1, 0, "bench").pack())]
    for _, partition, key, value in messages_of(tape, address):
        while True:
            try:
                producer.produce(topic, value, key, partition, headers=header)
            except BufferError:
                producer.poll(0.01)
            else:
                break
        written += 1
        if not written % 1_000:
            producer.poll(0)
    producer.flush()
    end_topics(address, [Topic.TICKS])
    return written


def start_reader(kind: str, plan: Plan, *arguments: str) -> subprocess.Popen[str]:
    """Start ``benchmarks.live_reader``: ``trading`` or ``raw``."""
    command = [sys.executable, "-m", "benchmarks.live_reader", kind, plan.run_dir, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], timeout_s: float = 600.0) -> dict[str, float]:
    """Wait for a reader and return what it measured."""
    output, _ = process.communicate(timeout=timeout_s)
    if process.returncode:
        msg = f"the reader ended with code {process.returncode}"
        raise RuntimeError(msg)
    found: dict[str, float] = json.loads(output.strip().splitlines()[-1])
    return found


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for runs that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="aifx-bench-")


def symbols_of(number: int) -> tuple[str, ...]:
    """Return the first pairs of the instruments' table."""
    return tuple(list(INSTRUMENTS)[:number])


def now_ns() -> int:
    """Return the wall clock: a figure, never a result."""
    return time.time_ns()  # noqa: TID251 - latency is measured on the wall
