"""Which account a person means, of a run on paper or at a broker, and how people reach it."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from config import plan as plans
from config.accounts import (
    LEDGER_FILE,
    account_folder,
    account_in,
    account_of,
    accounts_folder,
    ledger_dsn,
)
from config.plan import Plan
from config.settings import settings_of
from domain.errors import BadUse, Corrupt
from sources.adjustment_folder import ADJUSTMENTS_FOLDER, AdjustmentFolder
from sources.control_folder import CONTROL_FOLDER, ControlFolder


class Place(NamedTuple):
    """An account, and the folder in which it is reached; see `find_place`.

    Attributes
    ----------
    dsn
        Of its journal; where an account was named by itself, that of its folder.
    at_broker
        Whether it outlives its runs.
    """

    account: str
    folder: Path
    dsn: str
    at_broker: bool

    def control(self) -> ControlFolder:
        """Return the inbox of those who control its trading state."""
        return ControlFolder(self.folder / CONTROL_FOLDER, self.account)

    def adjustments(self) -> AdjustmentFolder:
        """Return the inbox of those who answer for its positions.

        Raises
        ------
        BadUse
            If it is on paper.
        """
        if not self.at_broker:
            msg = f"account {self.account} is on paper: its book is its venue's, nothing differs"
            raise BadUse(msg)
        return AdjustmentFolder(self.folder / ADJUSTMENTS_FOLDER, self.account)


def find_place(data_dir: Path, run: str, account: str) -> Place:
    """Return the account that a person means.

    Parameters
    ----------
    run
        Name of a run; empty: the one that is going on.
    account
        Id of an account at a broker, or the name of its folder; empty: that of the run.

    Raises
    ------
    BadUse
        If there is no such run or account, or it is not clear which is meant.
    Corrupt
        If the plan of the named run cannot be read.
    """
    if account:
        if run:
            msg = "give --run or --account, not both"
            raise BadUse(msg)
        return _of_account(data_dir, account)
    folders = {path.parent.name: path.parent for path in sorted(data_dir.glob("runs/*/plan.json"))}
    if run:
        if run not in folders:
            msg = f"there is no run {run!r} in {data_dir}: {_listed(sorted(folders))}"
            raise BadUse(msg)
        return place_of(plans.read(folders[run]))
    running = []
    for folder in folders.values():
        # The plan of an older version: its run is over, and must not be in the way of a kill.
        with suppress(Corrupt):
            plan = plans.read(folder)
            if plan.state == "running":
                running.append(plan)
    if len(running) != 1:
        names = [plan.run for plan in running]
        why = f"name one with --run: {_listed(names)}" if names else "no run is going on"
        msg = f"{why}; --run NAME also takes a stopped one ({_listed(sorted(folders))})"
        raise BadUse(msg)
    return place_of(running[0])


def place_of(plan: Plan) -> Place:
    """Return the account of a run."""
    settings = settings_of(plan.settings)
    at_broker = settings.broker.kind != "paper"
    folder = account_folder(Path(plan.data_dir), settings) if at_broker else Path(plan.run_dir)
    return Place(account_of(settings), folder, ledger_dsn(settings, folder), at_broker)


def _of_account(data_dir: Path, name: str) -> Place:
    """Return an account at a broker by its id or by ``BROKER-ID``."""
    known = sorted(accounts_folder(data_dir).glob("*/"))
    found = [folder for folder in known if name in {folder.name, account_in(folder)}]
    if len(found) != 1:
        both = " and ".join(folder.name for folder in found)
        what = f"{both} both are account" if found else "there is no account"
        msg = f"{what} {name!r} in {data_dir}: {_listed([folder.name for folder in known])}"
        raise BadUse(msg)
    folder = found[0]
    return Place(account_in(folder), folder, f"sqlite:///{folder / LEDGER_FILE}", at_broker=True)


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "there is none"
