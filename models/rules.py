"""One more voter: three technical rules, heard by how often their pattern was right of late.

Each rule votes 1 (up), -1 (down) or 0 (nothing to say) from features that are computed anyway:

=========  ==============================================================  =========================
rule       vote                                                            feature
=========  ==============================================================  =========================
EMA cross  1 where EMA12 is above EMA26, -1 where below; Appel 1979        ``macd``
RSI        1 where oversold, -1 where overbought; Wilder 1978              ``rsi_14``
breakout   1 at the top of the 60-bar channel, -1 at its bottom; Donchian  ``donchian_60``
=========  ==============================================================  =========================

No rule is believed for its name. The three votes are a pattern, one of 27, and the probability is
the recent share of higher mids after that pattern, smoothed by Laplace's rule of succession [1]_.
It is learned per symbol from the labels that every model learns from.

References
----------
.. [1] P.-S. Laplace, "Essai philosophique sur les probabilités", 1814: (hits + 1) / (trials + 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.ids import digest
from models.contract import Role, State, reading

ALGORITHM = "pattern-rules-1"
"""Part of the identity. Counts up when a rule changes."""

STATE_VERSION = 1
INPUTS = ("macd", "rsi_14", "donchian_60")
"""Features that the rules read."""

PATTERNS = 3 ** len(INPUTS)
SILENT = PATTERNS // 2
"""The pattern in which no rule votes: then there is nothing to hear."""

ROLE: Role = "rules"


@dataclass(frozen=True, slots=True)
class RulesConfig:
    """The rules, and how their patterns are heard.

    Parameters
    ----------
    feature_schema, feature_names
        Of the rows; the features of ``INPUTS`` must be among the names.
    rsi_high, channel_edge
        Where RSI is overbought and the channel's top begins, in (0.5, 1); bottom likewise from 0.
    half_life_labels
        Labels of one pattern after which an outcome counts half (> 0).
    min_labels
        Discounted labels of a pattern before it is heard (> 0, and less than the half-life over
        ln 2, which is all that discounting leaves of any number).

    Raises
    ------
    BadUse
        If a bound is broken or a feature is missing.
    """

    feature_schema: str
    feature_names: tuple[str, ...]
    rsi_high: float = 0.7
    channel_edge: float = 0.95
    half_life_labels: int = 500
    min_labels: int = 60

    def __post_init__(self) -> None:
        missing = [name for name in INPUTS if name not in self.feature_names]
        if missing:
            msg = f"the rules need the features {', '.join(missing)}, which these rows do not have"
            raise BadUse(msg)
        bounds = (
            0.5 < self.rsi_high < 1
            and 0.5 < self.channel_edge < 1
            and self.half_life_labels > 0
            and 0 < self.min_labels <= self.half_life_labels
        )
        if not bounds:
            msg = (
                "the rules need rsi_high and channel_edge in (0.5, 1), half_life_labels > 0 and "
                f"min_labels in (0, half_life_labels]: {self}"
            )
            raise BadUse(msg)

    @property
    def model_id(self) -> str:
        """Digest of the rules and of every field."""
        return digest(
            ALGORITHM,
            self.feature_schema,
            repr(float(self.rsi_high)),
            repr(float(self.channel_edge)),
            self.half_life_labels,
            self.min_labels,
        )

    def patterns(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the pattern of votes of each row.

        Parameters
        ----------
        x
            Shape (n, n_features); finite where it is asked about.

        Returns
        -------
        NDArray[np.int64]
            Shape (n,), in [0, 27): 9, 3 and 1 times (vote + 1), in the order of ``INPUTS``. NaN
            gives no vote.
        """
        votes = self.votes(x)
        return (votes + 1) @ np.array([9, 3, 1], dtype=np.int64)

    def votes(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the three votes of each row, shape (n, 3), each -1, 0 or 1."""
        macd, rsi, channel = (x[:, self.feature_names.index(name)] for name in INPUTS)
        up = np.stack([macd > 0, rsi <= 1 - self.rsi_high, channel >= self.channel_edge], axis=1)
        down = np.stack([macd < 0, rsi >= self.rsi_high, channel <= 1 - self.channel_edge], axis=1)
        return up.astype(np.int64) - down.astype(np.int64)

    def build(self, resume_state: State | None) -> "Rules":
        """Return rules that nothing is known of, or those whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        rules = Rules(self)
        if resume_state is not None:
            rules.restore(resume_state)
        return rules


class Rules:
    """How often each pattern was followed by a higher mid, for one symbol."""

    def __init__(self, config: RulesConfig) -> None:
        self._config = config
        self._decay = 0.5 ** (1.0 / config.half_life_labels)
        self._seen: dict[int, tuple[float, float]] = {}
        self.model_id = config.model_id

    def predict(self, pattern: int) -> float | None:
        """Return the probability of a higher mid after a pattern; None: silent, or too few yet."""
        ups, labels = self._seen.get(pattern, (0.0, 0.0))
        if pattern == SILENT or labels < self._config.min_labels:
            return None
        return (ups + 1.0) / (labels + 2.0)

    def learn(self, pattern: int, y: int) -> None:
        """Count one label, 0 or 1, of a pattern."""
        ups, labels = self._seen.get(pattern, (0.0, 0.0))
        self._seen[pattern] = (self._decay * ups + y, self._decay * labels + 1.0)

    def snapshot(self) -> dict[str, Any]:
        """Return the counts as a plain mapping: at most 27 patterns."""
        return {
            "v": STATE_VERSION,
            "owner": self.model_id,
            "seen": [[pattern, *self._seen[pattern]] for pattern in sorted(self._seen)],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what the snapshot was taken of; see `RulesConfig.build`."""
        with reading(state, STATE_VERSION, self.model_id, "rules"):
            self._seen = {int(at): (float(ups), float(n)) for at, ups, n in state["seen"]}
