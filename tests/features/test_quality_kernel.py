"""The quality kernel beside its own plain-Python form and beside a slow reading of the rules."""

import math
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.nanos import MS_NS, SECOND_NS, from_ns
from domain.ticks import Kind, TickArray, Verdict, reasons
from features import quality
from features.quality import Judged, QualityConfig, QualityLogic
from features.quality_kernel import judge_kernel
from testkit.tapes import across_weekend, arrivals, batches, spoil, walk

SYMBOLS = ("EURUSD", "NZDUSD", "USDJPY")
CONFIG = QualityConfig(SYMBOLS)
NEW_YORK = ZoneInfo("America/New_York")


def _market_is_open(ts_ns: int) -> bool:
    """Say what the calendar says, from the rule book alone."""
    local: datetime = from_ns(ts_ns).astimezone(NEW_YORK)
    evening = local.time() >= time(17)
    trade_date: date = local.date() + timedelta(days=1 if evening else 0)
    holiday = (trade_date.month, trade_date.day) in {(12, 25), (1, 1)}
    return trade_date.isoweekday() <= 5 and not holiday


@dataclass
class SlowQuality:
    """The rules of `QualityConfig`, one tick at a time, as one would say them."""

    last: dict[bytes, tuple[int, float, float]] = field(default_factory=dict)
    recv_clock: int | None = None
    last_beat: int | None = None

    def judge(self, tick: np.void) -> tuple[set[str], int | None]:
        """Return the broken rules of one tick, and the heartbeat before it."""
        event, recv = int(tick["ts_event_ns"]), int(tick["ts_recv_ns"])
        bid, ask = float(tick["bid"]), float(tick["ask"])
        broken = set()
        if not (math.isfinite(bid) and math.isfinite(ask)):
            broken.add("not_finite")
        elif min(bid, ask) <= 0:
            broken.add("not_positive")
        elif bid > ask:
            broken.add("crossed")
        if event - recv > CONFIG.future_skew_ns:
            broken.add("future")
        if tick["symbol"] in self.last:
            last_event, *last_quote = self.last[tick["symbol"]]
            if event < last_event:
                broken.add("out_of_order")
            elif event == last_event and [bid, ask] == last_quote:
                broken.add("duplicate")
        if not _market_is_open(event):
            broken.add("closed_market")

        self.recv_clock = recv if self.recv_clock is None else max(recv, self.recv_clock)
        second = self.recv_clock // SECOND_NS * SECOND_NS
        due = self.last_beat is not None and second > self.last_beat
        self.last_beat = second if self.last_beat is None else max(second, self.last_beat)
        if event < self.last_beat - CONFIG.grace_ns:
            broken.add("late")
        if not broken:
            self.last[tick["symbol"]] = (event, bid, ask)
        return broken, second if due else None


def _tape(seed: int) -> TickArray:
    rng = np.random.default_rng(seed)
    parts = [
        spoil(across_weekend("EURUSD", 700, seed), 0.2, seed),
        spoil(across_weekend("NZDUSD", 700, seed + 50), 0.2, seed + 1),
        spoil(walk("USDJPY", 300, seed, "2024-03-08T21:50", 4_000.0), 0.2, seed + 2),
    ]
    tape = arrivals(*parts)
    # A receipt may go back, too: another gateway's clock.
    odd = rng.random(tape.size) < 0.01
    tape["ts_recv_ns"][odd] -= rng.integers(0, 3_000, int(odd.sum())) * MS_NS
    return tape


def _same(one: Judged, other: Judged) -> bool:
    return (one.log.tobytes(), one.rejected.tobytes()) == (
        other.log.tobytes(),
        other.rejected.tobytes(),
    )


def test_the_tape_breaks_every_rule() -> None:
    """What the comparisons below see holds every defect that there is a name for."""
    bits = 0
    for seed in range(3):
        bits |= int(np.bitwise_or.reduce(CONFIG.build(None).judge(_tape(seed)).rejected["verdict"]))
    assert reasons(bits) == reasons(sum(Verdict))


@pytest.mark.parametrize("seed", range(3))
def test_compiled_and_plain_python_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts, heartbeats and the state left behind are the same to the bit."""
    tape = _tape(seed)
    compiled = CONFIG.build(None)
    judged = compiled.judge(tape)
    monkeypatch.setattr(quality, "judge_kernel", judge_kernel.py_func)
    plain = CONFIG.build(None)
    assert _same(plain.judge(tape), judged)
    assert plain.snapshot() == compiled.snapshot()


@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_follows_the_rules_as_one_would_say_them(seed: int) -> None:
    """A slow reading of the rules, with its own calendar, comes to the same log."""
    tape = _tape(seed)
    slow = SlowQuality()
    log: list[tuple[Kind, int]] = []
    rejects: list[tuple[int, set[str]]] = []
    for tick in tape:
        broken, beat = slow.judge(tick)
        if beat is not None:
            log.append((Kind.HEARTBEAT, beat))
        if broken:
            rejects.append((int(tick["seq"]), broken))
        else:
            log.append((Kind.TICK, int(tick["seq"])))
    judged = CONFIG.build(None).judge(tape)
    assert [
        (Kind.TICK, seq) if kind == Kind.TICK else (Kind.HEARTBEAT, recv)
        for kind, seq, recv in zip(
            judged.log["kind"].tolist(),
            judged.log["seq"].tolist(),
            judged.log["ts_recv_ns"].tolist(),
            strict=True,
        )
    ] == log
    assert [
        (seq, set(reasons(bits)))
        for seq, bits in zip(
            judged.rejected["seq"].tolist(), judged.rejected["verdict"].tolist(), strict=True
        )
    ] == rejects


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_batches_of_any_size_give_the_same_bytes(size: int) -> None:
    """Log and rejects do not depend on how the tape was cut."""
    tape = _tape(5)
    whole = CONFIG.build(None)
    judged = whole.judge(tape)
    cut: QualityLogic = CONFIG.build(None)
    parts = [cut.judge(part) for part in batches(tape, size)]
    assert b"".join(part.log.tobytes() for part in parts) == judged.log.tobytes()
    assert b"".join(part.rejected.tobytes() for part in parts) == judged.rejected.tobytes()
    assert cut.snapshot() == whole.snapshot()
