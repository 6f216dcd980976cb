"""How what TWS sends is read, and who hears of it."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

import ib_async
from ib_async.decoder import Decoder

from brokers.ib import rows
from brokers.ib.errors import Notice

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Takes what a session hears; called on its loop, must not wait."""

    def on_order(self, row: rows.OrderRow) -> None:
        """Take an ``openOrder``."""

    def on_status(self, row: rows.StatusRow) -> None:
        """Take an ``orderStatus``."""

    def on_execution(self, row: rows.ExecutionRow) -> None:
        """Take an ``execDetails``."""

    def on_commission(self, report: ib_async.CommissionReport) -> None:
        """Take a ``commissionReport``."""

    def on_notice(self, notice: Notice) -> None:
        """Take an ``errMsg``."""

    def on_price(self, request: int, tick_type: int, price: float, size: float) -> None:
        """Take a ``tickPrice``."""

    def on_cut(self, reason: str) -> None:
        """Take the end of a session that nobody asked to end."""


class StrictDecoder(Decoder):
    """The library's, except that a message which cannot be read or handled is not just logged."""

    def __init__(self, wrapper: Any, failed: Callable[[Exception], None]) -> None:
        made: Any = super()
        made.__init__(wrapper, 0)
        self._failed = failed

    def interpret(self, fields: list[str]) -> None:
        """Handle a message; what goes wrong is reported, whatever it is."""
        try:
            handler = self.handlers.get(int(fields[0]))
            if handler is None:
                _log.warning("TWS sent a message of the unknown kind %s", fields[0][:40])
                return
            handler(fields)
        except Exception as error:  # noqa: BLE001 - whatever it is, a fill may be lost: log off
            self._failed(error)

    def wrap(
        self,
        methodName: str,  # noqa: N803 - the library's name
        types: list[type],
        skip: int = 2,
    ) -> Callable[..., None]:
        """Return what handles a message that is a plain list of values."""

        def handler(fields: list[str]) -> None:
            method = getattr(self.wrapper, methodName, None)
            if method is not None:
                texts = zip(types, fields[skip:], strict=False)
                method(*[text if kind is str else kind(text or 0) for kind, text in texts])

        return handler
