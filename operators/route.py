"""The keyed step before the accounts: which one may open a position for each signal."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from operators.execute import Heard
from trading.routing.assignment import Assignment, Route


class RouteStep:
    """Puts its route on each signal; each account then knows what is its own.

    Parameters
    ----------
    assignment
        Names the account of a signal.
    state
        Snapshot, or None.
    tell
        Told of each route that differs from the one before of its symbol.
    """

    def __init__(
        self,
        assignment: Assignment,
        state: Mapping[str, Any] | None,
        tell: Callable[[Route], None],
    ) -> None:
        self._assignment = assignment if state is None else assignment.restore(state)
        self._tell = tell
        self._known = {route.symbol: route.account for route in self._assignment.routes}

    def on_batch(self, values: list[Heard]) -> Iterable[Heard]:
        """Take signals in log order of each symbol; return them with their routes."""
        return [heard._replace(routes=self._routes(heard)) for heard in values]

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state as a plain versioned mapping."""
        return self._assignment.snapshot()

    def _routes(self, heard: Heard) -> dict[str, str]:
        routes: dict[str, str] = {}
        for signal in heard.signals:
            route = self._assignment.assign(signal)
            if route is None:
                continue
            routes[signal.signal_id] = route.account
            if self._known.get(route.symbol) != route.account:
                self._known[route.symbol] = route.account
                self._tell(route)
        return routes
