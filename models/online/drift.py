"""Detectors that say when errors or features have changed, as events.

Two of River's detectors look at every series: ADWIN [1]_ (a window that is cut where its halves
differ) and Page-Hinkley [2]_ (a cumulated deviation from the mean). Neither suits raw values:
features have units, and neighbouring bars and overlapping labels repeat each other, which both
would take for a change. So a series is first averaged over blocks; the first blocks give its usual
level and spread; from then on the detectors see each block as standard deviations from that level.
After an alarm the level is learned afresh: one change is one alarm.

References
----------
.. [1] A. Bifet and R. Gavalda, "Learning from Time-Changing Data with Adaptive Windowing",
   SDM 2007, 443-448.
.. [2] E. S. Page, "Continuous Inspection Schemes", Biometrika 41 (1954) 100-115.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from domain.errors import BadUse
from domain.ids import digest
from models.contract import Features, State, reading, usable
from models.online import river_state
from models.online.river_import import lean_river
from models.online.river_model import adwin

STATE_VERSION = 1

ALGORITHM = "block-drift-1"
"""Part of the owner of a snapshot. Counts up when the arithmetic changes."""

ERROR = "error"
"""What an event on the log-loss is about; events on a feature bear its name."""

SCORE_LIMIT = 8.0
"""Largest deviation that a detector is shown, in standard deviations: a single wild block must not
be a change by itself."""

PAGE_HINKLEY_FORGETS = 0.9999
"""Share of the cumulated deviation that a block leaves standing: River's own value."""

PAGE_HINKLEY_BLOCKS = 10
"""Blocks before Page-Hinkley may fire: below it the mean that it deviates from is noise."""

ADWIN_CLOCK = 1
"""Blocks between two looks of ADWIN at its cuts: blocks come seldom, so each one is looked at."""

Detector = Literal["adwin", "page_hinkley"]


class DriftEvent(NamedTuple):
    """A detector has fired.

    Attributes
    ----------
    ts_ns
        Event time of the value that made it fire.
    what
        ``error``, or the name of a feature.
    detector
        Which one.
    value
        Mean of what the detector looks back on, in standard deviations from the usual level: for
        ADWIN the window that was left after the cut, for Page-Hinkley all since its start.
    """

    ts_ns: int
    what: str
    detector: Detector
    value: float


@dataclass(frozen=True, slots=True)
class DriftConfig:
    """Config of the detectors of one model of one symbol.

    Parameters
    ----------
    features
        Place in the vector and name of each feature that is watched; may be empty.
    n_features
        Length of the vector (> 0).
    error_block
        Labels to a block of errors (> 0). At least the bars in a horizon: labels whose windows
        overlap are one observation.
    feature_block
        Vectors to a block of a feature (> 0). A trade day of bars takes the daily pattern out.
    reference_blocks
        Blocks that give the usual level (>= 5).
    adwin_delta
        Chance of a false alarm of ADWIN, in (0, 1).
    page_hinkley_delta
        Deviation that Page-Hinkley takes for none, in standard deviations (>= 0).
    page_hinkley_threshold
        Cumulated deviation at which it fires, in standard deviations (> 0).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    features: tuple[tuple[int, str], ...]
    n_features: int
    error_block: int = 30
    feature_block: int = 1440
    reference_blocks: int = 20
    adwin_delta: float = 0.002
    page_hinkley_delta: float = 0.25
    page_hinkley_threshold: float = 25.0

    def __post_init__(self) -> None:
        names = [name for _, name in self.features]
        if not (
            self.n_features > 0
            and all(0 <= place < self.n_features for place, _ in self.features)
            and len(set(names)) == len(names)
            and ERROR not in names
        ):
            msg = (
                f"watched features need a place in [0, {self.n_features}) and distinct names other "
                f"than {ERROR!r}, not {self.features}"
            )
            raise BadUse(msg)
        if not (
            self.error_block > 0
            and self.feature_block > 0
            and self.reference_blocks >= 5
            and 0 < self.adwin_delta < 1
            and 0 <= self.page_hinkley_delta < math.inf
            and 0 < self.page_hinkley_threshold < math.inf
        ):
            msg = (
                "error_block and feature_block > 0, reference_blocks >= 5, adwin_delta in (0, 1), "
                f"page_hinkley_delta >= 0 and page_hinkley_threshold > 0 are needed: {self}"
            )
            raise BadUse(msg)

    @property
    def config_id(self) -> str:
        """Digest of the algorithm and of every field."""
        return digest(
            ALGORITHM,
            len(self.features),
            *[part for feature in self.features for part in feature],
            self.n_features,
            self.error_block,
            self.feature_block,
            self.reference_blocks,
            repr(float(self.adwin_delta)),
            repr(float(self.page_hinkley_delta)),
            repr(float(self.page_hinkley_threshold)),
        )

    def build(self, resume_state: State | None) -> "DriftLogic":
        """Return detectors that have seen nothing, or those whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version, belongs to another config or is not whole.
        """
        logic = DriftLogic(self)
        if resume_state is not None:
            logic.restore(resume_state)
        return logic


class DriftLogic:
    """Watches the errors of one model and some features of one symbol."""

    def __init__(self, config: DriftConfig) -> None:
        self._config = config
        self._error = _Series(config, config.error_block, only_up=True)
        self._features = [
            (place, name, _Series(config, config.feature_block, only_up=False))
            for place, name in config.features
        ]
        self._snapshot: State | None = None

    def on_error(self, ts_ns: int, loss: float) -> list[DriftEvent]:
        """Take the log-loss of one answer and return who fired.

        Parameters
        ----------
        ts_ns
            Event time at which the label was known.
        loss
            In nats, finite.

        Returns
        -------
        list of DriftEvent
            Empty unless the error has risen. A falling error is a change, but no alarm.

        Raises
        ------
        BadUse
            If the loss is not finite.
        """
        if not math.isfinite(loss):
            msg = f"the loss at {ts_ns} is not finite: {loss}"
            raise BadUse(msg)
        self._snapshot = None
        fired = self._error.on_value(loss)
        return [DriftEvent(ts_ns, ERROR, detector, value) for detector, value in fired]

    def on_features(self, ts_ns: int, x: Features) -> list[DriftEvent]:
        """Take a vector, shape (n_features,), and return who fired; one with NaN is passed over."""
        if not usable(x, self._config.n_features):
            return []
        self._snapshot = None
        return [
            DriftEvent(ts_ns, name, detector, value)
            for place, name, series in self._features
            for detector, value in series.on_value(float(x[place]))
        ]

    def snapshot(self) -> State:
        """Return every series as a plain mapping; not to be changed."""
        if self._snapshot is None:
            self._snapshot = {
                "v": STATE_VERSION,
                "owner": self._config.config_id,
                "error": self._error.snapshot(),
                "features": [series.snapshot() for _, _, series in self._features],
            }
        return self._snapshot

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of; see `DriftConfig.build`."""
        with reading(state, STATE_VERSION, self._config.config_id, "drift detectors"):
            self._error.restore(state["error"])
            for (_, _, series), stored in zip(self._features, state["features"], strict=True):
                series.restore(stored)
            self._snapshot = None


