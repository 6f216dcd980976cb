"""The promotion ledger: nothing from the future, nothing lost, nothing changed."""

import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from domain.nanos import HOUR_NS, MINUTE_NS
from models.registry.artefact import Artefact, save
from models.registry.promotion import LEDGER, Promotion, choose, history, promote

Trained = tuple[Path, Artefact]
SCHEMA = "schema-1"


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Trained:
    """Make a models folder with a copy of the trained artefact in it."""
    shutil.copytree(trained[1].path, tmp_path / trained[1].artefact_id)
    return tmp_path, trained[1]


def _variant(folder: Trained, later_ns: int, schema: str = SCHEMA) -> Artefact:
    """Save the same model as if its data had ended later."""
    models_dir, artefact = folder
    last_ns = artefact.manifest.data_last_ns + later_ns
    manifest = msgspec.structs.replace(
        artefact.manifest, data_last_ns=last_ns, feature_schema=schema
    )
    return save(models_dir, manifest, (artefact.path / "model.onnx").read_bytes())


def _refuse_to_speak(line: str) -> None:
    raise AssertionError(line)


def test_no_ledger_is_no_promotion(tmp_path: Path) -> None:
    """An empty folder has no history and nothing to choose."""
    assert history(tmp_path) == []
    assert choose(tmp_path, SCHEMA, MINUTE_NS, 0) is None


def test_history_tells_what_was_promoted(folder: Trained) -> None:
    """Every promotion is read back as it was returned, oldest first."""
    models_dir, artefact = folder
    written = [
        promote(models_dir, artefact.artefact_id, at_ns=5, reason="first"),
        promote(models_dir, _variant(folder, HOUR_NS).artefact_id, at_ns=6, reason="more\ndata"),
        promote(models_dir, artefact.artefact_id, at_ns=7, reason="back: ü"),
    ]
    assert history(models_dir, _refuse_to_speak) == written
    assert [entry.reason for entry in written] == ["first", "more\ndata", "back: ü"]


def test_only_sound_artefacts_are_promoted(folder: Trained) -> None:
    """An unknown or damaged artefact, or one without a reason, leaves the ledger alone."""
    models_dir, artefact = folder
    with pytest.raises(BadUse, match="no artefact"):
        promote(models_dir, "0" * 32, 1, "why")
    with pytest.raises(BadUse, match="reason"):
        promote(models_dir, artefact.artefact_id, 1, " ")
    (models_dir / artefact.artefact_id / "model.onnx").write_bytes(b"")
    with pytest.raises(Corrupt):
        promote(models_dir, artefact.artefact_id, 1, "why")
    assert history(models_dir) == []


def test_a_replay_takes_the_newest_model_that_has_not_seen_its_future(folder: Trained) -> None:
    """The data and one horizon must have passed, whatever the order of the promotions."""
    models_dir, old = folder
    new = _variant(folder, HOUR_NS)
    promote(models_dir, new.artefact_id, 1, "trained first")
    promote(models_dir, old.artefact_id, 2, "trained second on less")
    old_known, new_known = (a.manifest.data_last_ns + MINUTE_NS for a in (old, new))

    def chosen(before_ns: int) -> str | None:
        return choose(models_dir, SCHEMA, MINUTE_NS, before_ns)

    assert chosen(old_known - 1) is None
    assert chosen(old_known) == old.artefact_id
    assert chosen(new_known) == old.artefact_id
    promote(models_dir, new.artefact_id, 3, "better after all")
    assert chosen(new_known - 1) == old.artefact_id
    assert chosen(new_known) == new.artefact_id


