"""Bad use gets one clear line that says what and what to do, exit code 2, and nothing is lost."""

import signal
import socket
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.proofs.conftest import Aifx, Ended, finish, start
from tests.proofs.test_crash import run_folder, wait_for_workers


def refused(ended: Ended, *words: str) -> None:
    """Assert that a command ended with one line that holds these words, and code 2."""
    assert ended.code == 2, ended.output
    assert "Traceback" not in ended.output
    lines = [line for line in ended.output.splitlines() if line.startswith("aifx: ")]
    assert len(lines) == 1, ended.output
    for word in words:
        assert word in lines[0]


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """Write a file of a few good ticks."""
    path = tmp_path / "ticks.parquet"
    start_us = 1_768_300_000_000_000
    pq.write_table(
        pa.table(
            {
                "symbol": ["EURUSD"] * 300,
                "ts": pa.array(
                    [start_us + k * 1_000_000 for k in range(300)], pa.timestamp("us", "UTC")
                ),
                "bid": [1.1 + k * 1e-5 for k in range(300)],
                "ask": [1.1001 + k * 1e-5 for k in range(300)],
            }
        ),
        path,
    )
    return path


def test_a_missing_folder_is_named(aifx: Aifx) -> None:
    """The folder stands in the line, and what to give instead."""
    refused(aifx("run", "--ticks", "no/such/folder"), "no/such/folder", "--ticks")


def test_a_missing_column_is_named(aifx: Aifx, tmp_path: Path) -> None:
    """The line lists what is missing and what is needed."""
    path = tmp_path / "bad.parquet"
    pq.write_table(pa.table({"symbol": ["EURUSD"], "time": [1], "bid": [1.0], "ask": [1.0]}), path)
    refused(aifx("run", "--ticks", str(path)), "ts", "symbol, ts, bid, ask")


def test_an_unknown_symbol_is_named_with_the_known_ones(aifx: Aifx, tape: Path) -> None:
    """An inverted pair gets the way round in which the market quotes it."""
    refused(aifx("run", "--symbols", "ABCDEF"), "ABCDEF", "EURUSD")
    refused(aifx("backtest", "--symbols", "USDEUR"), "USDEUR", "EURUSD")
    refused(aifx("run", "--ticks", str(tape), "--symbols", "USDJPY"), "USDJPY", "EURUSD")


def test_an_unreachable_kafka_is_named(aifx: Aifx, tape: Path) -> None:
    """The address stands in the line, and the ways out."""
    refused(
        aifx("run", "--ticks", str(tape), "--kafka", "127.0.0.1:1"), "127.0.0.1:1", "aifx kafka up"
    )


def test_an_unreachable_clickhouse_is_named_without_its_password(aifx: Aifx, tape: Path) -> None:
    """The DSN stands in the line, the password does not."""
    ended = aifx("run", "--ticks", str(tape), "--clickhouse", "clickhouse://me:hush@127.0.0.1:1/x")
    refused(ended, "127.0.0.1:1")
    assert "hush" not in ended.output


def test_a_taken_port_is_named(aifx: Aifx, tape: Path) -> None:
    """The port stands in the line, and the option that changes it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        refused(aifx("run", "--ticks", str(tape), "--port", port), port, "--port")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--speed", "fast"), ("--speed", "0"), ("--from", "yesterday"), ("--to", "2026-13-01")],
)
def test_a_senseless_value_is_named(aifx: Aifx, option: str, value: str) -> None:
    """Option and value stand in the line."""
    refused(aifx("run", option, value), option, value)


@pytest.mark.slow
def test_a_second_run_on_the_same_data_folder_is_refused(aifx: Aifx, tmp_path: Path) -> None:
    """The first one goes on unharmed, and ends in order on SIGTERM."""
    data = tmp_path / "data"
    json_path = tmp_path / "first.json"
    first = start("run", "--symbols", "EURUSD", "--speed", "600", data=data, json_path=json_path)
    wait_for_workers(first)
    refused(aifx("run", "--symbols", "EURUSD", data=data), str(data), "--data")
    time.sleep(8.0)
    first.send_signal(signal.SIGTERM)
    ended = finish(first, json_path, 90.0)
    assert ended.code == 0, ended.output
    report = ended.report
    assert report["status"] == "stopped"
    # The embedded log ends with its process, so the run was let run dry: nothing is lost.
    assert report["ticks_in"] == report["ticks_archived"] + sum(report["ticks_rejected"].values())


@pytest.mark.kafka
@pytest.mark.slow
def test_a_corrupt_recovery_store_is_refused_and_left_alone(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    """The file is named and not touched, and a fresh run starts beside it."""
    data = tmp_path / "data"
    arguments = ("run", "--symbols", "EURUSD", "--speed", "1200", "--kafka", kafka_bootstrap)
    process = start(*arguments, data=data)
    wait_for_workers(process)
    time.sleep(8.0)
    process.send_signal(signal.SIGTERM)
    assert finish(process, None, 60.0).code == 0
    store = run_folder(data) / "recovery" / "trading" / "part-0.sqlite3"
    store.write_bytes(b"no database at all" * 500)
    before = store.read_bytes()
    refused(finish(start(*arguments, data=data), None, 60.0), str(store), "--fresh")
    assert store.read_bytes() == before
    again = start(*arguments, "--fresh", "--for", "3", data=data)
    ended = finish(again, None, 90.0)
    assert ended.code == 0, ended.output
