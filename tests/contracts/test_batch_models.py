"""The contract of every model that was trained in a job, whatever it is made of."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.deployments import SLOTS
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.contract import ServedModel
from models.labels.arrays import sign_definition
from models.sequence.window import RowWindow
from models.serving import OnnxModel, load_model
from models.training.job import train_artefact
from tests.models.training.cases import (
    LEARNERS,
    N_FEATURES,
    RULE,
    labelled,
    market,
    silent,
    trained,
)

CASES = (*SLOTS, "xgboost-isotonic", "forest-isotonic")
LENGTHS = (1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 499, 500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the artefacts that these tests share."""
    return tmp_path_factory.mktemp("models")


@cache
def _saved(name: str, folder: Path) -> str:
    data = market(600)
    definition = sign_definition(RULE, after_costs=False)
    given_rows = (data, labelled(data), definition)
    return train_artefact(*given_rows, LEARNERS[name], folder, {}, silent).artefact_id


@pytest.fixture(params=CASES)
def model(request: pytest.FixtureRequest, folder: Path) -> OnnxModel:
    """Every kind of model in turn, trained, saved and loaded."""
    return load_model(folder, _saved(request.param, folder))


def _windows(model: ServedModel, count: int, seed: int = 3) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, model.window, N_FEATURES))


def _alone(model: ServedModel, windows: NDArray[np.float64]) -> bytes:
    answers = [model.predict_windows(window[None])[0] for window in windows]
    return np.array(answers, dtype=np.float64).tobytes()


def test_every_slot_is_under_contract() -> None:
    """A new kind of model must join the suite, and a learner of its name train that kind."""
    assert set(SLOTS) <= set(CASES)
    assert all(LEARNERS[slot].kind == slot for slot in SLOTS)


def test_says_what_it_is(model: OnnxModel) -> None:
    """Role, identity, schema, horizon, window and proof are there before anything is asked."""
    served: ServedModel = model
    assert served.role in SLOTS
    assert len(served.model_id) == 32
    assert served.feature_schema == "schema-1"
    assert served.horizon_ns == MINUTE_NS
    assert served.window == (4 if served.role == "lstm" else 1)
    assert len(served.golden_sha256) == 64


def test_survives_its_own_save_and_load(model: OnnxModel, folder: Path) -> None:
    """Loaded again it has the same identity and proof, and gives the same answers to the bit."""
    again = load_model(folder, model.model_id)
    windows = _windows(model, 200)
    assert again.golden_sha256 == model.golden_sha256
    assert again.predict_windows(windows).tobytes() == model.predict_windows(windows).tobytes()


@pytest.mark.parametrize("name", CASES)
def test_answers_as_what_was_trained(name: str, folder: Path) -> None:
    """The loaded model and the one in its training library, within 1e-5 on rows of their data."""
    data, _, rows, fitted = trained(name)
    definition = sign_definition(RULE, after_costs=False)
    made = train_artefact(data, labelled(data), definition, LEARNERS[name], folder, {}, silent)
    model = load_model(folder, made.artefact_id)
    found = model.predict_windows(data.windows(rows[:2000], model.window))
    assert np.abs(found - fitted.predict(data, rows[:2000])).max() <= 1e-5


def test_is_repeatable(model: OnnxModel) -> None:
    """Asking changes nothing."""
    windows = _windows(model, 50)
    first = model.predict_windows(windows).tobytes()
    model.predict_windows(_windows(model, 50, seed=4))
    assert model.predict_windows(windows).tobytes() == first


def test_answers_with_probabilities(model: OnnxModel) -> None:
    """Up and down are in [0, 1] and sum to 1, also far from anything it has seen."""
    far = [np.full((1, model.window, N_FEATURES), size) for size in (1e30, -1e30, 3e38, 1e-40)]
    up = model.predict_windows(np.concatenate([_windows(model, 200), *far]))
    down = 1.0 - up
    assert ((up >= 0.0) & (up <= 1.0)).all()
    assert ((down >= 0.0) & (down <= 1.0)).all()
    assert (up + down == 1.0).all()
    assert np.ptp(up) > 0.1


