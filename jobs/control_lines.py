"""A person's word to several accounts at once: what lowers them goes to all before any answers."""

from collections.abc import Sequence
from typing import Any

from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import BadUse
from jobs.control import UNANSWERED, ControlLine
from sources.control_folder import Answer

_WORST_FIRST = ("refused", "written", "acted", "in_force")


class ControlLines:
    """The control folders of a run's accounts.

    It is what ``api.control`` asks for where a run has several.

    Parameters
    ----------
    lines
        One of each account, at least one.
    """

    def __init__(self, lines: Sequence[ControlLine]) -> None:
        self._lines = tuple(lines)

    def ask_all(
        self,
        kind: ControlKind,
        to: TradingState,
        *,
        by: str,
        reason: str,
        strategy: str = "",
        role: str = "",
    ) -> list[tuple[ControlLine, Answer | None]]:
        """Put the same request to every account, then wait for what became of each.

        Raises
        ------
        BadUse
            If it could not be written for one of them; all others have it then.
        """
        asked: list[tuple[ControlLine, ControlEvent]] = []
        failed: list[str] = []
        for line in self._lines:
            try:
                event = line.request(kind, to, by=by, reason=reason, strategy=strategy, role=role)
            except BadUse as error:
                failed.append(str(error))
            else:
                asked.append((line, event))
        answers = [(line, line.answer(event)) for line, event in asked]
        if failed:
            raise BadUse("; ".join(failed))
        return answers

    def kill(self, by: str, reason: str, strategy: str) -> dict[str, Any]:
        """Kill all; return the worst outcome, and what became of each in words for a person."""
        found = self.ask_all(
            ControlKind.KILL, TradingState.HALTED, by=by, reason=reason, strategy=strategy
        )
        outcomes = ["written" if answer is None else answer.outcome for _, answer in found]
        words = [
            f"{line.account}: {UNANSWERED if answer is None else answer.words or answer.outcome}"
            for line, answer in found
        ]
        return {"outcome": min(outcomes, key=_WORST_FIRST.index), "words": "; ".join(words)}

    def state(self) -> dict[str, Any]:
        """Return the trading states of all as those of one, ready for JSON.

        The whole is what the least restricted account is; each account is a scope of its name, and
        each strategy of one ``ACCOUNT/STRATEGY``.
        """
        states = [line.state() for line in self._lines]
        scopes = [
            {**scope, "name": f"{one['account']}/{scope['name']}".rstrip("/")}
            for one in states
            for scope in one["scopes"]
        ]
        wholes = [scope for one in states for scope in one["scopes"] if not scope["name"]]
        return {
            "account": ", ".join(one["account"] for one in states),
            "fault": "; ".join(
                f"{one['account']}: {one['fault']}" for one in states if one["fault"]
            ),
            "scopes": [min(wholes, key=_restriction), *scopes],
            "waiting": [f"{one['account']}: {name}" for one in states for name in one["waiting"]],
            "readiness": self.readiness(),
        }

    def readiness(self) -> dict[str, Any] | None:
        """Return the readiness of the first account that does not trade, else of the first one.

        None on paper.
        """
        found = [(line.account, line.readiness()) for line in self._lines]
        known = [each | {"why": _of(name, each["why"])} for name, each in found if each is not None]
        return min(known, key=lambda each: bool(each["trades"])) if known else None


def _of(account: str, why: str) -> str:
    return f"{account}: {why}" if why else ""


def _restriction(scope: dict[str, Any]) -> tuple[int, bool]:
    return list(TradingState).index(TradingState(scope["state"])), scope["killed"]
