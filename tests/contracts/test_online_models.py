"""The contract of every model that learns on the stream, whatever it is made of."""

import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models.online
from domain.errors import BadUse, Corrupt
from domain.ids import digest
from domain.nanos import MINUTE_NS
from models.contract import OnlineModel
from models.online.choice import Member
from tests.contracts.online_cases import CASES, HORIZON, MIN_LABELS, N_FEATURES, market, teach

LABELS = 900
X, Y = market(LABELS)
GOLDEN = Path(__file__).parents[1] / "models" / "golden"


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Member:
    """Every online config in turn."""
    return CASES[request.param]


def _stored(model: OnlineModel) -> Any:
    return json.loads(json.dumps(model.snapshot(), allow_nan=False))


def _taught(case: Member, labels: int) -> OnlineModel:
    model = case.build(None)
    for x, y in zip(X[:labels], Y[:labels], strict=True):
        model.learn(x, y)
    return model


def fingerprint(case: Member) -> str:
    """Return a digest of all answers on the market and of the state after it."""
    model = case.build(None)
    answers = teach(model, X, Y, last=400)
    return digest(repr(answers), json.dumps(model.snapshot(), sort_keys=True))


def test_every_online_model_is_under_contract() -> None:
    """A new config in the room must join the suite."""
    found = {
        kind
        for module in pkgutil.iter_modules(models.online.__path__)
        for kind in vars(importlib.import_module(f"models.online.{module.name}")).values()
        if inspect.isclass(kind) and kind.__module__ == f"models.online.{module.name}"
        if kind.__name__.startswith("Online") and not kind.__name__.endswith("Model")
    }
    assert found == {type(case) for case in CASES.values()}


def test_says_what_it_is(case: Member) -> None:
    """Role, identity, schema and horizon are there before anything is asked."""
    model = case.build(None)
    assert model.role == "online"
    assert model.model_id == case.model_id
    assert len(model.model_id) == 32
    assert model.feature_schema == case.feature_schema == "schema-1"
    assert model.horizon_ns == case.labels.horizon_ns == 5 * MINUTE_NS


def test_two_configs_are_two_models() -> None:
    """No two of them share an identity."""
    assert len({case.model_id for case in CASES.values()}) == len(CASES)


def test_not_ready_until_enough_labels(case: Member) -> None:
    """The answer is None up to one label before the minimum, and a number from it on."""
    assert _taught(case, MIN_LABELS - 1).predict(X[0]) is None
    assert _taught(case, MIN_LABELS).predict(X[0]) is not None


def test_answers_with_probabilities(case: Member) -> None:
    """Every answer lies in [0, 1], also while the market turns and far from anything seen."""
    model = case.build(None)
    answers = teach(model, X, Y)[MIN_LABELS + HORIZON :]
    answers += [model.predict(np.full(N_FEATURES, value)) for value in (1e30, -1e30, 0.0)]
    assert all(p_up is not None and 0.0 <= p_up <= 1.0 for p_up in answers)


def test_learns_what_can_be_learned(case: Member) -> None:
    """After some hundred labels it knows which way the first feature points."""
    model = _taught(case, 480)
    high, low = (model.predict(np.array([v, 0.0, 0.0, 0.0, 0.0, 0.0])) for v in (2.0, -2.0))
    assert high is not None
    assert low is not None
    assert high > 0.6 > 0.4 > low


@pytest.mark.parametrize("cut", [0, 1, MIN_LABELS - 1, 333, 560, 700])
def test_goes_on_after_a_restore_as_if_nothing_had_happened(case: Member, cut: int) -> None:
    """Restored from JSON at any cut, it answers and learns the rest of the stream to the bit."""
    original = case.build(None)
    teach(original, X, Y, last=cut)
    restored = case.build(_stored(original))
    assert _stored(restored) == _stored(original)
    end = cut + 200
    assert teach(restored, X, Y, cut, end) == teach(original, X, Y, cut, end)
    assert _stored(restored) == _stored(original)


