"""What never gets in: pickles, foreign files, links, models that reach beyond their file."""

import gzip
import io
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from domain.errors import BadUse, Corrupt
from models.registry.artefact import Artefact, load, save, sha256
from models.registry.foreign import kind_of
from models.registry.onnx_scan import scan
from tests.models.registry.made import logistic, made, manifest_of

WEIGHTS = np.array([1.0, -0.5, 0.25])
PICKLE = b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94K\x01a."
"""The list [1] in protocol 4, written by hand."""


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    """Save a small artefact that a test may spoil."""
    return made(tmp_path)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights.npy", b"")
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2))
    return buffer.getvalue()


def test_the_pickle_of_these_tests_is_one() -> None:
    """The hand-written bytes are a whole pickle of protocol 4."""
    assert next(code.name for code, _, _ in pickletools.genops(PICKLE)) == "PROTO"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (PICKLE, "a pickle"),
        (_zip(), "zip"),
        (_npy(), "numpy"),
        (gzip.compress(PICKLE, mtime=0), "gzip"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
    ],
)
def test_a_pickle_in_the_place_of_the_model_is_refused(
    tmp_path: Path, artefact: Artefact, raw: bytes, words: str
) -> None:
    """It is named, neither saved nor loaded, even where its hash is right."""
    manifest = msgspec.structs.replace(artefact.manifest, model_sha256=sha256(raw))
    with pytest.raises(Corrupt, match=f"model.onnx is .*{words}"):
        save(tmp_path, manifest, raw)
    (artefact.path / "model.onnx").write_bytes(raw)
    with pytest.raises(Corrupt, match=f"model.onnx is .*{words}"):
        load(tmp_path, artefact.artefact_id)


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("model.pkl", b"anything", "pickle"),
        ("model.joblib", b"anything", "pickle"),
        ("notes.txt", PICKLE, "a pickle"),
        ("deep/in/there.bin", PICKLE, "a pickle"),
        (".hidden", PICKLE, "not part of an artefact"),
        ("deep/weights.npz", b"", "pickle"),
        ("README", b"hello", "not part of an artefact"),
        ("model.onnx.data", b"\0" * 8, "not part of an artefact"),
    ],
)
def test_any_other_file_in_the_folder_is_refused(
    tmp_path: Path, artefact: Artefact, name: str, raw: bytes, words: str
) -> None:
    """Also in a folder of its own; pickles are named as such."""
    path = artefact.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    with pytest.raises(Corrupt, match=words) as caught:
        load(tmp_path, artefact.artefact_id)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_link_is_refused(tmp_path: Path, artefact: Artefact, name: str) -> None:
    """A file that stands elsewhere may change after it was checked."""
    elsewhere = tmp_path / "elsewhere"
    (artefact.path / name).rename(elsewhere)
    (artefact.path / name).symlink_to(elsewhere)
    with pytest.raises(Corrupt, match="is a link"):
        load(tmp_path, artefact.artefact_id)


def _refused_by_both(tmp_path: Path, model: bytes, words: str) -> None:
    with pytest.raises(Corrupt, match=words):
        scan(model)
    manifest = msgspec.structs.replace(manifest_of(logistic(WEIGHTS)), model_sha256=sha256(model))
    with pytest.raises(Corrupt, match=words):
        save(tmp_path, manifest, model)


def _external(tensor: onnx.TensorProto) -> onnx.TensorProto:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../etc/hostname"
    return tensor


def _in_initializer(model: onnx.ModelProto) -> None:
    _external(model.graph.initializer[0])


def _in_constant(model: onnx.ModelProto) -> None:
    value = _external(numpy_helper.from_array(np.zeros(1, np.float32), "c"))
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.append(helper.make_attribute("value", value))
    model.graph.node.append(node)


def _in_subgraph(model: onnx.ModelProto) -> None:
    value = _external(numpy_helper.from_array(np.zeros(1, np.float32), "c"))
    inner = helper.make_graph([], "inner", [], [], [value])
    model.graph.node.append(
        helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    )


