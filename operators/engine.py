"""Running a dataflow on Bytewax: recovery stores and the main loop, in one place."""

import gc
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from bytewax._bytewax import cli_main
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir

from domain.errors import AifxError, Corrupt


class Cluster(NamedTuple):
    """One process of several that run one flow together.

    They exchange pickles without authentication, and one that dies takes all with it: a deployment
    uses shares of partitions instead (``config.plan.Share``). Results are the same either way.

    Attributes
    ----------
    process
        Number of this process, from 0.
    addresses
        ``HOST:PORT`` of every process, in order.
    """

    process: int
    addresses: tuple[str, ...]


def run(
    flow: Dataflow, epoch_ms: int, recovery: Path | None, cluster: Cluster | None = None
) -> None:
    """Run a dataflow in this thread until its input ends or it is stopped.

    Parameters
    ----------
    flow
        What to run.
    epoch_ms
        Distance of the snapshots in milliseconds (> 0).
    recovery
        Folder of the recovery store; None to keep no state.
    cluster
        The processes that run the flow together; None for this one alone. A cluster keeps no state
        here: its store would need one opener.

    Raises
    ------
    Corrupt
        If the recovery store is damaged.
    AifxError
        What a step raised, without the engine's wrapping.
    """
    config = None if recovery is None else _open(recovery)
    # What start-up has made lives as long as the process: the collector need not look at it again
    # and again, and no tick waits while it does.
    gc.collect()
    gc.freeze()
    try:
        cli_main(  # type: ignore[no-untyped-call]  # the engine's core ships no types
            flow,
            epoch_interval=timedelta(milliseconds=epoch_ms),
            recovery_config=config,
            process_id=None if cluster is None else cluster.process,
            addresses=None if cluster is None else list(cluster.addresses),
        )
    except Exception as error:
        cause = _cause(error)
        if cause is None:
            raise
        raise cause from error


def _cause(error: BaseException) -> AifxError | None:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, AifxError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _open(folder: Path) -> RecoveryConfig:
    if not any(folder.glob("part-*.sqlite3")):
        _create(folder)
    for file in sorted(folder.glob("part-*.sqlite3")):
        verdict = _verdict(file)
        if verdict != "ok":
            msg = (
                f"recovery store {file} is damaged ({verdict}): nothing was changed; log, archive "
                "and ledger are whole: start a new run with --fresh"
            )
            raise Corrupt(msg)
        _forget_uncommitted(file)
    return RecoveryConfig(folder)  # type: ignore[no-untyped-call]


def _create(folder: Path) -> None:
    """Make an empty store; killed in the middle, it has not been made."""
    fresh = folder.with_name(folder.name + ".new")
    rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    init_db_dir(fresh, 1)  # type: ignore[no-untyped-call]
    # A folder without stores in it, which may be there, gives way.
    if folder.exists():
        folder.rmdir()
    fresh.rename(folder)


def _verdict(file: Path) -> str:
    """Return what the engine's store says about itself, in one line; ``ok`` for a sound one."""
    try:
        # Read-only: a look at a damaged store must not fold its write-ahead log into it.
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as store:
            words = str(store.execute("PRAGMA quick_check(1)").fetchone()[0])
            if words == "ok" and store.execute("SELECT 1 FROM parts").fetchone() is None:
                words = "it is empty"
    except sqlite3.DatabaseError as error:
        words = str(error)
    return " ".join(words.split())


def _forget_uncommitted(file: Path) -> None:
    """Delete the snapshots of epochs that a crash cut off.

    The engine goes on before them, but leaves them in its store: were it killed again before it has
    written them anew, the third start would take them for its own, and apply values twice.
    """
    with closing(sqlite3.connect(file)) as store, store:
        store.execute(
            "WITH last AS (SELECT max(ex_num) AS ex_num FROM exs), "
            "reached AS (SELECT resume_epoch AS epoch FROM exs JOIN last USING (ex_num) "
            "UNION ALL SELECT worker_frontier FROM fronts JOIN last USING (ex_num)) "
            "DELETE FROM snaps WHERE snap_epoch >= (SELECT max(epoch) FROM reached)"
        )
