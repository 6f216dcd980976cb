"""``python -m benchmarks [ID | --table]``: runs one benchmark or all, and renders the results.

Every result goes to ``benchmarks/results/<id>.json``; the table in ``benchmarks/README.md`` is made
of these files and of nothing else.
"""

import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.result import Measured, Result
from domain.errors import AifxError

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE / "README.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"

BENCHMARKS = (
    "live-throughput",
    "live-latency",
    "replay",
    "peer-bars",
    "peer-backtest",
    "scale",
    "footprint",
    "bars-vs-pandas",
    "inference",
    "signal-to-order",
)
"""Permanent ids; each is a module of this package, ``-`` as ``_``, with a function ``measure``."""


def main(wanted: str | None) -> int:
    """Run what is wanted; return the exit code."""
    if wanted == "--table":
        _render()
        return 0
    if wanted is not None and wanted not in BENCHMARKS:
        print(f"no benchmark {wanted!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    failed = False
    for name in BENCHMARKS:
        if wanted not in {None, name}:
            continue
        print(f"{name} ...", flush=True)
        try:
            measured = _measure(name)
        except AifxError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
            continue
        result = Result(
            id=name,
            value=measured.value,
            unit=measured.unit,
            bar=None if measured.bar is None else measured.bar.words,
            met=measured.met,
            compared=measured.compared,
            runs=measured.runs,
            machine=_machine(),
            commit=_commit(),
        )
        raw = msgspec.json.format(msgspec.json.encode(result), indent=2)
        (RESULTS / f"{name}.json").write_bytes(raw + b"\n")
        _show(result)
        _render()
    return 2 if failed else 0


def _measure(name: str) -> Measured:
    measured: Measured = importlib.import_module(f"benchmarks.{name.replace('-', '_')}").measure()
    return measured


def _show(result: Result) -> None:
    table = Table("id", "value", "bar", "met", "compared", "runs")
    table.add_row(*_cells(result), ", ".join(f"{run:,.4g}" for run in result.runs))
    Console().print(table)


def _cells(result: Result) -> tuple[str, ...]:
    met = {True: "yes", False: "**missed**", None: ""}[result.met]
    compared = ", ".join(f"{name} {value:,.4g}" for name, value in result.compared.items())
    return result.id, f"{result.value:,.4g} {result.unit}", result.bar or "", met, compared


def _render() -> None:
    """Write the table of all results that there are into the page."""
    lines = ["| id | value | bar | met | compared | commit |", "|---|---|---|---|---|---|"]
    machines = set()
    for name in BENCHMARKS:
        path = RESULTS / f"{name}.json"
        if path.exists():
            result = msgspec.json.decode(path.read_bytes(), type=Result)
            lines.append("| " + " | ".join((*_cells(result), result.commit)) + " |")
            machines.add(result.machine)
    lines += ["", *(f"Machine: {machine}." for machine in sorted(machines))]
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
