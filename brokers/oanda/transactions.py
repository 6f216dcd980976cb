"""v20's transactions in our words: each becomes the events that it means, and none is left out.

An order at v20 fills at most once. What an immediate order did not find is gone without a further
transaction, so the end of the rest is said here.
"""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import msgspec

from brokers.oanda.errors import REASONS
from brokers.oanda.fills import VENUE, apply_to_trades, fill_events
from brokers.oanda.known import KnownOrder, KnownOrders
from brokers.oanda.terms import OF_TRADE, TYPES, terms_of
from brokers.oanda.wire import Json, canonical_name, decimal_of, name_of, optional_decimal, time_ns
from domain.errors import Drop
from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderSide
from domain.reasons import Reason
from trading.venues import AccountCharge, VenueEvent

_log = logging.getLogger(__name__)

ChargeKind = Literal["financing", "dividend", "transfer"]

_CREATE = {f"{kind}_ORDER": kind for kind in TYPES}
_REJECT = {f"{kind}_ORDER_REJECT": kind for kind in TYPES}
INFORMATIVE = frozenset(
    {
        "CREATE",
        "CLOSE",
        "REOPEN",
        "CLIENT_CONFIGURE",
        "CLIENT_CONFIGURE_REJECT",
        "TRANSFER_FUNDS_REJECT",
        "ORDER_CLIENT_EXTENSIONS_MODIFY",
        "ORDER_CLIENT_EXTENSIONS_MODIFY_REJECT",
        "TRADE_CLIENT_EXTENSIONS_MODIFY",
        "TRADE_CLIENT_EXTENSIONS_MODIFY_REJECT",
        "MARGIN_CALL_ENTER",
        "MARGIN_CALL_EXTEND",
        "MARGIN_CALL_EXIT",
        "DELAYED_TRADE_CLOSURE",
        "RESET_RESETTABLE_PL",
    }
)
"""Transactions that move no order and no money: they are logged."""