class _Series:
    """One series: its open block, its usual level, and two detectors."""

    def __init__(self, config: DriftConfig, block: int, *, only_up: bool) -> None:
        self._config = config
        self._block = block
        self._only_up = only_up
        self._in_block = 0
        self._total = 0.0
        self._afresh()

    def on_value(self, value: float) -> list[tuple[Detector, float]]:
        """Take a value; return who fired with the block that it ends, most often nobody."""
        self._in_block += 1
        self._total += value
        if self._in_block < self._block:
            return []
        mean = self._total / self._block
        self._in_block = 0
        self._total = 0.0
        if len(self._reference) < self._config.reference_blocks:
            self._reference.append(mean)
            return []
        return self._on_block(mean)

    def _on_block(self, mean: float) -> list[tuple[Detector, float]]:
        n = len(self._reference)
        level = math.fsum(self._reference) / n
        spread = math.sqrt(math.fsum((x - level) ** 2 for x in self._reference) / (n - 1))
        if spread > 0:
            score = min(max((mean - level) / spread, -SCORE_LIMIT), SCORE_LIMIT)
        else:
            # A series that stood still has no scale: any move is beyond what is usual.
            score = math.copysign(SCORE_LIMIT, mean - level) if mean != level else 0.0
        before = self._adwin.estimation
        self._adwin.update(score)
        self._page_hinkley.update(score)
        fired: list[tuple[Detector, float]] = []
        now = self._adwin.estimation
        if self._adwin.drift_detected and not (self._only_up and now <= before):
            fired.append(("adwin", float(now)))
        if self._page_hinkley.drift_detected:
            fired.append(("page_hinkley", float(self._page_hinkley._x_mean.get())))
        if fired or self._adwin.drift_detected:
            self._afresh()
        return fired

    def _afresh(self) -> None:
        # River takes seconds to import, and only who runs the detectors needs it.
        with lean_river():
            from river import drift

        self._reference: list[float] = []
        self._adwin: Any = adwin(self._config.adwin_delta, ADWIN_CLOCK)
        self._page_hinkley: Any = drift.PageHinkley(
            min_instances=PAGE_HINKLEY_BLOCKS,
            delta=self._config.page_hinkley_delta,
            threshold=self._config.page_hinkley_threshold,
            alpha=PAGE_HINKLEY_FORGETS,
            mode="up" if self._only_up else "both",
        )

    def snapshot(self) -> State:
        return {
            "in_block": self._in_block,
            "total": self._total,
            "reference": list(self._reference),
            "adwin": river_state.encode(self._adwin),
            "page_hinkley": river_state.encode(self._page_hinkley),
        }

    def restore(self, state: State) -> None:
        self._in_block = state["in_block"]
        self._total = state["total"]
        self._reference = list(state["reference"])
        self._adwin = river_state.decode(state["adwin"], "ADWIN")
        self._page_hinkley = river_state.decode(state["page_hinkley"], "PageHinkley")
