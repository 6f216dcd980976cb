"""From ticks to signals through the steps: reasons, identities, resuming, no look-ahead."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from domain.bars import FOR_EVER
from domain.ids import signal_id
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.predictions import Signal
from domain.ticks import Kind, TickArray, TickBatch, Verdict, heartbeat
from features.bars import BarConfig
from features.quality import QualityConfig
from features.spec import WARM_UP_BARS
from operators.decide import BarStep, Decided, panel_input, predictions
from testkit.tapes import START, across_weekend, batches, spoil, ticks, walk
from tests.operators.decision_steps import CONFIG, HORIZON_NS, MIN_LABELS, Out, Way

T0 = parse_ns(START)


def _feed(way: Way, records: TickArray) -> list[Decided]:
    return way.feed([TickBatch("EURUSD", records, 42)])


def _signals(decided: Iterable[Decided]) -> list[Signal]:
    return [signal for item in decided for signal in item.signals]


def _run(parts: Iterable[TickArray]) -> Out:
    way = Way()
    for part in parts:
        _feed(way, part)
    return way.out["EURUSD"]


@pytest.fixture(scope="module")
def log() -> TickArray:
    """Give some ten hours of accepted ticks and heartbeats over a weekend."""
    raw = spoil(across_weekend("EURUSD", 14_000, 8, mean_gap_ms=1_500.0), 0.02, 8)
    rules = QualityConfig(("EURUSD",)).build(None)
    return np.concatenate([rules.judge(raw).log, rules.last_heartbeat()])


@pytest.fixture(scope="module")
def whole(log: TickArray) -> Out:
    """Give everything that comes of it in one run."""
    way = Way()
    signals = _signals(_feed(way, log))
    reasons = {signal.reason for signal in signals}
    assert {"edge", "hold", "features_not_ready", "model_not_ready", "gap"} <= reasons
    assert {signal.side for signal in signals} == {"buy", "sell", "flat"}
    return way.out["EURUSD"]


def test_what_is_known_at_a_cut_does_not_depend_on_what_follows(log: TickArray, whole: Out) -> None:
    """Cut the tape anywhere: bars, features, predictions, signals are the first of the whole's."""
    rng = np.random.default_rng(4)
    way, done = Way(), 0
    for cut in sorted(rng.integers(1, log.size, 8).tolist()):
        _feed(way, log[done:cut])
        done = cut
        truncated = _run([log[:cut]])
        assert truncated == way.out["EURUSD"]
        for part, all_of_it in zip(truncated.parts(), whole.parts(), strict=True):
            assert part == all_of_it[: len(part)]


def test_another_future_changes_nothing_before_it(log: TickArray) -> None:
    """Double every price behind a tick: what was decided until then stays, to the byte."""
    cut = log.size * 2 // 3
    other = log.copy()
    other["bid"][cut:] *= 2
    other["ask"][cut:] *= 2
    before = _run([log[:cut]])
    after = _run([other])
    for part, all_of_it in zip(before.parts(), after.parts(), strict=True):
        assert part == all_of_it[: len(part)]
    assert len(after.signals) > len(before.signals) > 150


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_batches_of_any_size_give_the_same_bytes(size: int, log: TickArray, whole: Out) -> None:
    """Predictions and signals, too, do not depend on how the log was polled."""
    assert _run(batches(log, size)) == whole


def test_the_steps_resume_anywhere(log: TickArray, whole: Out) -> None:
    """Thrown away and restored at a dozen random records, they go on as if nothing had been."""
    rng = np.random.default_rng(5)
    way, out = Way(), Out()
    for part in np.split(log, sorted(rng.integers(0, log.size, 12).tolist())):
        way = Way(state=way.snapshot())
        _feed(way, part)
        out.extend(way.out["EURUSD"])
    assert out == whole


