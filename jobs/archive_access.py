"""A command's way to the archive: the data folder held, the schema there, one run named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clickhouse_connect.driver.client import Client

from clickhouse.migrate import connect, migrate
from config.plan import Plan
from config.settings import Settings
from domain.errors import BadUse
from jobs import datadir


@contextmanager
def archive(settings: Settings, data: Path) -> Iterator[Client]:
    """Hold the data folder and a client of its store, or of the server.

    Raises
    ------
    BadUse
        If a run holds the folder, or the store cannot be reached.
    """
    dsn = settings.clickhouse.dsn.get_secret_value() or f"chdb://{data.resolve() / 'clickhouse'}"
    with datadir.locked(data):
        client = connect(dsn, settings.clickhouse.database)
        try:
            migrate(client)
            yield client
        finally:
            client.close()


def plan_of(data: Path, run: str) -> Plan:
    """Return the plan of a run of the data folder, by default of the newest.

    Raises
    ------
    BadUse
        If there is no such run.
    """
    found = datadir.runs(data)
    for plan in reversed(found):
        if run in ("", plan.run):
            return plan
    known = ", ".join(plan.run for plan in found) or "none"
    msg = f"there is no run {run} in {data}: known are {known}" if run else f"no run in {data}"
    raise BadUse(msg)
