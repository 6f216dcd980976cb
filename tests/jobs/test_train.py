"""Training as a person starts it: candidates all or none, and mistakes in one line."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import jobs
from domain.deployments import Stage
from domain.errors import BadUse, Corrupt
from jobs import cli
from jobs.evidence import file_of, unpacked
from jobs.train import candidates, learners_of
from jobs.training_data import export
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.registry.acts import register
from models.registry.artefact import artefacts
from models.registry.ledger import history
from models.registry.stages import state
from models.registry.store import FolderStore
from models.training.learner import Learner
from tests.jobs.made_market import LABEL, LEARNERS, WALK, market, silent

Run = Callable[..., tuple[int, str, str]]


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _train(folder: Path, *learners: Learner, bars: int = 400) -> list[str]:
    chosen = list(learners) or [LEARNERS["xgboost"]]
    made = candidates(market(bars), LABEL, chosen, WALK, folder, {}, silent)
    return [artefact.artefact_id for artefact in made]


class _Failing(XgboostLearner):
    """One that fails after the others are done."""

    def fit(self, *_given: object) -> NoReturn:
        msg = "no memory"
        raise BadUse(msg)


def test_one_that_fails_takes_all_with_it(tmp_path: Path) -> None:
    """The first was trained whole; nobody hears of it."""
    with pytest.raises(BadUse, match="no memory"):
        _train(tmp_path, LEARNERS["xgboost"], _Failing())
    assert _tree(tmp_path) == {}


@pytest.mark.parametrize("method", ["write_folder", "write_file"])
def test_a_store_that_cannot_be_written_is_one_line(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is as before, and no candidate is there."""
    (before,) = _train(tmp_path)
    ledger = _tree(tmp_path)["promotions.jsonl"]
    write = getattr(FolderStore, method)

    def full(self: FolderStore, *given: object) -> bool:
        if self.folder == tmp_path:
            raise OSError(28, "No space left on device")
        return bool(write(self, *given))

    monkeypatch.setattr(FolderStore, method, full)
    with pytest.raises(BadUse, match="cannot be written: No space left on device"):
        _train(tmp_path, bars=420)
    assert _tree(tmp_path)["promotions.jsonl"] == ledger
    assert not [name for name in _tree(tmp_path) if ".partial" in name]
    assert list(state(history(tmp_path)).standings) == [before]
    if method == "write_folder":
        assert artefacts(FolderStore(tmp_path)) == [before]


