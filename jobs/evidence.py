"""The evidence that training keeps for validation: its walk-forward answers beside their rows.

It stands in the store as ``evidence/<artefact id>.parquet``, beside the artefact and not in it. It
holds every row of the training data, so its own hash and that in the manifest prove both the rows
and the answers: evidence that was changed, or is of another artefact, is refused.
"""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from jobs.training_data import TrainingSet, columns
from jobs.validate import Gather
from jobs.walk_forward import Outcome, answers_sha256
from models.evaluation.leaks import label_leak
from models.registry.gates import Outcomes
from models.registry.manifest import Manifest
from models.registry.store import ModelStore
from models.registry.validation import Evidence
from models.serving import OnnxModel
from models.training.dataset import Rows, TrainingData

Floats = NDArray[np.float64]
Look = Callable[[Manifest], list[str]]

FOLDER = "evidence"

WINDOWS = 10_000
"""Rows that are timed and held against the original, evenly spread."""

LONG_WINDOWS = 2_000
"""The same for a model that reads many rows: training has compared the others, and so many fit."""


class Kept(NamedTuple):
    """Evidence, as it was proven.

    Attributes
    ----------
    data
        Every row of the training data.
    p_up
        Shape (n,): walk-forward answers; NaN outside of the tests.
    original
        Shape (n,): answers of the trained original to the same rows; NaN where it was not asked.
    outcome
        What became of the rows.
    """

    data: TrainingData
    p_up: Floats
    original: Floats
    outcome: Outcome


def file_of(artefact_id: str) -> str:
    """Return the name of an artefact's evidence in a store."""
    return f"{FOLDER}/{artefact_id}.parquet"


def packed(rows: TrainingSet, p_up: Floats, original: Floats, outcome: Outcome) -> bytes:
    """Return evidence as a Parquet file; the same evidence gives the same bytes."""
    answers = {"p_up": p_up, "original": original, **outcome._asdict()}
    sink = io.BytesIO()
    pq.write_table(pa.table({**columns(rows), **answers}), sink, compression="zstd")
    return sink.getvalue()


def unpacked(store: ModelStore, artefact_id: str, manifest: Manifest) -> Kept:
    """Read the evidence of an artefact, and prove it.

    Raises
    ------
    BadUse
        If there is none.
    Corrupt
        If it cannot be read, or is not what the artefact was trained and tested on.
    """
    raw = store.read(file_of(artefact_id))
    if raw is None:
        msg = (
            f"there is no evidence of artefact {artefact_id} in {store.url}: train it with aifx "
            "train, or give --evidence FILE"
        )
        raise BadUse(msg)
    try:
        table = pq.read_table(io.BytesIO(raw))
        code = {name: at for at, name in enumerate(manifest.symbols)}
        data = TrainingData(
            ts_ns=table["ts_ns"].to_numpy(),
            x=np.column_stack([table[name].to_numpy() for name in manifest.feature_names]),
            mid=table["mid"].to_numpy(),
            feature_schema=manifest.feature_schema,
            feature_names=manifest.feature_names,
            symbol_codes=np.array([code[name] for name in table["symbol"].to_pylist()], np.int64),
            symbols=manifest.symbols,
            max_gap_ns=int(manifest.params["max_gap_ns"]),
        )
        outcome = Outcome(*(table[name].to_numpy() for name in Outcome._fields))
        p_up, original = table["p_up"].to_numpy(), table["original"].to_numpy()
    except (pa.ArrowException, OSError, KeyError, BadUse) as error:
        msg = f"the evidence of artefact {artefact_id} cannot be read: {error}"
        raise Corrupt(msg) from error
    proven = data.sha256() == manifest.data_sha256
    if not proven or answers_sha256(p_up, outcome) != manifest.metrics.get("answers_sha256"):
        what = "answers" if proven else "rows"
        msg = f"the evidence of artefact {artefact_id} holds other {what} than its manifest says"
        raise Corrupt(msg)
    return Kept(data, p_up, original, outcome)


