"""Gates: each refuses what it is there for, passes what is sound, and refuses the unmeasured."""

import numpy as np
import pytest

from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.registry import gates
from models.registry.gates import Outcomes
from models.registry.limits import Limits
from models.registry.report import GateResult

LIMITS = Limits(min_signals=100, latency_rounds=100)
N = 4_000


def _market(
    p_right: float, seed: int = 1, cost_pips: float = 0.0, champion: float | None = None
) -> Outcomes:
    """Answer a coin's throws, right with a probability, and sure of it to the right degree."""
    rng = np.random.default_rng(seed)
    up = rng.random(N) < 0.5

    def answer(share: float) -> np.ndarray:
        says_up = np.where(rng.random(N) < share, up, ~up)
        return np.where(says_up, share, 1 - share)

    ts_ns = MINUTE_NS * np.arange(1, N + 1)
    return Outcomes(
        ts_ns=ts_ns,
        end_ns=ts_ns + MINUTE_NS,
        p_up=answer(p_right),
        y=up.astype(np.float64),
        move_pips=np.where(up, 1.0, -1.0),
        cost_pips=np.full(N, cost_pips),
        champion_p_up=None if champion is None else answer(champion),
    )


def _ok(result: GateResult, *words: str) -> bool:
    assert "\n" not in result.words
    for word in words:
        assert word in result.words
    return result.ok


def test_golden_answers_must_be_given_again() -> None:
    """A millionth is allowed, two are not, and neither is NaN or nothing."""
    stored = np.array([0.25, 0.5])
    assert _ok(gates.golden_vectors(stored, stored + 1e-7, LIMITS), "2 golden answers")
    assert not _ok(gates.golden_vectors(stored, stored + 2e-6, LIMITS), "2.0e-06")
    assert not _ok(gates.golden_vectors(stored, np.array([0.25, np.nan]), LIMITS), "inf")
    assert not _ok(gates.golden_vectors(np.empty(0), np.empty(0), LIMITS), "no golden answers")


@pytest.mark.parametrize(
    ("shift", "recorded", "rows", "ok"),
    [
        (None, 1e-6, 10_000, True),
        (None, 2e-5, 10_000, False),
        (None, 1e-6, 50, False),
        (None, None, 0, False),
        (1e-6, None, 0, True),
        (1e-6, 1e-6, 10_000, True),
        (2e-5, 1e-6, 10_000, False),
        (1e-6, 2e-5, 10_000, False),
    ],
)
def test_parity_takes_the_worst_that_was_seen(
    shift: float | None, recorded: float | None, rows: int, ok: bool
) -> None:
    """What training has recorded and what is measured anew must both be near, on enough rows."""
    served = np.linspace(0.1, 0.9, 200)
    original = None if shift is None else served + shift
    assert gates.parity(original, served, recorded, rows, LIMITS).ok is ok


def test_latency_is_held_at_the_99th_percentile() -> None:
    """Two slow rows of a hundred are too many; too few rows say nothing."""
    rows_ms = np.full(200, 0.1)
    assert _ok(gates.latency(rows_ms, LIMITS), "0.100 ms at p99")
    rows_ms[:3] = 2.0
    assert not _ok(gates.latency(rows_ms, LIMITS), "budget 0.5 ms")
    assert not _ok(gates.latency(rows_ms[:50], LIMITS), "50 rows were timed")


@pytest.mark.parametrize("gate", [gates.no_lookahead, gates.no_label_leak])
def test_leaks_are_named_and_silence_is_no_proof(gate: object) -> None:
    """No names pass, names refuse, and so does a detector that was not run."""
    assert callable(gate)
    assert gate([]).ok
    assert not _ok(gate(["tomorrow", "next_bar"]), "tomorrow, next_bar")
    assert not _ok(gate(None), "not")


def test_a_calibrated_model_passes_and_a_boaster_does_not() -> None:
    """Both are right as often; only one knows how often."""
    honest = _market(0.6)
    boaster = honest._replace(p_up=np.where(honest.p_up > 0.5, 0.9, 0.1))
    assert _ok(gates.calibration(honest, LIMITS), "4000 unseen rows")
    assert not _ok(gates.calibration(boaster, LIMITS), "calibration error 0.3")


def test_accuracy_must_lie_above_the_base_rate_with_all_its_interval() -> None:
    """A real edge passes; a coin does not; nor does a constant guess on a rising market."""
    assert _ok(gates.above_base_rate(_market(0.57), LIMITS), "the base rate is 0.5")
    assert not gates.above_base_rate(_market(0.5), LIMITS).ok
    rising = _market(0.57)
    always = rising._replace(p_up=np.full(N, 0.6), y=(np.arange(N) % 10 < 8).astype(np.float64))
    result = gates.above_base_rate(always, LIMITS)
    assert not _ok(result, "accuracy 0.8000", "the base rate is 0.8000")


