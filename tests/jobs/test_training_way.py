"""From rows to champion: a sound model goes all the way, and what only looks good is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.deployments import Stage
from domain.nanos import MINUTE_NS
from features.spec import FEATURE_NAMES
from jobs import lookahead
from jobs.evidence import Look, file_of, stored_evidence, unpacked
from jobs.lookahead import Rows
from jobs.train import candidates
from jobs.training_data import TrainingSet
from jobs.validate import Validated, validate_artefact
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.registry.acts import approve, promote
from models.registry.artefact import Artefact
from models.registry.ledger import history
from models.registry.report import GateResult
from models.registry.stages import state
from models.registry.store import FolderStore
from models.training.learner import Learner
from tests.jobs.made_market import LABEL, LEARNERS, LIMITS, WALK, market, silent

KINDS = ("xgboost", "forest", "lstm")


def _clean(_manifest: object) -> list[str]:
    return []


def _train(
    rows: TrainingSet, store: FolderStore, learners: list[Learner] | None = None
) -> list[Artefact]:
    chosen = learners or [LEARNERS["xgboost"]]
    return candidates(rows, LABEL, chosen, WALK, store, {}, silent)


def _validate(store: FolderStore, artefact_id: str, look: Look | None = _clean) -> Validated:
    gather = stored_evidence(store, look)
    return validate_artefact(
        store, artefact_id, gather, at_ns=9, by="Ada", reason="passed", limits=LIMITS
    )


def _stage(store: FolderStore, artefact_id: str) -> Stage:
    return state(history(store)).standings[artefact_id].stage


def _gates(found: Validated) -> dict[str, GateResult]:
    return {gate.name: gate for gate in found.report.gates}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[FolderStore, list[str]]:
    """Train every kind on a market that can be known a little; nobody has judged them."""
    store = FolderStore(tmp_path_factory.mktemp("trained"))
    made = _train(market(), store, [LEARNERS[kind] for kind in KINDS])
    return store, [artefact.artefact_id for artefact in made]


def test_a_training_ends_with_candidates_and_no_more(
    trained: tuple[FolderStore, list[str]],
) -> None:
    """One line each, by the job, with what it was trained on; evidence lies beside."""
    store, ids = trained
    lines = [line for line in history(store) if line.act == "enter"]
    assert [line.artefact_id for line in lines] == ids
    assert [line.slot for line in lines] == list(KINDS)
    assert {line.by for line in lines} == {"aifx train"}
    assert all("rows of EURUSD, GBPUSD" in line.reason for line in lines)
    for artefact_id in ids:
        assert store.read(file_of(artefact_id)) is not None
    assert not [name for name in store.folders() if name not in {*ids, "evidence", "reports"}]


@pytest.mark.parametrize("at", range(len(KINDS)), ids=KINDS)
def test_a_sound_model_of_every_kind_becomes_champion(
    trained: tuple[FolderStore, list[str]], at: int
) -> None:
    """Validated on what training kept, approved by name, promoted stage by stage."""
    store, ids = trained
    found = _validate(store, ids[at])
    assert found.report.failed == ()
    gates = _gates(found)
    assert float(gates["parity"].figures["n"] or 0) >= 2_000
    assert float(gates["expectancy"].figures["net_pips"] or 0) > 0.1
    approve(store, ids[at], 10, "Grace", "I have read the report", silent)
    for to in (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION):
        promote(store, ids[at], to, 11, "Grace", "on it goes", say=silent)
    assert _stage(store, ids[at]) is Stage.CHAMPION


def test_noise_is_refused(tmp_path: Path) -> None:
    """It is no better than the base rate, and pays for nothing."""
    store = FolderStore(tmp_path)
    (made,) = _train(market(strength=0.0), store)
    found = _validate(store, made.artefact_id)
    assert {"accuracy", "expectancy"} <= set(found.report.failed)
    assert _stage(store, made.artefact_id) is Stage.CANDIDATE


def _with(rows: TrainingSet, feature: str, values: np.ndarray) -> TrainingSet:
    x = rows.data.x.copy()
    x[:, FEATURE_NAMES.index(feature)] = values
    return TrainingSet(replace(rows.data, x=x), rows.spread_pips)


def _next_move(rows: TrainingSet) -> np.ndarray:
    labels = LABEL.labels(rows)
    return np.nan_to_num(labels.later - rows.data.mid) * 1e4


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (lambda rows: np.nan_to_num(LABEL.labels(rows).y), "label"),
        (lambda rows: 3 * _next_move(rows) / rows.data.mid - 7, "return"),
        (
            lambda rows: (
                _next_move(rows) + np.random.default_rng(5).normal(size=len(rows.data.ts_ns))
            ),
            "rank",
        ),
    ],
    ids=["the label", "the return in other units", "a look ahead in noise"],
)
def test_a_feature_that_knows_the_answer_is_named(
    plant: Callable[[TrainingSet], np.ndarray], reason: str, tmp_path: Path
) -> None:
    """The model looks splendid, and the gate says which feature knew."""
    store = FolderStore(tmp_path)
    rows = market(strength=0.2)
    (made,) = _train(_with(rows, "close_location", plant(rows)), store)
    found = _validate(store, made.artefact_id)
    assert found.report.failed == ("label_leak",)
    assert f"close_location ({reason} " in _gates(found)["label_leak"].words
    assert float(_gates(found)["accuracy"].figures["accuracy"] or 0) > 0.7
    assert _stage(store, made.artefact_id) is Stage.CANDIDATE


def test_a_platform_that_looks_ahead_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulator's tape is played whole and cut short; a feature that reads the next minute."""
    honest = lookahead.played

    def peeking(settings: object) -> lookahead.Play:
        play = honest(settings)  # type: ignore[arg-type] # handed on as it came

        def played(feed: object) -> Rows:
            rows = play(feed)  # type: ignore[arg-type] # the same
            return {
                (symbol, close_ns): np.append(
                    rows.get((symbol, close_ns + MINUTE_NS), values)[:1], values[1:]
                )
                for (symbol, close_ns), values in rows.items()
            }

        return played

    monkeypatch.setattr(lookahead, "CUTS", 1)
    store = FolderStore(tmp_path)
    (made,) = _train(market(), store)
    monkeypatch.setattr(lookahead, "played", peeking)
    found = _validate(store, made.artefact_id, lookahead.simulated_detector(None))
    assert found.report.failed == ("lookahead",)
    assert FEATURE_NAMES[0] in _gates(found)["lookahead"].words
    monkeypatch.setattr(lookahead, "played", honest)
    found = _validate(store, made.artefact_id, lookahead.simulated_detector(None))
    assert found.report.failed == ()