def stored_evidence(store: ModelStore, lookahead: Look | None = None) -> Gather:
    """Return a gatherer that reads what training has kept.

    Parameters
    ----------
    store
        Where artefacts and evidence are.
    lookahead
        Recomputes the features of a manifest on truncated tapes and names those that change; None
        leaves it unmeasured.

    Raises
    ------
    BadUse, Corrupt
        When it gathers: as `unpacked`.
    """

    def gather(model: OnnxModel, champion: OnnxModel | None) -> Evidence:
        kept = unpacked(store, model.model_id, model.manifest)
        picked = _picked(kept, model.window)
        rival = None if champion is None else _asked(store, champion, model, kept)
        return Evidence(
            outcomes=_outcomes(kept, rival),
            windows=kept.data.windows(picked, model.window),
            original=kept.original[picked],
            lookahead=None if lookahead is None else lambda: lookahead(model.manifest),
            label_leak=lambda: _leaks(kept),
        )

    return gather


def _outcomes(kept: Kept, rival: Floats | None) -> Outcomes:
    found = kept.outcome
    columns_ = (kept.data.ts_ns, found.end_ns, kept.p_up, found.y, found.move_pips, found.cost_pips)
    return Outcomes(*columns_, rival)


def _picked(kept: Kept, window: int) -> Rows:
    rows = np.flatnonzero(np.isfinite(kept.original))
    count = min(len(rows), WINDOWS if window == 1 else LONG_WINDOWS)
    picked: Rows = rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]
    return picked


def _asked(
    store: ModelStore, champion: OnnxModel, model: OnnxModel, kept: Kept
) -> NDArray[np.float64] | None:
    """Return the champion's answers to rows that it had not seen, NaN for the others.

    Behind its data it is asked itself; of earlier rows its own walk-forward answers are taken, if
    it has kept them. None where it has answered less than half of what the candidate has: against
    silence nobody is proven to be better.
    """
    manifest = champion.manifest
    if (manifest.feature_schema, manifest.feature_names) != (
        model.manifest.feature_schema,
        model.manifest.feature_names,
    ):
        return None
    data = kept.data
    answered = np.isfinite(kept.p_up)
    answers = np.full(len(data.ts_ns), np.nan)
    known_ns = manifest.data_last_ns + manifest.horizon_ns
    behind = np.flatnonzero(answered & (data.ts_ns >= known_ns))
    for at in range(0, len(behind), LONG_WINDOWS):  # windows of all rows at once would not fit
        part = behind[at : at + LONG_WINDOWS]
        answers[part] = champion.predict_windows(data.windows(part, champion.window))
    if store.read(file_of(champion.model_id)) is not None:
        _fill(answers, data, unpacked(store, champion.model_id, manifest))
    return answers if 2 * np.isfinite(answers[answered]).sum() >= answered.sum() else None


def _fill(answers: Floats, data: TrainingData, theirs: Kept) -> None:
    """Put walk-forward answers where there is none yet."""
    found = {
        (theirs.data.symbols[code], ts_ns): p_up
        for code, ts_ns, p_up in zip(
            theirs.data.symbol_codes.tolist(),
            theirs.data.ts_ns.tolist(),
            theirs.p_up.tolist(),
            strict=True,
        )
    }
    for row in np.flatnonzero(np.isnan(answers)).tolist():
        key = (data.symbols[int(data.symbol_codes[row])], int(data.ts_ns[row]))
        answers[row] = found.get(key, np.nan)


def _leaks(kept: Kept) -> list[str]:
    data, found = kept.data, kept.outcome
    known: dict[str, Any] = {"mid": data.mid, "later": found.later}
    names = data.feature_names
    leaks = label_leak(data.x, found.y, names, data.ts_ns, found.end_ns, **known)
    return [f"{leak.name} ({leak.reason} {leak.value:.3f})" for leak in leaks]
