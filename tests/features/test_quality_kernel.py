"""The quality kernel beside its own plain-Python form and beside a slow reading of the rules."""

import json
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.nanos import HOUR_NS, MS_NS, SECOND_NS
from domain.ticks import Kind, TickArray, Verdict
from features import quality, quality_kernel, quality_rules
from features.quality import Judged, QualityConfig, QualityLogic
from features.quality_state import QualityState
from testkit.tapes import batches
from tests.features.hostile_ticks import CLOSE_NS, hostile
from tests.features.slow_quality import SlowQuality, as_slow, log_as_slow

SYMBOLS = ("EURUSD", "NZDUSD", "USDJPY")
USUAL = QualityConfig(SYMBOLS)
QUICK = QualityConfig(
    SYMBOLS,
    lateness_ns=300 * MS_NS,
    gap_ns=5 * SECOND_NS,
    learn_ticks=20,
    spread_ratio=3.0,
    spike_sigmas=6.0,
    spike_floor_pips=1.5,
    spike_confirm_ticks=4,
    stale_min_changes=30,
    one_sided_ticks=20,
)
PATIENT = QualityConfig(
    SYMBOLS,
    future_skew_ns=50 * MS_NS,
    grace_ns=90 * MS_NS,
    heartbeat_ns=250 * MS_NS,
    lateness_ns=2 * SECOND_NS,
    learn_ticks=1,
    spike_confirm_ticks=2,
    burst_min_duplicates=3,
    burst_z_score=1.5,
)
CONFIGS = {"usual": USUAL, "quick": QUICK, "patient": PATIENT}

OF_THE_WIRE = Verdict.TRUNCATED
"""Set where records are cut from bytes, never here."""


def _tape(seed: int, count: int = 1_200) -> TickArray:
    return hostile(SYMBOLS, count, seed, CLOSE_NS - HOUR_NS // 4)


def _bytes(parts: list[Judged]) -> tuple[bytes, bytes]:
    return (
        b"".join(part.log.tobytes() for part in parts),
        b"".join(part.rejected.tobytes() for part in parts),
    )


def _agree(config: QualityConfig, tape: TickArray) -> int:
    """Hold the kernel against the slow reading on a tape; return all bits that were set."""
    fast, slow = config.build(None), SlowQuality(config)
    judged = [fast.judge(tape)]
    slow.judge(tape)
    _same_state(fast.snapshot(), slow)
    end = fast.close()
    slow.close()
    log = judged[0].log
    rejected = np.concatenate([judged[0].rejected, end.rejected])
    assert as_slow(rejected) == slow.rejected
    assert log_as_slow(log) == slow.log
    return int(np.bitwise_or.reduce(np.concatenate([log["verdict"], rejected["verdict"]])))


def _same_state(snapshot: dict[str, Any], slow: SlowQuality) -> None:
    config = slow.config
    state = QualityState(config.symbols, config.spike_confirm_ticks - 1, 0)
    state.restore(snapshot)
    clock = [slow.clock, slow.beat]
    assert [None if ns < 0 else ns for ns in state.clock[:2].tolist()] == clock
    for at, symbol in enumerate(config.symbols):
        known, found = slow.memory[symbol.encode()], state.block[at]
        held = [quote.raw[8:] for quote in known.held]
        assert [row.tobytes()[8:] for row in state.held[at, : int(found["held"])]] == held
        minutes = dict(enumerate(state.profile[at].tolist()))
        assert {m: level for m, level in minutes.items() if level >= 0} == known.minutes
        second, count = next(iter(known.duplicates.items()), (None, 0))
        expected = {
            "ticks": known.ticks,
            "changed_ns": known.changed,
            "one_sided": known.bid_alone - known.ask_alone,
            "move": known.mean_move,
            "evidence": len(known.evidence),
            "held": len(held),
            "burst_count": count,
            "burst_mean": known.rate,
            "spread_level": known.spread,
            "change_level": [known.ages[p] for p in ("rollover", "asia", "london", "new york")],
            "changes": [known.changes[p] for p in ("rollover", "asia", "london", "new york")],
        }
        if known.last is not None:
            expected |= {
                "event_ns": known.last.event,
                "bid": known.last.bid,
                "ask": known.last.ask,
            }
        if known.evidence:
            newest = known.evidence[-1]
            expected |= {
                "evidence_ns": newest.event,
                "evidence_bid": newest.bid,
                "evidence_ask": newest.ask,
            }
        if held:
            expected["held_ns"] = known.held_since
        if second is not None:
            expected["burst_second"] = second
        assert {name: found[name].tolist() for name in expected} == expected, symbol


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_follows_the_rules_as_one_would_say_them(name: str, seed: int) -> None:
    """A slow reading, with its own calendar, comes to the same log, rejects and state."""
    _agree(CONFIGS[name], _tape(seed))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    lateness_ms=st.sampled_from((0, 1, 500, 10_000)),
    hold_ms=st.sampled_from((1, 100, 400, 5_000)),
    confirm=st.integers(2, 6),
    learn=st.sampled_from((1, 10, 100)),
    floor=st.sampled_from((0.1, 1.0, 5.0)),
)
def test_they_agree_under_any_settings(
    seed: int, lateness_ms: int, hold_ms: int, confirm: int, learn: int, floor: float
) -> None:
    """The same, with tapes and settings that nobody chose."""
    config = QualityConfig(
        SYMBOLS,
        grace_ns=700 * MS_NS,
        lateness_ns=lateness_ms * MS_NS,
        gap_ns=7 * SECOND_NS,
        learn_ticks=learn,
        spike_floor_pips=floor,
        spike_sigmas=5.0,
        spike_confirm_ticks=confirm,
        spike_hold_ns=hold_ms * MS_NS,
        stale_min_changes=10,
        one_sided_ticks=10,
    )
    _agree(config, _tape(seed, 300))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_they_agree_on_a_million_ticks_with_every_defect() -> None:
    """Three days and a weekend: every reason that the kernel knows occurs, none is judged apart."""
    tape = hostile(SYMBOLS, 300_000, 42, CLOSE_NS - 48 * HOUR_NS)
    assert tape.size > 1_000_000
    assert Verdict(_agree(USUAL, tape)) == sum(Verdict) - OF_THE_WIRE - Verdict.DELAYED
    # No lateness, no delay: this one bit needs other settings.
    assert Verdict(_agree(QUICK, tape[:100_000])) & Verdict.DELAYED


