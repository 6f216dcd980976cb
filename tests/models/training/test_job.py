"""Training finds what is there, claims nothing of noise, and is repeatable to the byte."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import models
from domain.errors import BadUse, Halt
from domain.nanos import MINUTE_NS
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.labels.arrays import sign_definition
from models.labels.delayed import DelayedLabels
from models.registry.artefact import Artefact
from models.serving import load_model
from models.training import job
from models.training.dataset import TrainingData
from models.training.job import train, train_artefact
from models.training.learner import learnable
from tests.models.training.cases import KINDS, LEARNERS, RULE, labelled, market, silent

QUICK = XgboostLearner(XgboostParams(trees=20))
DEFINITION = sign_definition(RULE, after_costs=False)


def _pooled(artefact: Artefact) -> dict[str, Any]:
    pooled: dict[str, Any] = artefact.manifest.metrics["pooled"]["accuracy"]
    return pooled


def _final(data: TrainingData, folder: Path, kind: str = "xgboost", **more: Any) -> Artefact:
    learner = LEARNERS[kind]
    return train_artefact(data, labelled(data), DEFINITION, learner, folder, more, silent)


def test_finds_what_can_be_learned(tmp_path: Path) -> None:
    """Where the next minute follows a feature, the whole interval is above the base rate."""
    lines: list[str] = []
    artefact = train(market(1200, 1.0), QUICK, RULE, tmp_path, lines.append)
    pooled = _pooled(artefact)
    assert pooled["low"] > pooled["base_rate"] + 0.1
    assert pooled["n_effective"] == pytest.approx(pooled["n"] / 2)
    assert artefact.manifest.metrics["pooled"]["log_loss"] < np.log(2)
    assert len(artefact.manifest.metrics["folds"]) == 4
    assert sum(line.startswith("fold ") for line in lines) == 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_claims_nothing_of_noise(tmp_path: Path, seed: int) -> None:
    """Where nothing can be known, the interval holds the base rate."""
    pooled = _pooled(train(market(1200, 0.0, seed), QUICK, RULE, tmp_path, silent))
    assert pooled["low"] <= pooled["base_rate"] <= pooled["high"]


def test_no_fold_sees_its_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fold is trained on rows whose labels are known an embargo before its test."""
    data = market(800)
    labels = labelled(data)
    seen: list[tuple[int, int]] = []
    fit = XgboostLearner.fit

    def watched(self: XgboostLearner, *given: Any) -> Any:
        seen.append((int(labels.end_ns[given[2]].max()), len(given[2])))
        return fit(self, *given)

    monkeypatch.setattr(XgboostLearner, "fit", watched)
    artefact = train(data, QUICK, RULE, tmp_path, silent, embargo_ns=5 * MINUTE_NS)
    folds = artefact.manifest.metrics["folds"]
    assert all(
        end + 5 * MINUTE_NS <= fold["first_ns"]
        for (end, _), fold in zip(seen[:4], folds, strict=True)
    )
    assert seen[4][1] == artefact.manifest.rows


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


def _quick(data: TrainingData, folder: Path, **more: int) -> Artefact:
    return train(data, QUICK, RULE, folder, silent, **more)


def _rising(data: TrainingData) -> TrainingData:
    return replace(data, mid=1.0 + 1e-18 * (data.ts_ns - data.ts_ns.min()))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda folder: train(market(100), QUICK, RULE, folder, silent),
            r"198 labelled .* 500 are",
        ),
        (
            lambda folder: train(_rising(market(300)), QUICK, RULE, folder, silent),
            "nothing to learn",
        ),
        (lambda folder: train(market(300), QUICK, RULE, folder, silent, folds=2), "folds of 3"),
        (
            lambda folder: _quick(market(600), folder, embargo_ns=300 * MINUTE_NS),
            "0 rows to train and 240 to test on",
        ),
        (
            lambda folder: _final(replace(market(300), max_gap_ns=1), folder, "lstm"),
            "4 rows before it without a gap longer than 1 ns: give more rows, or a longer",
        ),
        (
            lambda folder: train_artefact(
                market(300), labelled(market(300)), {}, QUICK, folder, {}, silent
            ),
            "names its rule, id and horizon_ns",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_clear_line(
    make: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    """The line says what is missing and what to do, and nothing is written."""
    with pytest.raises(BadUse, match=words):
        make(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_longer_horizon_is_another_label(tmp_path: Path) -> None:
    """Horizon and definition come from the rule that labelled."""
    rule = DelayedLabels(5 * MINUTE_NS)
    manifest = train(market(800), QUICK, rule, tmp_path, silent).manifest
    assert manifest.horizon_ns == 5 * MINUTE_NS
    assert manifest.label == sign_definition(rule, after_costs=False)
