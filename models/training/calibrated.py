"""A trained score with its calibration: what every trainer of this room returns."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from models.labels.arrays import Labels
from models.training.calibration import Calibrator, Link, Method, calibrate, report
from models.training.dataset import Rows, TrainingData
from models.training.learner import Floats
from models.training.onnx_graph import Graph


class Core(Protocol):
    """A trained model without its calibration."""

    @property
    def window(self) -> int:
        """How many consecutive rows of one symbol it reads (>= 1)."""

    @property
    def link(self) -> Link:
        """What its scores are."""

    def scores(self, data: TrainingData, rows: Rows) -> Floats:
        """Return the score of a higher mid for rows whose window can be read."""

    def write(self) -> tuple[Graph, str]:
        """Return the same as a graph, and the name of the score in it, shape (n, 1)."""


@dataclass(frozen=True, slots=True)
class CalibratedModel:
    """A trained model; see `models.training.learner.Fitted`.

    Attributes
    ----------
    core, calibrator
        The score, and the map from it to a probability.
    calibration, facts
        As in `models.training.learner.Fitted`.
    """

    core: Core
    calibrator: Calibrator
    calibration: dict[str, Any]
    facts: dict[str, Any]

    def predict_raw(self, data: TrainingData, rows: Rows) -> Floats:
        """Return the probability before calibration; NaN where the window cannot be read."""
        return Calibrator("none", self.core.link).apply(self._scores(data, rows))

    def predict(self, data: TrainingData, rows: Rows) -> Floats:
        """Return the calibrated probability; NaN where the window cannot be read."""
        return self.calibrator.apply(self._scores(data, rows))

    def export(self) -> bytes:
        """Return the same model as an ONNX graph; see `models.serving`."""
        graph, score = self.core.write()
        return graph.finish(score, self.calibrator)

    def _scores(self, data: TrainingData, rows: Rows) -> Floats:
        found = np.full(len(rows), np.nan)
        readable = data.whole(self.core.window)[rows]
        if readable.any():
            found[readable] = self.core.scores(data, rows[readable])
        return found


def calibrated(
    core: Core,
    data: TrainingData,
    labels: Labels,
    held: Rows,
    method: Method,
    facts: dict[str, Any],
) -> CalibratedModel:
    """Calibrate a trained score on the rows that were held out of its fit.

    Each row counts by the uniqueness of its label. Classes are not balanced here: the probability
    is to be that of the market, not of a balanced one.
    """
    score = core.scores(data, held)
    y, weight = labels.y[held], labels.weight[held]
    calibrator = calibrate(score, y, weight, method, core.link)
    said = report(calibrator, score, y, weight, data.ts_ns[held])
    return CalibratedModel(core, calibrator, said, facts)