def test_a_snapshot_stays_as_it_was_taken(case: Member) -> None:
    """Learning on does not reach into a snapshot that the engine has not written yet."""
    model = case.build(None)
    teach(model, X, Y, 0, 100)
    taken = model.snapshot()
    written = json.dumps(taken)
    teach(model, X, Y, 100, 150)
    assert json.dumps(taken) == written
    assert json.dumps(model.snapshot()) != written


def test_a_restored_model_does_not_share_the_snapshot(case: Member) -> None:
    """Two models that were built from one snapshot learn apart."""
    model = case.build(None)
    teach(model, X, Y, 0, 100)
    taken = _stored(model)
    written = json.dumps(taken)
    teach(case.build(taken), X, Y, 100, 120)
    assert json.dumps(taken) == written
    assert _stored(case.build(taken)) == json.loads(written)


def test_asking_changes_nothing(case: Member) -> None:
    """Questions beside the stream are answered alike each time, and it goes on as without them."""
    plain, asked = case.build(None), case.build(None)
    for first, last in ((0, 0), (0, 100), (100, 250)):
        assert teach(asked, X, Y, first, last) == teach(plain, X, Y, first, last)
        once = [asked.predict(x) for x in X[800:820]]
        state = _stored(asked)
        assert [asked.predict(x) for x in X[800:820]] == once
        assert _stored(asked) == state
        assert [plain.predict(x) for x in X[800:820]] == once


def test_does_not_change_the_vector(case: Member) -> None:
    """It may be given, and taught, a view of somebody else's memory."""
    model = _taught(case, MIN_LABELS)
    x = X[0].copy()
    x.flags.writeable = False
    model.predict(x)
    model.learn(x, 1)
    assert x.tolist() == X[0].tolist()


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 1e300])
def test_a_missing_feature_has_no_answer_and_is_not_learned(case: Member, hole: float) -> None:
    """A value that is not finite in float32 gives None, and leaves no trace."""
    model = _taught(case, MIN_LABELS)
    before = _stored(model)
    x = X[0].copy()
    x[2] = hole
    assert model.predict(x) is None
    model.learn(x, 1)
    assert _stored(model) == before


def test_huge_values_do_not_poison_it(case: Member) -> None:
    """The largest value that is let in leaves a state that JSON can hold, and an answer."""
    model = _taught(case, MIN_LABELS)
    for value, y in ((3e38, 1), (-3e38, 0), (3e38, 0)):
        model.learn(np.full(N_FEATURES, value), y)
    for x, y in zip(X[:200], Y[:200], strict=True):
        model.learn(x, y)
    assert model.predict(X[0]) is not None
    assert _stored(case.build(_stored(model))) == _stored(model)


@pytest.mark.parametrize("length", [0, N_FEATURES - 1, N_FEATURES + 1])
def test_refuses_another_length(case: Member, length: int) -> None:
    """A vector of another schema is a mistake of the wiring and stops the process."""
    model = case.build(None)
    with pytest.raises(BadUse, match="shape"):
        model.predict(np.zeros(length))
    with pytest.raises(BadUse, match="shape"):
        model.learn(np.zeros(length), 1)


@pytest.mark.parametrize("label", [2, -1, 0.5, None])
def test_a_label_is_zero_or_one(case: Member, label: Any) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(BadUse, match="0 or 1"):
        case.build(None).learn(X[0], label)


def test_a_label_may_be_of_any_integer_type(case: Member) -> None:
    """A numpy integer or a truth value teaches what the number teaches."""
    states = []
    kinds: list[Any] = [int, np.int64, bool]
    for kind in kinds:
        model = case.build(None)
        for x, y in zip(X[:60], Y[:60], strict=True):
            model.learn(x, kind(y))
        states.append(_stored(model))
    assert states[0] == states[1] == states[2]


