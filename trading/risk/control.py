"""Records of who changed the trading state of what, and the state that follows from them alone.

Down goes at once and by itself. Up takes a named person with a reason; after a kill it takes two,
in two roles. The ledger keeps the records, so that a state survives a restart.
"""

from collections.abc import Iterable

import msgspec

from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import Corrupt, Reject
from domain.ids import digest
from trading.risk.states import is_lower, lowest

SYSTEM = "system:"
"""How ``by`` begins where a rule, not a person, lowered the state."""


class ScopeState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """State of the account or of one strategy; `releases` are words for the end of its kill."""

    state: TradingState = TradingState.ACTIVE
    killed: bool = False
    reason: str = ""
    by: str = ""
    ts_event_ns: int = 0
    releases: tuple[ControlEvent, ...] = ()


_OPEN = ScopeState()


class Controls(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """All trading states of one account; a change makes a new value.

    Attributes
    ----------
    scopes
        By strategy, with the account itself under the empty name; what is not in it is ACTIVE.
    raised_ns
        When the account was last raised to ACTIVE: drawdown is measured anew from there.
    """

    account: str
    scopes: dict[str, ScopeState] = {}
    raised_ns: int = 0

    def scope(self, strategy: str = "") -> ScopeState:
        """Return the state of a strategy by itself, or of the account."""
        return self.scopes.get(strategy, _OPEN)

    def state(self, strategy: str = "") -> TradingState:
        """Return in which state a strategy trades: its own or the account's, whichever is lower."""
        return lowest(self.scope().state, self.scope(strategy).state)

    def why(self, strategy: str = "") -> ScopeState:
        """Return the scope that decides the state of a strategy."""
        whole, own = self.scope(), self.scope(strategy)
        return own if is_lower(own.state, whole.state) else whole

    def apply(self, event: ControlEvent) -> "Controls":
        """Return the states after one record; one that changes nothing returns the same value.

        Raises
        ------
        Reject
            If the record asks for what nobody may do so: the message says what is missing.
        """
        fault = _fault(event, self.account)
        if fault:
            msg = f"trading state of {event.strategy or event.account}: {fault}"
            raise Reject(msg)
        before = self.scope(event.strategy)
        after = _CHANGES[event.kind](before, event)
        if after == before:
            return self
        raised = after.state == TradingState.ACTIVE and not event.strategy
        return msgspec.structs.replace(
            self,
            scopes={**self.scopes, event.strategy: after},
            raised_ns=event.ts_event_ns if raised else self.raised_ns,
        )


def control_event(
    kind: ControlKind,
    to: TradingState,
    *,
    account: str,
    by: str,
    reason: str,
    ts_event_ns: int,
    strategy: str = "",
    role: str = "",
) -> ControlEvent:
    """Return a record with the id that follows from its fields."""
    name = digest("control", account, strategy, kind, to, by, role, reason, ts_event_ns)
    return ControlEvent(name, account, strategy, kind, to, by, role, reason, ts_event_ns)


def lowered(
    controls: Controls,
    to: TradingState,
    rule: str,
    ts_event_ns: int,
    *,
    strategy: str = "",
    reason: str = "",
) -> ControlEvent | None:
    """Return the record with which a rule lowers a state; None if it is that low already."""
    if not is_lower(to, controls.scope(strategy).state):
        return None
    return control_event(
        ControlKind.LOWER,
        to,
        account=controls.account,
        by=SYSTEM + rule,
        reason=reason or rule,
        ts_event_ns=ts_event_ns,
        strategy=strategy,
    )


def fold(account: str, events: Iterable[ControlEvent]) -> Controls:
    """Return the states that follow from all records, in the order in which they were kept.

    Raises
    ------
    Corrupt
        If one of them could never have been kept.
    """
    controls = Controls(account)
    for event in events:
        try:
            controls = controls.apply(event)
        except Reject as error:
            msg = f"control record {event.control_id} of the ledger: {error}"
            raise Corrupt(msg) from error
    return controls


def disagreement(ledger: Controls, other: Controls, ts_event_ns: int) -> ControlEvent | None:
    """Return the record that halts the account where two stores of its state differ, else None.

    Which of them is right cannot be known, so neither is followed.
    """
    names = sorted({*ledger.scopes, *other.scopes})
    apart = [
        f"{name or 'account'} {ledger.scope(name).state} and {other.scope(name).state}"
        for name in names
        if _essence(ledger.scope(name)) != _essence(other.scope(name))
    ]
    if not apart:
        return None
    reason = "two stores of the trading state disagree: " + ", ".join(apart)
    return lowered(ledger, TradingState.HALTED, "stores", ts_event_ns, reason=reason)


def _essence(scope: ScopeState) -> tuple[TradingState, bool]:
    return scope.state, scope.killed


def _fault(event: ControlEvent, account: str) -> str:
    """Say what is wrong with a record by itself; empty if nothing."""
    person = event.by.strip() and not event.by.startswith(SYSTEM)
    if event.account != account:
        return f"the record is about account {event.account}, this is {account}"
    if not event.reason.strip() or not event.by.strip():
        return "who and why must be given"
    if event.kind in {ControlKind.RAISE, ControlKind.RELEASE} and not person:
        return f"only a named person may raise it, not {event.by}"
    if event.kind == ControlKind.RELEASE and not event.role.strip():
        return "a release names the role of the person"
    if event.kind == ControlKind.KILL and event.to != TradingState.HALTED:
        return "a kill leads to HALTED"
    return ""


def _stamp(event: ControlEvent, to: TradingState, *, killed: bool) -> ScopeState:
    return ScopeState(to, killed, event.reason, event.by, event.ts_event_ns)


def _lower(scope: ScopeState, event: ControlEvent) -> ScopeState:
    if not is_lower(event.to, scope.state):
        return scope
    return _stamp(event, event.to, killed=False)


def _kill(_: ScopeState, event: ControlEvent) -> ScopeState:
    # A kill upon a kill takes back what was said for its end.
    return _stamp(event, TradingState.HALTED, killed=True)


def _raise(scope: ScopeState, event: ControlEvent) -> ScopeState:
    if scope.killed:
        msg = (
            f"it was killed by {scope.by} ({scope.reason}); two people in two roles must release it"
        )
        raise Reject(msg)
    if not is_lower(scope.state, event.to):
        msg = f"it is {scope.state}: raising it to {event.to} is not upwards"
        raise Reject(msg)
    return _stamp(event, event.to, killed=False)


def _release(scope: ScopeState, event: ControlEvent) -> ScopeState:
    if not scope.killed:
        msg = "it is not killed: there is nothing to release"
        raise Reject(msg)
    said = scope.releases[0] if scope.releases else None
    if said is None:
        return msgspec.structs.replace(scope, releases=(event,))
    if said.control_id == event.control_id:
        return scope
    if _same(said.by, event.by) or _same(said.role, event.role):
        msg = f"{said.by} ({said.role}) has released it; another person in another role must too"
        raise Reject(msg)
    return _stamp(event, lowest(said.to, event.to), killed=False)


def _same(first: str, second: str) -> bool:
    return first.strip().casefold() == second.strip().casefold()


_CHANGES = {
    ControlKind.LOWER: _lower,
    ControlKind.RAISE: _raise,
    ControlKind.KILL: _kill,
    ControlKind.RELEASE: _release,
}
