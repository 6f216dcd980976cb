"""Which control folder a person means: of a run on paper, or of an account at a broker."""

from contextlib import suppress
from pathlib import Path

from config import plan as plans
from config.plan import Plan
from config.settings import Settings, settings_of
from domain.errors import BadUse, Corrupt
from sources.control_folder import CONTROL_FOLDER, ControlFolder


def find_folders(data_dir: Path, run: str, account: str) -> list[ControlFolder]:
    """Return the control folders that a person means.

    Parameters
    ----------
    run
        Name of a run; empty: the one that is going on.
    account
        Name of one account of that run; without a run also the id of any account at a broker, or
        the name of its folder. Empty: all of the run.

    Raises
    ------
    BadUse
        If there is no such run or account, or it is not clear which is meant.
    Corrupt
        If the plan of the named run cannot be read.
    """
    folders = _runs(data_dir)
    if run:
        if run not in folders:
            msg = f"there is no run {run!r} in {data_dir}: {_listed(sorted(folders))}"
            raise BadUse(msg)
        return _named(folders_of_run(plans.read(folders[run])), account)
    running = _going_on(folders)
    if account:
        return _of_name(data_dir, running, account)
    if len(running) != 1:
        names = [plan.run for plan in running]
        why = f"name one with --run: {_listed(names)}" if names else "no run is going on"
        msg = f"{why}; --run NAME also takes a stopped one ({_listed(sorted(folders))})"
        raise BadUse(msg)
    return folders_of_run(running[0])


def run_dir_of(data_dir: Path, run: str) -> Path | None:
    """Return the folder of a run, by default of the one that is going on; None if none is."""
    folders = _runs(data_dir)
    running = [Path(plan.run_dir) for plan in _going_on(folders)]
    return folders.get(run) if run else running[0] if len(running) == 1 else None


def folders_of_run(plan: Plan) -> list[ControlFolder]:
    """Return the control folder of each account of a run; at a broker it outlives its runs."""
    # It loads the account's rules, which a command line's help does not wait for.
    from dataflows.account_config import account_of

    found = []
    for settings in settings_of(plan.settings).accounts:
        account = account_of(settings)
        folder = _accounts(Path(plan.data_dir)) / _folder_name(settings, account)
        if settings.broker.kind == "paper":
            # As `dataflows.paper_account.paper_folder` has it.
            folder = Path(plan.run_dir)
            folder = _accounts(folder) / account if settings.broker.suffix else folder
        found.append(ControlFolder(folder / CONTROL_FOLDER, account))
    return found


def _named(folders: list[ControlFolder], account: str) -> list[ControlFolder]:
    """Return those of an account of a run; all, if none is named."""
    found = [one for one in folders if account in ("", one.account)]
    if not found:
        known = _listed([one.account for one in folders])
        msg = f"the run has no account {account!r}: {known}"
        raise BadUse(msg)
    return found


def _runs(data_dir: Path) -> dict[str, Path]:
    return {path.parent.name: path.parent for path in sorted(data_dir.glob("runs/*/plan.json"))}


def _going_on(folders: dict[str, Path]) -> list[Plan]:
    running = []
    for folder in folders.values():
        # The plan of an older version: its run is over, and must not be in the way of a kill.
        with suppress(Corrupt):
            plan = plans.read(folder)
            if plan.state == "running":
                running.append(plan)
    return running


def _of_name(data_dir: Path, running: list[Plan], account: str) -> list[ControlFolder]:
    """Return the folder of an account of a run that goes on, or of any at a broker."""
    found: list[ControlFolder] = []
    for plan in running:
        # Settings that cannot be read must not be in the way of a kill either.
        with suppress(BadUse):
            found += [one for one in folders_of_run(plan) if one.account == account]
    return found if len(found) == 1 else [_of_account(data_dir, account)]


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
