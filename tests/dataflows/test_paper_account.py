"""An account on paper: where its ledger is, and who may write it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from config.accounts import LEDGER_FILE
from config.settings import settings_of
from dataflows.paper_account import PAPER_FILE, PaperAccount
from domain.errors import BadUse
from tests.trading.tape import Sides, at, read, story, with_signals
from trading.desk.entries import fact_of
from trading.journal.errors import LeaseHeld
from trading.journal.journal import Journal
from trading.venues import AccountCharge

SYMBOLS = ("EURUSD",)


def opened(
    folder: Path | None, dsn: str = "", holder: str = "run-1", mode: str = "netting", **paper: Any
) -> PaperAccount:
    """Open the account of a run; its clock stands still."""
    execution = {"ledger_dsn": dsn, "position_mode": mode}
    settings = settings_of({"execution": execution, "paper": paper})
    return PaperAccount(
        settings,
        SYMBOLS,
        folder,
        holder,
        lambda: 1,
        lambda alert, _: pytest.fail(alert.text),
        pytest.fail,
    )


def writers(path: Path) -> list[str]:
    """Return the kinds of the entries of a ledger's file, oldest first."""
    journal = Journal.open(str(make_url("sqlite://").set(database=str(path))), "paper-1")
    try:
        return [str(entry.kind) for entry in journal.read()]
    finally:
        journal.close()


def test_a_run_has_ledger_and_venue_in_its_folder(tmp_path: Path) -> None:
    """They are left there, with the lease given back."""
    opened(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} >= {LEDGER_FILE, PAPER_FILE}
    assert writers(tmp_path / LEDGER_FILE) == ["lease", "lease"]


def test_a_run_takes_no_ledger_but_its_own(tmp_path: Path) -> None:
    """Two runs on one ledger would take each other's decisions for their past."""
    elsewhere, folder = tmp_path / "elsewhere.sqlite", tmp_path / "run"
    folder.mkdir()
    with pytest.raises(BadUse, match="ledger_dsn is for accounts at a broker"):
        opened(folder, f"sqlite:///{elsewhere}")
    assert not elsewhere.exists()
    assert not (folder / LEDGER_FILE).exists()


def test_a_backtest_never_touches_the_ledger_of_a_run(tmp_path: Path) -> None:
    """Its books are made up: they stay in memory, whatever the settings name."""
    elsewhere = tmp_path / "elsewhere.sqlite"
    opened(None, f"sqlite:///{elsewhere}").close()
    assert not elsewhere.exists()


def test_one_process_writes_the_ledger(tmp_path: Path) -> None:
    """A second run is refused; the same one may come back after a kill."""
    first = opened(tmp_path)
    with pytest.raises(LeaseHeld):
        opened(tmp_path, holder="run-2")
    again = opened(tmp_path)
    assert again.journal.fence > first.journal.fence
    again.close()


OVERNIGHT = """
    05T12:00:30.000 EURUSD 1.10000 1.10000
    05T12:01:00.000 EURUSD 1.10000 1.10000
    05T12:01:01.000 EURUSD 1.10000 1.10000
    05T22:00:00.600 EURUSD 1.10000 1.10000
    05T23:00:00.000 EURUSD 1.10000 1.10000
    05T23:00:01.000 EURUSD 1.10000 1.10000
    05T23:01:00.000 EURUSD 1.10000 1.10000
"""
WISHES: Sides = {("EURUSD", "05T12:01"): "buy", ("EURUSD", "05T23:00"): "sell"}


@pytest.mark.parametrize(
    ("mode", "second"), [("netting", "sell 36362 filled"), ("hedging", "sell 18181 filled")]
)
def test_the_settings_reach_the_account(mode: str, second: str, tmp_path: Path) -> None:
    """18,181 x 1.10 x 3.65 % / 365 = 1.99991 for a night; a flip goes as the account is kept."""
    paper = opened(tmp_path, mode=mode, swap_rates={"EURUSD": ["-0.0365", "0"]})
    logic = paper.build(None)
    out = logic.on_batch(with_signals(read(OVERNIGHT, SYMBOLS), WISHES, paper.config))
    filled = [line for line in story(out) if line.endswith("filled")]
    assert filled == ["EURUSD buy 18181 filled", f"EURUSD {second}"]
    facts = [fact_of(entry) for entry in paper.journal.read()]
    (charge,) = [fact for fact in facts if isinstance(fact, AccountCharge)]
    assert (charge.amount, charge.ts_event_ns) == (Decimal("-1.999910"), at("05T22:00"))
    paper.close()
