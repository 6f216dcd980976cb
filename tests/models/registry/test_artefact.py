"""Artefacts prove themselves: nothing changed, missing or of another shape is ever loaded."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from domain.errors import BadUse, Corrupt
from models.registry.artefact import Artefact, Manifest, artefacts, load, proof, save, sha256
from models.registry.manifest import Golden
from tests.models.registry.made import SCHEMA, logistic, made, manifest_of


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    """Save a small artefact that a test may spoil."""
    return made(tmp_path)


def _flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def test_loads_what_was_saved(tmp_path: Path, artefact: Artefact) -> None:
    """The loaded manifest is the one that was written, and the model answers as it says."""
    loaded, session = load(tmp_path, artefact.artefact_id, SCHEMA)
    assert loaded == artefact
    assert session.n_values == 3
    assert session.probability(np.zeros(3)) == 0.5
    assert artefacts(tmp_path) == [artefact.artefact_id]


@pytest.mark.parametrize("window", [2, 5])
def test_a_model_of_several_rows_is_proved_too(tmp_path: Path, window: int) -> None:
    """Windows are given flat or as rows, and both get the golden answers."""
    model = logistic(np.linspace(-1, 1, 3 * window), window)
    manifest = manifest_of(model, window=window, kind="lstm")
    artefact = save(tmp_path, manifest, model)
    session = load(tmp_path, artefact.artefact_id)[1]
    rows = np.array([golden.x for golden in manifest.golden])
    stored = [golden.p for golden in manifest.golden]
    assert session.probabilities(rows).tolist() == stored
    assert session.probabilities(rows.reshape(-1, window, 3)).tolist() == stored


def test_the_proof_is_a_function_of_the_answers(tmp_path: Path, artefact: Artefact) -> None:
    """It is the same each time, and another model has another."""
    other = made(tmp_path, 1)
    assert proof(tmp_path, artefact.artefact_id) == proof(tmp_path, artefact.artefact_id)
    assert proof(tmp_path, artefact.artefact_id) != proof(tmp_path, other.artefact_id)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_changed_bit_is_refused(
    tmp_path: Path, artefact: Artefact, name: str, place: float
) -> None:
    """Wherever it is, in either file."""
    file = artefact.path / name
    _flip(file, int(place * (file.stat().st_size - 1)))
    with pytest.raises(Corrupt, match="was changed"):
        load(tmp_path, artefact.artefact_id)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_or_cut_file_is_refused(tmp_path: Path, artefact: Artefact, name: str) -> None:
    """Half a file, then none."""
    file = artefact.path / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(Corrupt, match="was changed"):
        load(tmp_path, artefact.artefact_id)
    file.unlink()
    with pytest.raises(Corrupt, match=name):
        load(tmp_path, artefact.artefact_id)


def test_a_renamed_folder_is_refused(tmp_path: Path, artefact: Artefact) -> None:
    """The name is the content: another name is another model."""
    other = "0" * 32
    artefact.path.rename(tmp_path / other)
    with pytest.raises(Corrupt, match="does not hash to the id"):
        load(tmp_path, other)


@pytest.mark.parametrize("artefact_id", ["f" * 32, "", ".", "../" + "f" * 32, "model"])
def test_an_unknown_id_is_named(tmp_path: Path, artefact: Artefact, artefact_id: str) -> None:
    """A wrong id is a wrong use, and never leaves the folder."""
    del artefact  # there is another one
    with pytest.raises(BadUse, match="no artefact"):
        load(tmp_path, artefact_id)


def test_another_schema_is_refused(tmp_path: Path, artefact: Artefact) -> None:
    """The line names both schemas and says what to do."""
    with pytest.raises(BadUse, match=r"reads feature schema schema-1.*schema-2.*aifx train"):
        load(tmp_path, artefact.artefact_id, "schema-2")


def _other_golden(manifest: Manifest) -> Manifest:
    golden = tuple(Golden(g.x, g.p + 2e-6) for g in manifest.golden)
    return msgspec.structs.replace(manifest, golden=golden)


def _short_golden(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, golden=(Golden((1.0,), 0.5),))


def _no_golden(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, golden=())


def _fewer_names(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, feature_names=manifest.feature_names[:-1])


def _other_window(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, window=2)


def _no_window(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, window=0)


def _old_version(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, v=1)


def _new_version(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, v=3)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_other_golden, "golden answer 0"),
        (_short_golden, "golden input 0 is not 3"),
        (_no_golden, "no golden answers"),
        (_fewer_names, "names 1 rows of 2"),
        (_other_window, "names 2 rows of 3"),
        (_no_window, "window 0"),
        (_old_version, "version 1, .* train a new one"),
        (_new_version, "version 3"),
    ],
)
def test_whole_hashes_do_not_excuse_a_wrong_model(
    tmp_path: Path, artefact: Artefact, spoil: Callable[[Manifest], Manifest], words: str
) -> None:
    """A manifest that does not fit its model is refused although every hash is right."""
    model = (artefact.path / "model.onnx").read_bytes()
    wrong = save(tmp_path, spoil(artefact.manifest), model)
    with pytest.raises(Corrupt, match=words) as caught:
        load(tmp_path, wrong.artefact_id)
    assert "\n" not in str(caught.value)


def test_saving_twice_is_saving_once(tmp_path: Path, artefact: Artefact) -> None:
    """The second save leaves the folder as it is, and no partial folder stays."""
    model = (artefact.path / "model.onnx").read_bytes()
    assert save(tmp_path, artefact.manifest, model) == artefact
    assert [path.name for path in tmp_path.iterdir()] == [artefact.artefact_id]


def test_saving_over_a_spoilt_folder_is_refused(tmp_path: Path, artefact: Artefact) -> None:
    """A damaged artefact is reported, not taken for the good one of the same name."""
    file = artefact.path / "model.onnx"
    model = file.read_bytes()
    _flip(file, 100)
    with pytest.raises(Corrupt, match="was changed"):
        save(tmp_path, artefact.manifest, model)


def test_a_manifest_of_another_model_is_not_saved(tmp_path: Path, artefact: Artefact) -> None:
    """The hash in the manifest is checked before anything is written."""
    with pytest.raises(BadUse, match="another hash"):
        save(tmp_path, artefact.manifest, b"another")
    rubbish = b"no model at all"
    manifest = msgspec.structs.replace(artefact.manifest, model_sha256=sha256(rubbish))
    with pytest.raises(Corrupt, match=r"model\.onnx is no ONNX model"):
        save(tmp_path, manifest, rubbish)
    assert artefacts(tmp_path) == [artefact.artefact_id]
