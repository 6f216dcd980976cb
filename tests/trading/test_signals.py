"""The rule of signals as a table of probabilities, and its state."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadUse, Corrupt
from domain.ids import signal_id
from domain.nanos import MINUTE_NS
from domain.predictions import Signal, Vote
from trading.signals import RULE, SignalConfig, SignalLogic, View

HORIZON_NS = 5 * MINUTE_NS
CONFIG = SignalConfig("schema-1", HORIZON_NS, min_edge=0.125)

# Minute: probability -> side and reason. The smallest edge is 0.125, exact in binary. A question
# mark: the members do not agree; an X: the gate is closed.
TAPES = {
    "an edge opens its side, just enough is enough": """
        0  0.625   buy   edge
        1  0.375   sell  edge
        2  1.0     buy   edge
        3  0.0     sell  edge
    """,
    "just below the edge there is nothing to do": """
        0  0.624   flat  no_edge
        1  0.376   flat  no_edge
        2  0.5     flat  no_edge
    """,
    "a side is held until the horizon of its prediction has passed": """
        0  0.7     buy   edge
        1  0.5     buy   hold
        4  0.5     buy   hold
        5  0.5     flat  horizon_passed
        6  0.5     flat  no_edge
    """,
    "each new edge holds it for one horizon more": """
        0  0.7     buy   edge
        4  0.7     buy   edge
        8  0.5     buy   hold
        9  0.5     flat  horizon_passed
    """,
    "the other side turns the position at once": """
        0  0.7     buy   edge
        1  0.3     sell  edge
        5  0.5     sell  hold
        6  0.5     flat  horizon_passed
    """,
    "a weak word for the other side is no edge": """
        0  0.7     buy   edge
        1  0.45    buy   hold
    """,
    "what the members do not agree on opens no side, and closes none": """
        0  0.9?    flat  no_agreement
        1  0.5?    flat  no_edge
        2  0.7     buy   edge
        3  0.1?    buy   hold
        7  0.1?    flat  horizon_passed
        8  0.1     sell  edge
    """,
    "while the gate is closed every view wants flat": """
        0  0.7     buy   edge
        1  -       buy   why
        2  0.9X    flat  accuracy_below_floor
        3  0.5X    flat  accuracy_below_floor
        4  0.5     flat  no_edge
        5  0.9     buy   edge
    """,
    "without a view the side stays as it is, also past the horizon": """
        0  0.7     buy   edge
        1  -       buy   why
        9  -       buy   why
        10 0.5     flat  horizon_passed
        11 -       flat  why
    """,
}

GOLDEN: dict[str, Any] = {"v": 1, "side": "sell", "asked_ns": 3 * MINUTE_NS}


def _decide(
    logic: SignalLogic, minute: int, p_up: float | None, *, agrees: bool = True, open_: bool = True
) -> Signal:
    ts_ns = minute * MINUTE_NS
    view = View("model-1", p_up, "why", (), None, agrees, open_)
    return logic.decide(ts_ns, ts_ns + 7, (1.1, 1.2), view)


@pytest.mark.parametrize("tape", TAPES)
def test_the_rule(tape: str) -> None:
    """Each line of the tape gives the side and the reason that stand at its end."""
    logic = CONFIG.build("EURUSD", None)
    for line in TAPES[tape].strip().splitlines():
        minute, p_up, side, reason = line.split()
        signal = _decide(
            logic,
            int(minute),
            None if p_up == "-" else float(p_up.rstrip("?X")),
            agrees="?" not in p_up,
            open_="X" not in p_up,
        )
        assert (signal.side, signal.reason) == (side, reason), line
        assert signal.actionable == (p_up != "-")


def test_what_a_signal_carries() -> None:
    """Times, identity, strength, quote, and what explains it, whole."""
    votes = (Vote("online", "o", 0.75, 1.0), Vote("rules", "r", None, 0.0))
    view = View("model-1", 0.75, "not read", votes, 1.0)
    signal = CONFIG.build("EURUSD", None).decide(60, 61, (1.1, 1.2), view, 9)
    assert signal == Signal(
        signal_id=signal_id("model-1", "EURUSD", 60, RULE),
        symbol="EURUSD",
        ts_event_ns=60,
        ts_recv_ns=61,
        model_id="model-1",
        rule="edge-hold",
        side="buy",
        actionable=True,
        strength=0.5,
        p_up=0.75,
        bid=1.1,
        ask=1.2,
        reason="edge",
        verdict=9,
        votes=votes,
        threshold=0.125,
        agreement=1.0,
        schema="schema-1",
    )


def test_without_a_view_there_is_no_strength_and_may_be_no_quote() -> None:
    """The reason is the one that was given."""
    signal = CONFIG.build("EURUSD", None).decide(60, 61, None, View("m", None, "no_quote"))
    assert (signal.actionable, signal.strength, signal.p_up) == (False, 0.0, None)
    assert (signal.bid, signal.ask, signal.reason) == (None, None, "no_quote")


@pytest.mark.parametrize("change", [{"min_edge": 0.0}, {"min_edge": 0.5}, {"horizon_ns": 0}])
def test_bounds_are_held(change: dict[str, Any]) -> None:
    """An edge of nothing would trade on noise, one of a half never."""
    with pytest.raises(BadUse, match="min_edge in"):
        SignalConfig(**{"schema": "s", "horizon_ns": HORIZON_NS, **change})


def test_the_stored_state_is_read_and_written() -> None:
    """It holds the side and when it was last asked for; both decide what comes next."""
    logic = CONFIG.build("EURUSD", GOLDEN)
    assert logic.snapshot() == GOLDEN
    assert _decide(logic, 7, 0.5).side == "sell"
    assert _decide(logic, 8, 0.5).reason == "horizon_passed"
    today = CONFIG.build("EURUSD", None)
    _decide(today, 3, 0.25)
    assert today.snapshot() == GOLDEN


def test_a_state_of_another_version_is_refused() -> None:
    """A side is money: it is not guessed."""
    with pytest.raises(Corrupt, match="state v2; this code knows v1"):
        CONFIG.build("EURUSD", {**GOLDEN, "v": 2})


@given(
    answers=st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=40), cut=st.integers(0, 40)
)
def test_the_rule_resumes_anywhere(answers: list[float | None], cut: int) -> None:
    """Restored between any two decisions it decides as if it had never stopped."""
    whole, logic = CONFIG.build("EURUSD", None), CONFIG.build("EURUSD", None)
    for minute, p_up in enumerate(answers):
        if minute == cut:
            logic = CONFIG.build("EURUSD", logic.snapshot())
        assert _decide(logic, minute, p_up) == _decide(whole, minute, p_up)


@given(answers=st.lists(st.none() | st.floats(0, 1), max_size=40))
def test_a_side_is_never_held_beyond_its_horizon(answers: list[float | None]) -> None:
    """Where there is a view, an open side has an edge no older than one horizon behind it."""
    logic = CONFIG.build("EURUSD", None)
    edge_ns: int | None = None
    for minute, p_up in enumerate(answers):
        signal = _decide(logic, minute, p_up)
        assert 0.0 <= signal.strength <= 1.0
        if signal.reason == "edge":
            edge_ns = signal.ts_event_ns
        if signal.actionable and signal.side != "flat":
            assert edge_ns is not None
            assert signal.ts_event_ns - edge_ns < HORIZON_NS
        if signal.actionable and p_up is not None and abs(p_up - 0.5) >= 0.125:
            assert signal.side == ("buy" if p_up > 0.5 else "sell")
