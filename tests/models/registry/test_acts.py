"""Acts on the ledger: what is not proven, not approved or out of order leaves no line."""

from pathlib import Path

import pytest

from domain.deployments import Stage
from domain.errors import BadUse, Corrupt
from models.registry.acts import approve, promote, record_validation, register, retire
from models.registry.ledger import history
from models.registry.stages import state
from tests.models.registry.life import raised
from tests.models.registry.made import made, passed_report

FOREVER_NS = 2**62


def _say_no(line: str) -> None:
    raise AssertionError(line)


def test_entering_twice_is_entering_once(tmp_path: Path) -> None:
    """A training that is repeated makes the same artefact, and no second line."""
    artefact = made(tmp_path)
    first = register(tmp_path, artefact.artefact_id, 1, "Ada", "trained")
    assert register(tmp_path, artefact.artefact_id, 2, "Bob", "again") == first
    assert history(tmp_path, _say_no) == [first]


def test_a_failed_validation_leaves_a_candidate(tmp_path: Path) -> None:
    """The line says which gate refused, and the ledger stays as it was."""
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    failed = passed_report(tmp_path, one, ok=False)
    with pytest.raises(BadUse, match="has not passed its validation: golden"):
        record_validation(tmp_path, one, failed, 1, "Ada", "hope")
    assert [line.act for line in history(tmp_path)] == ["enter"]


def test_the_report_must_be_whole_and_of_this_artefact(tmp_path: Path) -> None:
    """An unknown digest, another model's report and an edited one are refused."""
    one, other = (raised(tmp_path, number, Stage.CANDIDATE) for number in range(2))
    report = passed_report(tmp_path, other)
    for wrong in ("0" * 32, "../" + report, ""):
        with pytest.raises(BadUse, match="no validation report"):
            record_validation(tmp_path, one, wrong, 1, "Ada", "hope")
    with pytest.raises(BadUse, match=f"is of artefact {other}"):
        record_validation(tmp_path, one, report, 1, "Ada", "hope")
    file = tmp_path / "reports" / f"{report}.json"
    file.write_text(file.read_text().replace("as it was", "as it is!"))
    with pytest.raises(Corrupt, match="was changed"):
        record_validation(tmp_path, other, report, 1, "Ada", "hope")


def test_nobody_becomes_canary_without_a_named_approval(tmp_path: Path) -> None:
    """Shadow does without, since nothing follows from it."""
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    with pytest.raises(BadUse, match="is candidate: approved is"):
        approve(tmp_path, one, 1, "Grace", "looks fine")
    record_validation(tmp_path, one, passed_report(tmp_path, one), 2, "Ada", "passed")
    promote(tmp_path, one, Stage.SHADOW, 3, "Ada", "a look at it")
    with pytest.raises(BadUse, match="is not approved: a canary needs a person"):
        promote(tmp_path, one, Stage.CANARY, 4, "Ada", "in a hurry")
    with pytest.raises(BadUse, match="--by"):
        approve(tmp_path, one, 5, "", "looks fine")
    approve(tmp_path, one, 6, "Grace", "looks fine")
    line = promote(tmp_path, one, Stage.CANARY, 7, "Ada", "with approval", share=0.2)
    assert (line.to_stage, line.share, line.by) == (Stage.CANARY, 0.2, "Ada")
    assert state(history(tmp_path)).standings[one].approved_by == "Grace"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (Stage.VALIDATED, "aifx models validate"),
        (Stage.CANDIDATE, "aifx models retire"),
        (Stage.RETIRED, "aifx models retire"),
        (Stage.CANARY, "is validated: from there it can become shadow, retired, not canary"),
        (Stage.CHAMPION, "not champion"),
    ],
)
def test_a_stage_out_of_order_is_refused(tmp_path: Path, to: Stage, words: str) -> None:
    """The line names the act or the stages that are open."""
    one = raised(tmp_path, 0, Stage.VALIDATED)
    before = history(tmp_path)
    with pytest.raises(BadUse, match=words):
        promote(tmp_path, one, to, 1, "Ada", "a shortcut")
    assert history(tmp_path) == before


def test_a_second_canary_waits(tmp_path: Path) -> None:
    """Two canaries would share their symbols; another slot may have its own."""
    one = raised(tmp_path, 0, Stage.CANARY, share=0.5)
    two = raised(tmp_path, 1, Stage.SHADOW)
    with pytest.raises(BadUse, match=f"artefact {one} is the canary of xgboost"):
        promote(tmp_path, two, Stage.CANARY, 1, "Ada", "me too")
    raised(tmp_path, 1, Stage.CANARY, kind="forest")
    retire(tmp_path, one, 2, "Ada", "worse")
    promote(tmp_path, two, Stage.CANARY, 3, "Ada", "now there is room")


def test_an_unknown_artefact_is_named(tmp_path: Path) -> None:
    """One that is in the folder but was never entered is unknown to the ledger."""
    artefact_id = made(tmp_path).artefact_id
    with pytest.raises(BadUse, match="the ledger knows no artefact"):
        promote(tmp_path, artefact_id, Stage.SHADOW, 1, "Ada", "why")
    with pytest.raises(BadUse, match="the ledger knows no artefact"):
        retire(tmp_path, artefact_id, 1, "Ada", "why")


def test_a_damaged_artefact_is_not_promoted_but_can_be_retired(tmp_path: Path) -> None:
    """What is broken must be possible to take out of service."""
    one = raised(tmp_path, 0, Stage.VALIDATED)
    (tmp_path / one / "model.onnx").write_bytes(b"")
    with pytest.raises(Corrupt):
        promote(tmp_path, one, Stage.SHADOW, 1, "Ada", "why")
    assert retire(tmp_path, one, 2, "Ada", "damaged").to_stage is Stage.RETIRED
    with pytest.raises(BadUse, match="is retired: from there it can become nothing"):
        retire(tmp_path, one, 3, "Ada", "twice")


def test_a_retirement_needs_name_and_reason(tmp_path: Path) -> None:
    """As every act does."""
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    with pytest.raises(BadUse, match="--by"):
        retire(tmp_path, one, 1, " ", "why")
    with pytest.raises(BadUse, match="--reason"):
        retire(tmp_path, one, 1, "Ada", "")
