"""What every trainer is, and what all of them do alike: the held-out part and the weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.deployments import Slot
from domain.errors import BadUse
from models.labels.arrays import Labels
from models.training.dataset import Rows, TrainingData

Floats = NDArray[np.float64]
Say = Callable[[str], object]

MIN_PART_ROWS = 30
"""With fewer rows to fit or to hold out neither early stopping nor calibration says anything."""


class Fitted(Protocol):
    """A trained model, still in the library that trained it."""

    @property
    def calibration(self) -> dict[str, Any]:
        """Method, rows, and the calibration error before and after; ready for JSON."""

    @property
    def facts(self) -> dict[str, Any]:
        """What came of the fit: rows of each part, where it stopped; ready for JSON."""

    def predict_raw(self, data: TrainingData, rows: Rows) -> Floats:
        """Return the probability before calibration; see `predict`."""

    def predict(self, data: TrainingData, rows: Rows) -> Floats:
        """Return the calibrated probability of a higher mid for each row.

        Returns
        -------
        NDArray[np.float64]
            Shape (len(rows),); NaN where the row's window cannot be read.
        """

    def export(self) -> bytes:
        """Return the same model, with its calibration, as an ONNX graph; see `models.serving`."""


class Learner(Protocol):
    """Trains one kind of model, with fixed parameters."""

    @property
    def kind(self) -> Slot:
        """Algorithm, and the slot that its artefacts can take."""

    @property
    def window(self) -> int:
        """How many consecutive rows of one symbol the model reads (>= 1)."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """Distributions whose versions decide the model."""

    def params(self) -> dict[str, Any]:
        """Return every parameter but the seeds, ready for JSON."""

    def seeds(self) -> dict[str, int]:
        """Return every seed by name."""

    def fit(self, data: TrainingData, labels: Labels, rows: Rows, say: Say) -> Fitted:
        """Train on some rows.

        The newest part of the rows is not fitted but held out (see `Holdout`), to stop early and
        to calibrate. The same data, rows and parameters give the same model, bit for bit.

        Parameters
        ----------
        data, labels
            All rows and their labels.
        rows
            Indices of rows that may be learned from: with a label, and a window that can be read;
            see `learnable`.
        say
            Takes one line of progress at a time.

        Raises
        ------
        BadUse
            If there are too few rows, or only one class.
        """


@dataclass(frozen=True, slots=True)
class Holdout:
    """How the newest rows are held out of a fit.

    Parameters
    ----------
    share
        Of the rows, in [0.05, 0.5].
    embargo_ns
        Distance between the end of the last fitted label and the first held-out row (>= 0); None
        takes the longest label of the rows.
    min_rows
        Rows below which training refuses (>= 100).

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    share: float = 0.2
    embargo_ns: int | None = None
    min_rows: int = 150

    def __post_init__(self) -> None:
        if not (0.05 <= self.share <= 0.5 and (self.embargo_ns or 0) >= 0 and self.min_rows >= 100):
            msg = f"a held-out part is out of its bounds: {self}"
            raise BadUse(msg)


def learnable(data: TrainingData, labels: Labels, window: int) -> Rows:
    """Return the rows that can be learned from: a label, and a whole window of ``window`` rows."""
    return np.flatnonzero(~np.isnan(labels.y) & data.whole(window))


def cut(
    data: TrainingData, labels: Labels, rows: Rows, holdout: Holdout, say: Say
) -> tuple[Rows, Rows]:
    """Cut rows into those to fit and the newest, held out.

    Returns
    -------
    (fit, held)
        All rows of one time are on one side. Every fitted label is known at least the embargo
        before the first held-out row: the rows in between are in neither.

    Raises
    ------
    BadUse
        If there are too few rows, or the fitted ones have only one class.
    """
    if len(rows) < holdout.min_rows:
        msg = (
            f"{len(rows)} labelled rows are too few to train on, {holdout.min_rows} are needed: "
            "give a longer span or more symbols"
        )
        raise BadUse(msg)
    ts, end = data.ts_ns[rows], labels.end_ns[rows]
    embargo_ns = int((end - ts).max()) if holdout.embargo_ns is None else holdout.embargo_ns
    start = int(np.sort(ts)[int(len(rows) * (1 - holdout.share))])
    fit, held = rows[end + embargo_ns <= start], rows[ts >= start]
    if min(len(fit), len(held)) < MIN_PART_ROWS:
        msg = (
            f"of {len(rows)} rows {len(fit)} are left to fit and {len(held)} to hold out, "
            f"{MIN_PART_ROWS} are needed of each: give a longer span or a smaller embargo"
        )
        raise BadUse(msg)
    up = int(labels.y[fit].sum())
    if not 0 < up < len(fit):
        msg = f"all {len(fit)} labels are the same: there is nothing to learn"
        raise BadUse(msg)
    purged = len(rows) - len(fit) - len(held)
    say(f"{len(fit)} rows to fit ({up} up), {len(held)} held out, {purged} purged between them")
    return fit, held


def sample_weights(labels: Labels, rows: Rows) -> Floats:
    """Return how much each row counts in a fit, shape (len(rows),), mean 1.

    A row counts by the average uniqueness of its label [1]_, and both classes count the same
    altogether.

    References
    ----------
    .. [1] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 4.
    """
    weight = labels.weight[rows].astype(np.float64)
    up = labels.y[rows] == 1.0
    for side in (up, ~up):
        if side.any():
            weight[side] /= weight[side].sum()
    balanced: Floats = weight * (len(rows) / weight.sum())
    return balanced


def weighted_log_loss(y: Floats, score: Floats, weight: Floats) -> float:
    """Return the weighted mean log loss in nats of log odds ``score`` for labels 0 and 1."""
    losses = np.logaddexp(0.0, np.where(y == 1.0, -score, score))
    return float(np.average(losses, weights=weight))
