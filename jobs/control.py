"""How a person's word reaches an account: through its control folder, from wherever it is said."""

import time
from collections.abc import Callable
from typing import Any

from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import BadUse, Corrupt
from domain.nanos import iso
from sources.control_folder import Answer, ControlFolder
from trading.risk.control import Controls, control_event

PATIENCE_S = 2.0
"""How long an answer is waited for: an engine that is up gives it within a tenth of that."""

_LOOK_S = 0.02


class ControlLine:
    """Puts requests into one folder and waits for what becomes of them.

    It is what ``api.control`` asks for, too.

    Parameters
    ----------
    folder
        Of the account.
    wall_ns
        Clock of the requests.
    patience_s
        How long an answer is waited for (>= 0).
    """

    def __init__(
        self, folder: ControlFolder, wall_ns: Callable[[], int], patience_s: float = PATIENCE_S
    ) -> None:
        self._folder = folder
        self._wall_ns = wall_ns
        self._patience_s = patience_s

    @property
    def account(self) -> str:
        """Name of the account."""
        return self._folder.account

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
        """Put a request in, and return what became of it; see `request` and `answer`."""
        return self.answer(
            self.request(kind, to, by=by, reason=reason, strategy=strategy, role=role)
        )

    def request(
        self,
        kind: ControlKind,
        to: TradingState,
        *,
        by: str,
        reason: str,
        strategy: str = "",
        role: str = "",
    ) -> ControlEvent:
        """Put a request in; it is on disk when this returns.

        Raises
        ------
        BadUse
            If it cannot be written.
        """
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
        return event

    def answer(self, event: ControlEvent) -> Answer | None:
        """Return what became of a request; None if nobody has answered in time.

        A kill is answered once the venue's door is shut.
        """
        until_s = time.monotonic() + self._patience_s
        while True:
            answer = self._folder.answer(event)
            if answer is not None or time.monotonic() >= until_s:
                return answer
            time.sleep(_LOOK_S)

    def kill(self, by: str, reason: str, strategy: str) -> dict[str, Any]:
        """Kill; return the outcome and words for a person."""
        answer = self.ask(
            ControlKind.KILL, TradingState.HALTED, by=by, reason=reason, strategy=strategy
        )
        if answer is None:
            return {"outcome": "written", "words": UNANSWERED}
        return {"outcome": answer.outcome, "words": answer.words}

    def state(self) -> dict[str, Any]:
        """Return the trading states and what waits, ready for JSON.

        They are those of the journal, and kills that have been carried out and wait for it. Where
        they cannot be read, ``fault`` says why.
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
        }

    def is_killed(self, strategy: str) -> bool:
        """Say whether a kill stands in a scope (empty: the whole account) of the journal."""
        controls = self._folder.state()
        return controls is not None and controls.scope(strategy).killed


UNANSWERED = "written, and nobody has answered yet: it holds from the next start of the run"


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
