"""Switches of models in runs: promoted and rolled back while ticks flow, and killed in between."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from confluent_kafka import KafkaException

from config import plan as plans
from config.plan import Plan
from domain.deployments import ModelEvent, Stage
from domain.nanos import MINUTE_NS, iso
from domain.predictions import Signal
from domain.topics import Topic, decode
from features.spec import SCHEMA
from models.registry.rollback import roll_back
from models.registry.stages import run_switches
from tests.kafka.log import read
from tests.proofs.conftest import REPOSITORY, Aifx, finish, start
from tests.proofs.market import (
    HORIZON_NS,
    START_NS,
    SYMBOLS,
    Registry,
    Told,
    minute,
    replay,
    settings,
    write_tape,
)
from tests.proofs.test_bad_use import refused
from tests.proofs.test_crash import children_of, run_folder, wait_for_workers

PACE = ("--speed", "900")
"""28 s of wall time for the tape."""

QUICK = ("--speed", "1800")

PROMOTED_FROM = 125
"""Minute of the tape from which the ledger grows: the models have begun to answer."""

ALL_THE_WAY = (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)


class Row(NamedTuple):
    """A model event of the archive."""

    symbol: str
    minute: int
    kind: str
    artefact_id: str
    before_id: str
    stage: str


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the market once."""
    return write_tape(tmp_path_factory.mktemp("tape") / "ticks.parquet")


@pytest.fixture(autouse=True)
def _quick_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the feed ask for switches often: less of the tape passes meanwhile."""
    monkeypatch.setenv("AIFX__ENGINE__EPOCH_MS", "300")


def wait_for(process: subprocess.Popen[str], true: Callable[[], bool], what: str) -> None:
    """Wait until something holds of a run that goes on."""
    until = time.monotonic() + 120.0
    while True:
        # A topic that was just created has no leader for a moment: then nothing is there yet.
        with suppress(KafkaException):
            if true():
                return
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(0.1)


def plan_of(data: Path) -> Plan:
    """Return the plan of the one run of a data folder."""
    return plans.read(run_folder(data))


def decided_until(data: Path) -> int:
    """Return the last minute of the tape that has a signal."""
    signals = [
        record
        for one in read(plan_of(data).address, Topic.SIGNALS)
        if not one.end and isinstance(record := decode(Topic.SIGNALS, one.value), Signal)
    ]
    return max((s.ts_event_ns - START_NS) // MINUTE_NS for s in signals) if signals else 0


def champions_told(data: Path, artefact_id: str) -> set[str]:
    """Return the symbols that have heard of a new champion."""
    return {
        record.symbol
        for one in read(plan_of(data).address, Topic.MODELS)
        if not one.end and isinstance(record := decode(Topic.MODELS, one.value), ModelEvent)
        if (record.kind, record.stage, record.artefact_id) == ("switch", "champion", artefact_id)
    }


def rows(data: Path, sql: str) -> list[list[Any]]:
    """Ask the archive of a run that has ended."""
    asked = subprocess.run(
        [sys.executable, "-m", "tests.proofs.archive_rows", str(data), sql],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60.0,
        check=True,
    )
    found: list[list[Any]] = json.loads(asked.stdout)
    return found


def events(data: Path) -> list[Row]:
    """Return the model events of a run, in order of time."""
    sql = (
        "SELECT symbol, toUnixTimestamp64Nano(ts_event), kind, artefact_id, before_id, stage "
        "FROM model_events FINAL WHERE kind IN ('switch', 'rollback') ORDER BY ts_event, symbol"
    )
    return [
        Row(symbol, (ts_ns - START_NS) // MINUTE_NS, *rest)
        for symbol, ts_ns, *rest in rows(data, sql)
    ]


def voters(data: Path) -> dict[str, dict[int, str]]:
    """Return by symbol and minute whose vote of the trees stands in the archived signals."""
    sql = (
        "SELECT symbol, toUnixTimestamp64Nano(ts_event), "
        "arrayFirst((m, r) -> r = 'xgboost', vote_model_id, vote_role), length(vote_role) "
        "FROM signals FINAL"
    )
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for symbol, ts_ns, model_id, votes in rows(data, sql):
        if votes:
            found[symbol][(ts_ns - START_NS) // MINUTE_NS] = model_id
    return found


def told(data: Path, found: Sequence[Row]) -> Told:
    """Return what a run was told of models, with the times from which it held in the run."""
    switches = run_switches(
        Registry(data).entries, plan_of(data).ledger_lines, SCHEMA, HORIZON_NS, START_NS
    )
    times = [row.minute for row in found if row.symbol == SYMBOLS[0] and row.kind == "switch"]
    assert len(times) == len(switches)
    return Told(
        plan_of(data).deployments,
        tuple(
            msgspec.structs.replace(switch, effective_ns=minute(at))
            for switch, at in zip(switches, times, strict=True)
        ),
    )


def since(found: Sequence[Row], artefact_id: str, stage: Stage) -> int:
    """Return the minute from which a model had a stage, the same for all symbols.

    The run looks at the ledger when it likes: stages that were written one after another may come
    at different minutes. As a canary with the whole share a model votes for every symbol.
    """
    (at,) = {r.minute for r in found if (r.artefact_id, r.stage) == (artefact_id, stage)}
    return at


def same_as_replay(report: dict[str, Any], tape: Path, data: Path, found: Sequence[Row]) -> None:
    """Assert that a backtest with the run's switches gives the run; without them, other signals."""
    run = told(data, found)
    replayed = replay(tape, data, settings(), run).report
    plain = replay(tape, data, settings(), run._replace(switches=())).report
    assert report["sha256"] == dict(replayed.sha256)
    assert report["sha256"]["bars"] == plain.sha256["bars"]
    assert report["sha256"]["signals"] != plain.sha256["signals"]
    assert report["fills"] == replayed.fills > 0
    assert report["bars"] == plain.bars
    assert report["ticks_in"] == plain.ticks_in
    assert report["ticks_archived"] == report["rows"]["ticks"] == plain.ticks_archived
    assert report["ticks_in"] == report["ticks_archived"] + sum(report["ticks_rejected"].values())


