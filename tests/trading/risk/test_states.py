"""Trading states: what each lets through, who may change it, and that the records alone say so."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import Corrupt, Reject
from domain.orders import terms_of
from tests.trading.risk.desk import CONTEXT, D, GlassGate, gate, holding, order
from trading.risk.codes import Deny
from trading.risk.control import Controls, control_event, disagreement, fold, lowered
from trading.risk.judge import Verdict
from trading.risk.states import is_lower

ACTIVE, REDUCING, CANCEL_ONLY, HALTED = TradingState
LONG = holding(20_000)
WORKING = order(client_order_id="old", status="accepted", order_type="limit", limit_price=D("1.09"))
WITH_WORKING = holding(0, buys=10_000)


def event(
    kind: ControlKind,
    to: TradingState,
    by: str = "anna",
    role: str = "",
    strategy: str = "",
    ts: int = 1,
) -> ControlEvent:
    """Return a record about the desk."""
    return control_event(
        kind,
        to,
        account="desk",
        by=by,
        role=role,
        reason="a drill",
        ts_event_ns=ts,
        strategy=strategy,
    )


def lower(to: TradingState, strategy: str = "") -> ControlEvent:
    """Return the record with which a rule lowers the state."""
    return event(ControlKind.LOWER, to, by="system:drill", strategy=strategy)


KILL = event(ControlKind.KILL, HALTED)


def up(to: TradingState, by: str = "anna", strategy: str = "") -> ControlEvent:
    """Return a person's record that raises the state."""
    return event(ControlKind.RAISE, to, by=by, strategy=strategy, ts=2)


def release(by: str, role: str, to: TradingState = ACTIVE, ts: int = 3) -> ControlEvent:
    """Return one person's word for the end of a kill."""
    return event(ControlKind.RELEASE, to, by=by, role=role, ts=ts)


def more_terms(desk: GlassGate) -> Verdict:
    """Ask for a working order to become larger."""
    terms = msgspec.structs.replace(terms_of(WORKING), quantity_units=D(12_000))
    return desk.check_replace(WORKING, terms, WITH_WORKING)


def fewer_terms(desk: GlassGate) -> Verdict:
    """Ask for a working order to become smaller."""
    terms = msgspec.structs.replace(terms_of(WORKING), quantity_units=D(8_000))
    return desk.check_replace(WORKING, terms, WITH_WORKING)


def moved_stop(desk: GlassGate) -> Verdict:
    """Ask for the stop of a long position to move."""
    stop = order(
        side="sell",
        quantity_units=D(20_000),
        status="accepted",
        order_type="stop",
        trigger_price=D("1.05"),
    )
    terms = msgspec.structs.replace(terms_of(stop), trigger_price=D("1.06"))
    return desk.check_replace(stop, terms, holding(20_000, sells=20_000))


COMMANDS: dict[str, Callable[[GlassGate], Verdict]] = {
    "open": lambda desk: desk.check(order(), CONTEXT),
    "flip": lambda desk: desk.check(order(side="sell", quantity_units=D(20_001)), LONG),
    "exit": lambda desk: desk.check(order(side="sell", quantity_units=D(20_000)), LONG),
    "replace": more_terms,
    "replace with less": fewer_terms,
    "move the stop": moved_stop,
    "cancel": lambda desk: desk.admit_cancel(WORKING, CONTEXT.now_ns),
}
EXITS = {"exit", "replace with less", "move the stop", "cancel"}
PASSES = {
    ACTIVE: set(COMMANDS),
    REDUCING: EXITS,
    CANCEL_ONLY: {"cancel"},
    HALTED: {"cancel"},
}


@pytest.mark.parametrize("scope", ["", "trend"], ids=["account", "strategy"])
@pytest.mark.parametrize("state", TradingState)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_state_lets_through_what_it_says(
    command: str, state: TradingState, scope: str
) -> None:
    """Cancels pass in all of them; nothing else does once trading is cancel-only or halted."""
    desk = gate(controls=fold("desk", [] if state == ACTIVE else [lower(state, scope)]))
    verdict = COMMANDS[command](desk)
    allowed = command in PASSES[state]
    assert verdict.reason == ("" if allowed else Deny(state.value))


