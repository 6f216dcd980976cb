"""An ingest that is killed while the ledger grows: each switch is in the log once, at one place."""

import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import msgspec
import numpy as np
import pytest

from config.plan import Plan, SimulatedPlan
from config.settings import load, without_secrets
from dataflows import ingest
from dataflows.context import Context
from domain.log import LogAddress
from domain.switch_records import switch_of
from domain.ticks import FeedBatch, Kind, decode_ticks, event_clock
from domain.topics import Topic
from operators import engine
from operators.ingest import HEARTBEAT_STREAM, SWITCH_STREAM, JudgeLogic, route
from operators.meter import Meter
from sources.quiesce import Quiesce
from testkit.switches import a_switch
from tests.kafka.log import TIMEOUT_S, Record, read, wall
from tests.kafka.switch_flow import ENTRIES, RULES, SYMBOLS, TAPE, Growing, Orders, Tape

REPOSITORY = Path(__file__).parents[2]


def live(orders: Orders) -> int:
    """Live a life to its end, whichever it is; return the exit code."""
    command = [
        sys.executable,
        "-m",
        "tests.kafka.switch_flow",
        msgspec.json.encode(orders).decode(),
    ]
    return subprocess.run(command, cwd=REPOSITORY, timeout=TIMEOUT_S, check=False).returncode


def expected(address: LogAddress) -> dict[int, list[bytes]]:
    """Say what each partition holds beside switches."""
    active = frozenset(address.partition(symbol) for symbol in SYMBOLS)
    feed = [FeedBatch(TAPE), FeedBatch(TAPE[:0], last=True)]
    found: dict[int, list[bytes]] = {}
    for judged in JudgeLogic(RULES, None, lambda _: None).on_batch(feed):
        for item in route(judged, address, active):
            if item.topic is Topic.TICKS:
                found.setdefault(item.partition, []).extend(r.value for r in item.records)
    return found


def test_the_ingest_writes_what_its_watch_tells(
    embedded: LogAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind those that the plan has already, which stand before the first tick."""
    monkeypatch.setattr(ingest, "open_feed", lambda _plan: Tape())
    settings = load()
    plan = Plan(
        run="switches",
        data_dir=str(tmp_path),
        run_dir=str(tmp_path),
        address=embedded,
        feed=SimulatedPlan(SYMBOLS, "2024-03-05", "2024-03-05", "2024-03-05", 1),
        feed_fingerprint="tape",
        speed=None,
        deployments=(),
        schedule=tuple(a_switch(n) for n in range(4)),
        settings=without_secrets(settings),
    )
    context = Context(plan, settings, Quiesce(), Meter("ingest", wall), wall)
    flow = ingest.build(context, lambda: True, lambda _rows: sleep(0.002), Growing(ENTRIES))
    engine.run(flow, 10, tmp_path / "recovery")
    told: dict[int, list[str]] = {}
    for record in read(embedded, Topic.TICKS):
        if stream(record) == SWITCH_STREAM:
            switch = switch_of(decode_ticks(record.value))
            told.setdefault(record.partition, []).append(switch.artefact_id)
    wanted = [a_switch(n).artefact_id for n in range(ENTRIES)]
    assert told == {embedded.partition(symbol): wanted for symbol in SYMBOLS}


def stream(record: Record) -> str:
    """Return the stream of a record."""
    assert record.stamp is not None
    return record.stamp.stream


def test_killed_at_any_moment_each_switch_is_in_the_log_once(
    embedded: LogAddress, tmp_path: Path
) -> None:
    """In every active partition, at the same place of the feed, with the same effective time."""
    rng = np.random.default_rng(20240305)
    codes = []
    for life in range(4):
        dies_at = -1 if life == 3 else int(rng.integers(150, 1_000))
        epoch_ms = int(rng.integers(5, 40))
        entries = ENTRIES if life == 3 else 2 * life
        codes.append(live(Orders(embedded, str(tmp_path), entries, epoch_ms, dies_at)))
    assert codes == [-signal.SIGKILL] * 3 + [0]

    by_partition: dict[int, list[Record]] = {}
    for record in read(embedded, Topic.TICKS):
        by_partition.setdefault(record.partition, []).append(record)
    wanted = expected(embedded)
    assert by_partition.keys() == wanted.keys()
    told = []
    for partition, records in by_partition.items():
        others = [r.value for r in records if stream(r) != SWITCH_STREAM]
        assert others == wanted[partition]
        log = decode_ticks(b"".join(r.value for r in records))
        places = np.flatnonzero(log["kind"] == Kind.SWITCH).tolist()
        switches = [switch_of(log[at : at + 1]) for at in places]
        assert [r.stamp.seq for r in records if stream(r) == SWITCH_STREAM and r.stamp] == list(
            range(1, len(places) + 1)
        )
        assert log["seq"][places].tolist() == list(range(1, len(places) + 1))
        # No record before it has brought the symbol to where it holds.
        clock = event_clock(log, 0)
        for at, switch in zip(places, switches, strict=True):
            assert switch.effective_ns == 0 or clock[at] < switch.effective_ns
        beats = np.cumsum([stream(r) == HEARTBEAT_STREAM for r in records])
        told.append((switches, beats[places].tolist(), log["ts_recv_ns"][places].tolist()))
    assert len(told) == len(SYMBOLS)
    assert told[0] == told[1]
    artefacts = [switch.artefact_id for switch in told[0][0]]
    assert artefacts == [a_switch(n).artefact_id for n in range(ENTRIES)]
    assert len(set(told[0][2])) > 2, "they stand at several places"
