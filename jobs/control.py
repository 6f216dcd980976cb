"""How a person's word reaches an account: through its control folder, from wherever it is said."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from domain.control import ControlKind, TradingState
from domain.errors import BadUse, Corrupt
from domain.nanos import SECOND_NS, iso
from jobs.places import Place
from jobs.strategies import known_strategies
from sources.control_folder import Answer
from trading.readiness import Cause
from trading.risk.control import Controls, control_event

A = TypeVar("A")

PATIENCE_S = 2.0
"""How long an answer is waited for: an engine that is up gives it within a tenth of that."""

_LOOK_S = 0.02

_STALE_NS = 5 * SECOND_NS
"""A process that is at work says every second how ready its account is; after so long without a
word it is gone or stuck."""

_UNKNOWN = "unknown"


class ControlLine:
    """Puts requests into the folder of one account and waits for what becomes of them.

    It is what ``api.control`` asks for, too.

    Parameters
    ----------
    place
        The account.
    wall_ns
        Clock of the requests.
    patience_s
        How long an answer is waited for (>= 0).
    """

    def __init__(
        self, place: Place, wall_ns: Callable[[], int], patience_s: float = PATIENCE_S
    ) -> None:
        self._place = place
        self._folder = place.control()
        self._wall_ns = wall_ns
        self._patience_s = patience_s

    def ask(
        self,
        kind: ControlKind,
        to: TradingState,
        *,
        by: str,
        reason: str,
        strategy: str = "",
        role: str = "",
    ) -> Answer | None:
        """Put a request in, and return what became of it; None if nobody has answered in time.

        A kill is answered once the venue's door is shut.

        Raises
        ------
        BadUse
            If the account has no such strategy, or the request cannot be written.
        """
        stranger = self._stranger(strategy)
        if stranger:
            raise BadUse(stranger)
        event = control_event(
            kind,
            to,
            account=self._folder.account,
            by=by,
            reason=reason,
            ts_event_ns=self._wall_ns(),
            strategy=strategy,
            role=role,
        )
        try:
            self._folder.put(event)
        except OSError as error:
            msg = f"the request cannot be written to {self._folder.path}: {error.strerror}"
            raise BadUse(msg) from error
        return wait_for(lambda: self._folder.answer(event), self._patience_s)

    def kill(self, by: str, reason: str, strategy: str) -> dict[str, Any]:
        """Kill; return the outcome and words for a person."""
        stranger = self._stranger(strategy)
        if stranger:
            return {"outcome": "refused", "words": stranger}
        answer = self.ask(
            ControlKind.KILL, TradingState.HALTED, by=by, reason=reason, strategy=strategy
        )
        if answer is None:
            return {"outcome": "written", "words": UNANSWERED}
        return {"outcome": answer.outcome, "words": answer.words}

    def state(self) -> dict[str, Any]:
        """Return the trading states, the readiness and what waits, as plain values for JSON.

        The states are those of the journal, and kills that have been carried out and wait for it.
        Where they cannot be read, ``fault`` says why. ``readiness`` is as `readiness` gives it.
        """
        folder = self._folder
        fault = ""
        controls = Controls(folder.account)
        try:
            controls = folder.state() or controls
        except Corrupt as error:
            fault = str(error)
        for kill in folder.held():
            controls = controls.apply(kill)
        return {
            "account": folder.account,
            "fault": fault,
            "scopes": scopes_of(controls),
            "waiting": folder.waiting(),
            "readiness": self.readiness(),
        }

    def readiness(self) -> dict[str, Any] | None:
        """Return where the account stands on the ladder of readiness.

        None on paper, where book and venue always agree.

        ``trades`` says whether orders may leave, exits at least; ``rung`` is ``unknown`` where the
        process of the account has not been heard of lately. ``since`` is when it came there,
        ``why`` and ``causes`` are the reasons.
        """
        try:
            shown = self._folder.readiness()
        except Corrupt as error:
            return _unknown(str(error))
        if shown is None:
            at_broker = self._place.at_broker
            return _unknown("the account has not been started yet") if at_broker else None
        readiness, age_ns = shown.readiness, self._wall_ns() - shown.ts_ns
        has_ended = any(one.cause is Cause.ENDED for one in readiness.causes)
        if age_ns > _STALE_NS and not has_ended:
            return _unknown(f"the process of the account was last heard of {iso(shown.ts_ns)}")
        return {
            "rung": str(readiness.rung),
            "trades": readiness.lets_exits,
            "since": iso(readiness.since_ns),
            "why": readiness.why,
            "causes": [
                {"cause": str(one.cause), "words": one.words, "since": iso(one.since_ns)}
                for one in readiness.causes
            ],
        }

    def is_killed(self, strategy: str) -> bool:
        """Say whether a kill stands in a scope (empty: the whole account) of the journal."""
        controls = self._folder.state()
        return controls is not None and controls.scope(strategy).killed

    def _stranger(self, strategy: str) -> str:
        """Say that an account has no such strategy; empty if it has, or nobody can know."""
        if not strategy:
            return ""
        known = known_strategies(self._place)
        if known is None or strategy in known:
            return ""
        names = ", ".join(sorted(known))
        return (
            f"account {self._place.account} has no strategy {strategy!r}, nothing is changed; it "
            f"has {names}, and without a strategy all of them are meant"
        )


def wait_for(answer: Callable[[], A | None], patience_s: float) -> A | None:
    """Look for an answer again and again; None if there is none in time."""
    until_s = time.monotonic() + patience_s
    while True:
        found = answer()
        if found is not None or time.monotonic() >= until_s:
            return found
        time.sleep(_LOOK_S)


UNANSWERED = "written, and nobody has answered yet: it holds from the next start of the run"


def _unknown(why: str) -> dict[str, Any]:
    return {"rung": _UNKNOWN, "trades": False, "since": "", "why": why, "causes": []}


def scopes_of(controls: Controls) -> list[dict[str, Any]]:
    """Return the account's trading state and every other one that was changed, as plain mappings.

    ``name`` is the strategy, empty for the whole account; ``said`` names who has said that a kill
    may end.
    """
    names = sorted({"", *controls.scopes})
    return [
        {
            "name": name,
            "state": str(scope.state),
            "killed": scope.killed,
            "by": scope.by,
            "reason": scope.reason,
            "since": iso(scope.ts_event_ns) if scope.ts_event_ns else "",
            "said": [f"{said.by} ({said.role})" for said in scope.releases],
        }
        for name, scope in ((name, controls.scope(name)) for name in names)
    ]
