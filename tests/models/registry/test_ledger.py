"""The promotion ledger: nothing lost, nothing changed, nothing that nobody answers for."""

from pathlib import Path

import msgspec
import pytest

from domain.deployments import Stage
from domain.errors import BadUse, Corrupt
from models.registry.acts import register, retire
from models.registry.ledger import Draft, Entry, append, entry_of, history, parse
from models.registry.store import LEDGER
from tests.models.registry.made import START_NS, made


def _always(entry: Entry) -> Draft:
    """Return a draft of an entry that does not look at those before."""
    return lambda _: entry


def _refuse_to_speak(line: str) -> None:
    raise AssertionError(line)


def test_no_ledger_is_no_history(tmp_path: Path) -> None:
    """An empty folder, and one that is not there, have no lines."""
    assert history(tmp_path) == []
    assert history(tmp_path / "missing") == []


def test_history_tells_what_was_written(tmp_path: Path) -> None:
    """Every line is read back as it was returned, oldest first."""
    first, second = made(tmp_path), made(tmp_path, 1)
    written = [
        register(tmp_path, first.artefact_id, 5, "Ada", "first"),
        register(tmp_path, second.artefact_id, 6, "Ada", "more\ndata"),
        retire(tmp_path, first.artefact_id, 7, "Bob", "back: ü"),
    ]
    assert history(tmp_path, _refuse_to_speak) == written
    assert [entry.reason for entry in written] == ["first", "more\ndata", "back: ü"]
    assert [entry.to_stage for entry in written] == ["candidate", "candidate", "retired"]


def test_only_sound_artefacts_are_entered(tmp_path: Path) -> None:
    """An unknown or damaged artefact, or an act of nobody or for nothing, leaves no line."""
    artefact = made(tmp_path)
    with pytest.raises(BadUse, match="no artefact"):
        register(tmp_path, "0" * 32, 1, "Ada", "why")
    with pytest.raises(BadUse, match="--by"):
        register(tmp_path, artefact.artefact_id, 1, " ", "why")
    with pytest.raises(BadUse, match="--reason"):
        register(tmp_path, artefact.artefact_id, 1, "Ada", "")
    (artefact.path / "model.onnx").write_bytes(b"")
    with pytest.raises(Corrupt):
        register(tmp_path, artefact.artefact_id, 1, "Ada", "why")
    assert history(tmp_path) == []


def test_no_line_holds_before_its_data_was_known(tmp_path: Path) -> None:
    """Whoever drafts it: the data and one horizon must have passed."""
    artefact = made(tmp_path)
    entry = entry_of(artefact, "enter", Stage.CANDIDATE, 1, "Ada", "why")
    early = msgspec.structs.replace(entry, effective_ns=entry.known_ns - 1)
    with pytest.raises(BadUse, match="was not known before"):
        append(tmp_path, _always(early))
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(BadUse, match="share"):
            append(tmp_path, _always(msgspec.structs.replace(entry, share=share)))
    with pytest.raises(BadUse, match="only a canary"):
        append(tmp_path, _always(msgspec.structs.replace(entry, share=0.5)))
    assert history(tmp_path) == []
    assert append(tmp_path, _always(entry)).known_ns == artefact.manifest.data_last_ns + 60 * 10**9


def test_a_torn_last_line_is_left_out_with_a_note_and_replaced(tmp_path: Path) -> None:
    """A crash in the middle of an append costs that line only, at every byte."""
    one, two = made(tmp_path), made(tmp_path, 1)
    ledger = tmp_path / LEDGER
    first = register(tmp_path, one.artefact_id, 1, "Ada", "whole")
    whole = ledger.read_bytes()
    register(tmp_path, two.artefact_id, 2, "Ada", "torn")
    torn = ledger.read_bytes()
    notes: list[str] = []
    for length in range(len(whole) + 1, len(torn)):
        ledger.write_bytes(torn[:length])
        notes.clear()
        assert history(tmp_path, notes.append) == [first]
        assert len(notes) == 1
        assert "torn" in notes[0]
    second = register(tmp_path, two.artefact_id, 3, "Ada", "after the crash", notes.append)
    assert history(tmp_path, _refuse_to_speak) == [first, second]


def _edit(line: bytes, **fields: object) -> bytes:
    entry = msgspec.json.decode(line, type=Entry)
    return msgspec.json.encode(msgspec.structs.replace(entry, **fields))


@pytest.mark.parametrize("damage", ["edited", "missing", "swapped", "rubbish", "blank", "version"])
def test_any_other_damage_is_refused(tmp_path: Path, damage: str) -> None:
    """A line that was edited, taken out, moved or overwritten makes the ledger worthless."""
    artefacts = [made(tmp_path, number).artefact_id for number in range(4)]
    for artefact_id in artefacts[:3]:
        register(tmp_path, artefact_id, START_NS, "Ada", "fine")
    ledger = tmp_path / LEDGER
    a, b, c = ledger.read_bytes().splitlines()
    damaged = {
        "edited": [a, _edit(b, by="Eve"), c],
        "missing": [a, c],
        "swapped": [b, a, c],
        "rubbish": [a, b"\xff\xfe", c],
        "blank": [a, b"", b, c],
        "version": [a, _edit(b, v=3), c],
    }[damage]
    ledger.write_bytes(b"\n".join(damaged) + b"\n")
    with pytest.raises(Corrupt, match=LEDGER):
        history(tmp_path)
    with pytest.raises(Corrupt, match=LEDGER):
        register(tmp_path, artefacts[3], 9, "Ada", "on top of damage")


def test_a_ledger_of_version_1_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Its models cannot be served, so one line says to move it away and train anew."""
    (tmp_path / LEDGER).write_text('{"artefact_id":"x","at_ns":1,"reason":"old","v":1}\n')
    with pytest.raises(Corrupt, match=r"version 1.*move the folder.*aifx train") as caught:
        history(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_stored_ledger_is_still_read() -> None:
    """Lines of this version that were written once say the same for ever."""
    lines = (Path(__file__).parents[1] / "golden" / "promotions_v2.jsonl").read_bytes().splitlines()
    first, second = parse(lines)
    assert (first.act, first.to_stage, first.known_ns) == ("enter", Stage.CANDIDATE, 100)
    assert (second.from_stage, second.to_stage, second.share) == (Stage.SHADOW, Stage.CANARY, 0.25)
    assert (second.by, second.evidence, second.place) == (
        "Ada",
        "e" * 32,
        ("xgboost", "schema-1", 60),
    )