def test_another_schema_or_horizon_is_not_chosen(folder: Trained) -> None:
    """A model is only for the vectors and the question that it was trained on."""
    models_dir, artefact = folder
    other = _variant(folder, 0, schema="schema-2")
    promote(models_dir, artefact.artefact_id, 1, "ours")
    promote(models_dir, other.artefact_id, 2, "theirs")
    far = artefact.manifest.data_last_ns + HOUR_NS
    assert choose(models_dir, SCHEMA, MINUTE_NS, far) == artefact.artefact_id
    assert choose(models_dir, "schema-2", MINUTE_NS, far) == other.artefact_id
    assert choose(models_dir, "schema-3", MINUTE_NS, far) is None
    assert choose(models_dir, SCHEMA, 2 * MINUTE_NS, far) is None


@pytest.fixture(scope="module")
def many(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Write ten promotions in a shuffled order of data; return the earliest data end as well."""
    models_dir = tmp_path_factory.mktemp("many")
    shutil.copytree(trained[1].path, models_dir / trained[1].artefact_id)
    for at_ns, hours in enumerate([3, 0, 7, 1, 9, 2, 8, 4, 6, 5]):
        artefact = _variant((models_dir, trained[1]), hours * HOUR_NS)
        promote(models_dir, artefact.artefact_id, at_ns, "again")
    return models_dir, trained[1].manifest.data_last_ns


@given(minutes=st.integers(-60, 700))
def test_nothing_is_ever_chosen_from_the_future(many: tuple[Path, int], minutes: int) -> None:
    """At any moment the choice has ended before it, and no newer promotion would have done."""
    models_dir, first_ns = many
    before_ns = first_ns + minutes * MINUTE_NS
    entries = history(models_dir)
    fitting = [e.artefact_id for e in entries if e.data_last_ns + MINUTE_NS <= before_ns]
    expected = fitting[-1] if fitting else None
    assert choose(models_dir, SCHEMA, MINUTE_NS, before_ns) == expected


def test_a_torn_last_line_is_left_out_with_a_note_and_replaced(folder: Trained) -> None:
    """A crash in the middle of an append costs that line only, at every byte."""
    models_dir, artefact = folder
    ledger = models_dir / LEDGER
    first = promote(models_dir, artefact.artefact_id, 1, "whole")
    whole = ledger.read_bytes()
    promote(models_dir, artefact.artefact_id, 2, "torn")
    torn = ledger.read_bytes()
    for length in range(len(whole) + 1, len(torn)):
        ledger.write_bytes(torn[:length])
        notes: list[str] = []
        assert history(models_dir, notes.append) == [first]
        assert len(notes) == 1
        assert "torn" in notes[0]
    second = promote(models_dir, artefact.artefact_id, 3, "after the crash", say=notes.append)
    assert history(models_dir, _refuse_to_speak) == [first, second]


def _edit(line: bytes, **fields: object) -> bytes:
    entry = msgspec.json.decode(line, type=Promotion)
    return msgspec.json.encode(msgspec.structs.replace(entry, **fields))


@pytest.mark.parametrize("damage", ["edited", "missing", "swapped", "rubbish", "blank", "version"])
def test_any_other_damage_is_refused(folder: Trained, damage: str) -> None:
    """A line that was edited, taken out, moved or overwritten makes the ledger worthless."""
    models_dir, artefact = folder
    for at_ns in range(3):
        promote(models_dir, artefact.artefact_id, at_ns, "fine")
    ledger = models_dir / LEDGER
    a, b, c = ledger.read_bytes().splitlines()
    damaged = {
        "edited": [a, _edit(b, data_last_ns=0), c],
        "missing": [a, c],
        "swapped": [b, a, c],
        "rubbish": [a, b"\xff\xfe", c],
        "blank": [a, b"", b, c],
        "version": [a, _edit(b, v=2), c],
    }[damage]
    ledger.write_bytes(b"\n".join(damaged) + b"\n")
    with pytest.raises(Corrupt, match=LEDGER):
        history(models_dir)
    with pytest.raises(Corrupt, match=LEDGER):
        choose(models_dir, SCHEMA, MINUTE_NS, 2**62)
    with pytest.raises(Corrupt, match=LEDGER):
        promote(models_dir, artefact.artefact_id, 9, "on top of damage")