@pytest.mark.parametrize("put", [_in_initializer, _in_constant, _in_subgraph])
def test_tensors_in_other_files_are_refused(
    tmp_path: Path, put: Callable[[onnx.ModelProto], None]
) -> None:
    """In the graph's weights, in a constant, in a graph within the graph."""
    model = onnx.load_from_string(logistic(WEIGHTS))
    put(model)
    _refused_by_both(tmp_path, model.SerializeToString(), "external data")


def _custom_node(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Launch", ["x"], ["y"], domain="com.example"))


def _custom_import(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def _custom_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Launch", ["x"], ["y"], domain="com.example")
    sets = [helper.make_opsetid("", 15)]
    made_function = helper.make_function("ai.onnx", "f", ["x"], ["y"], [node], sets)
    model.functions.append(made_function)


def _custom_in_subgraph(model: onnx.ModelProto) -> None:
    node = helper.make_node("Launch", ["x"], ["y"], domain="com.example")
    inner = helper.make_graph([node], "inner", [], [])
    model.graph.node.append(
        helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    )


@pytest.mark.parametrize(
    "put", [_custom_node, _custom_import, _custom_function, _custom_in_subgraph]
)
def test_operators_of_other_domains_are_refused(
    tmp_path: Path, put: Callable[[onnx.ModelProto], None]
) -> None:
    """As a node, as an import, in a function, in a graph within the graph."""
    model = onnx.load_from_string(logistic(WEIGHTS))
    put(model)
    _refused_by_both(tmp_path, model.SerializeToString(), "domain 'com.example'")


def test_a_tree_ensemble_passes() -> None:
    """Its thousands of numbers and texts hide no field, and its domain is of the standard."""
    numbers = np.random.default_rng(1).normal(size=2_000)
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "p"],
        domain="ai.onnx.ml",
        nodes_values=numbers.tolist(),
        nodes_nodeids=list(range(0, 2_000_000, 1_000)),
        nodes_modes=["BRANCH_LEQ", "LEAF"] * 500,
    )
    model = onnx.load_from_string(logistic(WEIGHTS))
    model.graph.node.append(node)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    scan(model.SerializeToString())
    # What comes behind the numbers is still seen.
    model.graph.node[-1].attribute.append(
        helper.make_attribute("late", _external(numpy_helper.from_array(np.zeros(1), "c")))
    )
    with pytest.raises(Corrupt, match="external data"):
        scan(model.SerializeToString())


def test_a_graph_without_end_is_refused() -> None:
    """Nesting has a limit, so no file can exhaust the stack."""
    inner = helper.make_graph([], "inner", [], [])
    for _ in range(20):
        node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "outer", [], [])
        inner.node[0].attribute.pop()  # one branch: two would double the file each time
    with pytest.raises(Corrupt, match="nested"):
        scan(helper.make_model(inner).SerializeToString())


def _verdict(raw: bytes) -> str:
    """Return why the scan refuses some bytes; empty where it does not."""
    try:
        scan(raw)
    except Corrupt as error:
        return str(error)
    return ""


@given(st.binary(max_size=200))
def test_no_bytes_at_all_break_the_scan(raw: bytes) -> None:
    """Whatever a file holds, it is passed or refused in one line."""
    assert "\n" not in _verdict(raw)


@given(st.data())
def test_no_spoilt_model_breaks_the_scan(data: st.DataObject) -> None:
    """A model with some bytes changed is passed or refused in one line."""
    raw = bytearray(logistic(WEIGHTS))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert "\n" not in _verdict(bytes(raw))


def test_an_onnx_model_is_nobodys_kin() -> None:
    """The check by first bytes does not refuse what is meant to pass."""
    assert kind_of("model.onnx", logistic(WEIGHTS)[:16]) is None
    assert kind_of("manifest.json", b'{\n "calibration"') is None


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../b", ".hidden", "a//b", "", "a\nb"])
def test_names_that_leave_the_store_are_refused(tmp_path: Path, name: str) -> None:
    """Reading, listing and writing all refuse them."""
    from models.registry.store import FolderStore

    store = FolderStore(tmp_path / "models")
    for act in (store.read, store.names, lambda at: store.write_file(at, b"")):
        with pytest.raises(BadUse, match="no name in a model store"):
            act(name)
