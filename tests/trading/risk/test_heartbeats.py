"""The dead man's switch: silence is a kill, once, and in its own scope."""

import json

import pytest

from domain.control import ControlKind, TradingState
from domain.errors import BadUse, Corrupt
from domain.nanos import MS_NS, SECOND_NS
from trading.risk.control import fold
from trading.risk.heartbeats import Heartbeats, Watched

SENDERS = (Watched("operator", SECOND_NS), Watched("trend", 200 * MS_NS, strategy="trend"))


def test_silence_of_three_intervals_kills_once() -> None:
    """Not a nanosecond earlier, and not again before there was another beat."""
    watch = Heartbeats("desk", SENDERS[:1], since_ns=0)
    watch.beat("operator", SECOND_NS)
    assert watch.due_ns() == 4 * SECOND_NS
    assert watch.overdue(4 * SECOND_NS - 1) == ()
    (kill,) = watch.overdue(4 * SECOND_NS)
    assert (kill.kind, kill.to, kill.by) == (
        ControlKind.KILL,
        TradingState.HALTED,
        "system:heartbeats",
    )
    assert kill.reason == "no heartbeat of operator for 3000 ms, 3 times its interval of 1000 ms"
    assert fold("desk", [kill]).state("any") == TradingState.HALTED
    assert watch.overdue(9 * SECOND_NS) == ()
    assert (watch.due_ns(), watch.silent()) == (None, ("operator",))
    watch.beat("operator", 10 * SECOND_NS)
    assert watch.silent() == ()
    assert len(watch.overdue(13 * SECOND_NS)) == 1


def test_a_silent_strategy_stops_itself_and_no_other() -> None:
    """Its own orders are canceled; the account goes on."""
    watch = Heartbeats("desk", SENDERS, since_ns=0)
    (kill,) = watch.overdue(600 * MS_NS)
    controls = fold("desk", [kill])
    assert controls.state("trend") == TradingState.HALTED
    assert controls.state("other") == TradingState.ACTIVE


def test_one_that_never_beats_is_silent_too() -> None:
    """A process that did not start is no reason to trade."""
    watch = Heartbeats("desk", SENDERS, since_ns=5)
    assert [kill.strategy for kill in watch.overdue(5 + 3 * SECOND_NS)] == ["", "trend"]


def test_an_old_beat_is_no_sign_of_life() -> None:
    """Neither does it bring back a sender that has been given up."""
    watch = Heartbeats("desk", SENDERS[:1], since_ns=0)
    watch.beat("operator", 2 * SECOND_NS)
    watch.beat("operator", SECOND_NS)
    assert watch.due_ns() == 5 * SECOND_NS
    watch.overdue(5 * SECOND_NS)
    watch.beat("operator", 2 * SECOND_NS)
    assert watch.silent() == ("operator",)


def test_a_beat_of_nobody_known_is_an_error() -> None:
    """A misspelled sender must not pass for a living one."""
    with pytest.raises(BadUse, match="nobody watches the heartbeat 'operater'"):
        Heartbeats("desk", SENDERS, since_ns=0).beat("operater", 1)
    with pytest.raises(BadUse, match="above 0"):
        Heartbeats("desk", [Watched("a", 0)], since_ns=0)


def test_a_restart_goes_on_where_the_watch_was() -> None:
    """Who was silent stays so; a watch begun later gives everyone its time from there."""
    watch = Heartbeats("desk", SENDERS, since_ns=0)
    watch.beat("operator", 900 * MS_NS)
    watch.overdue(SECOND_NS)
    kept = json.loads(json.dumps(watch.snapshot()))
    again = Heartbeats("desk", SENDERS, since_ns=0)
    again.restore(kept)
    assert again.silent() == ("trend",)
    assert again.due_ns() == watch.due_ns() == 3_900 * MS_NS
    later = Heartbeats("desk", SENDERS, since_ns=2 * SECOND_NS)
    later.restore(kept)
    assert (later.silent(), later.due_ns()) == ((), 2_600 * MS_NS)
    with pytest.raises(Corrupt, match="version 2"):
        again.restore({**kept, "v": 2})
