"""Retraining: a reason or nothing; a candidate that says why; a failure that changes nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from config.plan import Plan, RecordedPlan, SimulatedPlan
from config.plan import save as save_plan
from config.settings import Settings, settings_of
from domain.deployments import SLOTS, ModelEvent, Slot, Stage
from domain.errors import BadUse
from domain.log import LogAddress
from domain.nanos import DAY_NS, HOUR_NS, MINUTE_NS
from domain.predictions import Signal, Vote
from features.spec import SCHEMA
from jobs.retrain import retrain, runs_of
from models.registry.ledger import history
from models.registry.stages import state
from models.registry.store import FolderStore
from models.training.learner import Learner
from testkit.tapes import bar
from tests.jobs.made_market import LEARNERS, START_NS, archive, market, put, silent
from tests.models.registry.life import onward
from tests.models.registry.made import made

BARS = 400
NOW_NS = START_NS + BARS * MINUTE_NS
SYMBOLS = ("EURUSD", "GBPUSD")
Retrain = Callable[..., list[str]]


def _settings(**training: object) -> Settings:
    return settings_of({"models": {"horizon_ms": 60_000}, "training": training})


def _champion(store: FolderStore, data_last_ns: int) -> str:
    """Make a champion of the platform's own schema, trained until then."""
    artefact = made(store, feature_schema=SCHEMA, data_last_ns=data_last_ns)
    onward(store, artefact.artefact_id, Stage.CANDIDATE, Stage.CHAMPION)
    return artefact.artefact_id


