"""How old signals are, and how long the log has been silent, on a clock that is passed in."""

from collections.abc import Mapping

from domain.fx_calendar import session_open_ns
from domain.orders import Order


class SignalAges:
    """When signals entered the log, for as long as an order on them may be tried again.

    Parameters
    ----------
    most_ns
        Highest age at which an order may leave, nanoseconds (> 0).
    """

    def __init__(self, most_ns: int) -> None:
        self._most_ns = most_ns
        self._heard_ns: dict[str, int] = {}

    def note(self, heard_ns: Mapping[str, int], now_ns: int) -> None:
        """Remember when signals entered the log, by their ids, and forget those too old."""
        if heard_ns:
            since_ns = now_ns - self._most_ns
            kept = {name: ns for name, ns in self._heard_ns.items() if ns >= since_ns}
            # A new dict: it is read from other threads.
            self._heard_ns = kept | dict(heard_ns)

    def last_moment_ns(self, order: Order) -> int | None:
        """Return until when an order may leave; None where nobody knows how old its signal is."""
        heard_ns = self._heard_ns.get(order.signal_id)
        return None if heard_ns is None else heard_ns + self._most_ns


class LogWatch:
    """How long the log has given no record though it should.

    Parameters
    ----------
    most_ns
        Silence from which on it counts, nanoseconds; 0: never.
    now_ns
        When the watch begins.
    """

    def __init__(self, most_ns: int, now_ns: int) -> None:
        self._most_ns = most_ns
        self._heard_ns = now_ns

    def silence_ns(self, now_ns: int, market_ns: int, *, records: bool) -> int | None:
        """Return the length of a silence that counts; None where there is none.

        Parameters
        ----------
        market_ns
            Event time of the newest quote, 0 before the first: while the market is closed there is
            nothing to hear.
        records
            Whether records have come since the last look.
        """
        silent_ns = now_ns - self._heard_ns
        is_closed = bool(market_ns) and session_open_ns(market_ns + silent_ns) is None
        if records or is_closed or not self._most_ns:
            self._heard_ns = now_ns
            return None
        return silent_ns if silent_ns >= self._most_ns else None
