"""One account at Interactive Brokers as a `trading.venues.Venue`."""

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from brokers.ib.desk import VENUE, Desk
from brokers.ib.reports import order_reports, snapshot
from brokers.ib.settings import IbSettings
from brokers.ib.terms import capabilities, check
from brokers.loop import LoopThread
from brokers.rounding import command_on_grid
from domain.errors import Retry
from domain.orders import Order, terms_of
from trading.venues import (
    Cancel,
    Capabilities,
    Command,
    Emit,
    NotSent,
    OrderReport,
    Replace,
    Submit,
    Unsupported,
    VenueInstrument,
    VenueSnapshot,
)

_T = TypeVar("_T")

_STOP_S = 5.0
"""Longest wait for the log-off."""


class IbVenue:
    """An account at a TWS or IB Gateway.

    Parameters
    ----------
    settings
        Account and gateway.
    wall_ns
        Clock; receive times and the daily reset follow it.
    """

    def __init__(
        self,
        settings: IbSettings,
        wall_ns: Callable[[], int] = time.time_ns,  # noqa: TID251 - the edge: an adapter's clock
    ) -> None:
        self._settings, self._wall_ns = settings, wall_ns
        self._capabilities = capabilities(settings)
        self._loop: LoopThread | None = None
        self._desk: Desk | None = None

    @property
    def name(self) -> str:
        """``ib``."""
        return VENUE

    @property
    def account(self) -> str:
        """The broker's id of the account."""
        return self._settings.account

    @property
    def capabilities(self) -> Capabilities:
        """What spot currency on IDEALPRO can do."""
        return self._capabilities

    def start(self, emit: Emit) -> None:
        """Log on and begin to report; see `trading.venues.Venue`.

        Raises
        ------
        BadUse
            If the account is not the gateway's, the client id is taken, or a symbol is unknown.
        Retry
            If the gateway does not answer, or its daily reset is on.
        Corrupt
            If the mark of order ids cannot be read.
        """
        desk = Desk(self._settings, emit, self._wall_ns)
        loop = LoopThread(f"ib-{self._settings.account}")
        try:
            _call(loop, desk.open(), 3 * self._settings.logon_timeout_s)
        except Exception:
            _call(loop, desk.close(), _STOP_S)
            loop.stop()
            raise
        self._loop, self._desk = loop, desk

    def stop(self) -> None:
        """Log off; idempotent. Commands without an answer end in doubt."""
        loop, desk = self._loop, self._desk
        self._loop = self._desk = None
        if loop is not None and desk is not None:
            _call(loop, desk.close(), _STOP_S)
            loop.stop()

    def instruments(self) -> Mapping[str, VenueInstrument]:
        """Return the pairs of the settings as the broker described them at the logon."""
        return dict(self._running()[1].instruments)

    def send(self, command: Command) -> None:
        """Hand a command to the wire; see `trading.venues.Venue`.

        While the link is down or the daily reset is on, no order leaves; a cancel does as long as
        there is a connection. Prices are rounded to the contract's grid first, and REPLACED says
        so.

        Raises
        ------
        NotSent
            If nothing left.
        Unsupported
            If IB cannot do this; the message says what it can.
        Unshapable
            If a price is none on that grid.
        """
        self._check(command)
        loop, desk = self._running()
        link = desk.link
        open_to = link.session.is_up if isinstance(command, Cancel) else link.up
        if not open_to or (link.in_reset and not isinstance(command, Cancel)):
            msg = "nothing was sent: the link to IB is down, or its daily reset is on"
            raise NotSent(msg)
        rounded = command_on_grid(command, desk.instruments[command.order.symbol])
        loop.spawn(_write(desk, rounded, is_rounded=rounded != command))

    def query(self, order: Order, timeout_s: float) -> OrderReport | None:
        """Return what IB knows of an order now; see `trading.venues.Venue`.

        Raises
        ------
        Retry
            If it cannot say, or if it came back so lately that a missing order may still appear.
        """
        loop, desk = self._running()
        found = _call(loop, desk.record(), timeout_s)
        reports = order_reports(found, desk.tracker.name, self._wall_ns())
        wanted = {order.client_order_id} - {""}
        for report in reports:
            if report.client_order_id in wanted or report.venue_order_id == order.venue_order_id:
                return report
        if desk.link.settling:
            msg = "IB does not know the order, but came back too lately for that to count"
            raise Retry(msg)
        return None

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Return the whole record of today; IB has no order of events, so that all comes.

        Raises
        ------
        Retry
            If it cannot say now.
        """
        del since  # No sequence to count from.
        loop, desk = self._running()
        return _call(loop, self._snapshot(desk), timeout_s)

    async def _snapshot(self, desk: Desk) -> VenueSnapshot:
        found = await desk.record()
        positions, money = await desk.positions(), await desk.money()
        return snapshot(
            self._settings.account,
            found,
            positions,
            money,
            desk.tracker.name,
            self._wall_ns(),
            complete=not desk.lacks(found),
        )

    def _check(self, command: Command) -> None:
        symbol = command.order.symbol
        if symbol not in self._settings.symbols:
            msg = f"{symbol} is not among the symbols of this account at IB"
            raise Unsupported(msg)
        if isinstance(command, Submit):
            check(terms_of(command.order), self._capabilities)
        if isinstance(command, Replace):
            check(command.terms, self._capabilities)
            if command.terms.order_type != command.order.order_type:
                msg = "IB cannot change the type of an order: cancel it and send another"
                raise Unsupported(msg)

    def _running(self) -> tuple[LoopThread, Desk]:
        if self._loop is None or self._desk is None:
            msg = "nothing was sent: the adapter of IB was not started, or was stopped"
            raise NotSent(msg)
        return self._loop, self._desk


async def _write(desk: Desk, command: Command, *, is_rounded: bool) -> None:
    try:
        desk.write(command, is_rounded=is_rounded)
    except Exception as error:  # noqa: BLE001 - nobody waits for this: the order must not vanish
        desk.broken(command, error)


def _call(loop: LoopThread, work: Coroutine[Any, Any, _T], timeout_s: float) -> _T:
    try:
        return loop.call(work, timeout_s)
    except TimeoutError as error:
        msg = f"IB did not answer within {timeout_s:g} s"
        raise Retry(msg) from error
    except ConnectionError as error:
        msg = f"IB cannot say now: {error}"
        raise Retry(msg) from error
