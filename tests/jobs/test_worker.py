"""What the process of the ingest does beside its dataflow: it looks at the ledger."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.plan import Plan, RecordedPlan
from config.settings import settings_of, without_secrets
from domain.log import LogAddress
from jobs import worker
from models.registry.store import LEDGER
from operators.meter import Meter
from sources.switches import LedgerWatch
from tests.proofs.market import Registry, minute


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Give the plan of a run on recorded ticks."""
    return Plan(
        run="test",
        data_dir=str(tmp_path),
        run_dir="",
        address=LogAddress("", "", 1),
        feed=RecordedPlan(("EURUSD",), "ticks"),
        feed_fingerprint="",
        speed=None,
        deployments=(),
        settings=without_secrets(settings_of({})),
        first_ns=minute(0),
    )


def _first(watch: LedgerWatch, meter: Meter) -> int:
    """Return how many switches the first look that comes to something finds."""
    until = time.monotonic() + 10.0
    while time.monotonic() < until:
        found = len(watch.poll(0))
        if found or meter.report().counters:
            return found
        time.sleep(0.01)
    pytest.fail("nobody has looked at the ledger")


def test_the_ledger_is_watched_for_switches(plan: Plan, tmp_path: Path) -> None:
    """Those of recorded feeds, for this run's features and horizon."""
    Registry(tmp_path).champion(0.5)
    meter = Meter("ingest", lambda: 0)
    watch = worker._ledger_watch(plan, settings_of({}), meter)
    watch.start()
    assert _first(watch, meter) == 3
    watch.stop()
    assert meter.report().counters == {}


def test_a_ledger_that_cannot_be_read_is_counted_and_said_in_one_line(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The models stay; nothing is raised."""
    registry = Registry(tmp_path)
    registry.champion(0.5)
    path = registry.folder / LEDGER
    path.write_bytes(path.read_bytes().replace(b"Grace", b"Trace"))
    meter = Meter("ingest", lambda: 0)
    watch = worker._ledger_watch(plan, settings_of({}), meter)
    watch.start()
    assert _first(watch, meter) == 0
    watch.stop()
    assert meter.report().counters == {worker.UNREADABLE: 1}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the models stay as they are: promotions.jsonl line ")


def test_the_ingest_loads_no_runtime_of_models() -> None:
    """It reads the ledger, and serves none of them."""
    code = (
        "import sys, dataflows.ingest, jobs.worker, jobs.switches; "
        "print([m for m in ('onnxruntime', 'river', 'fsspec', 'sklearn') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60.0, check=True
    )
    assert ended.stdout.strip() == "[]"
