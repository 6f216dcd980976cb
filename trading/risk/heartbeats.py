"""The dead man's switch: who must be heard of how often, and what happens when one falls silent."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import BadUse, Corrupt
from domain.nanos import MS_NS
from trading.risk.control import SYSTEM, control_event

STATE_VERSION = 1


class Watched(NamedTuple):
    """One sender of beats.

    Attributes
    ----------
    interval_ns
        How often it beats (> 0).
    strategy
        Whose orders are canceled when it falls silent; empty: the whole account's.
    missed
        After how many intervals without a beat it counts as silent (> 0).
    """

    name: str
    interval_ns: int
    strategy: str = ""
    missed: int = 3

    @property
    def patience_ns(self) -> int:
        """Longest time between two beats that is no silence, in nanoseconds."""
        return self.interval_ns * self.missed


class Heartbeats:
    """Who beat when. Silence is a kill, once until the next beat.

    Parameters
    ----------
    account
        Whose trading the beats keep going.
    watched
        All senders; one that never beats is silent as if it had beaten at ``since_ns``.
    since_ns
        When the watch began, on the clock of the beats.
    """

    def __init__(self, account: str, watched: Iterable[Watched], since_ns: int) -> None:
        self._account = account
        self._watched = {one.name: one for one in watched}
        for one in self._watched.values():
            if one.patience_ns <= 0:
                msg = f"heartbeat {one.name}: interval and missed beats must be above 0"
                raise BadUse(msg)
        self._last_ns = dict.fromkeys(self._watched, since_ns)
        self._silent: set[str] = set()

    def beat(self, name: str, ts_ns: int) -> None:
        """Note a beat; one from before the last is no news.

        Raises
        ------
        BadUse
            If nobody of that name is watched: a misspelled sender must not pass for a living one.
        """
        if name not in self._watched:
            msg = f"nobody watches the heartbeat {name!r}; watched are {sorted(self._watched)}"
            raise BadUse(msg)
        if ts_ns > self._last_ns[name]:
            self._last_ns[name] = ts_ns
            self._silent.discard(name)

    def due_ns(self) -> int | None:
        """Return the first time at which `overdue` could have news; None where all are silent."""
        return min(
            (
                self._last_ns[name] + one.patience_ns
                for name, one in self._watched.items()
                if name not in self._silent
            ),
            default=None,
        )

    def overdue(self, now_ns: int) -> tuple[ControlEvent, ...]:
        """Return a kill for every sender that has just fallen silent, by name; each only once."""
        events = []
        for name in sorted(self._watched):
            one = self._watched[name]
            silent_ns = now_ns - self._last_ns[name]
            if name in self._silent or silent_ns < one.patience_ns:
                continue
            self._silent.add(name)
            events.append(
                control_event(
                    ControlKind.KILL,
                    TradingState.HALTED,
                    account=self._account,
                    strategy=one.strategy,
                    by=SYSTEM + "heartbeats",
                    reason=(
                        f"no heartbeat of {name} for {silent_ns // MS_NS} ms, "
                        f"{one.missed} times its interval of {one.interval_ns // MS_NS} ms"
                    ),
                    ts_event_ns=now_ns,
                )
            )
        return tuple(events)

    def silent(self) -> tuple[str, ...]:
        """Return who is silent, by name."""
        return tuple(sorted(self._silent))

    def snapshot(self) -> dict[str, Any]:
        """Return what must be kept over a restart, as a plain mapping."""
        return {"v": STATE_VERSION, "last_ns": dict(self._last_ns), "silent": sorted(self._silent)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what was kept; senders that are not watched any more are forgotten.

        Raises
        ------
        Corrupt
            If it was kept by a version that is not known here.
        """
        if state.get("v") != STATE_VERSION:
            msg = f"heartbeats were kept in version {state.get('v')}; this reads {STATE_VERSION}"
            raise Corrupt(msg)
        for name, ts_ns in state["last_ns"].items():
            if name in self._watched:
                self._last_ns[name] = max(self._last_ns[name], ts_ns)
        self._silent = {
            name
            for name in state["silent"]
            if name in self._watched and self._last_ns[name] == state["last_ns"][name]
        }