@pytest.mark.slow
def test_a_model_is_promoted_and_rolled_back_while_ticks_flow(
    tape: Path, tmp_path: Path, aifx: Aifx
) -> None:
    """All symbols switch at one boundary, twice; no tick is lost, and a backtest says the same."""
    data, json_path = tmp_path / "data", tmp_path / "run.json"
    registry = Registry(data)
    first = registry.champion(0.5)
    second = registry.model(0.9)
    registry.validated(second)
    process = start("run", "--ticks", str(tape), *PACE, data=data, json_path=json_path)
    wait_for_workers(process)
    wait_for(process, lambda: decided_until(data) >= PROMOTED_FROM, "the models' answers")
    registry.promoted(second, *ALL_THE_WAY)
    wait_for(process, lambda: champions_told(data, second) == set(SYMBOLS), "the promotion")
    act = ("--by", "Ada", "--reason", "it was better")
    rolled = aifx("models", "rollback", "xgboost", *act, data=data)
    assert rolled.code == 0, rolled.output
    wait_for(process, lambda: champions_told(data, first) == set(SYMBOLS), "the rollback")
    ended = finish(process, json_path, 120.0)
    assert ended.code == 0, ended.output

    found = events(data)
    votes_at = since(found, second, Stage.CANARY)
    promoted_at = since(found, second, Stage.CHAMPION)
    back_at = since(found, first, Stage.CHAMPION)
    assert PROMOTED_FROM < votes_at <= promoted_at < back_at
    stages = ["shadow", "canary", "champion", "retired", "champion"]
    archived = voters(data)
    assert archived.keys() == set(SYMBOLS)
    for symbol in SYMBOLS:
        of_symbol = [row for row in found if row.symbol == symbol]
        assert sorted(row.stage for row in of_symbol) == sorted(stages)
        assert {row.kind for row in of_symbol} == {"switch"}
        for at, voter in archived[symbol].items():
            assert voter == (second if votes_at <= at < back_at else first)
    same_as_replay(ended.report, tape, data, found)
    for at, voter in ((votes_at - 1, first), (promoted_at, second), (back_at, first)):
        said = aifx("models", "at", iso(minute(at)), "--run", ended.report["run"], data=data)
        lines = [line for line in said.output.splitlines() if "xgboost" in line]
        assert len(lines) == len(SYMBOLS), said.output
        assert all(voter[:12] in line and iso(minute(at)) in line for line in lines), said.output
    refused(aifx("models", "at", iso(minute(0)), "--run", "none", data=data), "'none'")


