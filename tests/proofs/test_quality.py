"""Execution quality and statements of a run, as a person asks for them."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.conftest import REPOSITORY, Aifx

EVENING = ("--symbols", "EURUSD,USDJPY", "--from", "2026-01-12", "--seed", "3")


def asked(*arguments: str) -> tuple[int, Any]:
    """Return the exit code of a command, and what it wrote to standard output as JSON."""
    ended = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *arguments, "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_fill_of_a_run_is_measured_and_its_days_are_stated(
    aifx: Aifx, tmp_path: Path
) -> None:
    """The run and its backtest measure the same; the statements add up to the run's profit.

    Then the venue is fitted, and a backtest on the fitted one has the latency that was measured.
    """
    data = tmp_path / "data"
    ran = aifx("run", *EVENING, "--speed", "max", data=data)
    assert ran.code == 0, ran.output
    report = ran.report
    assert report["fills"] > 0
    assert report["rows"]["quality_fills"] == report["fills"]
    closed = report["orders"] + sum(report["orders_denied"].values())
    assert report["rows"]["quality_orders"] == closed
    replayed = aifx("backtest", *EVENING, data=data)
    assert replayed.report["sha256"] == report["sha256"]

    fitted = tmp_path / "paper.json"
    code, costs = asked("tca", "--data", str(data), "--by", "session,symbol", "--fit", str(fitted))
    assert code == 0
    assert sum(group["fills"] for group in costs["groups"]) == report["fills"]
    code, again = asked("tca", "--data", str(data), "--by", "session,symbol", "--recompute")
    assert code == 0
    agreement = again.pop("agreement")
    assert agreement["compared"] == sum(
        report["rows"][name] for name in ("quality_fills", "quality_orders", "quality_events")
    )
    assert (agreement["differing"], agreement["at_end"]) == (0, 0)
    assert costs.pop("agreement") is None
    assert again == costs
    # The paper venue of the run is 50 ms away and refuses nothing.
    parameters = json.loads(fitted.read_bytes())
    assert parameters["latency_ns"] == 50_000_000
    assert set(parameters["extra_latency_ns"]) == {0}
    assert parameters["reject_rates"] == {}

    code, stated = asked("statement", "--data", str(data), "--date", "2026-01-12")
    assert code == 0
    assert [check["holds"] for check in stated["checks"]] == [True] * 6
    statement = stated["statement"]
    realised = Decimal(statement["closing"]["balance"]) - Decimal(statement["opening"]["balance"])
    assert realised == Decimal(report["pnl_detail"]["realised"])
    assert len(stated["settles"]) == report["fills"]
    assert {one["value_date"] for one in stated["settles"]} == {"2026-01-14"}
    (folder,) = (data / "runs").iterdir()
    code, alone = asked("statement", "--ledger", f"sqlite:///{folder / 'ledger.sqlite'}")
    assert code == 0
    assert alone["statement"]["closing"]["balance"] == statement["closing"]["balance"]


def test_what_cannot_be_shown_is_said_in_one_line(aifx: Aifx, tmp_path: Path) -> None:
    """Nothing has run yet, or not under this name; two sources; a day that is none."""
    for arguments, words in (
        (("tca",), "no run in"),
        (("tca", "--by", "colour"), "cannot group by colour"),
        (("statement", "--run", "gone"), "there is no run gone"),
        (("statement", "--run", "a", "--ledger", "sqlite:///b"), "not both"),
        (("statement", "--ledger", f"sqlite:///{tmp_path / 'none'}"), "there is no journal"),
    ):
        ended = aifx(*arguments, data=tmp_path / "empty")
        assert ended.code == 2, ended.output
        assert words in " ".join(ended.output.split())