def test_what_nobody_has_recomputed_is_refused(tmp_path: Path) -> None:
    """Without ticks there is no word on look-ahead."""
    store = FolderStore(tmp_path)
    (made,) = _train(market(), store)
    assert _validate(store, made.artefact_id, None).report.failed == ("lookahead",)


def test_a_champion_is_compared_on_rows_that_it_had_not_seen(tmp_path: Path) -> None:
    """All rows lie within its data, so its walk-forward answers count; a weaker one is refused."""
    store = FolderStore(tmp_path)
    rows = market()
    (champion,) = _train(rows, store)
    _raise(store, champion.artefact_id)
    (weaker,) = _train(rows, store, [XgboostLearner(XgboostParams(trees=3))])
    found = _validate(store, weaker.artefact_id)
    assert found.report.champion_id == champion.artefact_id
    assert "champion" in found.report.failed
    gate = _gates(found)["champion"]
    assert float(gate.figures["difference"] or 0) < -0.02
    kept = unpacked(store, champion.artefact_id, champion.manifest)
    assert gate.figures["n"] == int((np.isfinite(kept.p_up) & np.isfinite(kept.outcome.y)).sum())


def test_a_champion_that_has_not_answered_beats_everybody(tmp_path: Path) -> None:
    """Without its evidence it has seen all rows: there is no comparison, and so no promotion."""
    store = FolderStore(tmp_path)
    rows = market()
    (champion,) = _train(rows, store)
    _raise(store, champion.artefact_id)
    (store.folder / file_of(champion.artefact_id)).unlink()
    (other,) = _train(rows, store, [XgboostLearner(XgboostParams(trees=90))])
    found = _validate(store, other.artefact_id)
    assert found.report.failed == ("champion",)
    assert "not asked on the same rows" in _gates(found)["champion"].words


def test_a_later_candidate_meets_the_champion_itself(tmp_path: Path) -> None:
    """Behind the champion's data it is asked, and a better one takes its place."""
    store = FolderStore(tmp_path)
    rows = market(2_000)
    early = _before(rows, 400)
    (champion,) = _train(early, store, [XgboostLearner(XgboostParams(trees=3))])
    store.folder.joinpath(file_of(champion.artefact_id)).unlink()
    _promoted(store, champion.artefact_id)
    (better,) = _train(rows, store)
    found = _validate(store, better.artefact_id)
    assert found.report.failed == ()
    assert float(_gates(found)["champion"].figures["low"] or 0) > 0


def _raise(store: FolderStore, artefact_id: str) -> None:
    assert _validate(store, artefact_id).report.failed == ()
    approve(store, artefact_id, 10, "Grace", "read", silent)
    for to in (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION):
        promote(store, artefact_id, to, 11, "Grace", "on it goes", say=silent)


def _promoted(store: FolderStore, artefact_id: str) -> None:
    """Make a champion of whatever it is."""
    from tests.models.registry.life import onward

    onward(store, artefact_id, Stage.VALIDATED, Stage.CHAMPION)


def _before(rows: TrainingSet, minutes: int) -> TrainingSet:
    data = rows.data
    kept = data.ts_ns <= data.ts_ns.min() + minutes * MINUTE_NS
    cut = replace(
        data,
        ts_ns=data.ts_ns[kept],
        x=data.x[kept],
        mid=data.mid[kept],
        symbol_codes=data.symbol_codes[kept],
    )
    return TrainingSet(cut, rows.spread_pips[kept])