@pytest.mark.parametrize("one_class", [0, 1])
def test_a_market_that_knows_one_way(case: Member, one_class: int) -> None:
    """Labels of one class alone are learned, and give an answer on that side."""
    model = case.build(None)
    for x in X[: 2 * MIN_LABELS]:
        model.learn(x, one_class)
    p_up = model.predict(X[0])
    assert p_up is not None
    assert (p_up > 0.5) == (one_class == 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": 99}, "version"),
        ({"v": None}, "version"),
        ({"owner": "0" * 32}, "belongs to config"),
        ({"labels_learned": ...}, "not whole"),
    ],
)
def test_a_snapshot_that_is_not_ours_is_refused(
    case: Member, change: dict[str, Any], words: str
) -> None:
    """Another version, another config, or a part that is missing never becomes a model."""
    state = {**_stored(_taught(case, 50)), **change}
    with pytest.raises(Corrupt, match=words):
        case.build({key: value for key, value in state.items() if value is not ...})


def test_no_model_takes_the_snapshot_of_another() -> None:
    """Each refuses the state of every other."""
    states = {name: _stored(_taught(case, 5)) for name, case in CASES.items()}
    for name, case in CASES.items():
        for other in states.keys() - {name}:
            with pytest.raises(Corrupt):
                case.build(states[other])


def test_same_seed_same_answers_in_every_process() -> None:
    """Taught again here, and in a fresh process with other hashes, each gives the same bits."""
    ours = {name: fingerprint(case) for name, case in CASES.items()}
    assert {name: fingerprint(case) for name, case in CASES.items()} == ours
    script = (
        "import json\n"
        "from tests.contracts.test_online_models import CASES, fingerprint\n"
        "print(json.dumps({name: fingerprint(case) for name, case in CASES.items()}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ours


def _close(found: Any, stored: Any) -> bool:
    """Compare nested plain values; floats to nine digits, as another C library may round."""
    if isinstance(stored, float):
        return bool(found == pytest.approx(stored, rel=1e-9, abs=1e-12))
    if isinstance(stored, dict):
        return found.keys() == stored.keys() and all(_close(found[k], stored[k]) for k in stored)
    if isinstance(stored, list):
        return len(found) == len(stored) and all(map(_close, found, stored))
    return bool(found == stored)


@pytest.fixture(params=["tree", "forest", "choice"])
def golden(request: pytest.FixtureRequest) -> tuple[Member, dict[str, Any]]:
    """Return a config and what it once knew after 250 labels; the logistic model has its own."""
    content: dict[str, Any] = json.loads((GOLDEN / f"online_{request.param}_v1.json").read_text())
    return CASES[request.param], content


def test_the_golden_snapshot_still_answers_as_it_did(golden: tuple[Member, dict[str, Any]]) -> None:
    """A snapshot that was stored once keeps its meaning; if not, count ``ALGORITHM`` up."""
    case, content = golden
    model = case.build(content["snapshot"])
    x = np.array(content["x"])
    assert model.predict(x) == pytest.approx(content["p_before"], rel=1e-12)
    model.learn(x, 1)
    assert model.predict(x) == pytest.approx(content["p_after"], rel=1e-12)


def test_the_golden_snapshot_is_what_learning_gives_today(
    golden: tuple[Member, dict[str, Any]],
) -> None:
    """The same labels lead to the stored state: neither our code nor River has changed its sums."""
    case, content = golden
    model = case.build(None)
    teach(model, X, Y, last=255)
    assert _close(_stored(model), content["snapshot"])


def test_the_golden_comparison_can_fail() -> None:
    """Another float, another key or another length is a difference."""
    assert _close({"a": [1.0, "b"]}, {"a": [1.0 + 1e-12, "b"]})
    for other in ({"a": [1.001, "b"]}, {"a": [1.0]}, {"b": [1.0, "b"]}, {"a": [1.0, "c"]}):
        assert not _close(other, {"a": [1.0, "b"]})
