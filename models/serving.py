"""Serving: trained models answer through the ONNX runtime, without what trained them.

A served graph has one input, float32, of shape (n, window * n_features) or (n, window, n_features),
and as its last output the probability of a higher mid, of shape (n,), (n, 1), or (n, 2) with the
probability of "not higher" in front. Calibration is part of the graph.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from models.contract import FEATURE_LIMIT, Features, Role
from models.registry.manifest import Manifest
from models.sequence.window import DEFAULT_MAX_GAP_NS

if TYPE_CHECKING:
    from models.registry.store import ModelStore

CHUNK = 1024
"""Windows in one call of the runtime. Beyond some hundreds a call gets no faster per row, and the
float32 copy of a replayed day's windows would not fit."""

_PROBE_ROWS = (1, 2, 3, 5, 8, 17, 33, 65)
"""Lengths of the batches that are compared with single rows when a model is loaded: the runtime
changes its loops at powers of two, and treats what is left over apart."""


class OnnxSession:
    """A graph in the ONNX runtime, on one thread.

    One thread, since the unit of scale is the process, and a second thread costs more than a row.

    Parameters
    ----------
    model
        The graph's bytes.

    Attributes
    ----------
    n_values
        Values of one window (> 0): ``window * n_features``.
    by_row
        Whether it is asked row by row: because the graph takes one row at a time, or because a
        batch did not answer bit for bit as its rows alone. An answer must not depend on who else
        is asked.

    Raises
    ------
    Corrupt
        If the bytes are no such graph.
    """

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # fatal only: the one line below says what is wrong
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            (entry,) = self._session.get_inputs()
            self._shape = _window_shape(entry.shape)
            self.n_values = int(np.prod(self._shape, dtype=np.int64))
            self._input = entry.name
            self._outputs = [self._session.get_outputs()[-1].name]
            self.by_row = entry.shape[0] == 1
            self.probability(np.zeros(self.n_values))
            self.by_row = self.by_row or self._batches_differ()
        except Exception as error:  # the runtime's own errors have no common root
            words = (str(error).splitlines() or [type(error).__name__])[0]
            msg = f"the model is no ONNX graph of a window of rows: {words}"
            raise Corrupt(msg) from error

    def probability(self, x: NDArray[np.float64]) -> float:
        """Return the probability of one window, given as its values in any shape."""
        return float(self.probabilities(x.reshape(1, -1))[0])

    def probabilities(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of a higher mid of each window.

        Parameters
        ----------
        x
            Shape (n, window * n_features) or (n, window, n_features), finite in float32; is not
            changed.

        Returns
        -------
        NDArray[np.float64]
            Shape (n,), in [0, 1]; each answer is the one that its window would get alone.
        """
        if x.ndim not in {2, 3} or int(np.prod(x.shape[1:])) != self.n_values:
            msg = f"windows of shape {x.shape} were given to a graph of {self._shape}"
            raise BadUse(msg)
        step = 1 if self.by_row else CHUNK
        parts = [
            self._run(x[at : at + step].astype(np.float32, order="C").reshape(-1, *self._shape))
            for at in range(0, len(x), step)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def _run(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        found = self._session.run(self._outputs, {self._input: x})[0]
        answers: NDArray[np.float64] = found.reshape(len(x), -1)[:, -1].astype(np.float64)
        # The runtime's float32 sigmoid may leave [0, 1] by one rounding.
        return np.clip(answers, 0.0, 1.0)

    def _batches_differ(self) -> bool:
        """Compare batches with their rows alone, on fixed rows of the size of usual features."""
        count = max(_PROBE_ROWS)
        rows = np.random.default_rng(0).normal(size=(count, *self._shape)).astype(np.float32)
        alone = np.concatenate([self._run(row[None]) for row in rows])
        return any(self._run(rows[:n]).tobytes() != alone[:n].tobytes() for n in _PROBE_ROWS)


def _window_shape(shape: list[int | str | None]) -> tuple[int, ...]:
    """Return the shape of one window of an input; the first dimension is that of the batch."""
    sizes = tuple(size for size in shape[1:] if isinstance(size, int) and size > 0)
    if len(sizes) not in {1, 2} or len(sizes) != len(shape) - 1:
        msg = f"its input has shape {shape}"
        raise ValueError(msg)
    return sizes


class OnnxModel:
    """A trained model; see `models.contract.ServedModel`. Without memory, one serves every symbol.

    Parameters
    ----------
    model_id
        Id of its artefact.
    manifest
        What the artefact says of itself.
    session
        The artefact's graph.

    Attributes
    ----------
    n_features
        Values of a row.
    max_gap_ns
        Longest time between two rows of one window in training; for `models.sequence.window`.

    Raises
    ------
    Corrupt
        If the graph takes other windows than the manifest says.
    """

    def __init__(self, model_id: str, manifest: Manifest, session: OnnxSession) -> None:
        self._session = session
        self.manifest = manifest
        self.role: Role = manifest.kind
        self.model_id = model_id
        self.feature_schema = manifest.feature_schema
        self.horizon_ns = manifest.horizon_ns
        self.window = manifest.window
        self.n_features = len(manifest.feature_names)
        self.max_gap_ns = int(manifest.params.get("max_gap_ns", DEFAULT_MAX_GAP_NS))
        if session.n_values != self.window * self.n_features:
            msg = (
                f"model {model_id}: its graph takes {session.n_values} values, its manifest says "
                f"{self._words()}"
            )
            raise Corrupt(msg)
        self.golden_sha256 = golden_sha256(manifest, session)

    def predict(self, x: Features) -> float | None:
        """Return the probability of one row of shape (n_features,); None where it cannot be read.

        Only for a model of one row; see `models.contract.Model`.
        """
        if self.window != 1 or x.shape != (self.n_features,):
            msg = f"a row of shape {x.shape} was given to a model of {self._words()}"
            raise BadUse(msg)
        answer = float(self.predict_windows(x[None, None])[0])
        return None if np.isnan(answer) else answer

    def predict_windows(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each window; see `models.contract.ServedModel`."""
        if x.ndim != 3 or x.shape[1:] != (self.window, self.n_features):
            msg = f"windows of shape {x.shape} were given to a model of {self._words()}"
            raise BadUse(msg)
        answers = np.full(len(x), np.nan)
        for at in range(0, len(x), CHUNK):
            part = x[at : at + CHUNK]
            # NaN fails the comparison.
            fit = np.flatnonzero(np.abs(part).max(axis=(1, 2)) <= FEATURE_LIMIT)
            if fit.size:
                answers[at + fit] = self._session.probabilities(part[fit])
        return answers

    def _words(self) -> str:
        return f"{self.window} rows of {self.n_features} features"


def golden_answers(manifest: Manifest, session: OnnxSession) -> NDArray[np.float64]:
    """Return the answers to the golden vectors of a manifest, shape (n_golden,)."""
    x = np.array([golden.x for golden in manifest.golden], dtype=np.float64)
    return session.probabilities(x.reshape(len(manifest.golden), session.n_values))


def golden_sha256(manifest: Manifest, session: OnnxSession) -> str:
    """Return the SHA-256 of the answers to the golden vectors, as little-endian float64."""
    return hashlib.sha256(golden_answers(manifest, session).astype("<f8").tobytes()).hexdigest()


def load_model(where: "Path | ModelStore", artefact_id: str) -> OnnxModel:
    """Load an artefact that has proved itself, ready to answer.

    Parameters
    ----------
    where
        Folder or store of artefacts, as `models.registry.artefact.load` takes it.
    artefact_id
        32 hexadecimal digits.

    Raises
    ------
    BadUse
        If there is no artefact of that id.
    Corrupt
        If it fails a check; see `models.registry.artefact.load`.
    """
    # The registry proves a graph by running it here, so it cannot be imported before.
    from models.registry.artefact import load

    artefact, session = load(where, artefact_id)
    return OnnxModel(artefact.artefact_id, artefact.manifest, session)
