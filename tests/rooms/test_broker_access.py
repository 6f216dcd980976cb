"""Who may reach a broker: an adapter its client, the entrypoints an adapter, and nobody else."""

import ast
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
NOT_SHIPPED = ("tests", "testkit", "benchmarks")
ADAPTERS = ("fix", "ib", "oanda", "paper_venue")
WIRING = {
    "dataflows/venues.py": {"fix", "ib", "oanda"},
    "dataflows/paper_account.py": {"paper_venue"},
    "dataflows/account_config.py": {"paper_venue"},
}
"""Files outside an adapter that may name it, to open its account and to configure it."""

CLIENTS = {"ib_async": "brokers/ib", "quickfix": "brokers/fix/engine.py", "fivetwenty": "nowhere"}
"""Libraries that speak to a broker, and the only place of each."""

SOURCES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for room in REPOSITORY.glob("*/__init__.py")
    if room.parent.name not in NOT_SHIPPED and not room.parent.name.startswith(".")
    for path in room.parent.rglob("*.py")
)


def _imported(path: str) -> set[str]:
    """Return every module that a file imports, wherever in it, each name of a ``from`` as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _adapters(path: str) -> set[str]:
    parts = [name.split(".") for name in _imported(path)]
    return {part[1] for part in parts if part[0] == "brokers" and part[1] in ADAPTERS}


def test_the_census_sees_the_files_that_it_is_about() -> None:
    """An empty list would find nothing wrong."""
    assert set(WIRING) <= set(SOURCES)
    assert {path for path in WIRING if _adapters(path) == WIRING[path]} == set(WIRING)
    assert any(_imported(path) >= {"ib_async"} for path in SOURCES)


def test_no_file_goes_past_the_gateway() -> None:
    """An order that reached an adapter by another way would have passed no limit."""
    for path in SOURCES:
        own = path.split("/")[1] if path.startswith("brokers/") else ""
        assert _adapters(path) <= WIRING.get(path, set()) | {own}, path


def test_only_an_adapter_speaks_to_its_broker() -> None:
    """A client in another place would be a second way out."""
    for path in SOURCES:
        for name in _imported(path):
            place = CLIENTS.get(name.partition(".")[0])
            assert place is None or path.startswith(place), f"{path} imports {name}"
