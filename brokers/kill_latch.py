"""Keeps the door of a venue as it is wanted: shut for every kill that was heard, then as journaled.

A kill holds from the moment it is heard until the engine has answered it; from then on the journal
decides. What somebody opens meanwhile is shut again, and an order that is open still is canceled
again: its cancel could not be sent, was refused, or was lost with the link.
"""

import threading

from brokers.gateway import Gateway, KillReport
from domain.control import ControlEvent
from trading.risk.control import Controls

_FIRST_PAUSE, _LONGEST_PAUSE = 50, 3_200
"""Looks between two kills of the same: about a second, and twice as long each time that there was
still something to cancel, up to a minute. A venue that refuses cancels is not flooded with them."""


class KillLatch:
    """What is to be shut at one gateway; callable from any thread.

    Parameters
    ----------
    gateway
        The door; its venue need not be started yet.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        # Held while the door moves, so that no release comes between a kill and its reason.
        self._lock = threading.RLock()
        self._held: dict[str, ControlEvent] = {}
        self._journaled: dict[str, str] = {}
        self._shut: set[str] = set()
        self._looks = 0
        self._pause = _FIRST_PAUSE
        self._again_at = 0

    def is_shut(self) -> bool:
        """Say whether nobody's orders leave."""
        return self._gateway.killed() is not None

    def hold(self, kill: ControlEvent) -> KillReport:
        """Carry a kill out, and keep it until `answered`."""
        with self._lock:
            self._held[kill.control_id] = kill
            return self._kill(kill.strategy, kill.reason)

    def answered(self, event: ControlEvent) -> None:
        """Leave a kill to the journal."""
        with self._lock:
            self._held.pop(event.control_id, None)
            self._ease()

    def follow(self, controls: Controls, *, again: bool) -> None:
        """Shut what the journal says is killed, and open what nothing keeps shut any more.

        Parameters
        ----------
        again
            Whether to carry out kills that are in force already too: orders have been adopted.
        """
        killed = {name: scope.reason for name, scope in controls.scopes.items() if scope.killed}
        with self._lock:
            fresh = killed.keys() if again else killed.keys() - self._shut
            self._journaled = killed
            for strategy in sorted(fresh):
                self._kill(strategy, killed[strategy])
            self._ease()

    def look(self) -> None:
        """Shut again what somebody has opened, and cancel what is still open; call it often."""
        with self._lock:
            self._looks += 1
            due = self._looks >= self._again_at
            left = False
            if due:
                self._again_at = self._looks + self._pause
            for strategy, reason in self._wanted().items():
                if due or self._gateway.killed(strategy) is None:
                    report = self._gateway.kill(reason, strategy)
                    left = left or bool(report.canceled or report.failed)
            if due:
                self._pause = min(2 * self._pause, _LONGEST_PAUSE) if left else _FIRST_PAUSE

    def _kill(self, strategy: str, reason: str) -> KillReport:
        self._shut.add(strategy)
        self._pause = _FIRST_PAUSE
        self._again_at = self._looks + self._pause
        return self._gateway.kill(reason, strategy)

    def _wanted(self) -> dict[str, str]:
        """Return which strategies are to be shut out, and why; the empty name is everybody."""
        return self._journaled | {kill.strategy: kill.reason for kill in self._held.values()}

    def _ease(self) -> None:
        for strategy in self._shut - self._wanted().keys():
            self._gateway.release(strategy)
            self._shut.discard(strategy)
