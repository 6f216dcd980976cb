"""The data folder of a person's machine: one run at a time, one folder per run in it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from config import plan as plans
from config.accounts import LEDGER_FILE
from config.plan import Plan
from dataflows.paper_account import PAPER_FILE
from domain.errors import BadUse, Corrupt

_PATIENCE_S = 5.0
"""The processes of a killed run need a moment to be gone."""


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process.

    Raises
    ------
    BadUse
        If another run holds it, or it cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        msg = f"data folder {data_dir} cannot be used: {error.strerror}; pass --data FOLDER"
        raise BadUse(msg) from error
    try:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > until:
                    msg = (
                        f"another run uses the data folder {data_dir}: stop it, or pass another "
                        "with --data FOLDER"
                    )
                    raise BadUse(msg) from error
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def runs(data_dir: Path) -> list[Plan]:
    """Return the plans of all runs, oldest first.

    Raises
    ------
    Corrupt
        If one cannot be read.
    """
    return [plans.read(folder.parent) for folder in sorted(data_dir.glob("runs/*/plan.json"))]


def new_run_name() -> str:
    """Return a name for a run, by the clock and the process: unique on a shared cluster too."""
    now = datetime.now(UTC)  # noqa: TID251 - the edge: a name for people, no result depends on it
    return f"{now:%Y%m%d-%H%M%S}-{os.getpid():x}"


def set_state(plan: Plan, state: str) -> Plan:
    """Return the plan with another state, written to disk."""
    changed: Plan = msgspec.structs.replace(plan, state=state)
    plans.save(changed)
    return changed


def resumable(data_dir: Path, like: Plan) -> Plan | None:
    """Return the newest unfinished run of the same feed, settings and Kafka, if there is one.

    Raises
    ------
    Corrupt
        If a plan in the folder cannot be read.
    """
    for found in reversed(runs(data_dir)):
        same = (
            found.feed_fingerprint == like.feed_fingerprint
            and _results_settings(found) == _results_settings(like)
            and found.address.bootstrap == like.address.bootstrap
            and found.store == like.store
        )
        if same and found.state in {"running", "stopped"}:
            return found
    return None


def _results_settings(plan: Plan) -> dict[str, object]:
    # Where the page is served changes no result.
    return {name: section for name, section in plan.settings.items() if name != "dashboard"}


def require_whole(plan: Plan) -> None:
    """Check that a run to be resumed still has what it wrote on this machine.

    Raises
    ------
    Corrupt
        If execution has snapshots, but the ledger or the venue's store is gone: orders that went
        out would be unknown.
    """
    folder = Path(plan.run_dir)
    if plan.settings["broker"]["kind"] != "paper":
        # The account of a broker has a folder of its own, and the broker knows what went out.
        return
    began = any((folder / "recovery" / "execution").glob("part-*.sqlite3"))
    missing = [name for name in (LEDGER_FILE, PAPER_FILE) if not (folder / name).exists()]
    if began and missing:
        msg = f"run {plan.run} has lost {', '.join(missing)} in {folder}; start with --fresh"
        raise Corrupt(msg)