def _trainers(kinds: object) -> list[Learner]:
    return [LEARNERS[kind] for kind in SLOTS if kind in list(kinds)]  # type: ignore[call-overload] # slots


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Give an empty store."""
    return FolderStore(tmp_path / "models")


@pytest.fixture
def again(client: Client, run: str, store: FolderStore) -> Retrain:
    """Return what retrains the boosted trees on a market of some hours, and tells what was said."""
    archive(client, run, market(BARS))

    def call(
        kinds: tuple[Slot, ...] = ("xgboost",), force: str | None = None, **training: object
    ) -> list[str]:
        lines: list[str] = []
        settings = _settings(**training)
        retrain(
            client, [run], SYMBOLS, settings, store, kinds, lines.append,
            force=force, trainers=_trainers,
        )  # fmt: skip
        return lines

    return call


def _candidates(store: FolderStore) -> list[str]:
    """Return the reasons of those that retraining has entered."""
    book = state(history(store))
    return [
        standing.enter.reason
        for standing in book.standings.values()
        if standing.stage is Stage.CANDIDATE and standing.enter.by == "aifx retrain"
    ]


def test_a_slot_without_champion_is_trained_and_says_so(again: Retrain, store: FolderStore) -> None:
    """A candidate, not a champion; right after it there is a pause."""
    lines = again()
    assert lines[0] == "xgboost: missing: the slot has no champion"
    assert _candidates(store) == ["missing: the slot has no champion"]
    (standing,) = state(history(store)).standings.values()
    assert standing.enter.data_last_ns == NOW_NS
    assert again() == ["xgboost: nothing calls for training"]
    assert len(history(store)) == 1


def test_a_fresh_champion_is_left_alone(again: Retrain, store: FolderStore) -> None:
    """No trigger, nothing trained; every slot is looked at for itself."""
    _champion(store, NOW_NS - 2 * DAY_NS)
    before = len(history(store))
    assert again() == ["xgboost: nothing calls for training"]
    assert len(history(store)) == before
    lines = again(kinds=("xgboost", "forest"))
    assert "forest: missing: the slot has no champion" in lines
    assert _candidates(store) == ["missing: the slot has no champion"]


def test_old_data_is_a_reason(again: Retrain, store: FolderStore) -> None:
    """By event time, with the age in the reason."""
    _champion(store, NOW_NS - 8 * DAY_NS)
    again()
    (reason,) = _candidates(store)
    assert reason == "schedule: the champion's data is 8.0 days old, 7.0 are allowed"


def test_a_person_may_force_it(again: Retrain, store: FolderStore) -> None:
    """In words that stand in the ledger; without words it is refused."""
    _champion(store, NOW_NS - 2 * DAY_NS)
    again(force="the spread model has changed")
    assert _candidates(store) == ["forced: the spread model has changed"]
    with pytest.raises(BadUse, match="--force takes a reason"):
        again(force=" ")


def _drift(symbol: str, ts_ns: int) -> ModelEvent:
    return ModelEvent(symbol, ts_ns, "drift", "ensemble", "", "", "", "adwin: it has risen")


def test_drift_is_a_reason_where_it_is_not_old(
    again: Retrain, store: FolderStore, client: Client, run: str
) -> None:
    """Three within a day, as the archive tells of them; other kinds and older ones do not count."""
    _champion(store, NOW_NS - 2 * DAY_NS)
    events: list[object] = [
        _drift("EURUSD", NOW_NS - HOUR_NS),
        _drift("GBPUSD", NOW_NS - HOUR_NS),
        _drift("GBPUSD", NOW_NS - 25 * HOUR_NS),
        ModelEvent("EURUSD", NOW_NS, "gate", "", "", "", "", "closed"),
    ]
    put(client, "model_events", run, events)
    assert again() == ["xgboost: nothing calls for training"]
    put(client, "model_events", run, [_drift("EURUSD", NOW_NS)])
    again()
    assert _candidates(store) == ["drift: 3 drift events, 3 are enough"]


def _signal(
    symbol: str, ts_ns: int, artefact_id: str, vote: float | None, p_up: float = 0.6
) -> Signal:
    return Signal(
        signal_id=f"{symbol}{ts_ns}",
        symbol=symbol,
        ts_event_ns=ts_ns,
        ts_recv_ns=ts_ns,
        model_id="ensemble",
        rule="edge-hold",
        side="buy",
        actionable=True,
        strength=0.2,
        p_up=p_up,
        bid=None,
        ask=None,
        reason="edge",
        verdict=0,
        votes=(Vote("xgboost", artefact_id, vote, 1.0),),
        threshold=0.04,
        agreement=1.0,
        schema=SCHEMA,
    )


@pytest.mark.parametrize(("right_of_ten", "poor"), [(3, True), (5, False)])
def test_votes_that_are_often_wrong_are_a_reason(
    again: Retrain, store: FolderStore, client: Client, run: str, right_of_ten: int, *, poor: bool
) -> None:
    """Its own votes where there was a signal, against the mids that followed."""
    artefact_id = _champion(store, NOW_NS - 2 * DAY_NS)
    rng = np.random.default_rng(3)
    signals: list[object] = []
    bars: list[object] = []
    for symbol in SYMBOLS:
        up = rng.random(BARS) < 0.5
        mids = 1.3 + np.concatenate([[0.0], np.cumsum(np.where(up, 1e-4, -1e-4))])
        for minute in range(BARS):
            ts_ns = START_NS + (minute + 1) * MINUTE_NS
            bars.append(bar("1m", ts_ns - MINUTE_NS, symbol=symbol, price=float(mids[minute])))
            vote = 0.7 if up[minute] is np.bool_(minute % 10 < right_of_ten) else 0.3
            signals.append(_signal(symbol, ts_ns, artefact_id, vote))
    # None of these is a vote of this model where the ensemble had an edge.
    late = START_NS + BARS * MINUTE_NS + 1
    signals += [
        _signal("EURUSD", late, "another", 0.7),
        _signal("EURUSD", late + 1, artefact_id, None),
        _signal("EURUSD", late + 2, artefact_id, 0.7, p_up=0.51),
    ]
    put(client, "bars", run, bars)
    put(client, "signals", run, signals)
    again(min_signals=700)
    if poor:
        (reason,) = _candidates(store)
        assert reason.startswith("performance: accuracy 0.3")
        assert "of 700 signals is below the floor 0.5" in reason
    else:
        assert _candidates(store) == []
        assert again(min_accuracy=0.6, min_signals=900) == ["xgboost: nothing calls for training"]


def test_what_cannot_be_trained_changes_nothing(
    store: FolderStore, client: Client, run: str
) -> None:
    """Too few rows for the sequence model: the ledger and the models are as before."""
    archive(client, run, market(120))
    with pytest.raises(BadUse, match="labelled rows are too few"):
        retrain(client, [run], SYMBOLS, _settings(), store, SLOTS, silent, trainers=_trainers)
    assert not store.folder.exists()


def test_an_archive_without_features_is_refused(store: FolderStore, client: Client) -> None:
    """There is no event time to judge at."""
    with pytest.raises(BadUse, match="no features of none, such"):
        retrain(client, ["none", "such"], SYMBOLS, _settings(), store, SLOTS, silent)
    with pytest.raises(BadUse, match="no features of any run"):
        retrain(client, [], SYMBOLS, _settings(), store, SLOTS, silent)


def test_the_runs_of_a_folder_are_those_of_the_kind_of_feed(tmp_path: Path) -> None:
    """Newest first: where two hold one bar, the newer gives it."""
    simulated = SimulatedPlan(("EURUSD",), "2024-03-01", "2024-03-05", "2024-03-05", 7)
    recorded = RecordedPlan(("EURUSD",), "ticks")
    for name, feed in (("1", simulated), ("2", recorded), ("3", simulated)):
        folder = tmp_path / "runs" / name
        save_plan(
            Plan(name, str(tmp_path), str(folder), LogAddress("", "", 1), feed, "", None, (), {})
        )
    assert runs_of(tmp_path, simulated=True) == ["3", "1"]
    assert runs_of(tmp_path, simulated=False) == ["2"]
