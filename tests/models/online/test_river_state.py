"""River's objects as plain values: exact, shared where they were shared, and nothing unknown."""

import base64
import importlib
import json
import math
import zlib
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift, forest, preprocessing, stats, tree

from domain.errors import BadUse, Corrupt
from models.online import river_state
from models.online.river_model import adwin
from models.online.river_state import decode, encode

Vector = dict[int, float]


def _stream(count: int, seed: int = 3) -> list[tuple[Vector, int]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 4))
    side = np.where(np.arange(count) // 400 % 2 == 0, 1.0, -1.0)
    y = (rng.random(count) < 1 / (1 + np.exp(-4 * side * x[:, 0]))).astype(int).tolist()
    return [(dict(enumerate(row)), label) for row, label in zip(x.tolist(), y, strict=True)]


def _through_json(thing: Any) -> Any:
    return decode(json.loads(json.dumps(encode(thing), allow_nan=False)), type(thing).__name__)


def _deep() -> Any:
    return tree.HoeffdingAdaptiveTreeClassifier(
        grace_period=40, delta=0.2, tau=0.3, seed=5, max_depth=2, drift_window_threshold=20
    )


def _forest() -> Any:
    return forest.ARFClassifier(n_models=3, seed=5, max_depth=4, max_features=2, tau=0.3)


@pytest.mark.parametrize("make", [_deep, _forest], ids=["tree", "forest"])
def test_a_model_that_was_written_learns_on_to_the_bit(make: Any) -> None:
    """Written and read again after every 97 labels, it stays equal to one that never was."""
    whole, cut = make(), make()
    for place, (x, y) in enumerate(_stream(1500)):
        assert whole.predict_proba_one(x) == cut.predict_proba_one(x)
        whole.learn_one(x, y)
        cut.learn_one(x, y)
        if place % 97 == 0:
            cut = _through_json(cut)
    assert encode(cut) == encode(whole)


def test_the_streams_of_these_tests_reach_every_kind_of_node() -> None:
    """They grow branches, alternate trees, switches, warnings and drifts: all is written."""
    adaptive, many = _deep(), _forest()
    seen: set[str] = set()
    for x, y in _stream(1500):
        adaptive.learn_one(x, y)
        many.learn_one(x, y)
        if adaptive.n_alternate_trees > adaptive.n_switch_alternate_trees:
            seen.add("alternate")
        if any(waiting is not None for waiting in many._background):
            seen.add("background")
    assert seen == {"alternate", "background"}
    assert adaptive.n_branches > 0
    assert adaptive.n_switch_alternate_trees > 0
    assert adaptive.n_pruned_alternate_trees > 0
    assert adaptive.n_inactive_leaves > 0
    assert many.n_drifts_detected() > 0


def test_what_was_shared_is_shared_again() -> None:
    """All leaves draw from one generator, before and after: two would draw the same twice."""
    model = _deep()
    for x, y in _stream(300):
        model.learn_one(x, y)
    again = _through_json(model)
    leaves = list(again._root.iter_leaves())
    assert len(leaves) > 1
    assert all(leaf.rng is again._rng for leaf in leaves)
    assert all(leaf.splitter is again.splitter for leaf in leaves)
    assert len({id(leaf.drift_detector) for leaf in leaves}) == len(leaves)


@pytest.mark.parametrize("values", [0, 5, 31, 32, 1000])
def test_detectors_go_on_to_the_bit(values: int) -> None:
    """ADWIN and Page-Hinkley fire at the same value as if nothing had happened."""
    rng = np.random.default_rng(values)
    detectors: list[Any] = [adwin(0.002), drift.PageHinkley(threshold=5.0, mode="up")]
    for detector in detectors:
        for value in rng.normal(size=values).tolist():
            detector.update(value)
        again = _through_json(detector)
        fired = []
        for value in (rng.normal(size=400) + np.repeat([0.0, 3.0], 200)).tolist():
            detector.update(value)
            again.update(value)
            assert again.drift_detected == detector.drift_detected
            fired.append(again.drift_detected)
        assert any(fired)
        assert encode(again) == encode(detector)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers() | st.text(max_size=2), inner, max_size=4)
        | st.sets(st.integers(), max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return bool(one.hex() == other.hex())
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


@given(plain)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    """Types, orders, keys and every bit of a float, also of those that JSON does not know."""
    stored = json.loads(json.dumps(encode([value]), allow_nan=False))
    assert _same(decode(stored, "list"), [value])


def test_a_container_in_two_places_stays_one() -> None:
    """What one place changes, the other sees."""
    shared = {1: 2.0}
    again = decode(encode([shared, [shared]]), "list")
    again[0][1] = 3.0
    assert again[1][0] == {1: 3.0}


@pytest.mark.parametrize(
    "thing",
    [
        preprocessing.StandardScaler(),
        stats.Var(),
        object(),
        b"raw",
        np.float64(1.0),
        defaultdict(list),
        len,
        {1: complex(1, 2)},
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_is_not_known_is_not_written(thing: Any) -> None:
    """A class that this file does not name stops the snapshot, before anything is stored."""
    with pytest.raises(BadUse, match="a snapshot cannot hold"):
        encode(thing)


def _state(root: Any, shapes: Any = ()) -> dict[str, Any]:
    return {**encode(None), "root": root, "shapes": list(shapes)}


@pytest.mark.parametrize(
    "name", ["Popen", "subprocess.Popen", "StandardScaler", "Random", "AdaptiveWindowing", ""]
)
def test_an_unknown_class_is_refused_and_not_imported(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state can name no class but those of the list: it is data, and starts nothing."""

    def refuse(path: str) -> Any:
        pytest.fail(f"{path} was imported")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(Corrupt, match="names the class"):
        decode(_state(["o", 0, 1], [[name, "args"]]), name)


WINDOW = [0.002, 32, 5, 5, 10]
BLOB = encode(adwin(0.002))["root"][-1][-1]
BROKEN = base64.b64encode(zlib.compress(b"x" * 300)[:-4] + b"\0\0\0\0").decode()
HUGE = base64.b64encode(zlib.compress(bytes(river_state._BLOB_LIMIT + 1))).decode()
SHORT = base64.b64encode(zlib.compress(b"x" * 8)).decode()


@pytest.mark.parametrize(
    "root",
    [
        ["?", 1],
        [],
        ["r", 0],
        ["r", -1],
        ["d", 1],
        ["d", ["l"], 1],
        ["o"],
        ["o", 7],
        ["o", 0, 1, 2],
        ["c", "list"],
        ["f", "one"],
        ["g", 10, 1, 2.0],
        ["g", 10, 1, 2.0, 3.0, "four", 5.0, 6.0, 7.0],
        ["w", *WINDOW, BROKEN],
        ["w", *WINDOW, HUGE],
        ["w", *WINDOW, BLOB[:-8]],
        ["w", *WINDOW, "not base64!"],
        ["w", "a", 32, 5, 5, 10, BLOB],
        ["w", *WINDOW],
        ["m", SHORT, None],
        ["m", BLOB, None],
    ],
    ids=lambda root: json.dumps(root)[:24],
)
def test_damage_is_refused(root: Any) -> None:
    """An unknown tag, a lost part or a flipped byte never becomes a model, nor a crash of Rust."""
    with pytest.raises(Corrupt):
        decode(_state(root, [["Mean", "n", "_mean", "third"]]), "dict")


def test_depth_is_refused_not_followed() -> None:
    """Lists in lists without end are damage."""
    root: list[Any] = ["l"]
    for _ in range(100_000):
        root = ["l", root]
    with pytest.raises(Corrupt, match="not whole"):
        decode(_state(root), "list")


@pytest.mark.parametrize("change", [{"v": 2}, {"river": "0.1.0"}, {"v": None}])
def test_another_version_is_refused(change: dict[str, Any]) -> None:
    """Ours or River's: another release may compute otherwise, so no state of it is exact."""
    with pytest.raises(Corrupt, match="start afresh"):
        decode({**encode(adwin(0.002)), **change}, "ADWIN")


def test_another_kind_is_refused() -> None:
    """A detector in the place of a tree is not what was asked for."""
    with pytest.raises(Corrupt, match="holds a ADWIN, not a Mean"):
        decode(encode(adwin(0.002)), "Mean")


def test_a_missing_part_is_refused() -> None:
    """Without its root or shapes it is not whole."""
    for part in ("root", "shapes"):
        state = encode(stats.Mean())
        del state[part]
        with pytest.raises(Corrupt, match="not whole"):
            decode(state, "Mean")


def test_infinity_is_written_as_text() -> None:
    """Page-Hinkley starts with an infinite minimum, and JSON has no word for it."""
    detector = drift.PageHinkley()
    assert math.isinf(detector._min_increase)
    assert '["f", "inf"]' in json.dumps(encode(detector), allow_nan=False)
    assert math.isinf(_through_json(detector)._min_increase)
