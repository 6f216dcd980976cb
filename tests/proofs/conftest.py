"""The product as a person starts it: its own command line, in its own processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

REPOSITORY = Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    report: dict[str, Any]


def start(*arguments: str, data: Path, json_path: Path | None = None) -> subprocess.Popen[str]:
    """Start ``aifx`` in a session of its own, without a page unless one is asked for."""
    extra = ["--data", str(data)]
    if json_path is not None:
        extra += ["--json", str(json_path)]
    if arguments[0] == "run" and "--port" not in arguments:
        extra.append("--no-dashboard")
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", *arguments, *extra],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )


def finish(process: subprocess.Popen[str], json_path: Path | None, timeout_s: float) -> Ended:
    """Wait for a command; end it with its processes if it hangs."""
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"aifx did not end within {timeout_s:.0f} s:\n{output[-3000:]}")
    written = json_path is not None and json_path.exists()
    report = json.loads(json_path.read_bytes()) if json_path is not None and written else {}
    return Ended(process.returncode, output, report)


Aifx = Callable[..., Ended]


@pytest.fixture
def aifx(tmp_path: Path) -> Aifx:
    """Run ``aifx`` with arguments to its end; the data folder is the test's unless given."""
    calls = iter(range(1_000))

    def run(*arguments: str, data: Path | None = None, timeout_s: float = 240.0) -> Ended:
        takes_json = arguments[0] in {"run", "backtest"}
        json_path = tmp_path / f"summary-{next(calls)}.json" if takes_json else None
        process = start(*arguments, data=data or tmp_path / "data", json_path=json_path)
        return finish(process, json_path, timeout_s)

    return run
