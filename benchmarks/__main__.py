"""``python -m benchmarks [ID]``: runs one benchmark or all, prints a table, writes the results."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import bars_vs_pandas, fused_replay
from benchmarks.result import Measured

BENCHMARKS: dict[str, Callable[[], Measured]] = {
    "bars-vs-pandas": bars_vs_pandas.measure,
    "fused-replay": fused_replay.measure,
}
RESULTS = Path(__file__).parent / "results"


def main(wanted: str | None) -> int:
    """Run what is wanted; return the exit code."""
    if wanted is not None and wanted not in BENCHMARKS:
        print(f"no benchmark {wanted!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    table = Table("id", "value", "unit", "compared", "runs")
    RESULTS.mkdir(exist_ok=True)
    for name, measure in BENCHMARKS.items():
        if wanted not in {None, name}:
            continue
        measured = measure()
        compared = ", ".join(f"{k} {v:,.3g}" for k, v in measured.compared.items())
        runs = ", ".join(f"{run:,.4g}" for run in measured.runs)
        table.add_row(name, f"{measured.value:,.4g}", measured.unit, compared, runs)
        record = {"id": name, **msgspec.to_builtins(measured), "machine": _machine()}
        record["commit"] = _commit()
        path = RESULTS / f"{name}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    Console().print(table)
    return 0


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
