"""However many processes share the trading dataflow, and whichever way, the bytes are the same."""

import os
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from config import plan as plans
from config.plan import Plan, RecordedPlan, worker_names
from config.settings import settings_of, without_secrets
from domain.instruments import DEFAULT_SYMBOLS
from domain.log import LogAddress
from domain.ticks import TickArray
from domain.topics import Topic
from features.quality import QualityConfig
from jobs.kafka import create_topics
from operators.ingest import route
from sinks.kafka_end import end_topics
from sinks.producer import SharedProducer
from testkit.tapes import arrivals, spoil, walk
from tests.kafka.log import read
from tests.proofs.conftest import REPOSITORY

SYMBOLS = tuple(sorted(DEFAULT_SYMBOLS))
PARTITIONS = 12
WRITTEN = (Topic.BARS, Topic.FEATURES, Topic.PREDICTIONS, Topic.SIGNALS, Topic.TICKS_LATE)
SETTINGS = {
    "bars": {"timeframes": ["1m", "5m", "20tick", "4pip"]},
    "models": {"online_min_labels": 5},
    "engine": {"epoch_ms": 500},
}
Streams = dict[tuple[str, str], list[bytes]]
_runs = count()


@pytest.fixture(scope="module")
def log() -> TickArray:
    """Judged ticks of eight pairs over three hours, with defects, as the ingest writes them."""
    raw = arrivals(
        *(
            spoil(walk(symbol, 4_000, seed, mean_gap_ms=2_500.0), 0.02, seed)
            for seed, symbol in enumerate(SYMBOLS)
        )
    )
    rules = QualityConfig(SYMBOLS).build(None)
    records = np.concatenate([rules.judge(raw).log, rules.close(None).log])
    assert records.size > 15_000
    return records


@pytest.fixture
def new_plan(kafka_bootstrap: str, tmp_path: Path, log: TickArray) -> Callable[[int], Plan]:
    """Make runs whose ticks are in the log already."""

    def make(processes: int) -> Plan:
        name = f"w{os.getpid()}-{next(_runs)}"
        address = LogAddress(kafka_bootstrap, f"{name}.", PARTITIONS)
        create_topics(address)
        settings = {**SETTINGS, "engine": {"epoch_ms": 500, "trading_processes": processes}}
        plan = Plan(
            run=name,
            data_dir=str(tmp_path),
            run_dir=str(tmp_path / name),
            address=address,
            feed=RecordedPlan(SYMBOLS, ""),
            feed_fingerprint="",
            speed=None,
            deployments=(),
            settings=without_secrets(settings_of(settings)),
        )
        plans.save(plan)
        fill(address, log)
        return plan

    return make


def fill(address: LogAddress, log: TickArray) -> None:
    """Write the ticks to their partitions, and end them."""
    producer = SharedProducer(address.bootstrap)
    active = frozenset(address.partition(symbol) for symbol in SYMBOLS)
    judged = QualityConfig(SYMBOLS).build(None).judge(log[:0])._replace(log=log)
    for routed in route(judged, address, active):
        for record in routed.records:
            producer.write(address.topic(routed.topic), routed.partition, b"", record.value)
    producer.flush()
    end_topics(address, [Topic.TICKS])


def play(commands: list[list[str]]) -> None:
    """Run some processes side by side to their end."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    for process in running:
        output, _ = process.communicate(timeout=120.0)
        assert process.returncode == 0, output


def streams(plan: Plan) -> Streams:
    """Return what the workers wrote, by topic and stream, in the order of the log.

    Records of different symbols may stand in any order.
    """
    found: Streams = defaultdict(list)
    for topic in WRITTEN:
        records = read(plan.address, topic)
        active = {plan.address.partition(symbol) for symbol in SYMBOLS}
        ends = [record.partition for record in records if record.end]
        assert len(ends) == len(set(ends)), f"{topic} ended twice"
        assert active <= set(ends) or topic is not Topic.BARS
        for record in records:
            if record.stamp is not None and not record.end:
                found[topic, record.stamp.stream].append(record.value)
    return dict(found)


def worker(plan: Plan, name: str) -> list[str]:
    """Return the command of a worker."""
    return ["jobs.worker", name, plan.run_dir, str(os.getpid())]


def free_ports(number: int) -> list[int]:
    """Return ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.mark.kafka
@pytest.mark.slow
def test_one_process_two_shares_and_a_cluster_write_the_same_bytes(
    new_plan: Callable[[int], Plan],
) -> None:
    """Cross-pair features included: each share reads the bars of both."""
    alone = new_plan(1)
    play([worker(alone, "trading")])
    wanted = streams(alone)
    assert {symbol for topic, symbol in wanted if topic is Topic.SIGNALS} == set(SYMBOLS)
    assert any(b'"ready":true' in value for value in wanted[Topic.FEATURES, "EURUSD"])

    for processes in (2, 3):
        shared = new_plan(processes)
        play([worker(shared, name) for name in worker_names(processes) if "trading" in name])
        assert streams(shared) == wanted

    together = new_plan(1)
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    play(
        [
            ["tests.proofs.cluster_worker", together.run_dir, str(process), *addresses]
            for process in range(2)
        ]
    )
    assert streams(together) == wanted