def test_does_not_change_its_input(model: OnnxModel) -> None:
    """It may be given a view of somebody else's memory that nobody may write to."""
    windows = _windows(model, 20)
    windows[3, 0, 0] = np.nan
    windows.flags.writeable = False
    before = windows.tobytes()
    model.predict_windows(windows)
    assert windows.tobytes() == before


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 1e300])
def test_a_missing_feature_is_not_answered(model: OnnxModel, hole: float) -> None:
    """Anywhere in the window it gives NaN, never a number, and the others are answered."""
    windows = _windows(model, model.window + 1)
    for row in range(model.window):
        windows[row, row, 2] = hole
    found = model.predict_windows(windows)
    assert np.isnan(found).tolist() == [True] * model.window + [False]


def test_is_not_ready_before_its_window_is_whole(model: OnnxModel) -> None:
    """Through the window of a symbol: NaN for its first rows and for the first after a gap."""
    minutes = np.concatenate([np.arange(10), np.arange(100, 110)])
    x = np.random.default_rng(5).normal(size=(20, N_FEATURES))
    window = RowWindow(model.window, N_FEATURES, model.max_gap_ns).build(None)
    found = model.predict_windows(window.on_rows(MINUTE_NS * minutes.astype(np.int64), x))
    silent_rows = model.window - 1
    wanted = ([True] * silent_rows + [False] * (10 - silent_rows)) * 2
    # A gap breaks a window; a model of a single row has none to break.
    assert np.isnan(found).tolist() == wanted


@pytest.mark.parametrize("change", [(0, 0, -1), (0, 0, 1), (0, 1, 0)])
def test_refuses_another_shape(model: OnnxModel, change: tuple[int, int, int]) -> None:
    """A window of another schema or length is a mistake of the wiring and stops the process."""
    shape = tuple(np.array([3, model.window, N_FEATURES]) + change)
    with pytest.raises(BadUse, match="windows of shape"):
        model.predict_windows(np.zeros(shape))


def test_no_windows_have_no_answers(model: OnnxModel) -> None:
    """Neither an empty batch, nor one of unreadable windows, asks the runtime."""
    assert model.predict_windows(_windows(model, 0)).shape == (0,)
    assert np.isnan(model.predict_windows(np.full((3, model.window, N_FEATURES), np.nan))).all()


def test_a_batch_of_any_length_answers_as_its_windows_alone(model: OnnxModel) -> None:
    """Runtimes choose other loops from some length on: the bits stay those of single windows."""
    windows = _windows(model, max(LENGTHS))
    alone = _alone(model, windows)
    for length in LENGTHS:
        assert model.predict_windows(windows[:length]).tobytes() == alone[: 8 * length]


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 200),
    seed=st.integers(0, 2**32 - 1),
    holes=st.sampled_from([0.0, 0.05, 0.9]),
    scale=st.sampled_from([1.0, 1e-6, 1e30]),
    name=st.sampled_from(CASES),
)
def test_a_window_is_answered_as_if_it_were_alone(
    folder: Path, size: int, seed: int, holes: float, scale: float, name: str
) -> None:
    """To the bit, in a batch of any length and order, also between windows that cannot be read."""
    model = load_model(folder, _saved(name, folder))
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(size, model.window, N_FEATURES)) * scale
    unreadable = rng.choice([np.nan, np.inf, -np.inf, 1e300], windows.shape)
    windows = np.where(rng.random(windows.shape) < holes / windows[0].size, unreadable, windows)
    found = model.predict_windows(windows)
    assert found.tobytes() == _alone(model, windows)
    assert (np.isnan(found) == ~(np.abs(windows) < 1e31).all(axis=(1, 2))).all()
    order = rng.permutation(size)
    assert model.predict_windows(windows[order]).tobytes() == found[order].tobytes()


def test_a_batch_may_be_a_view(model: OnnxModel) -> None:
    """Columns of a wider array, every other window: the answers are the same."""
    wide = np.random.default_rng(9).normal(size=(40, model.window, N_FEATURES + 2))
    view = wide[::2, :, 1:-1]
    assert model.predict_windows(view).tobytes() == _alone(model, view.copy())