def test_models_answer_from_their_warm_up_on(log: TickArray) -> None:
    """Features first, then the labels that the online model needs, then a view."""
    decided = _feed(Way(), log[: log.size * 2 // 5])
    records = [p for item in decided for p in predictions(item, CONFIG) if p.model == "ensemble"]
    reasons = [record.reason for record in records]
    cold = reasons.count("features_not_ready")
    untaught = reasons.count("model_not_ready")
    assert cold == WARM_UP_BARS - 1
    assert (
        reasons[: cold + untaught] == ["features_not_ready"] * cold + ["model_not_ready"] * untaught
    )
    # Twenty labels, each known three minutes after its bar; a label of no move teaches nothing.
    waited_ns = records[cold + untaught].ts_event_ns - records[cold].ts_event_ns
    assert waited_ns >= HORIZON_NS + (MIN_LABELS - 1) * MINUTE_NS
    assert set(reasons[cold + untaught :]) == {""}


def test_each_boundary_has_one_signal_with_its_own_id(log: TickArray) -> None:
    """Minute after minute, whether there is something to do or not."""
    signals = _signals(_feed(Way(), log))
    edges = BarConfig().build("EURUSD", None).on_records(log).edges
    moments = [signal.ts_event_ns for signal in signals]
    assert moments == edges["ts_event_ns"].tolist()
    assert moments == sorted(set(moments))
    assert all(moment % MINUTE_NS == 0 for moment in moments)
    assert [signal.ts_recv_ns for signal in signals] == edges["ts_recv_ns"].tolist()
    for signal in signals:
        assert signal.model_id == signals[0].model_id
        assert signal.signal_id == signal_id(
            signal.model_id, "EURUSD", signal.ts_event_ns, "edge-hold"
        )


def test_before_the_first_tick_there_is_no_quote() -> None:
    """A heartbeat alone may pass a minute."""
    beats = np.concatenate([heartbeat(T0), heartbeat(T0 + 61 * SECOND_NS)])
    (decided,) = _feed(Way(), beats)
    assert predictions(decided, CONFIG) == []
    (signal,) = decided.signals
    assert (signal.reason, signal.bid, signal.actionable) == ("no_quote", None, False)
    assert signal.verdict == 0


def test_a_minute_without_ticks_has_no_bar() -> None:
    """The quote is known, a view is not."""
    way = Way()
    _feed(way, ticks("EURUSD", [(30, 1.1, 1.2)]))
    _feed(way, heartbeat(T0 + 61 * SECOND_NS))
    (signal,) = _signals(_feed(way, heartbeat(T0 + 121 * SECOND_NS)))
    assert (signal.reason, signal.bid, signal.ask) == ("no_bar", 1.1, 1.2)
    assert not signal.actionable


def test_a_cold_bar_gives_no_view() -> None:
    """Models are asked, and say why they are silent."""
    decided = _feed(Way(), ticks("EURUSD", [(30, 1.1, 1.2), (60, 1.1, 1.2)]))
    (signal,) = _signals(decided)
    assert (signal.reason, signal.p_up, signal.actionable) == ("features_not_ready", None, False)
    records = predictions(decided[0], CONFIG)
    assert [(p.model, p.ready, p.p_up, p.reason) for p in records] == [
        (model, False, None, "features_not_ready") for model in ("online", "xgboost", "ensemble")
    ]
    assert [p.model_id for p in records[:2]] == list(CONFIG.predictions.deployed().values())
    assert records[-1].model_id == signal.model_id


def test_the_verdict_of_the_quote_travels_into_the_signal() -> None:
    """That of the last quote before the boundary: not of its bar, nor of what passed it."""
    tape = ticks(
        "EURUSD", [(10, 1.1, 1.2), (30, 1.1, 1.2), (60, 1.1, 1.2), (90, 1.1, 1.2), (120, 1.1, 1.2)]
    )
    bits = [Verdict.STALE, Verdict.SPREAD_BLOWOUT, 0, Verdict.GAP | Verdict.ONE_SIDED, 0]
    tape["verdict"] = bits
    way = Way()
    signals = _signals(_feed(way, tape))
    assert [signal.verdict for signal in signals] == [bits[1], bits[3]]
    rows = np.concatenate([item.rows.bars for item in way.all])
    assert rows["verdict"].tolist() == [bits[0] | bits[1], bits[3]]


def test_a_view_on_an_old_bar_is_none() -> None:
    """After a gap the bar is minutes old: predictions are written, the decision has no view."""
    way = Way()
    signals = _signals(_feed(way, walk("EURUSD", 16_000, 1, mean_gap_ms=700.0)))
    assert signals[-1].actionable
    clock_ns = way.bars["EURUSD"].snapshot()["clock"][0]
    later = (clock_ns - T0) / SECOND_NS + 600
    (decided,) = _feed(way, ticks("EURUSD", [(later, 1.3, 1.3001)]))
    (signal,) = decided.signals
    assert signal.reason == "gap"
    assert (signal.p_up, signal.actionable) == (None, False)
    assert signal.side == signals[-1].side
    records = predictions(decided, CONFIG)
    assert [p.model for p in records] == ["online", "xgboost", "ensemble"]
    assert records[-1].p_up is not None
    assert records[-1].ts_event_ns < signal.ts_event_ns


def test_of_two_bars_that_close_at_once_the_later_one_decides() -> None:
    """Within the allowed lateness two minutes may be open: both are rows, one is the boundary's."""
    way = Way(bars=BarConfig(lateness_ns=SECOND_NS))
    tape = ticks(
        "EURUSD", [(60.5, 1.3, 1.4), (59.8, 1.1, 1.2, 60.6), (130, 1.5, 1.6), (181, 1.5, 1.6)]
    )
    decided = _feed(way, tape)
    rows = [(item.rows.bars["ts_event_ns"] - T0) // SECOND_NS for item in decided]
    assert np.concatenate(rows).tolist() == [60, 120, 180]
    assert [(s.ts_event_ns - T0) // SECOND_NS for s in _signals(decided)] == [120, 180]
    assert {s.reason for s in _signals(decided)} == {"features_not_ready"}


def test_only_boundaries_go_on_from_a_batch_of_bars() -> None:
    """Seconds alone close no minute; late ticks and the end of the log pass by features."""
    step = BarStep(BarConfig(("1s", "1m")), "EURUSD", None)
    frame = BarConfig(("1s", "1m")).decision_frame

    def closed(records: TickArray, *, last: bool = False) -> list[Any]:
        return list(step.on_batch([TickBatch("EURUSD", records, 7, last)]))

    assert closed(ticks("EURUSD", [(30, 1.1, 1.2)])) == []
    (seconds,) = closed(ticks("EURUSD", [(31, 1.1, 1.2)]))
    assert (seconds.bars.size, seconds.edges.size, seconds.wall_ns) == (1, 0, 7)
    assert panel_input(seconds, frame) is None
    (late,) = closed(ticks("EURUSD", [(29, 1.1, 1.2)]))
    assert late.late.size == 1
    assert panel_input(late, frame) is None
    (minute,) = closed(ticks("EURUSD", [(60, 1.2, 1.3)]))
    news = panel_input(minute, frame)
    assert news is not None
    assert (news.ts_ns.tolist(), news.passed_ns) == ([T0 + MINUTE_NS], T0 + MINUTE_NS)
    assert news.mid_close.tolist() == [(1.1 + 1.2) / 2]
    (end,) = closed(ticks("EURUSD", []), last=True)
    news = panel_input(end, frame)
    assert news is not None
    assert (end.last, news.ts_ns.size, news.passed_ns) == (True, 0, FOR_EVER)


def test_the_wall_clock_of_a_batch_goes_through_and_decides_nothing(log: TickArray) -> None:
    """It is for latency figures: carried along, in no record."""
    decided = _feed(Way(), log[: log.size // 4])
    assert {item.wall_ns for item in decided} == {42}
    assert (log["kind"] == Kind.HEARTBEAT).any()
