"""``aifx models``: every act is one command, every mistake one line."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.deployments import Stage
from domain.nanos import iso
from jobs import cli
from models.registry.ledger import history
from models.registry.stages import state
from models.registry.store import LEDGER
from tests.models.registry.life import raised
from tests.models.registry.made import made, passed_report

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what ``aifx models ... --store FOLDER`` ends with: exit code, output, errors."""
    monkeypatch.setenv("COLUMNS", "160")

    def run_(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["aifx", "models", *words, "--store", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_


def _refused(ended: tuple[int, str, str], *words: str) -> None:
    code, _, errors = ended
    assert code == 2
    assert errors.startswith("aifx: ")
    assert errors.count("\n") == 1
    for word in words:
        assert word in errors


def _stage(folder: Path, artefact_id: str) -> Stage:
    return state(history(folder)).standings[artefact_id].stage


def test_a_life_told_in_commands(run: Run, tmp_path: Path) -> None:
    """From validated to champion and back, by the beginning of an id."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    two = raised(tmp_path, 1, Stage.VALIDATED)
    who = ("--by", "Ada", "--reason", "as agreed")
    for to in ("shadow", "canary", "champion"):
        code, out, _ = run("promote", two[:10], "--to", to, *who)
        assert code == 0
        assert f"{two} of slot xgboost is {to}" in out
    assert (_stage(tmp_path, one), _stage(tmp_path, two)) == (Stage.RETIRED, Stage.CHAMPION)
    code, out, _ = run("rollback", "xgboost", *who)
    assert code == 0
    assert f"{one} is champion of xgboost again" in out
    code, out, _ = run("retire", one[:10], *who)
    assert code == 0
    assert "is retired" in out
    assert {_stage(tmp_path, name) for name in (one, two)} == {Stage.RETIRED}


def test_an_approval_names_a_person(run: Run, tmp_path: Path) -> None:
    """It stands in the ledger, and the list shows it."""
    one = raised(tmp_path, 0, Stage.VALIDATED)
    code, out, _ = run("approve", one[:8], "--by", "Margaret", "--reason", "read it [all]")
    assert code == 0
    assert f"{one} of slot xgboost is approved, by Margaret" in out
    assert "Margaret" in run("list")[1]
    code, out, _ = run("ledger")
    assert code == 0
    assert "read it [all]" in out
    assert out.count("approve") >= 2


def test_the_list_also_shows_what_nobody_has_entered(run: Run, tmp_path: Path) -> None:
    """An artefact without a line is there, and has no stage."""
    known, unknown = raised(tmp_path, 0, Stage.CANDIDATE), made(tmp_path, 1).artefact_id
    code, out, _ = run("list")
    assert code == 0
    assert known[:12] in out
    (line,) = [line for line in out.splitlines() if unknown[:12] in line]
    assert "not in the ledger" in line


def test_show_proves_and_tells(run: Run, tmp_path: Path) -> None:
    """What it reads, its data, its proof, and what the gates found."""
    one = raised(tmp_path, 0, Stage.VALIDATED)
    code, out, _ = run("show", one)
    assert code == 0
    for word in (one, "validated", "1 x 3 features", "EURUSD", "golden sha256", "as it was"):
        assert word in out


def test_at_says_who_traded(run: Run, tmp_path: Path) -> None:
    """Live nobody had it then; a replay of that time has it; before its data nobody does."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    known_ns = history(tmp_path)[0].known_ns
    code, out, _ = run("at", iso(known_ns))
    assert code == 0
    lines = [line for line in out.splitlines() if one[:12] in line]
    assert len(lines) == 1
    for word in ("live, replay", "champion", "Grace", "xgboost"):
        assert word in lines[0]
    code, out, _ = run("at", iso(known_ns - 10**9))
    assert code == 0
    assert "none" in out
    assert one[:12] not in out


def test_export_enters_a_candidate_elsewhere(run: Run, tmp_path: Path) -> None:
    """The copy proves itself there; a stage is not carried over."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    elsewhere = tmp_path / "elsewhere"
    code, out, _ = run("export", one[:8], "--to", str(elsewhere))
    assert code == 0
    assert f"{one} is a candidate in {elsewhere}" in out
    assert _stage(elsewhere, one) is Stage.CANDIDATE


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "ffff"), ("no artefact begins with 'ffff'", "aifx models list")),
        (("show", ""), ("no artefact begins",)),
        (("at", "yesterday"), ("TIME yesterday", "ISO 8601")),
        (("rollback", "oracle", "--by", "Ada", "--reason", "why"), ("'oracle'", "xgboost, forest")),
        (("rollback", "lstm", "--by", "Ada", "--reason", "why"), ("no champion before",)),
        (("export", "f" * 32, "--to", "x"), ("no artefact begins",)),
    ],
)
def test_a_mistake_is_one_line(run: Run, words: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """It says what, and what to do; the exit code is 2."""
    _refused(run(*words), *expected)


def test_an_act_out_of_order_is_one_line(run: Run, tmp_path: Path) -> None:
    """Not approved, not yet, not by anybody, not for a senseless time."""
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    who = ("--by", "Ada", "--reason", "why")
    _refused(run("promote", one, "--to", "shadow", *who), "can become validated, retired")
    _refused(run("approve", one, *who), "is candidate")
    _refused(run("retire", one, "--by", "", "--reason", "why"), "--by NAME")
    _refused(run("retire", one, *who, "--effective", "soon"), "--effective soon")
    _refused(run("retire", one, *who, "--effective", "1999-01-01"), "was not known before")
    assert len(history(tmp_path)) == 1


def test_an_ambiguous_beginning_is_refused(run: Run, tmp_path: Path) -> None:
    """Two ids that begin alike need another digit."""
    ids = [made(tmp_path, number).artefact_id for number in range(17)]
    first = next(name[0] for name in ids if sum(other[0] == name[0] for other in ids) > 1)
    _refused(run("show", first), f"artefacts begin with '{first}'")


def test_damage_is_one_line(run: Run, tmp_path: Path) -> None:
    """A changed ledger, and a changed model."""
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    file = tmp_path / one / "model.onnx"
    file.write_bytes(file.read_bytes() + b"\n")
    _refused(run("show", one), "was changed")
    ledger = tmp_path / LEDGER
    ledger.write_text(ledger.read_text().replace("Ada", "Eve"))
    _refused(run("list"), LEDGER, "was changed")


def test_a_store_of_another_kind_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the kinds there are."""
    monkeypatch.setattr(sys, "argv", ["aifx", "models", "list", "--store", "ftp://host/models"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "ftp:// is no place for models" in capsys.readouterr().err


def test_the_help_does_not_load_the_runtime() -> None:
    """Only a command that serves a model waits for it."""
    import subprocess

    code = (
        "import sys, jobs.cli; "
        "print([m for m in ('onnxruntime', 'fsspec', 'pyarrow') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_a_report_of_a_refused_candidate_stays(tmp_path: Path) -> None:
    """What was found is kept, though the ledger says nothing of it."""
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    digest = passed_report(tmp_path, one, ok=False)
    assert (tmp_path / "reports" / f"{digest}.json").is_file()
