"""Validation as a whole: a sound model passes, planted leaks are caught, nothing is left out."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from models.evaluation.leaks import label_leak, lookahead
from models.registry.artefact import Artefact, Session, save, sha256
from models.registry.gates import Outcomes
from models.registry.limits import Limits
from models.registry.manifest import Manifest
from models.registry.report import Report, read_report, write_report
from models.registry.validation import Evidence, validate
from models.serving import OnnxModel, load_model
from tests.models.registry.made import HORIZON_NS, NAMES, logistic, manifest_of

Floats = NDArray[np.float64]
N = 6_000
LIMITS = Limits(latency_rounds=100, min_signals=500, calibration_error=0.05)
GATES = (
    "golden", "parity", "latency", "lookahead", "label_leak", "unseen", "calibration", "accuracy",
    "champion", "expectancy",
)  # fmt: skip


class Market:
    """A made-up market whose next minute follows the last one a little: an edge that is real."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        step = np.zeros(N + 1)
        noise = rng.normal(size=N + 1)
        for t in range(N):
            step[t + 1] = 0.2 * step[t] + noise[t + 1]
        self.pips = np.cumsum(step)
        self.ts_ns = 1_400_000_000 * 10**9 + MINUTE_NS * np.arange(1, N + 1)
        self.move = step[1:]
        self.y = (self.move > 0).astype(np.float64)

    def honest(self, pips: Floats) -> Floats:
        """Return the last three moves at each minute: what was known then."""
        step = np.diff(pips, prepend=pips[0])
        return np.column_stack([step, np.append(0.0, step[:-1]), np.append([0.0, 0.0], step[:-2])])

    def looking_ahead(self, pips: Floats) -> Floats:
        """Return the same, but the first one reads the minute that follows, where there is one."""
        x = self.honest(pips)
        ahead = np.append(np.diff(pips), 0.0)
        return np.column_stack([x[:, 0] + 0.8 * ahead, x[:, 1], x[:, 2]])


@pytest.fixture(scope="module")
def market() -> Market:
    """Make the market once."""
    return Market()


def _fit(x: Floats, y: Floats) -> tuple[Manifest, OnnxModel, bytes]:
    """Fit a logistic regression by a few Newton steps, and serve it as ONNX."""
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-x @ weights))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(x.shape[1])
        weights += np.linalg.solve(hessian, x.T @ (y - p))
    model = logistic(weights)
    manifest = manifest_of(model, data_last_ns=1_400_000_000 * 10**9)
    return manifest, OnnxModel("f" * 32, manifest, Session(model)), model


