"""Training: it finds what is there, claims nothing of noise, and is repeatable to the byte."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.registry.artefact import Artefact
from models.batch.onnx_model import OnnxModel
from models.labels.delayed import DelayedLabels
from models.training.dataset import TrainingData
from models.training.walk_forward import folds
from models.training.xgboost_trainer import XgboostParams, train

MakeData = Callable[..., TrainingData]
RULE = DelayedLabels(MINUTE_NS)
QUICK = XgboostParams(trees=20)


def _silent(line: str) -> None:
    del line


def _pooled(artefact: Artefact) -> dict[str, Any]:
    pooled: dict[str, Any] = artefact.manifest.metrics["pooled"]["accuracy"]
    return pooled


def _shuffled(data: TrainingData) -> TrainingData:
    """Return the same data with rows and symbols in another order."""
    order = np.random.default_rng(9).permutation(len(data.ts_ns))
    return replace(
        data,
        ts_ns=data.ts_ns[order],
        x=data.x[order],
        mid=data.mid[order],
        symbol_codes=1 - data.symbol_codes[order],
        symbols=data.symbols[::-1],
    )


def test_rows_are_labelled_as_the_stream_labels_them(market: MakeData) -> None:
    """Symbol by symbol, with gaps, holes and flat minutes: the same rows, vectors and labels."""
    data = market(300, 0.0)
    keep = np.random.default_rng(4).random(600) > 0.3
    mid = np.round(data.mid, 4)[keep]
    x = data.x[keep]
    x[::7, 2] = np.nan
    codes, ts = data.symbol_codes[keep], data.ts_ns[keep]
    data = replace(data, ts_ns=ts, x=x, mid=mid, symbol_codes=codes)
    streamed, flat = [], 0
    for code in (0, 1):
        logic = RULE.build(None)
        for i in np.flatnonzero(codes == code):
            ready = bool(np.isfinite(x[i]).all())
            done = logic.on_bar(int(ts[i]), float(mid[i]), x[i] if ready else None)
            streamed += [(d.ts_ns, d.x.tolist(), d.y) for d in done if d.y is not None]
        flat += logic.flat
    rows = _shuffled(data).labelled(RULE)
    found = list(zip(rows.ts_ns.tolist(), rows.x.tolist(), rows.y.astype(int), strict=True))
    assert sorted(found) == sorted(streamed)
    assert (rows.flat, flat > 0) == (flat, True)


@pytest.mark.parametrize(
    "change",
    [
        {"mid": np.full(20, np.nan)},
        {"mid": np.ones(19)},
        {"symbol_codes": np.full(20, 2)},
        {"symbol_codes": np.zeros(20, dtype=np.int64)},
        {"symbols": ("EURUSD", "EURUSD")},
        {"feature_names": ("a",)},
        {"ts_ns": np.array([], dtype=np.int64)},
    ],
)
def test_data_that_does_not_fit_is_refused(market: MakeData, change: dict[str, Any]) -> None:
    """Shapes, names, codes, repeated bars and broken mids are found before training."""
    with pytest.raises(BadUse):
        replace(market(10, 0.0), **change)


def test_no_training_label_reaches_into_its_test() -> None:
    """Purge and embargo hold for every fold, at irregular times of two symbols."""
    rng = np.random.default_rng(8)
    ts = np.repeat(np.cumsum(rng.integers(1, 9, 400)), 2).astype(np.int64)
    rule = DelayedLabels(horizon_ns=50, tolerance_ns=7)
    cut = folds(ts, 4, rule, embargo_ns=20)
    for fit, test in cut:
        assert ts[fit].max() + 50 + 7 + 20 <= ts[test].min()
    tests = np.concatenate([test for _, test in cut])
    assert tests.tolist() == list(range(tests[0], len(ts)))
    assert [len(fit) for fit, _ in cut] == sorted(len(fit) for fit, _ in cut)
    starts = {int(ts[test[0]]) for _, test in cut}
    assert all(int((ts == start).sum()) == 2 for start in starts)


def test_finds_what_can_be_learned(market: MakeData, tmp_path: Path) -> None:
    """Where the next minute follows a feature, the whole interval is above the base rate."""
    lines: list[str] = []
    artefact = train(market(1200, 1.0), QUICK, MINUTE_NS, tmp_path, say=lines.append)
    pooled = _pooled(artefact)
    assert pooled["low"] > pooled["base_rate"] + 0.1
    assert pooled["n_effective"] == pytest.approx(pooled["n"] / 2)
    assert artefact.manifest.metrics["pooled"]["log_loss"] < np.log(2)
    assert len(artefact.manifest.metrics["folds"]) == 4
    assert sum("fold " in line for line in lines) == 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_claims_nothing_of_noise(market: MakeData, tmp_path: Path, seed: int) -> None:
    """Where nothing can be known, the interval holds the base rate."""
    artefact = train(market(1200, 0.0, seed), QUICK, MINUTE_NS, tmp_path, say=_silent)
    pooled = _pooled(artefact)
    assert pooled["low"] <= pooled["base_rate"] <= pooled["high"]


def test_the_same_data_give_the_same_artefact(market: MakeData, tmp_path: Path) -> None:
    """In another order of rows and symbols, and in a process with other hash seeds."""
    data = market(500, 1.0)
    one = train(data, QUICK, MINUTE_NS, tmp_path / "one", say=_silent)
    two = train(_shuffled(data), QUICK, MINUTE_NS, tmp_path / "two", say=_silent)
    assert one.artefact_id == two.artefact_id
    np.savez(tmp_path / "data.npz", ts=data.ts_ns, x=data.x, mid=data.mid, codes=data.symbol_codes)
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from models.training.dataset import TrainingData\n"
        "from models.training.xgboost_trainer import XgboostParams, train\n"
        "folder = Path(sys.argv[1]); d = np.load(folder / 'data.npz')\n"
        f"data = TrainingData(d['ts'], d['x'], d['mid'], {data.feature_schema!r}, "
        f"{data.feature_names!r}, d['codes'], {data.symbols!r})\n"
        f"made = train(data, XgboostParams(trees=20), {MINUTE_NS}, folder / 'three', "
        "lambda _: None)\n"
        "print(made.artefact_id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(models.__path__[0]).parent,
        env={**os.environ, "PYTHONHASHSEED": "123"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == one.artefact_id


def test_data_and_parameters_are_part_of_the_identity(market: MakeData, tmp_path: Path) -> None:
    """One other mid, or one other parameter, is another artefact."""
    data = market(500, 1.0)
    mid = data.mid.copy()
    mid[-1] += 1e-9
    made = [
        train(data, QUICK, MINUTE_NS, tmp_path, say=_silent),
        train(replace(data, mid=mid), QUICK, MINUTE_NS, tmp_path, say=_silent),
        train(data, replace(QUICK, seed=8), MINUTE_NS, tmp_path, say=_silent),
    ]
    assert len({artefact.artefact_id for artefact in made}) == 3
    assert made[0].manifest.data_last_ns == data.ts_ns.max()


def test_the_served_model_is_the_trained_one(
    market: MakeData, trained: tuple[Path, Artefact]
) -> None:
    """On bars it has not seen, the artefact is right as often as walk-forward has said."""
    model = OnnxModel.load(trained[0], trained[1].artefact_id)
    rows = market(600, 1.0, seed=77).labelled(RULE)
    p_up = np.array([model.predict(x) for x in rows.x], dtype=float)
    right = float(((p_up > 0.5) == (rows.y == 1.0)).mean())
    pooled = _pooled(trained[1])
    assert pooled["low"] - 0.03 <= right <= pooled["high"] + 0.03


def test_too_few_rows_are_refused_in_a_clear_line(market: MakeData, tmp_path: Path) -> None:
    """The line says how many there are, how many are needed, and what to do."""
    with pytest.raises(BadUse, match=r"198 labelled rows .* 500 are needed: give a longer span"):
        train(market(100, 0.0), QUICK, MINUTE_NS, tmp_path, say=_silent)
    assert list(tmp_path.iterdir()) == []


def test_labels_of_one_kind_are_refused(market: MakeData, tmp_path: Path) -> None:
    """A market that only rises teaches nothing."""
    data = market(300, 0.0)
    rising = replace(data, mid=1.0 + 1e-18 * (data.ts_ns - data.ts_ns.min()))
    with pytest.raises(BadUse, match="nothing to learn"):
        train(rising, QUICK, MINUTE_NS, tmp_path, say=_silent)


def test_a_fold_that_says_nothing_is_refused(market: MakeData, tmp_path: Path) -> None:
    """An embargo that leaves no rows to train on is named."""
    params = replace(QUICK, embargo_ns=300 * MINUTE_NS)
    with pytest.raises(BadUse, match=r"fold 1 has \d+ rows to train"):
        train(market(600, 0.0), params, MINUTE_NS, tmp_path, say=_silent)


@pytest.mark.parametrize(
    "change",
    [{"folds": 2}, {"trees": 0}, {"learning_rate": 0.0}, {"subsample": 1.5}, {"embargo_ns": -1}],
)
def test_parameters_out_of_bounds_are_refused(change: dict[str, Any]) -> None:
    """Bounds are checked where the parameters are made."""
    with pytest.raises(BadUse, match="bounds"):
        replace(QUICK, **change)
