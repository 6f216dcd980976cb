"""The last step of training: what is written says what was done, and is the same to the byte."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import models
from domain.errors import Halt
from domain.nanos import MINUTE_NS
from models.labels.arrays import sign_definition
from models.registry.artefact import Artefact
from models.serving import load_model
from models.training import job
from models.training.dataset import TrainingData
from models.training.job import train_artefact
from models.training.learner import learnable
from tests.models.training.cases import KINDS, LEARNERS, RULE, labelled, market, silent

DEFINITION = sign_definition(RULE, after_costs=False)


def _final(data: TrainingData, folder: Path, kind: str = "xgboost", **more: Any) -> Artefact:
    learner = LEARNERS[kind]
    return train_artefact(data, labelled(data), DEFINITION, learner, folder, more, silent)


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_says_what_was_done(kind: str, tmp_path: Path) -> None:
    """Kind, window, label, data, seeds, calibration, metrics that were given, and parity."""
    data = market(600)
    manifest = _final(data, tmp_path, kind, walk_forward={"accuracy": 0.5}).manifest
    learner = LEARNERS[kind]
    rows = learnable(data, labelled(data), learner.window)
    assert (manifest.kind, manifest.window) == (kind, learner.window)
    assert manifest.label == DEFINITION
    assert manifest.horizon_ns == MINUTE_NS
    assert (manifest.rows, manifest.symbols) == (len(rows), ("AUDUSD", "EURUSD"))
    assert manifest.data_sha256 == data.sha256()
    assert manifest.data_last_ns == data.ts_ns.max()
    assert manifest.seeds == learner.seeds()
    assert manifest.params == {**learner.params(), "max_gap_ns": data.max_gap_ns}
    assert manifest.metrics["walk_forward"] == {"accuracy": 0.5}
    assert manifest.metrics["parity"]["rows"] == len(rows)
    assert manifest.metrics["parity"]["max_difference"] <= 1e-5
    assert manifest.calibration["method"] == "platt"
    assert len(manifest.golden) == 8
    assert len(manifest.golden[0].x) == learner.window * 5
    assert "code=" in manifest.code_version
    assert all(name in manifest.code_version for name in learner.libraries)
    msgspec.json.encode(manifest)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_give_the_same_artefact(kind: str, tmp_path: Path) -> None:
    """In another order of rows and symbols; one other mid or metric is another artefact."""
    data = market(600)
    order = np.random.default_rng(9).permutation(len(data.ts_ns))
    shuffled = replace(
        data,
        ts_ns=data.ts_ns[order],
        x=data.x[order],
        mid=data.mid[order],
        symbol_codes=1 - data.symbol_codes[order],
        symbols=data.symbols[::-1],
    )
    mid = data.mid.copy()
    mid[-1] += 1e-9
    one = _final(data, tmp_path, kind)
    assert _final(shuffled, tmp_path, kind).artefact_id == one.artefact_id
    assert _final(replace(data, mid=mid), tmp_path, kind).artefact_id != one.artefact_id
    assert _final(data, tmp_path, kind, note=1).artefact_id != one.artefact_id


def test_a_process_on_one_core_makes_the_same_artefacts(tmp_path: Path) -> None:
    """Neither the number of processors nor the seed of Python's hashes goes into a model."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from models.labels.arrays import sign_definition\n"
        "from models.training.job import train_artefact\n"
        "from tests.models.training.cases import KINDS, LEARNERS, RULE, labelled, market, silent\n"
        "data = market(600)\n"
        "for kind in KINDS:\n"
        "    given = data, labelled(data), sign_definition(RULE, after_costs=False)\n"
        "    made = train_artefact(*given, LEARNERS[kind], Path(sys.argv[1]), {}, silent)\n"
        "    print(made.artefact_id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "theirs")],
        cwd=Path(models.__path__[0]).parent,
        env={**os.environ, "PYTHONHASHSEED": "123"},
        capture_output=True,
        text=True,
        check=True,
    )
    ours = [_final(market(600), tmp_path / "ours", kind).artefact_id for kind in KINDS]
    assert done.stdout.split() == ours


@pytest.mark.parametrize("kind", KINDS)
def test_the_served_model_is_the_trained_one(kind: str, tmp_path: Path) -> None:
    """On bars that nobody has seen, the loaded artefact is right as often as what was trained."""
    artefact = _final(market(1500, 1.0), tmp_path, kind)
    model = load_model(tmp_path, artefact.artefact_id)
    other = market(600, 1.0, seed=77)
    labels = labelled(other)
    rows = learnable(other, labels, model.window)
    p_up = model.predict_windows(other.windows(rows, model.window))
    assert ((p_up > 0.5) == (labels.y[rows] == 1)).mean() > 0.68


def test_a_copy_that_answers_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run stops, says by how much, and leaves no artefact."""
    monkeypatch.setattr(job, "parity", lambda *_: 2e-5)
    with pytest.raises(Halt, match=r"differs from the trained xgboost by 2.00e-05"):
        _final(market(600), tmp_path)
    monkeypatch.setattr(job, "parity", lambda *_: float("nan"))
    with pytest.raises(Halt, match="nan"):
        _final(market(600), tmp_path)
    assert list(tmp_path.iterdir()) == []


def _rising(data: TrainingData) -> TrainingData:
    return replace(data, mid=1.0 + 1e-18 * (data.ts_ns - data.ts_ns.min()))