def _evidence(
    market: Market, model: OnnxModel, x: Floats, compute: object, tape: Floats
) -> Evidence:
    rows = slice(N // 2, N)
    outcomes = Outcomes(
        market.ts_ns[rows],
        market.ts_ns[rows] + HORIZON_NS,
        model.predict_windows(x[rows][:, None, :]),
        market.y[rows],
        market.move[rows],
        np.full(N - N // 2, 0.05),
    )
    return Evidence(
        outcomes=outcomes,
        windows=x[rows][:, None, :],
        original=outcomes.p_up,
        lookahead=lambda: lookahead(compute, tape, [N // 3, N // 2], NAMES),  # type: ignore[arg-type] # a function of a tape
        label_leak=lambda: [
            leak.name
            for leak in label_leak(x[rows], market.y[rows], NAMES, outcomes.ts_ns, outcomes.end_ns)
        ],
        walk_forward=False,
    )


def _judge(model: OnnxModel, manifest: Manifest, evidence: Evidence) -> Report:
    return validate(model, manifest, evidence, count(0, 10_000).__next__, LIMITS)


@pytest.fixture(scope="module")
def sound(market: Market) -> tuple[Manifest, OnnxModel, Evidence]:
    """Fit a model on the first half, and gather what is known of it on the second."""
    x = market.honest(market.pips)[:N]
    manifest, model, _ = _fit(x[: N // 2], market.y[: N // 2])
    return manifest, model, _evidence(market, model, x, market.honest, market.pips[:N])


def test_a_sound_model_passes_every_gate(sound: tuple[Manifest, OnnxModel, Evidence]) -> None:
    """All of them are in the report, with their figures and the limits."""
    manifest, model, evidence = sound
    report = _judge(model, manifest, evidence)
    assert report.failed == ()
    assert tuple(gate.name for gate in report.gates) == GATES
    assert report.passed
    assert report.limits["min_signals"] == 500
    assert report.artefact_id == model.model_id


def test_a_feature_that_looks_ahead_is_caught(market: Market) -> None:
    """The model looks splendid, and the truncated tape says why."""
    x = market.looking_ahead(market.pips)[:N]
    manifest, model, _ = _fit(x[: N // 2], market.y[: N // 2])
    evidence = _evidence(market, model, x, market.looking_ahead, market.pips[:N])
    report = _judge(model, manifest, evidence)
    results = {gate.name: gate for gate in report.gates}
    assert results["accuracy"].ok
    assert not results["lookahead"].ok
    assert results["lookahead"].words == "these features see the future: first"
    assert not report.passed


def test_a_label_among_the_features_is_caught(market: Market) -> None:
    """Computed elsewhere, it stands still on a truncated tape; alone it tells the answer."""
    honest = market.honest(market.pips)[:N]
    hint = np.where(np.random.default_rng(2).random(N) < 0.9, market.y, 1 - market.y) - 0.5
    x = np.column_stack([honest[:, 0], hint, honest[:, 2]])
    manifest, model, _ = _fit(x[: N // 2], market.y[: N // 2])
    tape = x

    def compute(rows: Floats) -> Floats:
        return rows

    report = _judge(model, manifest, _evidence(market, model, x, compute, tape))
    results = {gate.name: gate for gate in report.gates}
    assert results["accuracy"].ok
    assert results["lookahead"].ok
    assert results["label_leak"].words == "these features carry the label: second"
    assert report.failed == ("label_leak",)


def test_what_was_not_measured_refuses(sound: tuple[Manifest, OnnxModel, Evidence]) -> None:
    """Without evidence only what the artefact itself proves is passed."""
    manifest, model, evidence = sound
    report = _judge(model, manifest, Evidence())
    assert [gate.name for gate in report.gates if gate.ok] == ["golden", "parity", "latency"]
    silent = msgspec.structs.replace(manifest, metrics={})
    report = _judge(model, silent, replace(evidence, original=None))
    assert report.failed == ("parity",)
    report = _judge(model, manifest, replace(evidence, champion_id="e" * 32))
    assert report.failed == ("champion",)


def test_a_detector_that_cannot_look_refuses(sound: tuple[Manifest, OnnxModel, Evidence]) -> None:
    """Its own words stand in the report."""
    manifest, model, evidence = sound

    def fail() -> list[str]:
        msg = "too few rows to look"
        raise BadUse(msg)

    report = _judge(model, manifest, replace(evidence, label_leak=fail, lookahead=fail))
    assert report.failed == ("lookahead", "label_leak")
    assert "too few rows to look" in report.gates[3].words


def test_a_trained_artefact_brings_what_its_own_gates_need(trained: tuple[Path, Artefact]) -> None:
    """Its golden answers, and the parity that training has measured, under the names read here."""
    folder, artefact = trained
    model = load_model(folder, artefact.artefact_id)
    report = _judge(model, artefact.manifest, Evidence())
    assert [gate.name for gate in report.gates if gate.ok] == ["golden", "parity", "latency"]
    assert int(report.gates[1].figures["recorded_n"] or 0) >= LIMITS.parity_rows


def test_rows_of_another_shape_are_refused(sound: tuple[Manifest, OnnxModel, Evidence]) -> None:
    """They are of another model."""
    manifest, model, evidence = sound
    with pytest.raises(BadUse, match="not of a model of"):
        _judge(model, manifest, replace(evidence, windows=np.zeros((5, 2, 3))))


def test_a_report_is_named_by_its_content(
    tmp_path: Path, sound: tuple[Manifest, OnnxModel, Evidence]
) -> None:
    """It reads back equal; the same report has one file, another has another."""
    manifest, model, evidence = sound
    report = _judge(model, manifest, evidence)
    digest = write_report(tmp_path, report)
    assert write_report(tmp_path, report) == digest
    assert read_report(tmp_path, digest) == report
    other = msgspec.structs.replace(report, artefact_id="0" * 32)
    assert write_report(tmp_path, other) != digest
    assert len(list((tmp_path / "reports").iterdir())) == 2


def test_a_model_of_the_tests_is_an_artefact(tmp_path: Path, market: Market) -> None:
    """What is judged here could be saved and loaded like any other."""
    x = market.honest(market.pips)[:N]
    manifest, _, raw = _fit(x, market.y)
    assert save(tmp_path, manifest, raw).manifest.model_sha256 == sha256(raw)
