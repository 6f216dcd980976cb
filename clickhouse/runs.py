"""What a run was: its settings and provenance, one JSON value per key."""

from collections.abc import Mapping
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client


def record_run(client: Client, run: str, facts: Mapping[str, Any]) -> None:
    """Write settings and provenance of a run; a key that is there already takes the new value."""
    if facts:
        rows = [[run, key, msgspec.json.encode(value).decode()] for key, value in facts.items()]
        client.insert("runs", rows, column_names=["run", "key", "value"])


def run_facts(client: Client, run: str) -> dict[str, Any]:
    """Return what was recorded of a run, keys ascending; empty for a run that is not known."""
    found = client.query(
        "SELECT key, value FROM runs FINAL WHERE run = {run:String} ORDER BY key",
        parameters={"run": run},
    )
    return {key: msgspec.json.decode(value) for key, value in found.result_rows}
