"""Trials of challengers: pairs, verdicts, ends, and the state."""

import json
from typing import Any

import numpy as np
import pytest

from domain.errors import BadUse, Corrupt
from models.evaluation.sequential import SequentialTest
from models.trials import MAX_LOSS, Pair, Trials, TrialsConfig

TEST = SequentialTest(alpha=0.05)
CONFIG = TrialsConfig(TEST, TEST.test_id, max_labels=3_000)
PAIR = Pair("lstm", "old", "new")


def _learn(trials: Trials, labels: int, p_old: float, p_new: float) -> list[tuple[int, Any]]:
    """Give labels that are up six times in ten; return the verdicts and after how many."""
    ups = np.random.default_rng(3).random(labels) < 0.6
    found: list[tuple[int, Any]] = []
    for at, up in enumerate(ups.tolist()):
        found += [(at + 1, one) for one in trials.learn({"old": p_old, "new": p_new}, int(up))]
    return found


@pytest.mark.parametrize(
    ("p_old", "p_new", "decision"), [(0.6, 0.2, "worse"), (0.2, 0.6, "better")]
)
def test_a_difference_ends_the_trial_once(p_old: float, p_new: float, decision: str) -> None:
    """One verdict with the figures, and then it is no longer asked for."""
    trials = CONFIG.build(None)
    trials.keep([PAIR])
    assert trials.running(PAIR)
    ((after, verdict),) = _learn(trials, 1_000, p_old, p_new)
    assert (verdict.pair, verdict.decision) == (PAIR, decision)
    assert verdict.reason.startswith(f"{decision} than old over {after} labels: mean log-loss ")
    assert not trials.running(PAIR)


def test_models_that_are_alike_are_not_compared_for_ever() -> None:
    """After the most labels the trial ends without a verdict."""
    config = TrialsConfig(TEST, TEST.test_id, max_labels=50)
    trials = config.build(None)
    trials.keep([PAIR])
    assert _learn(trials, 49, 0.5, 0.5) == []
    assert trials.running(PAIR)
    assert _learn(trials, 1, 0.5, 0.5) == []
    assert not trials.running(PAIR)


def test_a_label_that_one_of_them_did_not_answer_is_not_judged() -> None:
    """A comparison is on the same bars or none."""
    trials = CONFIG.build(None)
    trials.keep([PAIR])
    for _ in range(500):
        assert trials.learn({"new": 0.01}, 1) == []
        assert trials.learn({"old": 0.01}, 1) == []
    assert trials.snapshot()["trials"][0][2] == 0


def test_who_is_no_longer_compared_is_forgotten() -> None:
    """And begins anew when the pair comes back; who stays keeps what was seen."""
    trials = CONFIG.build(None)
    other = Pair("lstm", "old", "other")
    trials.keep([PAIR, other])
    trials.learn({"old": 0.4, "new": 0.5, "other": 0.5}, 1)
    trials.keep([other])
    trials.keep([PAIR, other])
    labels = {tuple(one[0]): one[2] for one in trials.snapshot()["trials"]}
    assert labels == {PAIR: 0, other: 1}


def test_who_has_a_new_stage_is_on_trial_anew() -> None:
    """Found worse once, it is found worse once more; a trial that goes on keeps what was seen."""
    trials = CONFIG.build(None)
    other = Pair("lstm", "old", "other")
    trials.keep([PAIR, other])
    assert len(_learn(trials, 1_000, 0.6, 0.2)) == 1
    trials.learn({"old": 0.4, "other": 0.5}, 1)
    trials.renew("other")
    trials.keep([PAIR, other])
    assert not trials.running(PAIR)
    trials.renew("new")
    trials.keep([PAIR, other])
    labels = {tuple(one[0]): one[2] for one in trials.snapshot()["trials"]}
    assert labels == {PAIR: 0, other: 1}
    ((_, verdict),) = _learn(trials, 1_000, 0.6, 0.2)
    assert verdict.decision == "worse"


def test_it_resumes_anywhere() -> None:
    """Thrown away and restored after every label, it ends with the same verdict at the same one."""
    whole, part = CONFIG.build(None), CONFIG.build(None)
    whole.keep([PAIR])
    part.keep([PAIR])
    for up in (np.random.default_rng(5).random(300) < 0.6).tolist():
        part = CONFIG.build(json.loads(json.dumps(part.snapshot())))
        said = {"old": 0.6, "new": 0.2}
        assert part.learn(said, int(up)) == whole.learn(said, int(up))
    assert not whole.running(PAIR)
    assert part.snapshot() == whole.snapshot()


def test_bounds_are_held() -> None:
    """A trial of no labels would be none; losses have a bound."""
    with pytest.raises(BadUse, match="max_labels > 0"):
        TrialsConfig(TEST, "id", 0)
    assert 4 < MAX_LOSS < 5


@pytest.mark.parametrize("change", [{"v": 2}, {"owner": "another"}, {"trials": [[1]]}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Half a trial proves nothing."""
    with pytest.raises(Corrupt, match="trials"):
        CONFIG.build({**CONFIG.build(None).snapshot(), **change})