@pytest.mark.parametrize("name", CONFIGS)
def test_compiled_and_plain_python_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts, heartbeats and the state left behind are the same to the bit."""
    tape = _tape(7, 300)
    compiled = CONFIGS[name].build(None)
    judged = [compiled.judge(tape), compiled.close()]
    for module in (quality_rules, quality_kernel, quality):
        for function, kernel in list(vars(module).items()):
            if hasattr(kernel, "py_func"):
                monkeypatch.setattr(module, function, kernel.py_func)
    assert isinstance(vars(quality)["judge_kernel"], FunctionType)
    plain = CONFIGS[name].build(None)
    assert _bytes([plain.judge(tape), plain.close()]) == _bytes(judged)
    assert plain.snapshot() == compiled.snapshot()


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_batches_of_any_size_give_the_same_bytes(size: int, name: str) -> None:
    """Log, rejects and state do not depend on how the tape was cut."""
    tape = _tape(5, 3_000)
    whole = CONFIGS[name].build(None)
    judged = [whole.judge(tape), whole.close()]
    cut: QualityLogic = CONFIGS[name].build(None)
    parts = [cut.judge(part) for part in batches(tape, size)]
    assert _bytes([*parts, cut.close()]) == _bytes(judged)
    assert cut.snapshot() == whole.snapshot()


@pytest.mark.parametrize("name", CONFIGS)
def test_it_resumes_after_any_tick(name: str) -> None:
    """Thrown away and restored after each of some ticks, with ticks held or not."""
    tape = _tape(11, 400)
    whole = CONFIGS[name].build(None)
    judged = whole.judge(tape)
    parts, state, held = [], None, 0
    for part in batches(tape, 3):
        logic = CONFIGS[name].build(state)
        parts.append(logic.judge(part))
        state = json.loads(json.dumps(logic.snapshot()))
        held += len(state["held"])
    assert held > 0
    assert _bytes(parts) == _bytes([judged])
    assert state == json.loads(json.dumps(whole.snapshot()))


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("seed", range(3))
def test_the_log_keeps_what_bars_rely_on(name: str, seed: int) -> None:
    """No tick is older than the heartbeats before it allow, none goes back beyond the lateness."""
    config = CONFIGS[name]
    log = config.build(None).judge(_tape(seed, 3_000)).log
    beat = np.where(log["kind"] == Kind.HEARTBEAT, log["ts_recv_ns"], 0)
    proven = np.maximum.accumulate(beat) - config.wait_ns
    tick = log["kind"] == Kind.TICK
    assert (log["ts_event_ns"][tick] >= proven[tick]).all()
    for symbol in SYMBOLS:
        events = log["ts_event_ns"][log["symbol"] == symbol.encode()]
        assert events.size > 1_000
        newest = np.maximum.accumulate(events)
        assert (events >= newest - config.lateness_ns).all()
        delayed = log["verdict"][log["symbol"] == symbol.encode()] & Verdict.DELAYED > 0
        assert (delayed == (events < newest)).all()


def test_any_layout_of_the_array_is_judged_alike() -> None:
    """Read-only, strided or not aligned in memory: the values count."""
    tape = _tape(3, 300)
    wanted = _bytes([USUAL.build(None).judge(tape)])
    frozen = np.frombuffer(tape.tobytes(), dtype=tape.dtype)
    strided = np.repeat(tape, 2)[::2]
    odd = np.frombuffer(b"\0" + tape.tobytes(), dtype=tape.dtype, offset=1)
    for other in (frozen, strided, odd):
        assert _bytes([USUAL.build(None).judge(other)]) == wanted
