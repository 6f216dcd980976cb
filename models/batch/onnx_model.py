"""A model that was trained in a job and is served from its artefact by the ONNX runtime."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.registry.artefact import Artefact, Manifest, Session, load
from models.contract import Features, Role, usable, usable_rows


class OnnxModel:
    """The batch model; see `models.contract.Model`. Stateless, so one serves every symbol.

    Parameters
    ----------
    artefact, session
        What `models.registry.artefact.load` has verified.
    """

    role: Role = "batch"

    def __init__(self, artefact: Artefact, session: Session) -> None:
        self._session = session
        self.manifest: Manifest = artefact.manifest
        self.model_id = artefact.artefact_id
        self.feature_schema = artefact.manifest.feature_schema
        self.horizon_ns = artefact.manifest.horizon_ns

    @classmethod
    def load(cls, models_dir: Path, artefact_id: str) -> "OnnxModel":
        """Load an artefact and verify it.

        Raises
        ------
        BadUse
            If there is no artefact of that id.
        Corrupt
            If it fails a check; see `models.registry.artefact.load`.
        """
        return cls(*load(models_dir, artefact_id))

    def predict(self, x: Features) -> float | None:
        """Return the probability of a higher mid; None where a value is not finite."""
        if not usable(x, self._session.n_features):
            return None
        return float(self.predict_rows(x[None])[0])

    def predict_rows(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `predict` of each row of an array of shape (n, n_features); NaN for None.

        A row's answer does not depend on the others, which the tests hold it to, bit by bit.
        """
        answers = np.full(len(x), np.nan)
        fit = usable_rows(x, self._session.n_features)
        if fit.any():
            # The runtime's float32 sigmoid may leave [0, 1] by one rounding.
            answers[fit] = np.clip(self._session.probabilities(x[fit]), 0.0, 1.0)
        return answers
