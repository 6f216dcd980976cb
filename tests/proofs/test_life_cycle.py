"""The life of a model from candidate to rollback: who trades is whom the ledger says.

In backtests; `tests/proofs/test_switching_runs.py` shows it in runs whose processes are killed.
"""

from collections import Counter
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import pytest

from dataflows.context import open_models
from domain.deployments import ModelEvent, Stage
from domain.nanos import MINUTE_NS, iso
from models.registry.rollback import roll_back
from models.registry.stages import at
from models.slots import in_share
from tests.contracts.test_registry import BUCKET, endpoint  # noqa: F401 - a fixture
from tests.proofs.conftest import Aifx
from tests.proofs.market import (
    ALONE,
    HORIZON_NS,
    MINUTES,
    SYMBOLS,
    WARM_UP_MINUTES,
    Registry,
    minute,
    replay,
    settings,
    write_tape,
)
from tests.proofs.test_bad_use import refused

UNGATED = {"min_accuracy": 0}
PROMOTED_AT, SECOND_AT, BACK_AT = 150, 190, 260
"""Minutes of the tape at which switches take effect."""


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the market once."""
    return write_tape(tmp_path_factory.mktemp("tape") / "ticks.parquet")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Name a data folder."""
    return tmp_path / "data"


def kinds(events: list[ModelEvent], symbol: str) -> list[str]:
    """Return what became of the models of a symbol, in order."""
    return [event.kind for event in events if event.symbol == symbol]


def test_promotions_of_the_ledger_switch_a_backtest_at_their_times(tape: Path, data: Path) -> None:
    """At one boundary for every symbol, without losing a tick or a bar, the same every time."""
    registry = Registry(data)
    first = registry.champion(0.5)
    plain = replay(tape, data, settings())
    second = registry.champion(0.9, effective_ns=minute(PROMOTED_AT))
    switched = replay(tape, data, settings())
    again = replay(tape, data, settings())

    assert switched.report.sha256 == again.report.sha256
    assert switched.report.sha256["bars"] == plain.report.sha256["bars"]
    assert switched.report.sha256["signals"] != plain.report.sha256["signals"]
    assert (switched.report.ticks_in, switched.report.ticks_archived) == (
        plain.report.ticks_in,
        plain.report.ticks_archived,
    )
    for symbol in SYMBOLS:
        wanted = {minute(n): second if n >= PROMOTED_AT else first for n in range(1, MINUTES)}
        found = switched.voters(symbol)
        assert wanted.items() <= found.items()
        assert kinds(switched.events, symbol).count("switch") == 1
    (golden,) = {one.golden_sha256 for one in switched.events if one.kind == "switch"}
    assert golden == registry.golden(second)
    # Before the promotion takes effect nobody can tell that there will be one.
    earlier = [one for one in plain.signals if one.ts_event_ns < minute(PROMOTED_AT)]
    assert earlier == [one for one in switched.signals if one.ts_event_ns < minute(PROMOTED_AT)]


def test_the_ledger_says_of_every_minute_who_votes_in_the_signals(
    tape: Path, data: Path, aifx: Aifx
) -> None:
    """Through two promotions and a rollback; ``aifx models at`` says it in its table."""
    registry = Registry(data)
    a = registry.champion(0.5)
    b = registry.champion(0.9, effective_ns=minute(PROMOTED_AT))
    c = registry.champion(0.7, effective_ns=minute(SECOND_AT))
    back = minute(BACK_AT)
    roll_back(registry.store, "xgboost", back, "Ada", "it was better", effective_ns=back)
    played = replay(tape, data, settings(**ALONE))
    entries = registry.entries
    traded = {}
    for symbol in SYMBOLS:
        for ts_ns, voter in played.voters(symbol).items():
            (champion,) = [
                one.artefact_id
                for one in at(entries, ts_ns, ts_ns).standings.values()
                if one.stage is Stage.CHAMPION
            ]
            assert voter == champion
            traded[ts_ns] = voter
    assert list(dict.fromkeys(traded[ts_ns] for ts_ns in sorted(traded))) == [a, b, c]
    assert traded[back] == b
    assert traded[back - MINUTE_NS] == c
    for number in (PROMOTED_AT - 1, SECOND_AT, BACK_AT):
        ended = aifx("models", "at", iso(minute(number)), data=data)
        assert ended.code == 0, ended.output
        lines = [line for line in ended.output.splitlines() if "champion" in line]
        assert lines
        assert all(traded[minute(number)][:12] in line for line in lines), ended.output


@pytest.mark.usefixtures("endpoint")
def test_models_in_a_bucket_serve_as_those_in_a_folder(tape: Path, data: Path) -> None:
    """The same acts give the same signals; what serves is a copy in the data folder."""
    chosen = settings(store=f"s3://{BUCKET}/{data.parent.name}")
    places = (Registry(data), Registry(data, open_models(chosen, str(data), simulated=False)))
    for registry in places:
        champion = registry.champion(0.5)
        registry.champion(0.9, effective_ns=minute(PROMOTED_AT))
    in_folder, in_bucket = replay(tape, data, settings()), replay(tape, data, chosen)
    assert in_bucket.report.sha256 == in_folder.report.sha256
    assert in_bucket.events == in_folder.events
    assert len(in_bucket.events) >= len(SYMBOLS)
    assert (data / "models" / "cache" / champion / "model.onnx").exists()


