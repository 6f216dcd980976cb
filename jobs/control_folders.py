"""Which control folder a person means: of a run on paper, or of an account at a broker."""

from contextlib import suppress
from pathlib import Path

from config import plan as plans
from config.plan import Plan
from config.settings import Settings, settings_of
from domain.errors import BadUse, Corrupt
from sources.control_folder import CONTROL_FOLDER, ControlFolder


def find_folder(data_dir: Path, run: str, account: str) -> ControlFolder:
    """Return the control folder that a person means.

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
        return folder_of_run(plans.read(folders[run]))
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
    return folder_of_run(running[0])


def folder_of_run(plan: Plan) -> ControlFolder:
    """Return the control folder of a run; that of an account at a broker outlives its runs."""
    # It loads the account's rules, which a command line's help does not wait for.
    from dataflows.account_config import account_of

    settings = settings_of(plan.settings)
    account = account_of(settings)
    if settings.broker.kind == "paper":
        return ControlFolder(Path(plan.run_dir) / CONTROL_FOLDER, account)
    folder = _accounts(Path(plan.data_dir)) / _folder_name(settings, account)
    return ControlFolder(folder / CONTROL_FOLDER, account)


def _of_account(data_dir: Path, name: str) -> ControlFolder:
    """Return the folder of an account by its id or by ``BROKER-ID``."""
    known = sorted(path.name for path in _accounts(data_dir).glob("*/"))
    found = [folder for folder in known if name in {folder, folder.partition("-")[2]}]
    if len(found) != 1:
        what = "there is no account" if not found else f"{' and '.join(found)} both are account"
        msg = f"{what} {name!r} in {data_dir}: {_listed(known)}"
        raise BadUse(msg)
    folder = _accounts(data_dir) / found[0]
    return ControlFolder(folder / CONTROL_FOLDER, found[0].partition("-")[2])


def _accounts(data_dir: Path) -> Path:
    return data_dir / "accounts"


def _folder_name(settings: Settings, account: str) -> str:
    # As `dataflows.live_account.account_folder` names it; a kill does not wait to load that.
    return f"{settings.broker.kind}-{account}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "there is none"
