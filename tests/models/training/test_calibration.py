"""Calibration makes probabilities true, keeps their order, and is the same in the graph."""

import numpy as np
import pytest

from domain.errors import BadUse
from models.evaluation.scores import calibration_curve
from models.serving import OnnxSession
from models.training.calibration import MAX_SLOPE, Calibrator, calibrate, report, sigmoid
from models.training.onnx_graph import INPUT, Graph

N = 6000
RNG = np.random.default_rng(5)
SCORE = RNG.normal(size=N)
TRUE = sigmoid(0.4 * SCORE + 0.3)
Y = (RNG.random(N) < TRUE).astype(np.float64)
ONES = np.ones(N)
TS = np.arange(N)


def test_platt_finds_the_curve_that_made_the_labels() -> None:
    """Scores that were 2.5 times too sure and off by a constant."""
    found = calibrate(SCORE, Y, ONES, "platt", "log_odds")
    assert found.slope == pytest.approx(0.4, abs=0.06)
    assert found.intercept == pytest.approx(0.3, abs=0.06)


def test_platt_is_the_maximum_of_the_likelihood() -> None:
    """As scikit-learn's unpenalised regression on the same smoothed targets, rows weighted."""
    from sklearn.linear_model import LogisticRegression

    weight = RNG.uniform(0.1, 1.0, N)
    up, down = weight[Y == 1].sum(), weight[Y == 0].sum()
    target = np.where(Y == 1, (up + 1) / (up + 2), 1 / (down + 2))
    # A target between 0 and 1 is a row of each class, weighted.
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.concatenate([SCORE, SCORE])[:, None],
        np.repeat([1, 0], N),
        np.concatenate([weight * target, weight * (1 - target)]),
    )
    found = calibrate(SCORE, Y, weight, "platt", "log_odds")
    assert found.slope == pytest.approx(float(oracle.coef_[0, 0]), abs=1e-5)
    assert found.intercept == pytest.approx(float(oracle.intercept_[0]), abs=1e-5)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
@pytest.mark.parametrize("link", ["log_odds", "share"])
def test_calibration_lowers_the_error_on_rows_it_has_not_seen(method: str, link: str) -> None:
    """Over-confident probabilities become true; the report measures it out of sample."""
    score = SCORE if link == "log_odds" else sigmoid(2.0 * SCORE)
    half = N // 2
    found = calibrate(score[:half], Y[:half], ONES[:half], method, link)  # type: ignore[arg-type]  # a literal
    before = Calibrator("none", found.link).apply(score[half:])
    error = calibration_curve(before, Y[half:]).error
    assert calibration_curve(found.apply(score[half:]), Y[half:]).error < 0.5 * error
    said = report(found, score, Y, ONES, TS)
    assert said["ece_after"] < 0.5 * said["ece_before"]
    assert (said["method"], said["rows"]) == (method, N)


def test_isotonic_never_falls_and_is_never_too_steep() -> None:
    """Also where scores stand so close that a step would need an endless slope."""
    score = np.concatenate([np.full(1000, 0.1), np.full(1000, 0.1 + 1e-7), RNG.normal(size=1000)])
    y = np.concatenate([np.zeros(1000), np.ones(1000), RNG.integers(0, 2, 1000)])
    found = calibrate(score, y, np.ones(3000), "isotonic", "log_odds")
    assert (np.diff(found.scores) > 0).all()
    rises = np.diff(found.probabilities) / np.diff(found.scores)
    assert ((rises >= 0) & (rises <= MAX_SLOPE)).all()
    answers = found.apply(np.sort(score))
    assert (np.diff(answers) >= 0).all()
    assert 0 < answers[0] <= answers[-1] < 1


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_score_that_says_the_opposite_becomes_the_base_rate(method: str) -> None:
    """A calibration never turns a model around: it says nothing more than how often it went up."""
    found = calibrate(-SCORE, Y, ONES, method, "log_odds")  # type: ignore[arg-type]  # a literal
    answers = found.apply(np.linspace(-3, 3, 50))
    assert np.ptp(answers) < 0.01
    assert answers.mean() == pytest.approx(Y.mean(), abs=0.02)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_score_without_spread_becomes_the_base_rate(method: str) -> None:
    """One value for all rows, also when only one class was seen: never 0 or 1."""
    found = calibrate(np.zeros(200), np.ones(200), np.ones(200), method, "log_odds")  # type: ignore[arg-type]  # a literal
    assert 0.98 < float(found.apply(np.array([0.0]))[0]) < 1.0


def test_weights_decide_whom_it_believes() -> None:
    """Rows of weight near 0 do not count: the same scores, labels turned around in one half."""
    y = np.concatenate([Y, 1 - Y])
    score, light = np.concatenate([SCORE, SCORE]), np.concatenate([ONES, 1e-6 * ONES])
    found = calibrate(score, y, light, "platt", "log_odds")
    assert found.slope == pytest.approx(calibrate(SCORE, Y, ONES, "platt", "log_odds").slope, 0.01)


def test_an_unknown_method_is_refused() -> None:
    """The line names the ones there are."""
    with pytest.raises(BadUse, match="platt, isotonic, none"):
        calibrate(SCORE, Y, ONES, "beta", "log_odds")  # type: ignore[arg-type]  # on purpose


CALIBRATORS = [
    Calibrator("none", "log_odds"),
    Calibrator("none", "share"),
    Calibrator("platt", "log_odds", 0.7, -0.2),
    Calibrator("isotonic", "log_odds", 1.0, 0.0, (0.3,), (0.6,)),
    calibrate(SCORE, Y, ONES, "isotonic", "log_odds"),
]


@pytest.mark.parametrize("calibrator", CALIBRATORS, ids=lambda c: f"{c.method}-{len(c.scores)}")
def test_the_graph_follows_the_same_map(calibrator: Calibrator) -> None:
    """On scores all over, at the knots and far outside; a batch answers as each row alone."""
    graph = Graph((1,))
    session = OnnxSession(graph.finish(graph.node("Identity", [INPUT]), calibrator))
    score = np.concatenate([np.linspace(-3, 3, 777), calibrator.scores, [-50.0, 50.0]])
    if calibrator.link == "share":
        score = sigmoid(score)
    found = session.probabilities(score[:, None])
    assert np.abs(found - calibrator.apply(score)).max() < 2e-6
    assert not session.by_row
    alone = np.array([session.probability(np.array([s])) for s in score])
    assert alone.tobytes() == found.tobytes()
