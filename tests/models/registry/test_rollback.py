"""Rollback: the champion before comes back, the same bit for bit, or nothing happens."""

from pathlib import Path

import msgspec
import pytest

from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse, Corrupt
from models.registry.acts import retire
from models.registry.artefact import proof
from models.registry.ledger import Draft, Entry, append, history
from models.registry.rollback import roll_back
from models.registry.stages import Place, deployments, state
from models.registry.store import LEDGER
from tests.models.registry.life import onward, raised
from tests.models.registry.made import HORIZON_NS, SCHEMA, made

FOREVER_NS = 2**62


def _always(entry: Entry) -> Draft:
    """Return a draft of an entry that does not look at those before."""
    return lambda _: entry


def _champions(folder: Path) -> list[str]:
    standings = state(history(folder)).standings.values()
    return [s.artefact_id for s in standings if s.stage is Stage.CHAMPION]


def test_one_line_retires_one_and_brings_back_the_other(tmp_path: Path) -> None:
    """The switch names who comes back, and the line says who left and carries the proof."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    two = raised(tmp_path, 1, Stage.CHAMPION)
    before = history(tmp_path)
    switch = roll_back(tmp_path, "xgboost", 99, "Ada", "the canary lost money")
    (line,) = history(tmp_path)[len(before) :]
    assert (line.act, line.artefact_id, line.before_id) == ("rollback", one, two)
    assert (line.from_stage, line.to_stage, line.by) == (Stage.RETIRED, Stage.CHAMPION, "Ada")
    assert line.golden_sha256 == proof(tmp_path, one)
    assert switch == ModelSwitch("xgboost", one, Stage.CHAMPION, line.effective_ns)
    assert _champions(tmp_path) == [one]
    held = deployments(history(tmp_path), SCHEMA, HORIZON_NS, FOREVER_NS, with_before=True)
    assert [s.artefact_id for s in held] == [one]


def test_it_holds_from_when_the_other_did_or_from_a_given_time(tmp_path: Path) -> None:
    """A replay of the time between never meets the one that was rolled back."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    two = raised(tmp_path, 1, Stage.CHAMPION)
    since_ns = history(tmp_path)[-1].effective_ns
    later_ns = since_ns + 10 * HORIZON_NS
    switch = roll_back(tmp_path, "xgboost", 99, "Ada", "worse", effective_ns=later_ns)
    assert switch.effective_ns == later_ns

    def champion(before_ns: int) -> list[str]:
        found = deployments(history(tmp_path), SCHEMA, HORIZON_NS, before_ns)
        return [s.artefact_id for s in found]

    assert [champion(since_ns - 1), champion(later_ns - 1), champion(later_ns)] == [
        [one],
        [two],
        [one],
    ]


def test_it_goes_back_only_to_who_was_displaced(tmp_path: Path) -> None:
    """Not to one that was itself rolled back or retired; then there is nobody."""
    with pytest.raises(BadUse, match="no champion before"):
        roll_back(tmp_path, "xgboost", 1, "Ada", "why")
    one = raised(tmp_path, 0, Stage.CHAMPION)
    with pytest.raises(BadUse, match="no champion before"):
        roll_back(tmp_path, "xgboost", 1, "Ada", "why")
    raised(tmp_path, 1, Stage.CHAMPION)
    roll_back(tmp_path, "xgboost", 2, "Ada", "worse")
    with pytest.raises(BadUse, match="no champion before"):
        roll_back(tmp_path, "xgboost", 3, "Ada", "worse still")
    three = raised(tmp_path, 2, Stage.CHAMPION)
    retire(tmp_path, three, 4, "Ada", "broken")
    assert _champions(tmp_path) == []
    assert roll_back(tmp_path, "xgboost", 5, "Ada", "better than none").artefact_id == one


def test_who_does_not_answer_as_then_does_not_come_back(tmp_path: Path) -> None:
    """The proof is the hash of the golden answers in the line that promoted it."""
    raised(tmp_path, 0, Stage.CHAMPION)
    raised(tmp_path, 1, Stage.CHAMPION)
    # Another processor would give other last bits: the lines are written anew, well chained.
    lines = history(tmp_path)
    (tmp_path / LEDGER).unlink()
    for line in lines:
        other = "f" * 64 if line.golden_sha256 else ""
        changed: Entry = msgspec.structs.replace(line, golden_sha256=other, check="")
        append(tmp_path, _always(changed))
    before = history(tmp_path)
    with pytest.raises(Corrupt, match="does not answer as when it was promoted"):
        roll_back(tmp_path, "xgboost", 99, "Ada", "worse")
    assert history(tmp_path) == before


def test_a_damaged_champion_before_does_not_come_back(tmp_path: Path) -> None:
    """The champion that serves stays, and the line says what is wrong."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    two = raised(tmp_path, 1, Stage.CHAMPION)
    file = tmp_path / one / "model.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Corrupt, match="was changed"):
        roll_back(tmp_path, "xgboost", 99, "Ada", "worse")
    assert _champions(tmp_path) == [two]


def test_of_two_horizons_it_must_be_said_which(tmp_path: Path) -> None:
    """A slot may hold a champion of each; each has its own to go back to."""
    for number in range(2):
        raised(tmp_path, number, Stage.CHAMPION)
        far = made(tmp_path, number, horizon_ns=2 * HORIZON_NS).artefact_id
        onward(tmp_path, far, Stage.CANDIDATE, Stage.CHAMPION)
    with pytest.raises(BadUse, match="more than one schema or horizon"):
        roll_back(tmp_path, "xgboost", 99, "Ada", "worse")
    place: Place = ("xgboost", SCHEMA, 2 * HORIZON_NS)
    switch = roll_back(tmp_path, "xgboost", 99, "Ada", "worse", place=place)
    assert state(history(tmp_path)).standings[switch.artefact_id].place == place
