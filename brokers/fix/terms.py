"""Terms of orders in FIX's letters, and back."""

from typing import Final, TypeVar

from brokers.fix.messages import FixMessage
from brokers.fix.tags import Tag
from brokers.fix.values import decimal_text, time_text
from domain.errors import Drop
from domain.orders import OrderSide, OrderStatus, OrderTerms, OrderType, TimeInForce
from trading.venues import Capabilities, Unsupported

_T = TypeVar("_T")

SIDES: Final[dict[OrderSide, str]] = {"buy": "1", "sell": "2"}
"""Side (54)."""

_TYPES: Final[dict[OrderType, str]] = {"market": "1", "limit": "2", "stop": "3", "stop_limit": "4"}
"""OrdType (40). What protects a position (take profit, stop loss, trailing) has no letter that
counterparties agree on: it is ours to place."""

_TIMES: Final[dict[TimeInForce, str]] = {"GFD": "0", "GTC": "1", "IOC": "3", "FOK": "4", "GTD": "6"}
"""TimeInForce (59). The day of a forex counterparty ends at 17:00 New York."""

_STATUSES: Final[dict[str, OrderStatus]] = {
    "0": "accepted",
    "1": "partially_filled",
    "2": "filled",
    "3": "suspended",
    "4": "canceled",
    "5": "accepted",
    "6": "pending_cancel",
    "7": "suspended",
    "8": "rejected",
    "9": "suspended",
    "A": "pending_new",
    "B": "suspended",
    "C": "expired",
    "D": "accepted",
    "E": "pending_replace",
}
"""OrdStatus (39). Stopped (7) is a price guaranteed and the order held; Calculated (B) is an order
that is done for the day."""

_SIDE_OF = {letter: side for side, letter in SIDES.items()}
_TYPE_OF = {letter: kind for kind, letter in _TYPES.items()}
_TIME_OF = {letter: time for time, letter in _TIMES.items()}

_RESTING: frozenset[TimeInForce] = frozenset({"GFD", "GTC", "GTD"})
_IMMEDIATE: frozenset[TimeInForce] = frozenset({"IOC", "FOK"})


def capabilities(max_requests_per_s: float) -> Capabilities:
    """Return what an order over FIX 4.4 can be, whoever the counterparty is."""
    return Capabilities(
        times_in_force={
            "market": _IMMEDIATE,
            "limit": _RESTING | _IMMEDIATE,
            "stop": _RESTING,
            "stop_limit": _RESTING,
        },
        native_replace=True,
        client_ids=True,
        position_modes=frozenset({"netting"}),
        max_requests_per_s=max_requests_per_s,
    )


def terms_fields(terms: OrderTerms) -> list[tuple[Tag, str]]:
    """Return the fields of a NewOrderSingle or a replace that say what is wanted.

    Raises
    ------
    Unsupported
        If FIX 4.4 has no field for a term, or the times in force do not fit the type.
    """
    allowed = capabilities(1.0).times_in_force.get(terms.order_type)
    if allowed is None:
        msg = f"FIX takes no {terms.order_type} order: place a limit or a stop instead"
        raise Unsupported(msg)
    if terms.time_in_force not in allowed:
        msg = f"FIX takes no {terms.order_type} order {terms.time_in_force}"
        raise Unsupported(msg)
    odd = terms.trigger_side != "default" or terms.position_effect != "default"
    if odd or terms.price_bound is not None or terms.trailing_distance is not None:
        msg = "FIX has no field for a trigger side, a position effect, a price bound or a distance"
        raise Unsupported(msg)
    limit, stop, end = terms.limit_price, terms.trigger_price, terms.expire_ns
    return [
        (Tag.ORDER_QTY, decimal_text(terms.quantity_units)),
        (Tag.ORD_TYPE, _TYPES[terms.order_type]),
        (Tag.PRICE, "" if limit is None else decimal_text(limit)),
        (Tag.TIME_IN_FORCE, _TIMES[terms.time_in_force]),
        (Tag.STOP_PX, "" if stop is None else decimal_text(stop)),
        (Tag.EXPIRE_TIME, "" if end is None else time_text(end)),
    ]


def terms_of_report(report: FixMessage, known: OrderTerms | None) -> OrderTerms | None:
    """Return the terms in force after a report.

    Parameters
    ----------
    known
        Terms that we asked for; they stand where the report is silent.

    Returns
    -------
    OrderTerms or None
        None where neither says how much: a report need not repeat the terms.

    Raises
    ------
    Drop
        If a field of the report cannot be read, or is no quantity or price.
    """
    quantity = report.decimal(Tag.ORDER_QTY)
    if quantity is None and known is not None:
        quantity = known.quantity_units
    if quantity is None:
        return None
    base = known or OrderTerms(quantity_units=quantity, time_in_force="GFD")
    limit, stop = report.decimal(Tag.PRICE), report.decimal(Tag.STOP_PX)
    if quantity <= 0 or (limit or 0) < 0 or (stop or 0) < 0:
        msg = (
            f"FIX report of an order of {quantity} units at {limit}, {stop}: none can be 0 or less"
        )
        raise Drop(msg)
    end = report.time_ns(Tag.EXPIRE_TIME)
    return OrderTerms(
        quantity_units=quantity,
        order_type=_letter(_TYPE_OF, report, Tag.ORD_TYPE, base.order_type),
        time_in_force=_letter(_TIME_OF, report, Tag.TIME_IN_FORCE, base.time_in_force),
        # Market orders are echoed with a price of 0 by some.
        limit_price=limit or base.limit_price,
        trigger_price=stop or base.trigger_price,
        expire_ns=base.expire_ns if end is None else end,
    )


def side_of(report: FixMessage) -> OrderSide | None:
    """Return the side of a report, None if it names none that we know."""
    return _SIDE_OF.get(report.text(Tag.SIDE))


def status_of(report: FixMessage) -> OrderStatus:
    """Return the status that a report states, corrected by its quantities.

    OrdStatus carries the most urgent of several states, and some send the last fill as partial:
    what is filled and left decides.

    Raises
    ------
    Drop
        If the status is none of FIX 4.4.
    """
    letter = report.text(Tag.ORD_STATUS)
    status = _STATUSES.get(letter)
    if status is None:
        msg = f"FIX order status (39) {letter!r} is unknown"
        raise Drop(msg)
    cum, leaves = report.decimal(Tag.CUM_QTY), report.decimal(Tag.LEAVES_QTY)
    if status in {"accepted", "partially_filled"} and cum:
        return "filled" if leaves == 0 else "partially_filled"
    return status


def _letter(table: dict[str, _T], report: FixMessage, tag: Tag, otherwise: _T) -> _T:
    letter = report.get(tag)
    if letter is None:
        return otherwise
    if letter not in table:
        msg = f"FIX field {int(tag)} has an unknown value {letter!r}"
        raise Drop(msg)
    return table[letter]