@pytest.mark.parametrize("shadow_first", [False, True])
def test_a_bad_canary_is_rolled_back_by_the_flow_itself(
    tape: Path, data: Path, *, shadow_first: bool
) -> None:
    """With evidence, to the very champion of before; other symbols never saw it decide.

    Also where it was found worse as a shadow already: as a canary it is on trial anew.
    """
    registry = Registry(data)
    good = registry.champion(0.5)
    bad = registry.model(-0.5)
    registry.validated(bad)
    promoted_at = 290 if shadow_first else PROMOTED_AT
    if shadow_first:
        registry.promoted(bad, Stage.SHADOW)
        registry.promoted(bad, Stage.CANARY, effective_ns=minute(promoted_at), share=0.5)
    else:
        stages = (Stage.SHADOW, Stage.CANARY)
        registry.promoted(bad, *stages, effective_ns=minute(promoted_at), share=0.5)
    inside = {symbol for symbol in SYMBOLS if in_share(bad, symbol, 0.5)}
    assert inside
    assert inside != set(SYMBOLS)

    played = replay(tape, data, settings(**ALONE, **UNGATED))
    for symbol in SYMBOLS:
        voters = played.voters(symbol)
        rolled = [e for e in played.events if e.symbol == symbol and e.kind == "rollback"]
        if symbol not in inside:
            assert not rolled
            assert set(voters.values()) == {good}
            continue
        (event,) = rolled
        assert (event.artefact_id, event.before_id, event.stage) == (good, bad, "champion")
        assert "worse than" in event.reason
        assert "mean log-loss" in event.reason
        assert event.golden_sha256 == registry.golden(good)
        for ts_ns, voter in voters.items():
            held = minute(promoted_at) <= ts_ns < event.ts_event_ns
            assert voter == (bad if held else good)
    worse = {e.symbol for e in played.events if e.kind == "difference" and e.stage == "shadow"}
    assert worse == (set(SYMBOLS) if shadow_first else set())


def test_a_damaged_champion_is_refused_at_the_start(tape: Path, data: Path, aifx: Aifx) -> None:
    """One line that names it, exit code 2."""
    registry = Registry(data)
    champion = registry.champion(0.5)
    registry.damage(champion)
    refused(aifx("run", "--ticks", str(tape), data=data), champion, "model.onnx was changed")


def test_a_switch_to_a_damaged_model_changes_nothing_but_is_told(tape: Path, data: Path) -> None:
    """The champion goes on; every signal is the one of a run without the switch."""
    registry = Registry(data)
    champion = registry.champion(0.5)
    plain = replay(tape, data, settings())
    broken = registry.champion(0.9, effective_ns=minute(PROMOTED_AT))
    registry.damage(broken)
    played = replay(tape, data, settings())
    assert played.report.sha256 == plain.report.sha256
    assert played.report.ticks_archived == plain.report.ticks_archived
    for symbol in SYMBOLS:
        (event,) = [e for e in played.events if e.symbol == symbol and e.kind == "rollback"]
        assert event.ts_event_ns == minute(PROMOTED_AT)
        assert (event.artefact_id, event.before_id) == (champion, broken)
        assert "switch to champion refused: it cannot be loaded" in event.reason
        assert event.golden_sha256 == registry.golden(champion)


def test_a_run_that_is_always_wrong_stops_trading_and_ends_flat(tape: Path, data: Path) -> None:
    """The gate closes on each symbol; what is open is closed, and nothing is opened again."""
    Registry(data).champion(-0.5)
    played = replay(tape, data, settings(**ALONE, min_signals=30, window_signals=60))
    assert played.report.accuracy.value is not None
    assert played.report.accuracy.value < 0.3
    fills = played.collected.executions
    assert fills
    for symbol in SYMBOLS:
        gates = [e for e in played.events if e.symbol == symbol and e.kind == "gate"]
        closed = gates[-1]
        assert closed.reason.startswith("closed: accuracy 0.")
        assert closed.ts_event_ns < minute(WARM_UP_MINUTES) + 8 * HORIZON_NS
        after = [
            s for s in played.signals if s.symbol == symbol and s.ts_event_ns >= closed.ts_event_ns
        ]
        assert Counter((s.reason, s.side) for s in after) == {
            ("accuracy_below_floor", "flat"): len(after)
        }
        assert len(after) > MINUTES // 2
        units = [
            fill.quantity_units if fill.side == "buy" else -fill.quantity_units
            for fill in fills
            if fill.symbol == symbol
        ]
        assert list(accumulate(units, initial=Decimal(0)))[-1] == 0
        late = [f for f in fills if f.symbol == symbol and f.ts_event_ns > closed.ts_event_ns]
        assert len(late) <= 1


def test_without_an_edge_the_default_gate_closes_where_it_measures_none(
    data: Path, tmp_path: Path
) -> None:
    """Random walks: after 200 signals a symbol goes on only while its own share is not below."""
    walk = write_tape(tmp_path / "walk.parquet", edge=False, minutes=600)
    Registry(data).champion(0.5)
    played = replay(walk, data, settings(**ALONE))
    closed_for = dict.fromkeys(SYMBOLS, 0)
    for symbol in SYMBOLS:
        is_open = True
        gates = {
            e.ts_event_ns: e.reason.startswith("opened")
            for e in played.events
            if e.symbol == symbol and e.kind == "gate"
        }
        for signal in played.signals:
            if signal.symbol != symbol or signal.p_up is None:
                continue
            is_open = gates.get(signal.ts_event_ns, is_open)
            assert (signal.reason == "accuracy_below_floor") == (not is_open)
            closed_for[symbol] += not is_open
    assert sum(count > 0 for count in closed_for.values()) >= 2, closed_for
