"""One chDB database for the tests of this folder; each test has a run of its own."""

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.migrate import connect, migrate


@pytest.fixture(scope="session")
def chdb_dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """DSN of the one chDB folder that this process can hold, the same for every test file."""
    return f"chdb://{tmp_path_factory.getbasetemp() / 'chdb'}"


@pytest.fixture(scope="session")
def client(chdb_dsn: str) -> Client:
    """Client in a migrated database."""
    client = connect(chdb_dsn, "read_side")
    migrate(client)
    return client


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """Name of a run that no other test writes to."""
    return str(request.node.nodeid)
