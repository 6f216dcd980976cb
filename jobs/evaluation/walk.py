"""Walk-forward training: for every test span each model anew, from what was known before it.

What is asked is not what was trained but its ONNX copy, as it would be served.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.deployments import ModelSwitch, Slot, Stage
from domain.errors import Halt
from domain.ids import digest
from domain.nanos import DAY_NS, from_ns
from jobs.evaluation.tape import Tape
from models.evaluation.splits import Split, starts_by_span, walk_forward
from models.registry.artefact import sha256
from models.registry.manifest import Golden, Manifest
from models.served import Loaded
from models.serving import OnnxModel, OnnxSession
from models.training.job import PARITY_ROWS, PARITY_TOLERANCE, parity
from models.training.learner import Learner, learnable

Say = Callable[[str], object]

_GOLDEN_ROWS = 4


class Fold(NamedTuple):
    """One test span and what was trained for it.

    Attributes
    ----------
    start_ns
        From when on its models are asked.
    split
        Rows to train and to test on.
    models
        By kind.
    facts
        By kind: rows, calibration, parity, seconds; ready for JSON.
    """

    start_ns: int
    split: Split
    models: dict[Slot, Loaded]
    facts: dict[str, Any]


def spans(tape: Tape, first_days: int, test_days: int) -> NDArray[np.int64]:
    """Return the starts of the test spans: the first ``first_days`` after the first label."""
    known = tape.labels.end_ns > 0
    return starts_by_span(tape.data.ts_ns[known], first_days * DAY_NS, test_days * DAY_NS)


def train_folds(
    tape: Tape,
    learners: Sequence[Learner],
    starts_ns: NDArray[np.int64],
    embargo_ns: int,
    train_ns: int | None,
    say: Say,
) -> list[Fold]:
    """Train every kind of model for every test span.

    Parameters
    ----------
    starts_ns
        From `spans`.
    embargo_ns
        Least time from the end of the last training label to the test (>= 0).
    train_ns
        Rolling: how far back training rows may lie. None: anchored, all of them.
    """
    folds: list[Fold] = []
    splits = walk_forward(tape.data.ts_ns, tape.labels.end_ns, starts_ns, embargo_ns, train_ns)
    for number, (start, split) in enumerate(zip(starts_ns.tolist(), splits, strict=True), start=1):
        models: dict[Slot, Loaded] = {}
        facts: dict[str, Any] = {}
        for learner in learners:
            started = time.monotonic()
            loaded, fact = train_one(tape, learner, split.train)
            models[learner.kind] = loaded
            facts[learner.kind] = {**fact, "seconds": round(time.monotonic() - started, 2)}
        took = ", ".join(f"{kind} {fact['seconds']:.1f} s" for kind, fact in facts.items())
        say(
            f"fold {number} of {len(splits)}: from {from_ns(start).date()}, "
            f"{split.train.size:,} rows to train, {split.test.size:,} to test ({took})"
        )
        folds.append(Fold(start, split, models, facts))
    return folds


def train_one(
    tape: Tape, learner: Learner, train: NDArray[np.intp]
) -> tuple[Loaded, dict[str, Any]]:
    """Train one model on the rows of ``train`` that it can learn from, and serve its ONNX copy.

    Raises
    ------
    Halt
        If the copy does not answer as the model does.
    """
    data, labels = tape.data, tape.labels
    rows = np.intersect1d(train, learnable(data, labels, learner.window), assume_unique=True)
    fitted = learner.fit(data, labels, rows, _silent)
    graph = fitted.export()
    session = OnnxSession(graph)
    picked = rows[np.linspace(0, rows.size - 1, min(rows.size, PARITY_ROWS)).astype(np.intp)]
    worst = parity(fitted, graph, data, picked, learner.window)
    if not worst <= PARITY_TOLERANCE:
        msg = f"the ONNX copy differs from the trained {learner.kind} by {worst:.2e}"
        raise Halt(msg)
    windows = data.windows(picked[:_GOLDEN_ROWS], learner.window)
    served = session.probabilities(windows)
    manifest = Manifest(
        kind=learner.kind,
        window=learner.window,
        feature_schema=data.feature_schema,
        feature_names=data.feature_names,
        horizon_ns=tape.rule.horizon_ns,
        label={"rule": "sign", "id": tape.rule.rule_id},
        data_first_ns=int(data.ts_ns[rows].min()),
        data_last_ns=int(data.ts_ns[rows].max()),
        data_sha256="",
        rows=int(rows.size),
        symbols=data.symbols,
        code_version="",
        seeds=learner.seeds(),
        params={**learner.params(), "max_gap_ns": data.max_gap_ns},
        metrics={},
        calibration=fitted.calibration,
        golden=tuple(
            Golden(tuple(windows[at].ravel().tolist()), float(served[at]))
            for at in range(len(served))
        ),
        model_sha256=sha256(graph),
    )
    model_id = digest("evaluation", manifest.kind, manifest.model_sha256)
    model = OnnxModel(model_id, manifest, session)
    facts = {"rows": int(rows.size), "parity": worst, "calibration": fitted.calibration}
    return Loaded(model, manifest.data_last_ns, data.max_gap_ns), facts


def switches(folds: Sequence[Fold]) -> tuple[ModelSwitch, ...]:
    """Return who is champion from when on."""
    return tuple(
        ModelSwitch(slot, loaded.model.model_id, Stage.CHAMPION, fold.start_ns)
        for fold in folds
        for slot, loaded in fold.models.items()
    )


def _silent(_line: str) -> None:
    """Say nothing: a fold has one line of its own."""
