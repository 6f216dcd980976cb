"""Crash and stop on a real broker: killed at any moment, the run ends as if it had not been."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import TopicPartition

from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.venue import open_paper_venue
from config import plan as plans
from config.accounts import LEDGER_FILE, account_of
from config.plan import WORKERS
from config.settings import settings_of
from dataflows.paper_account import PAPER_FILE
from domain.topics import Topic
from sinks.kafka import reader
from tests.proofs.conftest import Aifx, finish, start
from trading.desk.past import resume
from trading.journal.journal import Journal

SEED = 20140501
ACCOUNT = account_of(settings_of({}))
KILLS = 10
DAY = ("--symbols", "EURUSD,USDJPY,EURJPY", "--from", "2026-01-13", "--seed", "11")
TRADES = ("orders", "orders_denied", "fills", "pnl", "pnl_detail")
PACE = ("--speed", "2400")
"""36 s of wall time for the day: enough lives to be killed in."""


def children_of(pid: int) -> dict[str, int]:
    """Name the dataflow processes under a supervisor."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if parent == pid and b"jobs.worker" in words:
            found[words[words.index(b"jobs.worker") + 1].decode()] = int(entry.name)
    return found


def wait_for_workers(process: subprocess.Popen[str]) -> None:
    """Wait until every dataflow of a run has its process."""
    until = time.monotonic() + 90.0
    while len(children_of(process.pid)) < len(WORKERS):
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < until, "the workers did not start"
        time.sleep(0.05)


def ticks_in_the_log(data: Path) -> int:
    """Return how many records the run's ticks topic holds."""
    plan = plans.read(run_folder(data))
    consumer = reader(plan.address.bootstrap)
    topic = plan.address.topic(Topic.TICKS)
    try:
        return sum(
            consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10.0)[1]
            for p in range(plan.address.partitions)
        )
    finally:
        consumer.close()


def wait_for_ticks(process: subprocess.Popen[str], data: Path, more_than: int) -> None:
    """Wait until a run has written so many records, however long its start takes here."""
    until = time.monotonic() + 120.0
    while ticks_in_the_log(data) <= more_than:
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < until, "no ticks came"
        time.sleep(0.2)


def run_folder(data: Path) -> Path:
    """Return the folder of the one run of a data folder."""
    (folder,) = (data / "runs").iterdir()
    return folder


def requests_at_the_venue(folder: Path) -> list[str]:
    """Return every client order id that the paper venue was ever asked to fill, in order."""
    venue = open_paper_venue(PaperVenueConfig(account=ACCOUNT), folder / PAPER_FILE)
    try:
        return venue.requests()
    finally:
        venue.close()


def sent_and_filled(folder: Path) -> tuple[set[str], int]:
    """Return what the journal alone says: orders that may have left, and how many fills.

    Its tables must say the same as its entries, whose chain is checked on the way.
    """
    journal = Journal.open(f"sqlite:///{folder / LEDGER_FILE}", ACCOUNT)
    try:
        book = resume(journal, ACCOUNT, None).book
        orders, fills = journal.orders(), journal.executions()
    finally:
        journal.close()
    assert {one.client_order_id: one for one in orders} == {
        state.order.client_order_id: state.order for state in book.states()
    }
    return {one.client_order_id for one in orders if one.status != "denied"}, len(fills)


def results_of(report: dict[str, Any]) -> dict[str, Any]:
    """Pick what a crash must not change."""
    names = ("ticks_in", "ticks_archived", "ticks_rejected", "bars", "signals", "sha256")
    return {name: report[name] for name in names}


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_ten_times_the_run_ends_the_same(
    aifx: Aifx, kafka_bootstrap: str, tmp_path: Path
) -> None:
    """SIGKILL of the supervisor or of one dataflow at ten seeded moments changes no result."""
    expected = aifx("backtest", *DAY)
    assert expected.code == 0, expected.output
    data = tmp_path / "crashing"
    json_path = tmp_path / "crashed.json"
    arguments = ("run", *DAY, *PACE, "--kafka", kafka_bootstrap)
    rng = np.random.default_rng(SEED)
    for life in range(KILLS):
        process = start(*arguments, data=data)
        wait_for_workers(process)
        time.sleep(float(rng.uniform(0.0, 9.0)))
        workers = children_of(process.pid)
        victim = process.pid
        if life % 2 and workers:
            victim = workers[str(rng.choice(sorted(workers)))]
        os.kill(victim, signal.SIGKILL)
        output, _ = process.communicate(timeout=90.0)
        assert process.returncode != 0, f"life {life} was not killed:\n{output[-2000:]}"
    ended = finish(start(*arguments, data=data, json_path=json_path), json_path, 400.0)
    assert ended.code == 0, ended.output
    assert "going on with run" in ended.output
    assert results_of(ended.report) == results_of(expected.report)

    folder = run_folder(data)
    asked = requests_at_the_venue(folder)
    assert len(asked) == len(set(asked)) > 0
    sent, fills = sent_and_filled(folder)
    assert set(asked) <= sent
    assert fills == ended.report["fills"]
    if set(asked) == sent:
        # No kill fell between an intent and its send: not even the trades differ.
        assert {k: ended.report[k] for k in TRADES} == {k: expected.report[k] for k in TRADES}


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_stopped_in_order_nothing_is_replayed(
    aifx: Aifx, kafka_bootstrap: str, tmp_path: Path
) -> None:
    """SIGTERM: exit 0 and a summary; the same command goes on, and writes no record again."""
    expected = aifx("backtest", *DAY)
    data = tmp_path / "stopping"
    arguments = ("run", *DAY, *PACE, "--kafka", kafka_bootstrap)
    written = 0
    for life in range(2):
        json_path = tmp_path / f"stopped-{life}.json"
        process = start(*arguments, data=data, json_path=json_path)
        wait_for_workers(process)
        wait_for_ticks(process, data, written + 3_000)
        process.send_signal(signal.SIGTERM)
        ended = finish(process, json_path, 90.0)
        assert ended.code == 0, ended.output
        assert ended.report["status"] == "stopped"
        assert 0 < ended.report["ticks_in"] < expected.report["ticks_in"]
        assert ended.report["replayed"] == 0
        written = ticks_in_the_log(data)
    json_path = tmp_path / "resumed.json"
    ended = finish(start(*arguments, data=data, json_path=json_path), json_path, 400.0)
    assert ended.code == 0, ended.output
    assert ended.report["status"] == "finished"
    assert ended.report["replayed"] == 0
    assert results_of(ended.report) == results_of(expected.report)
    assert ended.report["fills"] == expected.report["fills"]
    assert ended.report["pnl"] == expected.report["pnl"]
