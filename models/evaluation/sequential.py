"""Is the challenger better than the champion? A test that may be looked at after every label.

An ordinary test holds its error only if it is looked at once. This one bets against the hypothesis
that there is no difference; where there is none, no way of betting is likely to grow rich, however
long one goes on and whenever one stops [1]_ [2]_.

References
----------
.. [1] I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting",
   Journal of the Royal Statistical Society B 86 (2024) 1-27: wealth as evidence, and the
   empirical-Bernstein confidence sequence with predictable plug-in (theorem 2).
.. [2] S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon, "Time-uniform, nonparametric,
   nonasymptotic confidence sequences", Annals of Statistics 49 (2021) 1055-1080.
"""

import math
from dataclasses import dataclass
from typing import Literal

from domain.errors import BadUse
from domain.ids import digest
from models.contract import State, reading

STATE_VERSION = 1

Decision = Literal["none", "better", "worse"]

STAKES = (0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.04, 0.02)
"""Shares of the wealth that are staked on a difference as large as the bound, one bettor each. The
difference decides which one grows fastest; their mean is at least an eighth of it."""

_MAX_LAMBDA = 0.5
"""Largest weight of one observation in the confidence sequence; 1 would be infinite evidence."""


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """Compares the losses of a champion A and a challenger B on the same records.

    Parameters
    ----------
    alpha
        Probability in (0, 1) that the test ever decides where there is no difference, both ways
        together; also that the interval ever misses the mean.
    bound
        Largest difference of two losses that counts in full (> 0), in the unit of the losses;
        larger ones are cut to it. The closer to the true range, the sooner a decision.
    every
        Take one pair of so many (> 0). Losses on labels that overlap depend on each other, which
        the bets must not: give at least ``ceil(horizon / spacing)``.

    Raises
    ------
    BadUse
        If a bound is broken.

    Notes
    -----
    The null hypothesis is that at no time B is expected to be better, given all before (and the
    mirror of it for worse). Losses may change their distribution over time.
    """

    alpha: float = 0.05
    bound: float = 0.5
    every: int = 1

    def __post_init__(self) -> None:
        bounded = math.isfinite(self.bound) and self.bound > 0
        if not 0 < self.alpha < 1 or not bounded or self.every < 1:
            msg = (
                "a sequential test needs alpha in (0, 1), a finite bound > 0 and one pair of "
                f"at least every 1: {self}"
            )
            raise BadUse(msg)

    @property
    def test_id(self) -> str:
        """Digest of the config."""
        alpha, bound = float(self.alpha).hex(), float(self.bound).hex()
        return digest("sequential-test", alpha, bound, self.every, *map(str, STAKES))

    def build(self, resume_state: State | None) -> "SequentialTestLogic":
        """Return a fresh test, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        logic = SequentialTestLogic(self)
        if resume_state is not None:
            logic.restore(resume_state)
        return logic


class SequentialTestLogic:
    """Evidence so far.

    Attributes
    ----------
    decision
        ``better`` or ``worse``: B than A; once reached it stays. ``none`` until then.
    pairs, used
        Pairs seen, and pairs that count.
    """

    def __init__(self, config: SequentialTest) -> None:
        self._config = config
        self._wealth_better = [1.0] * len(STAKES)
        self._wealth_worse = [1.0] * len(STAKES)
        self._enough = 2 * len(STAKES) / config.alpha
        self._log_term = math.log(2 / config.alpha)
        # Sums of the confidence sequence, on the difference scaled to [0, 1].
        self._total = 0.0
        self._squares = 0.0
        self._weight = 0.0
        self._weighted = 0.0
        self._penalty = 0.0
        self.decision: Decision = "none"
        self.pairs = 0
        self.used = 0

    def on_pair(self, loss_a: float, loss_b: float) -> Decision:
        """Take the two losses on one label and return the decision.

        Parameters
        ----------
        loss_a, loss_b
            Of the champion and of the challenger, finite, in one unit; smaller is better.

        Raises
        ------
        BadUse
            If a loss is not finite.
        """
        difference = loss_a - loss_b
        if not math.isfinite(difference):
            msg = f"losses are finite, not {loss_a} and {loss_b}"
            raise BadUse(msg)
        self.pairs += 1
        if (self.pairs - 1) % self._config.every:
            return self.decision
        self.used += 1
        share = min(1.0, max(-1.0, difference / self._config.bound))
        self._observe((share + 1) / 2)
        if self.decision == "none":
            self._bet(share)
        return self.decision

    @property
    def interval(self) -> tuple[float, float]:
        """Mean of ``loss_a - loss_b`` (cut to the bound): interval that holds at every moment.

        Above 0, B is better. It is wider than the bets need: it must hold for every value of the
        mean, the bets only against 0; a decision may come before it leaves 0.
        """
        bound = self._config.bound
        if self._weight == 0:
            return -bound, bound
        centre = self._weighted / self._weight
        half = (self._log_term + self._penalty) / self._weight
        low, high = max(0.0, centre - half), min(1.0, centre + half)
        return (2 * low - 1) * bound, (2 * high - 1) * bound

    def snapshot(self) -> State:
        """Return all that the test has seen, as a plain mapping of a few numbers."""
        return {
            "v": STATE_VERSION,
            "owner": self._config.test_id,
            "wealth_better": list(self._wealth_better),
            "wealth_worse": list(self._wealth_worse),
            "sums": [self._total, self._squares, self._weight, self._weighted, self._penalty],
            "decision": self.decision,
            "pairs": self.pairs,
            "used": self.used,
        }

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of; see `SequentialTest.build`."""
        with reading(state, STATE_VERSION, self._config.test_id, "sequential test"):
            better, worse = list(state["wealth_better"]), list(state["wealth_worse"])
            if not len(better) == len(worse) == len(STAKES):
                msg = f"{len(better)} and {len(worse)} bettors instead of {len(STAKES)}"
                raise ValueError(msg)
            self._wealth_better, self._wealth_worse = better, worse
            sums = state["sums"]
            self._total, self._squares, self._weight, self._weighted, self._penalty = sums
            self.decision = state["decision"]
            self.pairs, self.used = state["pairs"], state["used"]

    def _bet(self, share: float) -> None:
        """Let every bettor win or lose its stake; with a mean wealth of ``2 / alpha`` decide."""
        better, worse = self._wealth_better, self._wealth_worse
        for index, stake in enumerate(STAKES):
            better[index] *= 1 + stake * share
            worse[index] *= 1 - stake * share
        if sum(better) >= self._enough:
            self.decision = "better"
        elif sum(worse) >= self._enough:
            self.decision = "worse"

    def _observe(self, x: float) -> None:
        """Add one observation in [0, 1] to the confidence sequence [1]_."""
        t = self.used
        # Mean and variance of those before, each with one observation made up; so the weight of
        # this one does not depend on it.
        mean = (0.5 + self._total) / t
        variance = (0.25 + self._squares) / t
        weight = min(_MAX_LAMBDA, math.sqrt(2 * self._log_term / (variance * t * math.log1p(t))))
        self._weight += weight
        self._weighted += weight * x
        self._penalty += (x - mean) ** 2 * (-math.log1p(-weight) - weight)
        self._total += x
        self._squares += (x - (0.5 + self._total) / (t + 1)) ** 2
