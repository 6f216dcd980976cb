"""Run every gate on an artefact."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from models.contract import ServedModel
from models.registry import gates
from models.registry.gates import Floats, Outcomes
from models.registry.limits import Limits
from models.registry.manifest import Manifest
from models.registry.report import GateResult, Report

_WARM_UP = 50
"""Rows asked before any is timed: the first ones pay for memory and caches."""

_NS_PER_MS = 1e6


@dataclass(frozen=True)
class Evidence:
    """What is known of an artefact besides itself. What is None was not measured, and refuses.

    Attributes
    ----------
    outcomes
        Answers to unseen rows and what became of them.
    windows
        Shape (n, window, n_features): rows as the model is asked, to time it and to hold it against
        ``original``; None takes the golden vectors for the time.
    original
        Shape (n,): the trained original's answers to ``windows``.
    lookahead
        Recomputes the artefact's features on truncated tapes and returns the names of those that
        change; see ``models.evaluation.leaks.lookahead``.
    label_leak
        Returns the names of the features that carry the label; see
        ``models.evaluation.leaks.label_leak``.
    walk_forward
        Whether ``outcomes`` are answers of each fold's model; else they are the artefact's own, and
        must be of later rows than all its data.
    champion_id
        With whom ``outcomes`` compares; empty where the slot has no champion.
    """

    outcomes: Outcomes | None = None
    windows: NDArray[np.float64] | None = None
    original: Floats | None = None
    lookahead: Callable[[], Sequence[str]] | None = None
    label_leak: Callable[[], Sequence[str]] | None = None
    walk_forward: bool = True
    champion_id: str = ""


def validate(
    model: ServedModel,
    manifest: Manifest,
    evidence: Evidence,
    clock_ns: Callable[[], int],
    limits: Limits | None = None,
) -> Report:
    """Run all gates; none is left out because another has refused.

    Parameters
    ----------
    model
        The artefact, loaded for serving.
    manifest
        What it says of itself.
    evidence
        What was measured beside it.
    clock_ns
        A monotonic clock in nanoseconds, for the latency gate alone.
    limits
        The thresholds; None takes the defaults.

    Returns
    -------
    Report
        It does not depend on the clock but for the figures of the latency gate.

    Raises
    ------
    BadUse
        If the rows have another shape than the model's.
    """
    limits = limits or Limits()
    stored = np.array([golden.p for golden in manifest.golden])
    golden = _windows_of(manifest)
    asked = golden if evidence.windows is None else evidence.windows
    if asked.shape[1:] != golden.shape[1:]:
        msg = f"windows of shape {asked.shape} are not of a model of {golden.shape[1:]}"
        raise BadUse(msg)
    served = None if evidence.original is None else model.predict_windows(asked)
    recorded, recorded_rows = _recorded_parity(manifest)
    results = [
        gates.golden_vectors(stored, model.predict_windows(golden), limits),
        gates.parity(evidence.original, served, recorded, recorded_rows, limits),
        gates.latency(_time_rows(model, asked, clock_ns, limits.latency_rounds), limits),
        _looked("lookahead", gates.no_lookahead, evidence.lookahead),
        _looked("label_leak", gates.no_label_leak, evidence.label_leak),
        *_judged(evidence, manifest.data_last_ns + manifest.horizon_ns, limits),
    ]
    return Report(model.model_id, evidence.champion_id, tuple(results), asdict(limits))


def _looked(
    name: str,
    gate: Callable[[Sequence[str] | None], GateResult],
    look: Callable[[], Sequence[str]] | None,
) -> GateResult:
    """Return what a gate makes of what a detector finds; a detector that cannot look refuses."""
    try:
        return gate(None if look is None else look())
    except BadUse as error:
        return GateResult(name, False, f"it could not be measured: {error}")


def _judged(evidence: Evidence, known_ns: int, limits: Limits) -> list[GateResult]:
    outcomes, champion = evidence.outcomes, bool(evidence.champion_id)
    if outcomes is None:
        words = "there are no answers to unseen rows"
        names = ("unseen", "calibration", "accuracy", "champion", "expectancy")
        return [GateResult(name, False, words) for name in names]
    return [
        gates.unseen(outcomes, known_ns, walk_forward=evidence.walk_forward),
        gates.calibration(outcomes, limits),
        gates.above_base_rate(outcomes, limits),
        gates.above_champion(outcomes, limits, champion=champion),
        gates.expectancy(outcomes, limits),
    ]


def _windows_of(manifest: Manifest) -> NDArray[np.float64]:
    x = np.array([golden.x for golden in manifest.golden], dtype=np.float64)
    return x.reshape(len(manifest.golden), manifest.window, len(manifest.feature_names))


def _recorded_parity(manifest: Manifest) -> tuple[float | None, int]:
    """Return what training has measured: the largest difference, and on how many rows."""
    found = manifest.metrics.get("parity")
    if not isinstance(found, dict) or not isinstance(found.get("max_difference"), int | float):
        return None, 0
    return float(found["max_difference"]), int(found.get("rows", 0))


def _time_rows(
    model: ServedModel, windows: NDArray[np.float64], clock_ns: Callable[[], int], rounds: int
) -> Floats:
    """Return how long each of so many single rows took, in milliseconds."""
    if not len(windows):
        return np.empty(0)
    taken = np.empty(rounds)
    for number in range(-_WARM_UP, rounds):
        one = windows[number % len(windows)][None]
        began = clock_ns()
        model.predict_windows(one)
        if number >= 0:
            taken[number] = (clock_ns() - began) / _NS_PER_MS
    return taken
