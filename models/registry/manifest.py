"""What an artefact says of itself."""

from typing import Any

import msgspec

from domain.deployments import Slot

MANIFEST_VERSION = 2


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input and the probability that the ONNX model gave for it when it was made.

    Attributes
    ----------
    x
        ``window * n_features`` values, row by row, oldest first.
    p
        The answer.
    """

    x: tuple[float, ...]
    p: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an artefact is, and what it was made of.

    Attributes
    ----------
    kind
        Algorithm, and so the slot it can take.
    window
        How many consecutive rows of one symbol it reads, the newest last (1: the row alone).
    feature_schema, feature_names
        Schema and names of a row, in order.
    horizon_ns
        How far ahead the answer looks.
    label
        Definition of the answer: ``rule``, its parameters, its ``id``; ready for JSON.
    data_first_ns, data_last_ns
        Closes of the first and the last bar that training has read; labels lie within.
    data_sha256, rows, symbols
        Hash of the training data in canonical order; labelled rows of the final fit; symbols.
    code_version
        Digest of the training code, and versions of the libraries that computed.
    seeds
        Every seed of training, by name.
    params, metrics
        All other parameters of training; walk-forward results.
    calibration
        ``method`` (``platt``, ``isotonic`` or ``none``), what it was fitted on, and the calibration
        error before and after; the mapping itself is part of the ONNX graph.
    golden
        Answers that the model must give again when it is loaded.
    model_sha256
        Hash of ``model.onnx``.
    """

    kind: Slot
    window: int
    feature_schema: str
    feature_names: tuple[str, ...]
    horizon_ns: int
    label: dict[str, Any]
    data_first_ns: int
    data_last_ns: int
    data_sha256: str
    rows: int
    symbols: tuple[str, ...]
    code_version: str
    seeds: dict[str, int]
    params: dict[str, Any]
    metrics: dict[str, Any]
    calibration: dict[str, Any]
    golden: tuple[Golden, ...]
    model_sha256: str
    v: int = MANIFEST_VERSION
