"""Artefacts prove themselves: nothing changed, missing or foreign is ever loaded."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from domain.errors import BadUse, Corrupt
from models.registry.artefact import Artefact, Golden, Manifest, load, save, sha256

Trained = tuple[Path, Artefact]


@pytest.fixture
def copy(trained: Trained, tmp_path: Path) -> Trained:
    """Copy the trained artefact, so that a test may spoil it."""
    artefact = trained[1]
    shutil.copytree(artefact.path, tmp_path / artefact.artefact_id)
    return tmp_path, artefact


def _flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def test_loads_what_was_saved(trained: Trained) -> None:
    """The loaded manifest is the one that was written."""
    models_dir, artefact = trained
    loaded, session = load(models_dir, artefact.artefact_id)
    assert loaded == artefact
    assert session.n_features == len(artefact.manifest.feature_names)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_changed_bit_is_refused(copy: Trained, name: str, place: float) -> None:
    """Wherever it is, in either file."""
    path = copy[1].path.name
    file = copy[0] / path / name
    _flip(file, int(place * (file.stat().st_size - 1)))
    with pytest.raises(Corrupt, match="was changed"):
        load(copy[0], copy[1].artefact_id)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_or_cut_file_is_refused(copy: Trained, name: str) -> None:
    """Half a file, then none."""
    file = copy[0] / copy[1].artefact_id / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(Corrupt, match="was changed"):
        load(copy[0], copy[1].artefact_id)
    file.unlink()
    with pytest.raises(Corrupt, match=name):
        load(copy[0], copy[1].artefact_id)


def test_a_renamed_folder_is_refused(copy: Trained) -> None:
    """The name is the content: another name is another model."""
    other = "0" * 32
    (copy[0] / copy[1].artefact_id).rename(copy[0] / other)
    with pytest.raises(Corrupt, match="does not hash to the id"):
        load(copy[0], other)


@pytest.mark.parametrize("artefact_id", ["f" * 32, "", ".", "../" + "f" * 32, "model"])
def test_an_unknown_id_is_named(trained: Trained, artefact_id: str) -> None:
    """A wrong id is a wrong use, and never leaves the folder."""
    with pytest.raises(BadUse, match="no artefact"):
        load(trained[0], artefact_id)


def _other_golden(manifest: Manifest) -> Manifest:
    golden = tuple(Golden(g.x, g.p + 2e-6) for g in manifest.golden)
    return msgspec.structs.replace(manifest, golden=golden)


def _no_golden(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, golden=())


def _fewer_names(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, feature_names=manifest.feature_names[:-1])


def _other_version(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, v=2)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_other_golden, "golden answer 0"),
        (_no_golden, "no golden answers"),
        (_fewer_names, "names 4"),
        (_other_version, "version 2"),
    ],
)
def test_whole_hashes_do_not_excuse_a_wrong_model(
    copy: Trained, spoil: Callable[[Manifest], Manifest], words: str
) -> None:
    """A manifest that does not fit its model is refused although every hash is right."""
    models_dir, artefact = copy
    model = (models_dir / artefact.artefact_id / "model.onnx").read_bytes()
    wrong = save(models_dir, spoil(artefact.manifest), model)
    with pytest.raises(Corrupt, match=words):
        load(models_dir, wrong.artefact_id)


def test_bytes_that_are_no_model_are_refused_in_one_line(copy: Trained) -> None:
    """Whatever the runtime says, the caller gets one line."""
    models_dir, artefact = copy
    rubbish = b"no model at all"
    manifest = msgspec.structs.replace(artefact.manifest, model_sha256=sha256(rubbish))
    wrong = save(models_dir, manifest, rubbish)
    with pytest.raises(Corrupt, match="no model of one row") as caught:
        load(models_dir, wrong.artefact_id)
    assert "\n" not in str(caught.value)


def test_saving_twice_is_saving_once(copy: Trained) -> None:
    """The second save leaves the folder as it is, and no partial folder stays."""
    models_dir, artefact = copy
    model = (models_dir / artefact.artefact_id / "model.onnx").read_bytes()
    assert save(models_dir, artefact.manifest, model).artefact_id == artefact.artefact_id
    assert [path.name for path in models_dir.iterdir()] == [artefact.artefact_id]


def test_saving_over_a_spoilt_folder_is_refused(copy: Trained) -> None:
    """A damaged artefact is reported, not taken for the good one of the same name."""
    models_dir, artefact = copy
    file = models_dir / artefact.artefact_id / "model.onnx"
    model = file.read_bytes()
    _flip(file, 100)
    with pytest.raises(Corrupt, match="was changed"):
        save(models_dir, artefact.manifest, model)


def test_a_manifest_of_another_model_is_not_saved(copy: Trained) -> None:
    """The hash in the manifest is checked before anything is written."""
    with pytest.raises(BadUse, match="another hash"):
        save(copy[0], copy[1].manifest, b"another")
