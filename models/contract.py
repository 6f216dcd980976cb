"""The contract of every model: what it is called, what it needs, what it answers.

A model answers with the probability that the mid is higher one horizon after the bar, or with None:
"not ready" is an answer of its own, never a number such as 0.5.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt

Role = Literal["online", "xgboost", "forest", "lstm", "rules"]
"""The place of a model in the ensemble: it learns on the stream (``online``), was trained in a job
(a ``domain.deployments.Slot``), or follows rules."""

Features = NDArray[np.float64]
"""One feature vector, shape (n_features,), in the order of the model's feature names."""

State = Mapping[str, Any]
"""A snapshot: ``{"v": version, ...}`` of numbers, strings, None, lists and mappings of these only.

It survives JSON; a class may be renamed or its fields reordered without breaking a stored one.
"""

FEATURE_LIMIT = float(np.finfo(np.float32).max)
"""Largest magnitude of a feature that a model is asked about: ONNX models compute in float32, and
beyond it a running variance in float64 could overflow and poison an online model for good."""


class Model(Protocol):
    """Anything that gives a probability for a feature vector."""

    @property
    def role(self) -> Role:
        """Place in the ensemble."""

    @property
    def model_id(self) -> str:
        """Exact identity: digest of the whole config (online) or of the content (artefact)."""

    @property
    def feature_schema(self) -> str:
        """Schema of the feature vectors that this model reads; no other may be given to it."""

    @property
    def horizon_ns(self) -> int:
        """How far ahead the answer looks, in nanoseconds (> 0)."""

    def predict(self, x: Features) -> float | None:
        """Return the probability in [0, 1] of a higher mid, or None when not ready.

        Parameters
        ----------
        x
            Shape (n_features,); is not changed. A value that is not finite gives None.

        Raises
        ------
        BadUse
            If the length is not the model's.
        """


class ServedModel(Protocol):
    """A model that was trained in a job: without memory, one serves every symbol."""

    @property
    def role(self) -> Role:
        """Its slot."""

    @property
    def model_id(self) -> str:
        """Id of its artefact."""

    @property
    def feature_schema(self) -> str:
        """Schema of the rows that this model reads; no other may be given to it."""

    @property
    def horizon_ns(self) -> int:
        """How far ahead the answer looks, in nanoseconds (> 0)."""

    @property
    def window(self) -> int:
        """How many consecutive rows of one symbol it reads (>= 1)."""

    @property
    def golden_sha256(self) -> str:
        """Hash of its answers to its golden vectors, as it gave them when it was loaded."""

    def predict_windows(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of a higher mid for each window.

        Parameters
        ----------
        x
            Shape (n, window, n_features), the newest row of a window last; is not changed.

        Returns
        -------
        NDArray[np.float64]
            Shape (n,), in [0, 1]; NaN where a value of the window is not finite or beyond
            ``FEATURE_LIMIT``. An answer does not depend on the other windows.

        Raises
        ------
        BadUse
            If the shape is not the model's.
        """


class OnlineModel(Model, Protocol):
    """A model that learns from labels as their horizon passes."""

    def learn(self, x: Features, y: int) -> None:
        """Learn one labelled vector.

        Parameters
        ----------
        x
            Shape (n_features,); is not changed. A vector with a value that is not finite is not
            learned.
        y
            1 if the mid was higher after the horizon, 0 if it was lower.
        """

    def snapshot(self) -> State:
        """Return all that further predictions depend on, as a plain versioned mapping."""


class OnlineConfig(Protocol):
    """Frozen description of an online model."""

    @property
    def model_id(self) -> str:
        """Digest of every field: another config is another model."""

    def build(self, resume_state: State | None) -> OnlineModel:
        """Return a new model, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """


def usable(x: Features, n_features: int) -> bool:
    """Say whether a vector can be given to a model: all values finite and within float32.

    Raises
    ------
    BadUse
        If the shape is not ``(n_features,)``.
    """
    if x.shape != (n_features,):
        msg = f"a vector of shape {x.shape} was given to a model of {n_features} features"
        raise BadUse(msg)
    # One comparison for NaN (never less or equal), infinity and float32 overflow.
    return bool(np.abs(x).max() <= FEATURE_LIMIT)


def usable_rows(x: NDArray[np.float64], n_features: int) -> NDArray[np.bool_]:
    """Say of each row whether it can be given to a model; see `usable`."""
    if x.ndim != 2 or x.shape[1] != n_features:
        msg = f"rows of shape {x.shape} were given to a model of {n_features} features"
        raise BadUse(msg)
    fit: NDArray[np.bool_] = np.abs(x).max(axis=1, initial=0.0) <= FEATURE_LIMIT
    return fit


@contextmanager
def reading(state: State, version: int, owner: str, what: str) -> Iterator[None]:
    """Guard the reading of a snapshot: refuse one of another version, config or shape.

    Parameters
    ----------
    state
        The snapshot; its ``v`` and ``owner`` are compared.
    version, owner
        What this code reads, and the digest of the config that resumes.
    what
        Name for the message.

    Raises
    ------
    Corrupt
        If either differs, or the block misses a key or meets a list of another length.
    """
    if state.get("v") != version:
        msg = f"{what}: snapshot version {state.get('v')!r}; this code reads version {version}"
        raise Corrupt(msg)
    if state.get("owner") != owner:
        msg = f"{what}: the snapshot belongs to config {state.get('owner')!r}, not to {owner!r}"
        raise Corrupt(msg)
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{what}: the snapshot is not whole: {error!r}"
        raise Corrupt(msg) from error
