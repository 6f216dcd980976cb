"""An account on paper: where its ledger is, and who may write it."""

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from config.accounts import LEDGER_FILE
from config.settings import settings_of
from dataflows.paper_account import PAPER_FILE, PaperAccount
from domain.errors import BadUse
from trading.journal.errors import LeaseHeld
from trading.journal.journal import Journal

SYMBOLS = ("EURUSD",)


def opened(folder: Path | None, dsn: str = "", holder: str = "run-1") -> PaperAccount:
    """Open the account of a run; its clock stands still."""
    settings = settings_of({"execution": {"ledger_dsn": dsn}})
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