def test_a_state_of_one_strategy_leaves_the_others_alone() -> None:
    """The lower of account and strategy decides."""
    controls = fold("desk", [lower(HALTED, "trend"), lower(REDUCING)])
    assert controls.state("trend") == HALTED
    assert controls.state("other") == controls.state() == REDUCING
    assert fold("desk", [lower(HALTED, "trend")]).state("other") == ACTIVE


def test_a_denial_says_who_lowered_the_state_and_why() -> None:
    """The one who is denied need not search the ledger."""
    desk = gate(controls=fold("desk", [lower(REDUCING)]))
    (denial,) = desk.check(order(), CONTEXT).denials
    assert denial.text == (
        "trading is reducing: only orders that reduce a position, and cancels, pass: "
        "since system:drill lowered it (a drill)"
    )


@pytest.mark.parametrize("by", ["", "  ", "system:drill"])
def test_only_a_named_person_raises_a_state(by: str) -> None:
    """Rules lower; nobody and nothing but a person raises."""
    controls = fold("desk", [lower(REDUCING)])
    with pytest.raises(Reject, match=r"named person|who and why"):
        controls.apply(up(ACTIVE, by=by))
    assert controls.apply(up(ACTIVE)).state() == ACTIVE


def test_a_change_needs_a_reason_and_its_own_account() -> None:
    """Both are refused in words."""
    controls = Controls("desk")
    with pytest.raises(Reject, match="who and why"):
        controls.apply(msgspec.structs.replace(KILL, reason=" "))
    with pytest.raises(Reject, match="about account other, this is desk"):
        controls.apply(msgspec.structs.replace(KILL, account="other"))


def test_lowering_to_a_state_that_is_no_lower_changes_nothing() -> None:
    """So rules may go on to speak without end, and the first reason stays."""
    controls = fold("desk", [lower(CANCEL_ONLY)])
    assert controls.apply(lower(REDUCING)) is controls
    assert lowered(controls, REDUCING, "drawdown", 5) is None
    found = lowered(controls, HALTED, "reconcile", 5)
    assert found is not None
    assert (found.kind, found.to, found.by) == (ControlKind.LOWER, HALTED, "system:reconcile")


def test_raising_downwards_is_refused() -> None:
    """Whoever asks for it has taken the state for another one."""
    with pytest.raises(Reject, match="it is reducing: raising it to cancel_only is not upwards"):
        fold("desk", [lower(REDUCING)]).apply(up(CANCEL_ONLY))


def test_a_halt_that_is_no_kill_is_raised_by_one_person() -> None:
    """Such as after a difference that could not be explained, once it is."""
    assert fold("desk", [lower(HALTED), up(REDUCING)]).state() == REDUCING


def test_a_kill_takes_two_people_in_two_roles_to_end() -> None:
    """One cannot, in two roles or twice; two of one role cannot either."""
    controls = fold("desk", [KILL])
    assert KILL.cancels
    with pytest.raises(Reject, match="two people in two roles must release it"):
        controls.apply(up(ACTIVE))
    once = controls.apply(release("anna", "trader"))
    assert once.state() == HALTED
    assert once.apply(release("anna", "trader")) is once
    for by, role in (("Anna ", "risk"), ("bob", "Trader"), ("anna", "trader")):
        with pytest.raises(Reject, match="another person in another role must too"):
            once.apply(release(by, role, ts=4))
    assert once.apply(release("bob", "risk")).state() == ACTIVE


def test_of_two_words_for_the_end_of_a_kill_the_more_careful_counts() -> None:
    """Whichever came first."""
    for first, second in ((ACTIVE, REDUCING), (REDUCING, ACTIVE)):
        said = [KILL, release("anna", "trader", first), release("bob", "risk", second)]
        assert fold("desk", said).state() == REDUCING


def test_a_second_kill_takes_back_what_was_said_for_the_end_of_the_first() -> None:
    """A word about one kill is none about the next."""
    again = event(ControlKind.KILL, HALTED, by="system:heartbeats", ts=9)
    controls = fold("desk", [KILL, release("anna", "trader"), again])
    assert controls.apply(release("bob", "risk")).state() == HALTED


