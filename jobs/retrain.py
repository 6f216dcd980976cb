"""Retraining: is there a reason to train anew, and if so, candidates that say why.

The reasons are those of `models.registry.retraining`, judged at the newest event time of the
archive, so the same archive and ledger give the same answer. Nothing is ever promoted here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from clickhouse_connect.driver.client import Client

from clickhouse import datasets
from config.plan import SimulatedPlan
from config.settings import Settings
from dataflows.context import label_rule
from domain.deployments import Slot, Stage
from domain.errors import BadUse
from domain.nanos import DAY_NS, HOUR_NS
from features.spec import SCHEMA
from jobs import datadir
from jobs.train import Say, candidates, label_config, learners_of, walk_config
from jobs.training_data import from_archive
from models.evaluation.accuracy import wilson
from models.evaluation.scores import effective_number, right
from models.labels.arrays import by_symbol, later_index
from models.labels.delayed import DelayedLabels
from models.registry.artefact import Artefact
from models.registry.ledger import history
from models.registry.retraining import Performance, RetrainingConfig, Trigger, due
from models.registry.stages import Book, Standing, state
from models.registry.store import ModelStore
from models.training.learner import Learner

Trainers = Callable[[Sequence[Slot]], Sequence[Learner]]

BY = "aifx retrain"


def retrain(
    client: Client,
    runs: Sequence[str],
    symbols: tuple[str, ...],
    settings: Settings,
    store: ModelStore,
    kinds: Sequence[Slot],
    say: Say,
    *,
    force: str | None = None,
    trainers: Trainers = learners_of,
) -> list[Artefact]:
    """Train anew the kinds that there is a reason for, and enter them as candidates.

    Parameters
    ----------
    client
        Of the store of the runs.
    runs
        What they have archived is judged and trained on; where two hold one bar, the first named
        gives it.
    symbols
        Canonical symbols.
    store
        Models of this kind of feed.
    kinds
        Which slots are looked at.
    force
        A person's reason to train all of them, whatever the triggers say; None asks the triggers.
    trainers
        Gives the trainers of some kinds.

    Returns
    -------
    list of Artefact
        Empty where nothing is due. If anything fails, neither ledger nor models have changed.

    Raises
    ------
    BadUse
        If the archive holds nothing of these runs, or too little to train on.
    """
    now_ns = datasets.newest_features_ns(client, runs, SCHEMA)
    if now_ns is None:
        msg = (
            f"the archive holds no features of {', '.join(runs) or 'any run'}: there is nothing to "
            "train on"
        )
        raise BadUse(msg)
    if force is not None and not force.strip():
        msg = "why? --force takes a reason in words"
        raise BadUse(msg)
    book = state(history(store, say))
    reasons: dict[Slot, str] = {}
    for kind in kinds:
        found = _trigger(client, runs, settings, book, kind, now_ns)
        if force is not None:
            reasons[kind] = f"forced: {force}"
        elif found is not None:
            reasons[kind] = f"{found.kind}: {found.reason}"
        say(f"{kind}: {reasons.get(kind, 'nothing calls for training')}")
    if not reasons:
        return []
    chosen = trainers(list(reasons))
    rows = from_archive(client, runs, symbols, now_ns + 1)
    label, walking = label_config(settings), walk_config(settings)
    return candidates(rows, label, chosen, walking, store, reasons, say, BY)


def runs_of(data_dir: Path, *, simulated: bool) -> list[str]:
    """Return the runs of a data folder that played one kind of feed, newest first.

    Raises
    ------
    Corrupt
        If a plan cannot be read.
    """
    plans = datadir.runs(data_dir)
    return [
        plan.run for plan in reversed(plans) if isinstance(plan.feed, SimulatedPlan) is simulated
    ]


def retraining_config(settings: Settings) -> RetrainingConfig:
    """Return when to train anew, by the settings."""
    training = settings.training
    return RetrainingConfig(
        max_age_ns=int(training.max_age_days * DAY_NS),
        drift_events=training.drift_events,
        drift_window_ns=int(training.drift_window_hours * HOUR_NS),
        min_accuracy=training.min_accuracy,
        min_signals=training.min_signals,
        pause_ns=int(training.pause_hours * HOUR_NS),
    )


def _trigger(
    client: Client,
    runs: Sequence[str],
    settings: Settings,
    book: Book,
    kind: Slot,
    now_ns: int,
) -> Trigger | None:
    config, rule = retraining_config(settings), label_rule(settings)
    place = (kind, SCHEMA, rule.horizon_ns)
    champion = book.holder(place, Stage.CHAMPION)
    # Of a training only its data's end is event time; what it was entered by is a wall clock.
    trained = [s.enter.data_last_ns for s in book.standings.values() if s.place == place]
    # A drift of the ensemble's error or of a feature concerns whoever reads it: every slot.
    drift = datasets.drift_events(client, runs, now_ns - config.drift_window_ns, now_ns)
    performance = None
    if champion is not None:
        performance = _performance(client, runs, rule, champion, now_ns, config.min_signals)
    newest = None if champion is None else champion.enter.data_last_ns
    return due(config, now_ns, newest, max(trained, default=None), drift, performance)


def _performance(
    client: Client,
    runs: Sequence[str],
    rule: DelayedLabels,
    champion: Standing,
    now_ns: int,
    count: int,
) -> Performance | None:
    """Return how right the champion's newest ``count`` votes were, where there was a signal."""
    slot, artefact_id = champion.enter.slot, champion.artefact_id
    since_ns = champion.enter.known_ns
    votes = datasets.signal_votes(client, runs, slot, artefact_id, since_ns, now_ns)
    mids = datasets.minute_mids(client, runs, since_ns, now_ns)
    if not votes.ts_ns.size or not mids.ts_ns.size:
        return None
    code = np.unique(np.concatenate([mids.symbol, votes.symbol]).astype(str), return_inverse=True)[
        1
    ]
    bar_code, vote_code = code[: mids.ts_ns.size], code[mids.ts_ns.size :]
    end_ns, later = np.zeros(mids.ts_ns.size, np.int64), np.full(mids.ts_ns.size, np.nan)
    p_up = np.full(mids.ts_ns.size, np.nan)
    for own in by_symbol(mids.ts_ns, bar_code):
        ts_ns = mids.ts_ns[own]
        index = later_index(ts_ns, rule.horizon_ns, rule.tolerance_ns)
        end_ns[own[index >= 0]] = ts_ns[index[index >= 0]]
        later[own[index >= 0]] = mids.mid[own[index[index >= 0]]]
        mine = np.flatnonzero(vote_code == bar_code[own[0]])
        place = np.minimum(np.searchsorted(ts_ns, votes.ts_ns[mine]), ts_ns.size - 1)
        met = ts_ns[place] == votes.ts_ns[mine]
        p_up[own[place[met]]] = votes.p_up[mine[met]]
    counted = np.flatnonzero(np.isfinite(p_up) & np.isfinite(later) & (later != mids.mid))
    newest = counted[np.argsort(mids.ts_ns[counted], kind="stable")][-count:]
    if not newest.size:
        return None
    y = (later[newest] > mids.mid[newest]).astype(np.float64)
    accuracy = float(right(p_up[newest], y).mean())
    high = wilson(accuracy, effective_number(mids.ts_ns[newest], end_ns[newest]))[1]
    return Performance(accuracy, high, int(newest.size))