class Translator:
    """Turns transactions into events; feed it in order of id.

    Parameters
    ----------
    known
        Orders and requests; kept up to date from the transactions.
    currency
        Of the account.
    wall_ns
        Clock of this machine, for ``ts_recv_ns``.
    """

    def __init__(self, known: KnownOrders, currency: str, wall_ns: Callable[[], int]) -> None:
        self._known = known
        self._currency = currency
        self._wall_ns = wall_ns

    def events(self, transaction: Json) -> list[VenueEvent]:
        """Return what a transaction means; nothing for one that is only informative.

        Raises
        ------
        Drop
            If it cannot be read, or is of a kind that nobody knows.
        """
        kind = str(transaction.get("type"))
        if kind in _CREATE:
            return self._created(transaction, _CREATE[kind])
        if kind in _REJECT:
            return self._rejected(transaction)
        if kind == "ORDER_FILL":
            return self._filled(transaction)
        if kind == "ORDER_CANCEL":
            return self._canceled(transaction)
        if kind == "ORDER_CANCEL_REJECT":
            return self._cancel_rejected(transaction)
        if kind in {"DAILY_FINANCING", "TRANSFER_FUNDS", "DIVIDEND_ADJUSTMENT"}:
            return self._charged(transaction, kind)
        if kind in INFORMATIVE:
            _log.info("OANDA transaction %s: %s", transaction.get("id"), kind)
            return []
        msg = f"OANDA transaction {transaction.get('id')} is of the unknown kind {kind}"
        raise Drop(msg)

    def _created(self, transaction: Json, kind: str) -> list[VenueEvent]:
        wire = _client_id(transaction)
        life, request = self._known.ours(wire) if wire else ("", -1)
        replaced = self._known.order(name_of(transaction, "replacesOrderID"))
        if not life and replaced is not None:
            # Somebody else replaced our order: it is still ours.
            life, request = replaced.client_order_id, -1
        sent = self._known.take_sent(wire)
        symbol, units = self._subject(transaction, kind)
        side: OrderSide = "buy" if units > 0 else "sell"
        terms = terms_of(transaction, kind, abs(units))
        if sent is not None:
            terms = sent.sent
        order = KnownOrder(
            str(transaction["id"]), life, request, symbol, side, terms.quantity_units, terms
        )
        self._known.add(order)
        if not life:
            event = self._event(
                EventKind.EXTERNAL, transaction, order, terms=terms, status="accepted"
            )
            return [event]
        if "replacesOrderID" in transaction:
            self._known.answered(life, "replace")
            return [self._event(EventKind.REPLACED, transaction, order, request, terms=terms)]
        self._known.answered(life, "submit")
        events: list[VenueEvent] = [self._event(EventKind.ACK, transaction, order, request)]
        if sent is not None and sent.sent != sent.asked:
            # The order stands on the venue's grid: its terms are the rounded ones.
            events.append(self._event(EventKind.REPLACED, transaction, order, terms=terms))
        return events

    def _subject(self, transaction: Json, kind: str) -> tuple[str, Decimal]:
        """Return symbol and signed units of a new order."""
        if kind not in OF_TRADE:
            name = canonical_name(name_of(transaction, "instrument"))
            return name, decimal_of(transaction, "units")
        trade = self._known.trades.get(str(transaction.get("tradeID")))
        if trade is None:
            msg = f"OANDA order {transaction.get('id')} belongs to a trade that is not known here"
            raise Drop(msg)
        return trade.symbol, -trade.units

    def _rejected(self, transaction: Json) -> list[VenueEvent]:
        wire = _client_id(transaction)
        life, request = self._known.ours(wire) if wire else ("", -1)
        if not life:
            _log.warning("OANDA rejected a foreign order: %s", transaction.get("rejectReason"))
            return []
        self._known.take_sent(wire)
        reason = self._reason(transaction, "rejectReason")
        is_replace = "intendedReplacesOrderID" in transaction
        if self._known.answered(life, "replace" if is_replace else "submit") < 0 and (
            self._known.newest(life) is not None
        ):
            _log.warning("OANDA rejected a request about %s that was not made here", life)
            return []
        kind = EventKind.REPLACE_REJECT if is_replace else EventKind.REJECT
        return [self._plain(kind, transaction, life, request, reason=reason)]

    def _filled(self, transaction: Json) -> list[VenueEvent]:
        order = self._order_of(transaction)
        about = self._about(EventKind.FILL, transaction, order)
        fills = fill_events(transaction, about.client_order_id, self._currency, about.ts_recv_ns)
        apply_to_trades(transaction, self._known.trades)
        events: list[VenueEvent] = [*fills]
        filled = fills[-1].cum_units or Decimal(0)
        wanted = order.units if order is not None else _requested(transaction, filled)
        if filled < wanted:
            is_reduce = order is not None and order.terms.position_effect == "reduce_only"
            reason = Reason.REDUCE_ONLY if is_reduce else Reason.NO_LIQUIDITY
            rest = self._about(EventKind.CANCELED, transaction, order)
            events.append(
                msgspec.structs.replace(
                    rest, reason=reason, cum_units=filled, leaves_units=Decimal(0)
                )
            )
        if order is not None:
            self._known.end(order)
        financing = optional_decimal(transaction, "financing")
        if financing:
            events.append(self._charge(transaction, "financing", financing, "-financing"))
        return events

    def _canceled(self, transaction: Json) -> list[VenueEvent]:
        order = self._order_of(transaction)
        if order is not None:
            self._known.end(order)
        code = str(transaction.get("reason"))
        if "replacedByOrderID" in transaction:
            # What follows is the new order, and that says all.
            return []
        is_expiry = code == "TIME_IN_FORCE_EXPIRED"
        kind = EventKind.EXPIRED if is_expiry else EventKind.CANCELED
        event = self._about(kind, transaction, order)
        request = -1
        if code == "CLIENT_REQUEST" and event.client_order_id:
            request = self._known.answered(event.client_order_id, "cancel")
        reason = "" if is_expiry else self._reason(transaction, "reason")
        return [msgspec.structs.replace(event, request=request, reason=reason)]

    def _cancel_rejected(self, transaction: Json) -> list[VenueEvent]:
        order = self._order_of(transaction)
        event = self._about(EventKind.CANCEL_REJECT, transaction, order)
        life = event.client_order_id
        if not life:
            return []
        is_replace = self._known.awaits(life, "replace") and not self._known.awaits(life, "cancel")
        request = self._known.answered(life, "replace" if is_replace else "cancel")
        if is_replace:
            event = msgspec.structs.replace(event, kind=EventKind.REPLACE_REJECT)
        newest = self._known.newest(life)
        is_done = newest is not None and newest.is_ended
        reason = Reason.TOO_LATE if is_done else self._reason(transaction, "rejectReason")
        is_unknown = reason == Reason.NOT_FOUND
        return [
            msgspec.structs.replace(event, request=request, reason=reason, unknown_order=is_unknown)
        ]

    def _charged(self, transaction: Json, kind: str) -> list[VenueEvent]:
        if kind == "TRANSFER_FUNDS":
            return [self._charge(transaction, "transfer", decimal_of(transaction, "amount"))]
        if kind == "DIVIDEND_ADJUSTMENT":
            amount = decimal_of(transaction, "dividendAdjustment")
            return [self._charge(transaction, "dividend", amount)]
        parts = transaction.get("positionFinancings") or ()
        if not parts:
            return [self._charge(transaction, "financing", decimal_of(transaction, "financing"))]
        return [
            msgspec.structs.replace(
                self._charge(transaction, "financing", decimal_of(part, "financing")),
                charge_id=f"{transaction['id']}-{part['instrument']}",
                symbol=canonical_name(str(part["instrument"])),
            )
            for part in parts
        ]

    def _order_of(self, transaction: Json) -> KnownOrder | None:
        return self._known.order(name_of(transaction, "orderID"))

    def _about(self, kind: EventKind, transaction: Json, order: KnownOrder | None) -> OrderEvent:
        """Return an event on the order that a transaction names."""
        if order is not None:
            return self._event(kind, transaction, order)
        wire = name_of(transaction, "clientOrderID")
        life = self._known.ours(wire)[0] if wire else ""
        event = self._plain(kind, transaction, life, -1)
        return msgspec.structs.replace(event, venue_order_id=name_of(transaction, "orderID"))

    def _event(
        self,
        kind: EventKind,
        transaction: Json,
        order: KnownOrder,
        request: int = -1,
        **fields: object,
    ) -> OrderEvent:
        event = self._plain(kind, transaction, order.client_order_id, request)
        return msgspec.structs.replace(
            event,
            venue_order_id=order.venue_order_id,
            symbol=order.symbol,
            side=order.side,
            **fields,
        )

    def _plain(
        self, kind: EventKind, transaction: Json, life: str, request: int, reason: str = ""
    ) -> OrderEvent:
        return OrderEvent(
            kind=kind,
            client_order_id=life,
            ts_event_ns=time_ns(transaction),
            ts_recv_ns=self._wall_ns(),
            venue=VENUE,
            request=request,
            sequence=int(transaction["id"]),
            reason=reason,
        )

    def _charge(
        self, transaction: Json, kind: ChargeKind, amount: Decimal, suffix: str = ""
    ) -> AccountCharge:
        return AccountCharge(
            charge_id=f"{transaction['id']}{suffix}",
            kind=kind,
            symbol=canonical_name(name_of(transaction, "instrument")),
            amount=amount,
            currency=self._currency,
            ts_event_ns=time_ns(transaction),
            venue=VENUE,
            sequence=int(transaction["id"]),
        )

    def _reason(self, transaction: Json, name: str) -> Reason:
        code = str(transaction.get(name))
        _log.info("OANDA transaction %s: %s", transaction.get("id"), code)
        return REASONS[code].reason


def _client_id(transaction: Json) -> str:
    return str((transaction.get("clientExtensions") or {}).get("id") or "")


def _requested(transaction: Json, filled: Decimal) -> Decimal:
    wanted = optional_decimal(transaction, "requestedUnits")
    return filled if wanted is None else abs(wanted)