def test_what_was_never_killed_is_not_released() -> None:
    """A halt by a rule has one person's way up."""
    with pytest.raises(Reject, match="nothing to release"):
        fold("desk", [lower(HALTED)]).apply(release("anna", "trader"))
    with pytest.raises(Reject, match="role"):
        fold("desk", [KILL]).apply(release("anna", ""))
    with pytest.raises(Reject, match="a kill leads to HALTED"):
        Controls("desk").apply(event(ControlKind.KILL, REDUCING))


def test_a_kill_survives_a_restart_and_a_rule_that_lowers_it_again() -> None:
    """The state follows from the kept records alone."""
    records = msgspec.json.decode(msgspec.json.encode([KILL]), type=list[ControlEvent])
    desk = gate(controls=fold("desk", [*records, lower(HALTED), lower(REDUCING)]))
    assert desk.check(order(), CONTEXT).reason == Deny.HALTED
    with pytest.raises(Reject):
        desk.control(up(ACTIVE))


def test_a_ledger_with_a_record_that_could_never_have_been_kept_is_not_followed() -> None:
    """Somebody wrote it by another way."""
    with pytest.raises(Corrupt, match=r"control record .* two people"):
        fold("desk", [KILL, up(ACTIVE)])


def test_two_stores_that_disagree_halt_the_account() -> None:
    """Which of them is right cannot be known."""
    ledger, latch = Controls("desk"), fold("desk", [KILL])
    found = disagreement(ledger, latch, 7)
    assert found is not None
    assert found.to == HALTED
    assert found.reason == "two stores of the trading state disagree: account active and halted"
    assert ledger.apply(found).state() == HALTED
    assert disagreement(latch, latch, 7) is None
    trend = fold("desk", [lower(REDUCING, "trend")])
    other = disagreement(trend, ledger, 7)
    assert other is not None
    assert "trend reducing and active" in other.reason


def test_records_of_the_same_fields_have_the_same_id_and_others_another() -> None:
    """So the ledger keeps a record once, however often it is handed over."""
    assert event(ControlKind.KILL, HALTED) == KILL
    assert KILL.control_id != event(ControlKind.KILL, HALTED, by="bob").control_id


CHANGES = st.builds(
    event,
    kind=st.sampled_from(ControlKind),
    to=st.sampled_from(TradingState),
    by=st.sampled_from(["anna", "bob", "system:rule"]),
    role=st.sampled_from(["", "trader", "risk"]),
    strategy=st.sampled_from(["", "trend"]),
    ts=st.integers(0, 3),
)


@given(st.lists(CHANGES, max_size=12))
def test_no_sequence_of_records_raises_a_state_without_a_person(
    changes: list[ControlEvent],
) -> None:
    """Every step up names a person, and one out of a kill comes after another person's word."""
    controls = Controls("desk")
    kept: list[ControlEvent] = []
    for change in changes:
        before = controls.scope(change.strategy)
        try:
            controls = controls.apply(change)
        except Reject:
            continue
        kept.append(change)
        after = controls.scope(change.strategy)
        if is_lower(before.state, after.state):
            assert change.by in {"anna", "bob"}
            assert change.kind in {ControlKind.RAISE, ControlKind.RELEASE}
            if before.killed:
                (said,) = before.releases
                assert {said.by, change.by} == {"anna", "bob"}
                assert {said.role, change.role} == {"trader", "risk"}
    assert fold("desk", kept) == controls


def test_the_gate_lowers_itself_on_a_fall_from_the_top_and_a_person_begins_anew() -> None:
    """From the raise on the top is what is left, or the next mark would lower it again."""
    desk = gate()
    at_ns = CONTEXT.now_ns
    assert desk.mark(at_ns, D(90_000)) == ()
    (fallen,) = desk.mark(at_ns, D("89_999"))
    assert (fallen.to, fallen.by, fallen.strategy) == (REDUCING, "system:drawdown", "")
    assert desk.mark(at_ns, D("89_000")) == ()
    assert desk.check(order(), CONTEXT).reason == Deny.REDUCING
    desk.control(event(ControlKind.RAISE, ACTIVE, ts=at_ns))
    assert desk.mark(at_ns, D("89_000")) == ()
    assert desk.check(order(), CONTEXT).reason == Deny.DAILY_LOSS
    assert desk.mark(at_ns, Decimal("80_099")) != ()