@pytest.mark.slow
def test_a_run_meets_what_the_ledger_has_for_later(tape: Path, tmp_path: Path, aifx: Aifx) -> None:
    """At full speed too: a promotion, a bad canary and a rollback, as in a backtest."""
    data = tmp_path / "data"
    registry = Registry(data)
    registry.champion(0.5)
    registry.champion(0.9, effective_ns=minute(150))
    bad = registry.model(-0.5)
    registry.validated(bad)
    stages = (Stage.SHADOW, Stage.CANARY)
    registry.promoted(bad, *stages, effective_ns=minute(180), share=0.5)
    back = minute(390)
    roll_back(registry.store, "xgboost", back, "Ada", "it was better", effective_ns=back)
    replayed = replay(tape, data, settings())
    ran = aifx("run", "--ticks", str(tape), "--speed", "max", data=data)
    assert ran.code == 0, ran.output
    assert ran.report["sha256"] == dict(replayed.report.sha256)
    assert ran.report["fills"] == replayed.report.fills > 0
    told = [(e.symbol, e.kind, e.artefact_id, e.before_id, e.stage) for e in replayed.events]
    assert {kind for _, kind, *_ in told} >= {"switch", "rollback"}
    found = rows(data, "SELECT symbol, kind, artefact_id, before_id, stage FROM model_events FINAL")
    assert sorted(map(tuple, found)) == sorted(told)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_around_a_switch_the_run_ends_the_same(
    tape: Path, tmp_path: Path, kafka_bootstrap: str
) -> None:
    """SIGKILL of ingest when the ledger has grown, and of trading at the switch."""
    data, json_path = tmp_path / "data", tmp_path / "run.json"
    registry = Registry(data)
    first = registry.champion(0.5)
    second = registry.model(0.9)
    registry.validated(second)
    arguments = ("run", "--ticks", str(tape), "--kafka", kafka_bootstrap)

    process = start(*arguments, *QUICK, data=data)
    wait_for_workers(process)
    wait_for(process, lambda: decided_until(data) >= PROMOTED_FROM, "the models' answers")
    registry.promoted(second, *ALL_THE_WAY)
    time.sleep(1.2)  # it is about now that the feed takes the switch
    killed(process, "ingest")

    process = start(*arguments, *PACE, data=data)
    wait_for_workers(process)
    wait_for(process, lambda: bool(champions_told(data, second)), "the promotion")
    killed(process, "trading")

    last = start(*arguments, "--speed", "max", data=data, json_path=json_path)
    ended = finish(last, json_path, 120.0)
    assert ended.code == 0, ended.output
    assert "going on with run" in ended.output

    found = events(data)
    votes_at = since(found, second, Stage.CANARY)
    for symbol, by_minute in voters(data).items():
        assert sum(row.symbol == symbol for row in found) == len(ALL_THE_WAY)
        for at, voter in by_minute.items():
            assert voter == (second if votes_at <= at else first)
    same_as_replay(ended.report, tape, data, found)


def killed(process: subprocess.Popen[str], name: str) -> None:
    """Kill a dataflow of a run: the run stops, and says so."""
    os.kill(children_of(process.pid)[name], signal.SIGKILL)
    output, _ = process.communicate(timeout=60.0)
    assert process.returncode == 2, output[-2000:]
