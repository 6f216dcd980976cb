"""The last step of training: a model that is fitted on all rows becomes a verified artefact."""

from hashlib import sha256 as _sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from domain.errors import BadUse, Halt
from models.labels.arrays import Labels
from models.registry.artefact import Artefact, save, sha256
from models.registry.manifest import Golden, Manifest
from models.registry.store import ModelStore
from models.serving import OnnxSession
from models.training.dataset import Rows, TrainingData
from models.training.learner import Fitted, Learner, Say, learnable

PARITY_TOLERANCE = 1e-5
"""Largest difference in probability between a model and its ONNX copy."""

PARITY_ROWS = 10_000
"""Rows, evenly spread, on which the copy is held against the original."""

GOLDEN_ROWS = 8
"""Of them, evenly spread: those whose answers the artefact must give again."""

_LIBRARIES = ("numpy", "onnx", "onnxruntime")
_CODE = (
    "contract.py",
    "evaluation/scores.py",
    "labels/arrays.py",
    "labels/barrier.py",
    "labels/delayed.py",
    "registry/manifest.py",
    "batch",
    "sequence",
    "serving.py",
    "training",
)
"""What decides the bytes of an artefact, below ``models/``; of a room all its files."""


def train_artefact(
    data: TrainingData,
    labels: Labels,
    label_definition: dict[str, Any],
    learner: Learner,
    models_dir: Path | ModelStore,
    metrics: dict[str, Any],
    say: Say = print,
) -> Artefact:
    """Fit on all rows that can be learned from, and write the artefact.

    Parameters
    ----------
    data, labels
        Rows, and the answer to each; those without are left out.
    label_definition
        What the labels are: ``rule``, its parameters with ``horizon_ns`` (> 0), its ``id``.
    learner
        What is trained.
    models_dir
        Folder of all artefacts, made where it is missing, or a store.
    metrics
        What was measured before, such as walk-forward results; ready for JSON. The facts of the fit
        (``fit``) and of the copy (``parity``) are added.
    say
        Takes one line of progress at a time.

    Returns
    -------
    Artefact
        Its id depends on data, labels, parameters, metrics and code alone. It may not trade yet.

    Raises
    ------
    BadUse
        If there is too little to learn from; nothing is written.
    Halt
        If the ONNX copy does not answer as the original does; nothing is written.
    """
    if not {"rule", "id", "horizon_ns"} <= label_definition.keys():
        msg = f"a label definition names its rule, id and horizon_ns, not {label_definition}"
        raise BadUse(msg)
    rows = learnable(data, labels, learner.window)
    if not len(rows):
        msg = (
            f"no row has a label and {learner.window} rows before it without a gap longer than "
            f"{data.max_gap_ns} ns: give more rows, or a longer max_gap_ns"
        )
        raise BadUse(msg)
    say(f"{learner.kind}: {len(rows)} labelled rows, {len(data.symbols)} symbols")
    fitted = learner.fit(data, labels, rows, say)
    model = fitted.export()
    checked = _spread(rows, PARITY_ROWS)
    worst = parity(fitted, model, data, checked, learner.window)
    if not worst <= PARITY_TOLERANCE:
        msg = (
            f"the ONNX copy differs from the trained {learner.kind} by {worst:.2e} "
            f"(> {PARITY_TOLERANCE})"
        )
        raise Halt(msg)
    artefact = save(
        models_dir,
        Manifest(
            kind=learner.kind,
            window=learner.window,
            feature_schema=data.feature_schema,
            feature_names=data.feature_names,
            horizon_ns=int(label_definition["horizon_ns"]),
            label=label_definition,
            data_first_ns=int(data.ts_ns.min()),
            data_last_ns=int(data.ts_ns.max()),
            data_sha256=data.sha256(),
            rows=len(rows),
            symbols=data.symbols,
            code_version=code_version(learner.libraries),
            seeds=learner.seeds(),
            params={**learner.params(), "max_gap_ns": data.max_gap_ns},
            metrics={
                **metrics,
                "fit": fitted.facts,
                "parity": {"rows": len(checked), "max_difference": worst},
            },
            calibration=fitted.calibration,
            golden=_golden(model, data, _spread(checked, GOLDEN_ROWS), learner.window),
            model_sha256=sha256(model),
        ),
        model,
    )
    say(
        f"{learner.kind}: artefact {artefact.artefact_id}, {len(model)} bytes of ONNX, differs by "
        f"{worst:.1e} from the original"
    )
    return artefact


def parity(fitted: Fitted, model: bytes, data: TrainingData, rows: Rows, window: int) -> float:
    """Return the largest difference between a trained model and its ONNX copy on some rows."""
    session = OnnxSession(model)
    wanted = fitted.predict(data, rows)
    worst = 0.0
    for at in range(0, len(rows), 1024):  # windows of all rows at once would not fit
        part = slice(at, at + 1024)
        found = session.probabilities(data.windows(rows[part], window))
        # NaN is the largest of all, and no tolerance passes it.
        worst = float(np.maximum(worst, np.abs(found - wanted[part]).max()))
    return worst


def code_version(libraries: tuple[str, ...]) -> str:
    """Name the code and the libraries that decide an artefact's bytes."""
    room = Path(__file__).parent.parent
    files = [
        file
        for name in _CODE
        for file in (sorted((room / name).glob("*.py")) if "." not in name else [room / name])
    ]
    hasher = _sha256()
    for file in files:
        hasher.update(file.read_bytes())
    versions = " ".join(f"{name}={version(name)}" for name in (*_LIBRARIES, *libraries))
    return f"code={hasher.hexdigest()[:32]} {versions}"


def _spread(rows: Rows, count: int) -> Rows:
    """Return at most ``count`` of the rows, evenly spread, with the first and the last."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(np.intp))]


def _golden(model: bytes, data: TrainingData, rows: Rows, window: int) -> tuple[Golden, ...]:
    session = OnnxSession(model)
    inputs = data.windows(rows, window)
    return tuple(Golden(tuple(x.ravel().tolist()), session.probability(x)) for x in inputs)
