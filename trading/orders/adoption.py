"""Orders that this account has and that we did not send: each gets an id that a replay makes again.

A person at the broker's own screen, an order of an earlier life, or one of ours that counted as
refused: what it fills is ours to carry, whoever asked for it. The position moves first, questions
come afterwards.
"""

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain.ids import digest
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderTerms, terms_of
from trading.orders import fills
from trading.orders.effects import Alert, AlertCode, Effect, HaltStrategy
from trading.orders.state import EXTERNAL, OrderState, but, opened


class Adopted(NamedTuple):
    """An order to open, the events to apply to it, and what else is to be done."""

    state: OrderState
    events: tuple[OrderEvent, ...]
    effects: tuple[Effect, ...]


def external_id(account: str, event: OrderEvent) -> str:
    """Return the id under which we keep an order that is not ours: 34 characters, as our own."""
    name = event.venue_order_id or event.client_order_id
    return "ax" + digest("external", account, event.venue, name)


def as_external(event: OrderEvent) -> OrderEvent:
    """Return a report of an unknown order as what it is: an order that we never sent."""
    whole = event.symbol and event.side is not None and event.terms is not None
    if event.kind is not EventKind.STATUS or not whole:
        return event
    return msgspec.structs.replace(event, kind=EventKind.EXTERNAL)


def lacking(event: OrderEvent) -> str:
    """Return what an event lacks to take an unknown order over; empty if nothing."""
    if event.kind not in (EventKind.FILL, EventKind.EXTERNAL):
        return f"{event.kind} of an order that is not known"
    if not event.symbol or event.side is None:
        return f"{event.kind} of an unknown order without symbol and side"
    if not (event.venue_order_id or event.client_order_id):
        return f"{event.kind} that names no order at all"
    if event.kind is EventKind.FILL:
        return fills.lacking(event)
    if event.terms is None:
        return "external order without terms"
    units = event.terms.quantity_units
    return "" if units.is_finite() and units > 0 else f"external order of {units} units"


def must_not_wait(state: OrderState, event: OrderEvent) -> bool:
    """Say whether an event moves the position although our order cannot have caused it."""
    unsent = state.status == "initialized"
    return unsent and event.kind is EventKind.FILL and not fills.lacking(event)


def take_over(account: str, event: OrderEvent) -> Adopted:
    """Return the order behind an event of an unknown one.

    Of a fill alone the quantity is not known: it is then what has been filled, and what the venue
    says is left.
    """
    if event.side is None:
        msg = f"{event.kind} of an unknown order names no side"
        raise ValueError(msg)
    terms = event.terms or OrderTerms(_quantity(event))
    order = Order(
        client_order_id=external_id(account, event),
        account=account,
        strategy=EXTERNAL,
        signal_id="",
        symbol=event.symbol,
        side=event.side,
        status="initialized",
        ts_event_ns=event.ts_event_ns,
        ts_recv_ns=event.ts_recv_ns,
        venue=event.venue,
        venue_order_id=event.venue_order_id,
        **_fields(terms),
    )
    state = but(opened(order), guessed=event.terms is None)
    name = order.client_order_id
    if event.kind is EventKind.EXTERNAL:
        text = f"{order.side} {order.quantity_units} {order.symbol} was not sent by us"
        text += f": {event.reason}" if event.reason else ""
        return Adopted(state, (event,), (Alert(AlertCode.EXTERNAL_ORDER, text, name),))
    effects = _filled(name, EXTERNAL, "a fill of an order that is not known")
    return Adopted(state, (_introduction(order, event), event), effects)


def revive(account: str, before: OrderState, event: OrderEvent) -> Adopted:
    """Return an order for what the venue works under the name of one that counted as refused."""
    refused = before.order
    order = Order(
        client_order_id=external_id(account, event),
        account=account,
        strategy=EXTERNAL,
        signal_id=refused.signal_id,
        symbol=refused.symbol,
        side=refused.side,
        status="initialized",
        ts_event_ns=event.ts_event_ns,
        ts_recv_ns=event.ts_recv_ns,
        venue=event.venue or refused.venue,
        venue_order_id=event.venue_order_id or refused.venue_order_id,
        parent_id=refused.client_order_id,
        user=refused.user,
        model_id=refused.model_id,
        **_fields(terms_of(refused)),
    )
    what = f"the venue reports {event.kind} of an order that counted as {refused.status}"
    effects = _filled(order.client_order_id, refused.strategy, what)
    # Answers to what was asked about it before may still come.
    state = but(opened(order), last_request=before.last_request)
    return Adopted(state, (_introduction(order, event), event), effects)


def _filled(name: str, strategy: str, why: str) -> tuple[Effect, ...]:
    return Alert(AlertCode.EXTERNAL_FILL, why, name), HaltStrategy(strategy, why)


def _introduction(order: Order, event: OrderEvent) -> OrderEvent:
    """Return the report with which an adopted order begins: it works, and nothing is filled yet."""
    return OrderEvent(
        kind=EventKind.EXTERNAL,
        client_order_id=order.client_order_id,
        ts_event_ns=event.ts_event_ns,
        ts_recv_ns=event.ts_recv_ns,
        venue=order.venue,
        venue_order_id=order.venue_order_id,
        status="accepted",
        symbol=order.symbol,
        side=order.side,
    )


def _quantity(event: OrderEvent) -> Decimal:
    filled = event.cum_units or event.quantity_units or Decimal(1)
    return filled + (event.leaves_units or Decimal(0))


def _fields(terms: OrderTerms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in terms.__struct_fields__}
