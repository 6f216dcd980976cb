"""What the ledger has for a run: planned before it begins, and read again while it goes on."""

from pathlib import Path

import pytest

from config.plan import Plan, RecordedPlan
from config.settings import settings_of
from domain.errors import AifxError, Corrupt
from domain.log import LogAddress
from jobs import switches
from jobs.switches import LedgerReader, of_span, planned
from models.registry.ledger import history
from models.registry.store import LEDGER
from tests.proofs.market import Registry, minute

SETTINGS = settings_of({})
FIRST_NS = minute(0)


def _plan(data: Path, lines: int = 0) -> Plan:
    return Plan(
        run="test",
        data_dir=str(data),
        run_dir="",
        address=LogAddress("", "", 1),
        feed=RecordedPlan(("EURUSD",), "ticks"),
        feed_fingerprint="",
        speed=None,
        deployments=(),
        settings={},
        first_ns=FIRST_NS,
        ledger_lines=lines,
    )


def _told(found: object) -> list[tuple[str, str]]:
    return [(one.artefact_id, one.stage.value) for one in found]  # type: ignore[attr-defined]


def test_a_run_is_planned_with_what_holds_later(tmp_path: Path) -> None:
    """And a replay of a span meets no more than holds in it."""
    registry = Registry(tmp_path)
    assert planned(registry.store, SETTINGS, FIRST_NS, print) == (0, ())
    registry.champion(0.5)
    later = registry.champion(0.6, effective_ns=minute(100))
    found = planned(registry.store, SETTINGS, FIRST_NS, print)
    assert found.lines == len(registry.entries)
    assert _told(found.schedule) == [(later, "champion")]
    spans = [(FIRST_NS, None), (FIRST_NS, minute(99)), (minute(100), None)]
    met = [of_span(registry.store, SETTINGS, first, last, print) for first, last in spans]
    assert [len(one) for one in met] == [1, 0, 0]


def test_lines_that_come_while_it_runs_are_switches_behind_the_planned_ones(
    tmp_path: Path,
) -> None:
    """Given once each, by how many were taken; models of other features are not told of."""
    registry = Registry(tmp_path)
    registry.champion(0.5)
    later = registry.champion(0.6, effective_ns=minute(100))
    before = planned(registry.store, SETTINGS, FIRST_NS, print)
    reader = LedgerReader(registry.store, _plan(tmp_path, before.lines), SETTINGS)
    assert list(reader(0)) == list(before.schedule)
    assert list(reader(1)) == []
    new = registry.champion(0.7)
    assert _told(reader(0)) == [
        (later, "champion"),
        (new, "shadow"),
        (new, "canary"),
        (new, "champion"),
    ]
    assert _told(reader(3)) == [(new, "champion")]
    other = settings_of({"models": {"horizon_ms": 60_000}})
    assert list(LedgerReader(registry.store, _plan(tmp_path, before.lines), other)(0)) == []


def test_a_ledger_that_has_not_changed_is_not_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second of a run it is looked at."""
    registry = Registry(tmp_path)
    registry.model(0.5)
    parsed: list[int] = []

    def parse(lines: list[bytes]) -> object:
        parsed.append(len(lines))
        return history(registry.store)

    monkeypatch.setattr(switches, "parse", parse)
    reader = LedgerReader(registry.store, _plan(tmp_path), SETTINGS)
    for _ in range(3):
        reader(0)
    registry.model(0.6)
    for _ in range(3):
        reader(0)
    assert parsed == [1, 2]


def test_a_line_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    """A torn end is no fault, and no switch."""
    registry = Registry(tmp_path)
    registry.champion(0.5)
    path = registry.folder / LEDGER
    whole = path.read_bytes()
    reader = LedgerReader(registry.store, _plan(tmp_path), SETTINGS)
    path.write_bytes(whole[:-20])
    found = _told(reader(0))
    path.write_bytes(whole)
    assert _told(reader(len(found))) == [(registry.entries[0].artefact_id, "champion")]


@pytest.mark.parametrize("change", ["shorter", "other", "changed", "folder"])
def test_another_ledger_than_before_is_refused(tmp_path: Path, change: str) -> None:
    """Whatever it says: the caller then keeps the models that it has."""
    registry = Registry(tmp_path / "a")
    registry.champion(0.5)
    reader = LedgerReader(registry.store, _plan(tmp_path, 2), SETTINGS)
    reader(0)
    path = registry.folder / LEDGER
    lines = path.read_bytes().split(b"\n")
    match change:
        case "shorter":
            path.write_bytes(lines[0] + b"\n")
        case "other":
            elsewhere = Registry(tmp_path / "b")
            elsewhere.champion(0.6)
            elsewhere.champion(0.7)
            path.write_bytes((elsewhere.folder / LEDGER).read_bytes())
        case "changed":
            path.write_bytes(b"\n".join(lines).replace(b"Grace", b"Trace"))
        case _:
            path.unlink()
            path.mkdir()
    with pytest.raises(AifxError):
        reader(0)


def test_a_new_reader_misses_lines_that_the_run_began_with(tmp_path: Path) -> None:
    """After a restart nothing but their number is known."""
    registry = Registry(tmp_path)
    registry.champion(0.5)
    reader = LedgerReader(registry.store, _plan(tmp_path, 99), SETTINGS)
    with pytest.raises(Corrupt, match="it had 99 lines"):
        reader(0)