def test_overlapping_labels_widen_the_interval() -> None:
    """The same answers on labels of an hour are no longer proof."""
    sound = _market(0.55)
    assert gates.above_base_rate(sound, LIMITS).ok
    overlapping = sound._replace(end_ns=sound.ts_ns + 60 * MINUTE_NS)
    result = gates.above_base_rate(overlapping, LIMITS)
    assert not result.ok
    assert float(result.figures["n_effective"] or 0) < N / 50


def test_a_floor_may_be_asked_besides_the_base_rate() -> None:
    """An edge that is real but small does not reach it."""
    asked = Limits(min_signals=100, min_accuracy=0.6)
    assert not _ok(gates.above_base_rate(_market(0.57), asked), "0.6 is asked")
    assert gates.above_base_rate(_market(0.65), asked).ok


def test_the_champion_is_met_on_the_same_rows() -> None:
    """Better passes, as good does not, and one that was not asked is no comparison."""
    better = _market(0.6, champion=0.52)
    assert _ok(gates.above_champion(better, LIMITS, champion=True), "on the same 4000 rows")
    same = better._replace(champion_p_up=better.p_up)
    assert not gates.above_champion(same, LIMITS, champion=True).ok
    unasked = better._replace(champion_p_up=None)
    assert not _ok(gates.above_champion(unasked, LIMITS, champion=True), "was not asked")
    assert _ok(gates.above_champion(unasked, LIMITS, champion=False), "there is no champion")


def test_expectancy_is_net_of_costs() -> None:
    """An edge of 0.2 pips a signal pays 0.1 pips, and not 0.3."""
    assert _ok(gates.expectancy(_market(0.6, cost_pips=0.1), LIMITS), "after spread and slippage")
    assert not gates.expectancy(_market(0.6, cost_pips=0.3), LIMITS).ok
    unknown = _market(0.6)
    unknown.cost_pips[7] = np.nan
    assert not _ok(gates.expectancy(unknown, LIMITS), "no price or no cost")


def test_expectancy_may_be_held_against_the_champion() -> None:
    """Where neither earns, the one that loses less may replace the other."""
    relative = Limits(min_signals=100, expectancy="champion")
    losing = _market(0.6, cost_pips=0.5, champion=0.51)
    assert _ok(gates.expectancy(losing, relative), "the champion's -0.4")
    worse = _market(0.51, cost_pips=0.5, champion=0.6)
    assert not gates.expectancy(worse, relative).ok
    assert not gates.expectancy(losing._replace(champion_p_up=None), relative).ok


def test_too_few_signals_are_not_judged() -> None:
    """Answers without edge, without outcome or without answer do not count."""
    rows = _market(0.9)
    for few in (
        rows._replace(p_up=np.where(np.arange(N) < 99, rows.p_up, np.nan)),
        rows._replace(y=np.where(np.arange(N) < 99, rows.y, np.nan)),
    ):
        for gate in (gates.calibration, gates.above_base_rate, gates.expectancy):
            assert not _ok(gate(few, LIMITS), "99 unseen signals are too few")
    sure = Limits(min_signals=100, min_edge=0.45)
    assert not _ok(gates.above_base_rate(rows, sure), "0 unseen signals are too few")


def test_rows_of_the_time_of_training_are_refused() -> None:
    """The artefact's own answers count only behind its data; folds keep theirs apart."""
    rows = _market(0.6)
    last_ns = int(rows.ts_ns[-1])
    assert not _ok(gates.unseen(rows, 11 * MINUTE_NS, walk_forward=False), "10 of 4000 rows")
    assert gates.unseen(rows, int(rows.ts_ns[0]), walk_forward=False).ok
    assert gates.unseen(rows, last_ns, walk_forward=True).ok


@pytest.mark.parametrize(
    "wrong",
    [
        {"golden_difference": -1.0},
        {"parity_difference": 0.0},
        {"parity_rows": 0},
        {"latency_p99_ms": float("nan")},
        {"latency_rounds": 99},
        {"calibration_error": 0.0},
        {"min_edge": 0.5},
        {"min_signals": 0},
        {"min_accuracy": 1.0},
        {"champion_z": 0.0},
        {"expectancy": "hope"},
    ],
)
def test_senseless_limits_are_refused(wrong: dict[str, object]) -> None:
    """The line names the limit and its bounds."""
    with pytest.raises(BadUse, match=f"limits of validation: .*{next(iter(wrong))}"):
        Limits(**wrong)  # type: ignore[arg-type] # on purpose
