"""Validation: what is known of an artefact is gathered, the gates judge, the ledger keeps it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from domain.deployments import Stage
from domain.errors import BadUse
from models.evaluation.leaks import label_leak
from models.registry.acts import record_validation, standing_of
from models.registry.gates import Outcomes
from models.registry.ledger import Entry, history
from models.registry.limits import Limits
from models.registry.manifest import Manifest
from models.registry.report import Report, write_report
from models.registry.stages import require_move, state
from models.registry.store import ModelStore, Say
from models.registry.validation import Evidence, validate
from models.serving import OnnxModel, load_model

Gather = Callable[[OnnxModel, OnnxModel | None], Evidence]
"""Measures what is known of a model besides itself, given its slot's champion too where there is
one. It leaves out what it cannot measure: the gate concerned then refuses."""

_COLUMNS = ("ts_ns", "end_ns", "p_up", "y", "move_pips", "cost_pips")
_CHAMPION, _ORIGINAL = "champion_p_up", "original"


@dataclass(frozen=True)
class Validated:
    """What a validation has come to.

    Attributes
    ----------
    report
        Every gate's result.
    digest
        Name of the report in the store.
    entry
        The line of the ledger; None where a gate refused and the artefact stays a candidate.
    """

    report: Report
    digest: str
    entry: Entry | None


def validate_artefact(
    store: ModelStore,
    artefact_id: str,
    gather: Gather,
    *,
    at_ns: int,
    by: str,
    reason: str,
    limits: Limits | None = None,
    say: Say = print,
) -> Validated:
    """Run all gates on a candidate, keep the report, and make it validated if all let it pass.

    Parameters
    ----------
    store
        Where artefact and ledger are.
    gather
        Measures the evidence.
    at_ns
        Time of the act, from the caller's clock.
    by, reason
        Who and why, not empty.

    Raises
    ------
    BadUse
        If it is no candidate.
    Corrupt
        If the artefact or the ledger fails its check.
    """
    book = state(history(store, say))
    standing = standing_of(book, artefact_id)
    require_move(standing, Stage.VALIDATED)
    holder = book.holder(standing.place, Stage.CHAMPION)
    model = load_model(store, artefact_id)
    champion = None if holder is None else load_model(store, holder.artefact_id)
    evidence = gather(model, champion)
    if holder is not None:
        # Whoever gathered may not leave the champion out of the comparison.
        evidence = replace(evidence, champion_id=holder.artefact_id)
    report = validate(model, model.manifest, evidence, time.perf_counter_ns, limits)
    digest = write_report(store, report)
    if not report.passed:
        return Validated(report, digest, None)
    entry = record_validation(store, artefact_id, digest, at_ns, by, reason, say)
    return Validated(report, digest, entry)


def parquet_evidence(
    path: Path, lookahead: Callable[[Manifest], list[str]] | None = None
) -> Gather:
    """Return a gatherer that reads answers and rows from a Parquet file.

    Parameters
    ----------
    path
        One row for each unseen row, with the columns of `models.registry.gates.Outcomes`;
        ``champion_p_up``, ``original`` (the trained original's answer), ``mid`` and ``later`` (the
        mid at the row and at its outcome) may be missing. The features stand under their own names,
        and are needed to look for the label in them.
    lookahead
        Recomputes the features of a manifest on truncated tapes and names those that change; None
        leaves it unmeasured.

    Raises
    ------
    BadUse
        When it gathers, if the file or a column is missing.
    """

    def gather(model: OnnxModel, champion: OnnxModel | None) -> Evidence:
        table = _read(path)
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            msg = f"{path} has no column {', '.join(missing)}: give {', '.join(_COLUMNS)}"
            raise BadUse(msg)
        names = model.manifest.feature_names
        x = _features(table, names)
        # A model of several rows is timed and compared on its golden vectors alone.
        windows = x[:, None, :] if x is not None and model.window == 1 else None
        rival = _floats(table, _CHAMPION)
        if rival is None and champion is not None and champion.window == 1 and x is not None:
            same = champion.manifest.feature_names == names
            # Only rows behind its data are unseen by it; the others stay without an answer.
            rival = _unseen(champion, _ints(table, "ts_ns"), x) if same else None
        outcomes = Outcomes(
            _ints(table, "ts_ns"),
            _ints(table, "end_ns"),
            _require(table, "p_up"),
            _require(table, "y"),
            _require(table, "move_pips"),
            _require(table, "cost_pips"),
            rival,
        )
        manifest = model.manifest
        return Evidence(
            outcomes=outcomes,
            windows=windows,
            original=None if windows is None else _floats(table, _ORIGINAL),
            lookahead=None if lookahead is None else lambda: lookahead(manifest),
            label_leak=None if x is None else lambda: _leaks(table, x, outcomes, names),
        )

    return gather


def _leaks(
    table: pa.Table, x: NDArray[np.float64], outcomes: Outcomes, names: tuple[str, ...]
) -> list[str]:
    mid, later = _floats(table, "mid"), _floats(table, "later")
    if mid is None or later is None:
        mid = later = None
    found = label_leak(x, outcomes.y, names, outcomes.ts_ns, outcomes.end_ns, mid=mid, later=later)
    return [f"{leak.name} ({leak.reason} {leak.value:.3f})" for leak in found]


def _unseen(
    champion: OnnxModel, ts_ns: NDArray[np.int64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    answers = np.full(len(x), np.nan)
    later = ts_ns >= champion.manifest.data_last_ns + champion.horizon_ns
    answers[later] = champion.predict_windows(x[later][:, None, :])
    return answers


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        first_line = str(error).splitlines()[0]
        msg = f"{path} cannot be read as Parquet: {first_line}"
        raise BadUse(msg) from error


def _features(table: pa.Table, names: tuple[str, ...]) -> NDArray[np.float64] | None:
    if not set(names) <= set(table.column_names):
        return None
    return np.column_stack([_require(table, name) for name in names])


def _floats(table: pa.Table, name: str) -> NDArray[np.float64] | None:
    return _require(table, name) if name in table.column_names else None


def _require(table: pa.Table, name: str) -> NDArray[np.float64]:
    column: NDArray[np.float64] = table[name].to_numpy().astype(np.float64)
    return column


def _ints(table: pa.Table, name: str) -> NDArray[np.int64]:
    column: NDArray[np.int64] = table[name].to_numpy().astype(np.int64)
    return column