def test_a_training_that_is_killed_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """In the middle of a fold of the second kind; the same training again makes it whole."""
    store = tmp_path / "store"
    (before,) = _train(store)
    tree = _tree(store)
    script = (
        "import sys; from pathlib import Path\n"
        "from jobs.train import candidates\n"
        "from tests.jobs.made_market import LABEL, LEARNERS, WALK, market\n"
        "def say(line): print(line, flush=True)\n"
        "learners = [LEARNERS['xgboost'], LEARNERS['forest']]\n"
        "rows = market(420)\n"
        "candidates(rows, LABEL, learners, WALK, Path(sys.argv[1]), {}, say)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(store)],
        cwd=Path(jobs.__path__[0]).parent,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("forest: fold 2"):
            process.send_signal(signal.SIGKILL)
            break
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert _tree(store) == tree
    made = _train(store, LEARNERS["xgboost"], LEARNERS["forest"], bars=420)
    assert list(state(history(store)).standings) == [before, *made]


def test_the_same_training_again_changes_nothing(tmp_path: Path) -> None:
    """Same rows, same artefact, same evidence; the line in the ledger stays the first."""
    _train(tmp_path)
    tree = _tree(tmp_path)
    lines: list[str] = []
    candidates(market(400), LABEL, [LEARNERS["xgboost"]], WALK, tmp_path, {}, lines.append)
    assert _tree(tmp_path) == tree
    assert "was in the ledger before" in lines[-1]


@pytest.mark.parametrize(
    ("column", "words"), [("p_up", "other answers"), ("return_1", "other rows"), ("y", "answers")]
)
def test_evidence_that_was_changed_is_refused(column: str, words: str, tmp_path: Path) -> None:
    """Rows and answers are those that the manifest has hashed."""
    (artefact_id,) = _train(tmp_path)
    path = tmp_path / file_of(artefact_id)
    table = pq.read_table(path)
    at = table.column_names.index(column)
    values = table[column].to_numpy().copy()
    values[-5] = 0.25
    pq.write_table(table.set_column(at, column, pa.array(values)), path)
    store = FolderStore(tmp_path)
    from models.registry.artefact import read

    with pytest.raises(Corrupt, match=words):
        unpacked(store, artefact_id, read(store, artefact_id)[0].manifest)
    path.write_bytes(b"nothing")
    with pytest.raises(Corrupt, match="cannot be read"):
        unpacked(store, artefact_id, read(store, artefact_id)[0].manifest)


def test_kinds_are_those_of_the_slots() -> None:
    """In their order, each by its own trainer."""
    assert [one.kind for one in learners_of(["lstm", "xgboost"])] == ["xgboost", "lstm"]
    with pytest.raises(BadUse, match="xgboost, forest, lstm, not none"):
        learners_of([])


def test_a_machine_without_the_trainers_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The line names the extra."""
    monkeypatch.setitem(sys.modules, "models.batch.forest_trainer", None)
    with pytest.raises(BadUse, match=r"pip install 'aifx\[train\]'"):
        learners_of(["forest"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what ``aifx ...`` ends with: exit code, output, errors; labels are of a minute."""
    monkeypatch.setenv("AIFX__MODELS__HORIZON_MS", "60000")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)

    def run_(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["aifx", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_


def test_a_file_becomes_a_candidate_by_one_command(run: Run, tmp_path: Path) -> None:
    """And validating it needs its id and a name; without ticks one gate says what is missing."""
    export(market(700), tmp_path / "rows.parquet")
    store = str(tmp_path / "store")
    words = ("train", "--features", "rows.parquet", "--kinds", "xgboost", "--store", store)
    code, out, _ = run(*words)
    assert code == 0
    assert "all folds: right" in out
    (entry,) = history(Path(store))
    assert entry.to_stage is Stage.CANDIDATE
    assert entry.horizon_ns == 60_000_000_000
    assert f"aifx models validate {entry.artefact_id[:12]} --by NAME" in out
    code, out, err = run("models", "validate", entry.artefact_id, "--by", "Ada", "--store", store)
    assert code == 2
    assert "the features were not recomputed on truncated tapes" in out
    assert "stays a candidate" in err
    again = run(*words, "--label", "sign-after-costs")
    assert again[0] == 0
    assert len(history(Path(store))) == 2


def test_rows_are_exported_without_training(run: Run, tmp_path: Path) -> None:
    """The file is the same again."""
    export(market(60), tmp_path / "rows.parquet")
    code, out, _ = run("train", "--features", "rows.parquet", "--export", "again.parquet")
    assert code == 0
    assert "again.parquet: 120 rows of EURUSD, GBPUSD" in out
    one, other = (pq.read_table(tmp_path / name) for name in ("rows.parquet", "again.parquet"))
    assert one.equals(other)
    assert not (tmp_path / ".aifx").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("train",), "either --runs RUN,... or --features FILE"),
        (("train", "--runs", "a", "--features", "b"), "either --runs"),
        (("train", "--features", "none.parquet"), "no such file or folder: none.parquet"),
        (("train", "--features", "x", "--kinds", "oracle"), "there is no oracle; give some of"),
        (("train", "--features", "x", "--label", "hunch"), "--label hunch: give one of sign"),
        (("train", "--features", "x", "--before", "soon"), "--before soon"),
        (("retrain", "--kinds", "oracle"), "there is no oracle"),
        (("models", "validate", "ab", "--by", "Ada"), "no artefact begins with 'ab'"),
    ],
)
def test_a_mistake_is_one_line(run: Run, words: tuple[str, ...], expected: str) -> None:
    """With code 2, and nothing is written."""
    code, _, err = run(*words)
    assert code == 2
    assert expected in err
    assert err.count("\n") == 1


def test_an_artefact_without_evidence_says_what_to_do(run: Run, tmp_path: Path) -> None:
    """Train it, or bring a file."""
    (artefact_id,) = _train(tmp_path / "store")
    (tmp_path / "store" / file_of(artefact_id)).unlink()
    store = str(tmp_path / "store")
    code, _, err = run("models", "validate", artefact_id, "--by", "Ada", "--store", store)
    assert code == 2
    assert "there is no evidence of artefact" in err
    assert "--evidence FILE" in err


def test_one_that_was_registered_by_hand_is_the_same(tmp_path: Path) -> None:
    """Who enters it first is in its line; a training does not rewrite that."""
    learner = XgboostLearner(XgboostParams(trees=9))
    (artefact_id,) = _train(tmp_path / "one", learner)
    other = tmp_path / "other"
    candidates(market(400), LABEL, [learner], WALK, other, {"xgboost": "why"}, silent)
    assert history(other)[0].reason == "why"
    assert register(other, artefact_id, 5, "Ada", "again").by == "aifx train"
