"""One path: backtest, embedded run and a run on real Kafka give the same bytes, every time."""

from pathlib import Path

import pytest

from config.settings import load
from domain.bars import DEFAULT_TIMEFRAMES, Bar, records_of
from domain.nanos import parse_ns
from domain.orders import Execution
from domain.predictions import Signal
from domain.topics import encode
from jobs import feeds
from jobs.backtest import backtest
from jobs.collected import Collected
from tests.proofs.conftest import Aifx, Ended

SPAN = ("--from", "2014-05-01", "--to", "2014-05-02T06:00")
SAME = ("ticks_in", "ticks_rejected", "bars", "signals", "orders", "orders_denied", "fills",
        "pnl", "pnl_detail", "accuracy", "models", "sha256")  # fmt: skip


def same(left: Ended, right: Ended) -> None:
    """Assert that two commands came to the same results."""
    assert left.code == right.code == 0, left.output + right.output
    assert {k: left.report[k] for k in SAME} == {k: right.report[k] for k in SAME}


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_way_gives_the_same_results(
    aifx: Aifx, real_data: Path, kafka_bootstrap: str, tmp_path: Path
) -> None:
    """Backtest twice, embedded Kafka and real Kafka: same bars, signals, orders, P&L, accuracy."""
    ticks = ("--ticks", str(real_data / "ticks"), *SPAN)
    first = aifx("backtest", *ticks)
    assert sum(first.report["bars"].values()) > 30_000
    assert first.report["fills"] > 100
    same(first, aifx("backtest", *ticks))
    embedded = aifx("run", *ticks, "--speed", "max")
    same(first, embedded)
    real = aifx("run", *ticks, "--kafka", kafka_bootstrap, data=tmp_path / "on-real-kafka")
    same(first, real)
    for ended in (embedded, real):
        rows = ended.report["rows"]
        assert rows["bars"] == sum(ended.report["bars"].values())
        assert rows["signals"] == ended.report["signals"]
        assert rows["executions"] == ended.report["fills"]
        assert rows["dead_letter"] == 0
        assert ended.report["replayed"] == 0


@pytest.mark.slow
def test_two_accounts_trade_alike_in_a_backtest_and_in_a_run(
    aifx: Aifx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pair in its own account; together they come to what one account does with both."""
    day = ("--symbols", "EURUSD,USDJPY", "--from", "2026-01-12", "--to", "2026-01-12")
    alone = aifx("backtest", *day, data=tmp_path / "alone")
    assert "accounts" not in alone.report
    monkeypatch.setenv("AIFX__BROKER__SYMBOLS", '["EURUSD"]')
    monkeypatch.setenv("AIFX__BROKERS__SECOND__ACCOUNT_ID", "paper-2")
    monkeypatch.setenv("AIFX__BROKERS__SECOND__SYMBOLS", '["USDJPY"]')
    played = aifx("backtest", *day, data=tmp_path / "a")
    ran = aifx("run", *day, "--speed", "max", data=tmp_path / "b")
    same(played, ran)
    assert played.report["accounts"] == ran.report["accounts"]
    first, second = ran.report["accounts"]
    assert (first["account"], second["account"]) == ("paper-1", "paper-2")
    assert first["fills"] > 0
    assert second["fills"] > 0
    assert first["fills"] + second["fills"] == ran.report["rows"]["executions"]
    assert ran.report["sha256"]["signals"] == alone.report["sha256"]["signals"]


@pytest.mark.slow
def test_speed_changes_no_result(aifx: Aifx, tmp_path: Path) -> None:
    """A paced run of a simulated evening and one at full speed are the same run."""
    day = (
        "--symbols",
        "EURUSD,USDJPY",
        "--from",
        "2026-01-12",
        "--to",
        "2026-01-12",
        "--seed",
        "3",
    )
    paced = aifx("run", *day, "--speed", "7200", data=tmp_path / "a")
    fast = aifx("run", *day, "--speed", "max", data=tmp_path / "b")
    same(paced, fast)
    assert paced.report["fills"] > 0
    assert any("no edge" in note for note in paced.report["notes"])


@pytest.mark.real_data
@pytest.mark.slow
def test_no_result_knows_its_future(real_data: Path, tmp_path: Path) -> None:
    """Accuracy and signals aside, what a shorter tape gives is the beginning of a longer one's."""

    def play(to: str) -> Collected:
        kept: list[Collected] = []
        choice = feeds.choose(real_data / "ticks", ["EURUSD", "NZDUSD"], "2014-05-01", to, 0, 1)
        backtest(choice, load(), tmp_path, inspect=kept.append)
        return kept[0]

    def key(record: Bar | Signal | Execution) -> bytes:
        return encode(record)

    def bars(collected: Collected) -> list[Bar]:
        return [
            bar
            for symbol, rows in collected.bars
            for bar in records_of(symbol, DEFAULT_TIMEFRAMES, rows)
        ]

    cut = "2014-05-01T13:07:30"
    short, long = play(cut), play("2014-05-01T16:00")
    cut_ns = parse_ns(cut)
    assert short.bars
    assert short.signals
    # Which symbol's records come first depends on batches, and means nothing.
    assert sorted(key(b) for b in bars(short) if b.ts_event_ns <= cut_ns) == sorted(
        key(b) for b in bars(long) if b.ts_event_ns <= cut_ns
    )
    for shorter, longer in (
        (short.signals, long.signals),
        (short.executions, long.executions),
    ):
        assert sorted(key(r) for r in shorter if r.ts_event_ns < cut_ns) == sorted(
            key(r) for r in longer if r.ts_event_ns < cut_ns
        )
