"""One chDB database for the tests of this folder; each test has a run of its own."""

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.migrate import connect, migrate


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Client in a migrated database, in the one chDB folder that this process can hold."""
    client = connect(f"chdb://{tmp_path_factory.getbasetemp() / 'chdb'}", "jobs")
    migrate(client)
    return client


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """Name of a run that no other test writes to."""
    return str(request.node.nodeid)
