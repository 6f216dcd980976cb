"""Training: rows to figures and evidence, to artefacts, to candidates in the ledger."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from clickhouse_connect.driver.client import Client

from config.settings import Settings
from dataflows.context import label_rule
from domain.deployments import SLOTS, Slot
from domain.errors import BadUse
from jobs.evidence import file_of, packed
from jobs.training_data import LabelConfig, LabelName, TrainingSet, from_archive
from jobs.walk_forward import WalkConfig, outcome_of, walk
from models.labels.arrays import Labels
from models.registry.acts import register
from models.registry.artefact import Artefact, read, save
from models.registry.ledger import Entry
from models.registry.store import FolderStore, ModelStore, as_store
from models.training.dataset import Rows, TrainingData
from models.training.job import train_artefact
from models.training.learner import Fitted, Learner

Say = Callable[[str], object]

BY = "aifx train"
"""Who enters a candidate where no other job does."""


class Made(NamedTuple):
    """What one training has come to, before anybody knows of it.

    Attributes
    ----------
    artefact
        In the store of the training alone.
    evidence
        The file that goes beside it.
    """

    artefact: Artefact
    evidence: bytes


def train(
    client: Client,
    runs: Sequence[str],
    symbols: tuple[str, ...],
    before_ns: int,
    settings: Settings,
    where: Path | ModelStore,
    say: Say,
    *,
    kinds: Sequence[Slot] = SLOTS,
) -> list[Artefact]:
    """Train on what the archive holds of some runs, and enter the results as candidates.

    Parameters
    ----------
    runs
        Runs whose features are read; where two hold one bar, the first named gives it.
    symbols
        Canonical symbols.
    before_ns
        Only features from before this event time.
    where
        Folder or store of the models of this kind of feed.
    kinds
        What is trained.

    Returns
    -------
    list of Artefact
        In the order of ``kinds``. They may not trade yet.

    Raises
    ------
    BadUse
        If there is too little to train on, or the training extra is not installed.
    """
    label = label_config(settings)
    walking = walk_config(settings)
    learners = learners_of(kinds)
    rows = from_archive(client, runs, symbols, before_ns)
    return candidates(rows, label, learners, walking, where, {}, say)


def candidates(
    rows: TrainingSet,
    label: LabelConfig,
    learners: Sequence[Learner],
    walking: WalkConfig,
    where: Path | ModelStore,
    reasons: Mapping[Slot, str],
    say: Say,
    by: str = BY,
) -> list[Artefact]:
    """Train, test and enter models: all of them, or none where one fails.

    Until everything is trained, nothing is in the store. Then artefacts and evidence are written,
    each whole or not at all, and only the lines in the ledger make them candidates. A training that
    was cut short between these leaves no more than files that nobody knows; the same training
    again completes them.

    Parameters
    ----------
    rows, label, learners, walking
        What is learned from what, by whom, and how it is tested.
    where
        Folder of all artefacts, made where it is missing, or a store.
    reasons
        Why each kind is trained, for its line; those without one say what they were trained on.
    by
        Which job enters them.

    Raises
    ------
    BadUse
        If there is too little to train on, or the store cannot be written.
    """
    store = as_store(where)
    labels = label.labels(rows)
    with tempfile.TemporaryDirectory(prefix="aifx-train-") as folder:
        staging = FolderStore(Path(folder))
        made = [
            made_by(learner, rows, label, labels, walking, staging, say) for learner in learners
        ]
        try:
            kept = [_keep(store, staging, one) for one in made]
        except OSError as error:
            msg = f"{store.url} cannot be written: {error.strerror or error}; nothing was entered"
            raise BadUse(msg) from error
    now_ns = time.time_ns()  # noqa: TID251 - the edge: when the job entered it
    for artefact in kept:
        kind, n = artefact.manifest.kind, artefact.manifest.rows
        reason = reasons.get(kind) or f"trained on {n:,} rows of {', '.join(rows.data.symbols)}"
        entry = register(store, artefact.artefact_id, now_ns, by, reason, say)
        say(_entered(entry, new=entry.at_ns == now_ns))
    return kept


def made_by(
    learner: Learner,
    rows: TrainingSet,
    label: LabelConfig,
    labels: Labels,
    walking: WalkConfig,
    staging: ModelStore,
    say: Say,
) -> Made:
    """Test a procedure walk-forward, train on all rows, and put artefact and evidence together.

    Raises
    ------
    BadUse
        If there is too little to train on.
    Halt
        If the ONNX copy does not answer as the original does.
    """
    data = rows.data
    walked = walk(rows, labels, learner, walking, say)
    last = _Last(learner)
    metrics = walked.metrics
    artefact = train_artefact(data, labels, label.definition(), last, staging, metrics, say)
    original = np.full(len(data.ts_ns), np.nan)
    tested = np.flatnonzero(np.isfinite(walked.p_up))
    original[tested] = last.fitted().predict(data, tested)
    outcome = outcome_of(rows, labels, walking.slippage_pips)
    return Made(artefact, packed(rows, walked.p_up, original, outcome))


def label_config(settings: Settings, name: LabelName = "sign") -> LabelConfig:
    """Return what is learned, by the settings.

    Raises
    ------
    BadUse
        If there is no label of this name.
    """
    training = settings.training
    return LabelConfig(
        name,
        label_rule(settings),
        training.barrier_width_up,
        training.barrier_width_down,
        training.slippage_pips,
    )


def walk_config(settings: Settings) -> WalkConfig:
    """Return how a procedure is tested: the embargo is the horizon."""
    training = settings.training
    return WalkConfig(label_rule(settings).horizon_ns, training.folds, training.slippage_pips)


def learners_of(kinds: Sequence[Slot]) -> list[Learner]:
    """Return the trainers of some kinds, with their default parameters and seeds.

    Raises
    ------
    BadUse
        If a kind is unknown or none is given, or the training extra is not installed.
    """
    unknown = sorted(set(kinds) - set(SLOTS))
    if unknown or not kinds:
        msg = f"kinds of models are {', '.join(SLOTS)}, not {', '.join(unknown) or 'none'}"
        raise BadUse(msg)
    try:
        return [_learner(kind) for kind in SLOTS if kind in kinds]
    except ImportError as error:
        msg = f"training needs the extra packages ({error.name}): pip install 'aifx[train]'"
        raise BadUse(msg) from error


def _learner(kind: Slot) -> Learner:
    match kind:
        case "xgboost":
            from models.batch.xgboost_trainer import XgboostLearner

            return XgboostLearner()
        case "forest":
            from models.batch.forest_trainer import ForestLearner

            return ForestLearner()
        case "lstm":
            from models.sequence.lstm_trainer import LstmLearner

            return LstmLearner()


def _keep(store: ModelStore, staging: ModelStore, made: Made) -> Artefact:
    """Copy an artefact and its evidence from the training's own store."""
    artefact_id = made.artefact.artefact_id
    kept = save(store, made.artefact.manifest, read(staging, artefact_id)[1])
    store.write_file(file_of(artefact_id), made.evidence)
    return kept


def _entered(entry: Entry, *, new: bool) -> str:
    if not new:
        return f"{entry.slot} {entry.artefact_id} was in the ledger before: nothing has changed"
    return (
        f"{entry.slot} {entry.artefact_id} is a candidate; next: aifx models validate "
        f"{entry.artefact_id[:12]} --by NAME"
    )


class _Last:
    """A learner that remembers what it has fitted last; see `models.training.learner.Learner`."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._fitted: Fitted | None = None
        self.kind = learner.kind
        self.window = learner.window
        self.libraries = learner.libraries

    def params(self) -> dict[str, Any]:
        return self._learner.params()

    def seeds(self) -> dict[str, int]:
        return self._learner.seeds()

    def fit(self, data: TrainingData, labels: Labels, rows: Rows, say: Say) -> Fitted:
        self._fitted = self._learner.fit(data, labels, rows, say)
        return self._fitted

    def fitted(self) -> Fitted:
        if self._fitted is None:
            msg = "nothing was fitted yet"
            raise BadUse(msg)
        return self._fitted
