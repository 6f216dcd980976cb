"""The commands beside run and backtest, as a person uses them."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from domain.deployments import Stage
from models.registry.ledger import history
from tests.proofs.conftest import REPOSITORY, Aifx


def test_doctor_finds_a_whole_machine_well(aifx: Aifx) -> None:
    """Every needed part is looked at, and is there."""
    ended = aifx("doctor")
    assert ended.code == 0, ended.output
    for part in ("packages", "kernels", "kafka", "clickhouse", "data folder"):
        assert part in ended.output


@pytest.mark.slow
def test_a_model_is_trained_from_the_archive_of_a_run(aifx: Aifx, tmp_path: Path) -> None:
    """What a run has archived is what training reads; its line knows where its data ended."""
    data = tmp_path / "data"
    ran = aifx("run", "--symbols", "EURUSD,GBPUSD", "--speed", "max", data=data)
    assert ran.code == 0, ran.output
    name = ran.report["run"]
    trained = aifx("train", "--runs", name, "--kinds", "xgboost", "--simulated", data=data)
    assert trained.code == 0, trained.output
    assert "base rate" in trained.output
    lines = history(data / "models" / "simulated")
    # The first was trained on the days before the run, the second on the run itself.
    assert len(lines) == 2
    assert {line.to_stage for line in lines} == {Stage.CANDIDATE}
    assert lines[0].data_last_ns < lines[1].data_first_ns
    again = aifx("run", "--symbols", "EURUSD,GBPUSD", "--speed", "max", data=data)
    # The new model has seen this day: the run must still take the one that has not.
    assert again.report["models"] == ran.report["models"]
    assert again.report["sha256"] == ran.report["sha256"]
    # Both have passed no gate: the simulator holds no edge, and a person is told so.
    judged = aifx(
        "models", "validate", lines[1].artefact_id, "--by", "Ada", "--simulated", data=data
    )
    assert judged.code == 2, judged.output
    assert "no feature changes when the tape is cut behind it" in judged.output
    assert "stays a candidate: refused by " in judged.output
    # Its data ends with the newest that there is, and a training has just seen it.
    calm = aifx("retrain", "--kinds", "xgboost", "--simulated", data=data)
    assert calm.code == 0, calm.output
    assert "nothing calls for training" in calm.output
    assert history(data / "models" / "simulated") == lines


def test_training_on_an_unknown_run_is_refused(aifx: Aifx) -> None:
    """One line, code 2."""
    ended = aifx("train", "--runs", "no-such-run")
    assert ended.code == 2
    assert "no-such-run" in ended.output


@pytest.mark.kafka
def test_kafka_up_gives_a_broker_until_it_is_stopped(kafka_bootstrap: str) -> None:
    """The address that it prints answers; Ctrl-C ends it with code 0."""
    assert kafka_bootstrap
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "kafka", "up"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    until = time.monotonic() + 90.0
    found: re.Match[str] | None = None
    while found is None and time.monotonic() < until and process.poll() is None:
        said += process.stdout.readline()
        found = re.search(r"ready on (127\.0\.0\.1:\d+)", said)
    assert found is not None, said
    admin = AdminClient({"bootstrap.servers": found[1]})
    assert admin.list_topics(timeout=10.0).brokers
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30.0)
    assert process.returncode == 0
