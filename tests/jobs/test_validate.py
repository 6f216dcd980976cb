"""Validating from a file of answers: all gates run, and only a sound candidate moves on."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.deployments import Stage
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from jobs import cli
from jobs.validate import Validated, parquet_evidence, validate_artefact
from models.registry.ledger import history
from models.registry.limits import Limits
from models.registry.report import read_report
from models.registry.stages import state
from models.registry.store import FolderStore
from models.serving import load_model
from tests.models.registry.life import raised
from tests.models.registry.made import NAMES, START_NS

N = 3_000
# The budget of a row is not what is tested here, and other tests share the machine.
LIMITS = Limits(latency_rounds=100, latency_p99_ms=1_000.0, min_signals=500, calibration_error=0.06)
Columns = dict[str, np.ndarray]


def _columns(folder: Path, artefact_id: str) -> Columns:
    """Make rows on which the model is right as often as it says, from one a minute."""
    rng = np.random.default_rng(4)
    x = 0.2 * rng.normal(size=(N, len(NAMES)))
    p_up = load_model(folder, artefact_id).predict_windows(x[:, None, :])
    up = rng.random(N) < p_up
    ts_ns = START_NS + MINUTE_NS * np.arange(1, N + 1)
    return {
        "ts_ns": ts_ns,
        "end_ns": ts_ns + MINUTE_NS,
        "p_up": p_up,
        "original": p_up + 1e-7,
        "y": up.astype(float),
        "move_pips": np.where(up, 1.0, -1.0),
        "cost_pips": np.full(N, 0.01),
        **{name: x[:, column] for column, name in enumerate(NAMES)},
    }


@pytest.fixture
def candidate(tmp_path: Path) -> tuple[FolderStore, str, Columns]:
    """Enter a candidate, and make the rows that speak for it."""
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    return FolderStore(tmp_path), one, _columns(tmp_path, one)


def _write(folder: Path, columns: Columns) -> Path:
    path = folder / "evidence.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def _validate(
    store: FolderStore, artefact_id: str, path: Path, *, changed: tuple[str, ...] = ()
) -> Validated:
    gather = parquet_evidence(path, lambda _: list(changed))
    return validate_artefact(
        store, artefact_id, gather, at_ns=9, by="Ada", reason="passed", limits=LIMITS
    )


def test_a_sound_candidate_becomes_validated(
    candidate: tuple[FolderStore, str, Columns],
) -> None:
    """The line names the report, and the report holds every gate."""
    store, one, columns = candidate
    found = _validate(store, one, _write(store.folder, columns))
    assert found.report.failed == ()
    assert found.entry is not None
    assert found.entry.evidence == found.digest
    assert read_report(store, found.digest) == found.report
    assert state(history(store)).standings[one].stage is Stage.VALIDATED
    with pytest.raises(BadUse, match="is validated: from there it can become shadow"):
        _validate(store, one, _write(store.folder, columns))


@pytest.mark.parametrize(
    ("spoil", "refused"),
    [
        (lambda c: {**c, "y": 1 - c["y"]}, {"calibration", "accuracy"}),
        (lambda c: {**c, "cost_pips": c["cost_pips"] + 1}, {"expectancy"}),
        (lambda c: {**c, "original": c["original"] + 1e-3}, {"parity"}),
        (lambda c: {**c, "third": c["y"]}, {"label_leak"}),
        (lambda c: {k: v for k, v in c.items() if k != "third"}, {"label_leak"}),
        (lambda c: {k: v[:400] for k, v in c.items()}, {"calibration", "accuracy", "expectancy"}),
    ],
)
def test_a_failed_gate_leaves_a_candidate(
    candidate: tuple[FolderStore, str, Columns],
    spoil: Callable[[Columns], Columns],
    refused: set[str],
) -> None:
    """The report says which and why, and is kept; the ledger is as before."""
    store, one, columns = candidate
    found = _validate(store, one, _write(store.folder, spoil(columns)))
    assert refused <= set(found.report.failed)
    assert found.entry is None
    assert read_report(store, found.digest) == found.report
    assert [line.act for line in history(store)] == ["enter"]


def test_a_feature_that_changes_on_a_truncated_tape_refuses(
    candidate: tuple[FolderStore, str, Columns],
) -> None:
    """And so does one that nobody has recomputed."""
    store, one, columns = candidate
    path = _write(store.folder, columns)
    assert _validate(store, one, path, changed=("first",)).report.failed == ("lookahead",)
    unmeasured = validate_artefact(
        store, one, parquet_evidence(path), at_ns=9, by="Ada", reason="hope", limits=LIMITS
    )
    assert unmeasured.report.failed == ("lookahead",)


def test_the_champion_is_asked_on_the_same_rows(tmp_path: Path) -> None:
    """It answers rows behind its own data; a candidate that is no better stays one."""
    champion = raised(tmp_path, 0, Stage.CHAMPION)
    one = raised(tmp_path, 1, Stage.CANDIDATE)
    columns = _columns(tmp_path, one)
    columns["p_up"] = load_model(tmp_path, champion).predict_windows(
        np.column_stack([columns[name] for name in NAMES])[:, None, :]
    )
    found = _validate(FolderStore(tmp_path), one, _write(tmp_path, columns))
    assert found.report.champion_id == champion
    results = {gate.name: gate for gate in found.report.gates}
    assert not results["champion"].ok
    assert "from the champion's on the same" in results["champion"].words


@pytest.mark.parametrize(
    ("name", "words"), [("y", "has no column y"), ("missing", "cannot be read")]
)
def test_a_file_that_is_no_evidence_is_named(
    candidate: tuple[FolderStore, str, Columns], name: str, words: str
) -> None:
    """A column that is missing, and a file that is."""
    store, one, columns = candidate
    columns.pop(name, None)
    path = _write(store.folder, columns)
    if name == "missing":
        path.write_bytes(b"nothing")
    with pytest.raises(BadUse, match=words):
        _validate(store, one, path)


def test_the_command_shows_the_gates_and_refuses_in_one_line(
    candidate: tuple[FolderStore, str, Columns],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing recomputes the features here, so it stays a candidate: exit code 2."""
    store, one, columns = candidate
    path = _write(store.folder, columns)
    monkeypatch.setenv("COLUMNS", "160")
    words = ["validate", one, "--evidence", str(path), "--by", "Ada", "--store", store.url]
    monkeypatch.setattr(sys, "argv", ["aifx", "models", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert "the features were not recomputed" in captured.out
    assert captured.err.startswith(f"aifx: artefact {one} stays a candidate: refused by lookahead")
    assert captured.err.count("\n") == 1
