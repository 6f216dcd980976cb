"""Challengers on trial against the model whose place they have or want: better or worse.

Both answer at the same bars. When a label becomes known, the two losses go into a sequential test
that may be looked at after every label (`models.evaluation.sequential`). Whom the trial finds worse
leaves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from domain.deployments import Slot
from domain.errors import BadUse
from domain.ids import digest
from models.contract import State, reading
from models.ensemble import LOSS_FLOOR, log_loss

STATE_VERSION = 1

MAX_LOSS = log_loss(0.0, 1)
"""Largest loss of one answer in nats: the test needs a bound."""


class PairedTest(Protocol):
    """A test that runs; ``decision`` is of B against A: ``none``, ``better`` or ``worse``."""

    @property
    def decision(self) -> str:
        """What is shown so far."""

    def on_pair(self, loss_a: float, loss_b: float) -> Any:
        """Take one pair of losses."""

    def snapshot(self) -> State:
        """Return the state as a plain versioned mapping."""


class PairedTestConfig(Protocol):
    """Frozen description of a test."""

    def build(self, resume_state: State | None) -> PairedTest:
        """Return a new test, or the one whose snapshot is given."""


class Pair(NamedTuple):
    """Who is compared in a slot: ``b``, the challenger, with ``a``."""

    slot: Slot
    a: str
    b: str


class Verdict(NamedTuple):
    """A trial that has ended: ``decision`` is ``better`` or ``worse``, of ``pair.b``."""

    pair: Pair
    decision: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrialsConfig:
    """How challengers are judged.

    Parameters
    ----------
    test
        The sequential test.
    test_id
        Digest of its parameters.
    max_labels
        Labels (> 0) after which a trial that has shown nothing ends: two models that are alike
        would otherwise be asked for ever.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    test: PairedTestConfig
    test_id: str
    max_labels: int = 20_000

    def __post_init__(self) -> None:
        if self.max_labels <= 0:
            msg = f"a trial needs max_labels > 0, not {self.max_labels}"
            raise BadUse(msg)

    @property
    def config_id(self) -> str:
        """Digest of every field."""
        return digest("trials", self.test_id, self.max_labels, repr(LOSS_FLOOR))

    def build(self, resume_state: State | None) -> "Trials":
        """Return no trials, or those whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        return Trials(self, resume_state)


@dataclass(slots=True)
class _Trial:
    test: PairedTest
    labels: int = 0
    ended: bool = False
    sum_a: float = 0.0
    sum_b: float = 0.0


class Trials:
    """The trials of one symbol."""

    def __init__(self, config: TrialsConfig, resume_state: State | None) -> None:
        self._config = config
        self._trials: dict[Pair, _Trial] = {}
        if resume_state is not None:
            with reading(resume_state, STATE_VERSION, config.config_id, "trials"):
                for pair, test, labels, ended, sum_a, sum_b in resume_state["trials"]:
                    trial = _Trial(config.test.build(test), labels, ended, sum_a, sum_b)
                    self._trials[Pair(*pair)] = trial

    def keep(self, pairs: Iterable[Pair]) -> None:
        """Say who is compared now: new pairs begin, others are given up."""
        self._trials = {
            pair: self._trials.get(pair) or _Trial(self._config.test.build(None)) for pair in pairs
        }

    def renew(self, model_id: str) -> None:
        """Forget trials of a model that have ended: it has a new stage, and is on trial anew.

        Else one that was found worse as a shadow could not be taken out as a canary.
        """
        self._trials = {
            pair: trial
            for pair, trial in self._trials.items()
            if not (trial.ended and model_id in {pair.a, pair.b})
        }

    def running(self, pair: Pair) -> bool:
        """Say whether a pair is still compared: its trial has neither shown something nor ended."""
        trial = self._trials.get(pair)
        return trial is not None and not trial.ended

    def learn(self, answers: Mapping[str, float], y: int) -> list[Verdict]:
        """Judge what was said at an earlier bar by its label; return the trials that this ends.

        Parameters
        ----------
        answers
            Probability by model id; a pair of whom one did not answer is not judged.
        y
            1 if the mid was higher after the horizon, 0 if it was lower.
        """
        found: list[Verdict] = []
        for pair, trial in self._trials.items():
            if trial.ended or pair.a not in answers or pair.b not in answers:
                continue
            loss_a, loss_b = log_loss(answers[pair.a], y), log_loss(answers[pair.b], y)
            trial.test.on_pair(loss_a, loss_b)
            trial.labels += 1
            trial.sum_a += loss_a
            trial.sum_b += loss_b
            decision = trial.test.decision
            trial.ended = decision != "none" or trial.labels >= self._config.max_labels
            if decision != "none":
                found.append(Verdict(pair, decision, _words(trial, decision, pair)))
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return every trial as a plain mapping."""
        return {
            "v": STATE_VERSION,
            "owner": self._config.config_id,
            "trials": [
                [list(pair), one.test.snapshot(), one.labels, one.ended, one.sum_a, one.sum_b]
                for pair, one in self._trials.items()
            ],
        }


def _words(trial: _Trial, decision: str, pair: Pair) -> str:
    return (
        f"{decision} than {pair.a[:12]} over {trial.labels} labels: mean log-loss "
        f"{trial.sum_b / trial.labels:.5f} against {trial.sum_a / trial.labels:.5f}"
    )
