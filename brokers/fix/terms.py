"""Terms of orders in FIX's letters, and back."""

from decimal import Decimal
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

_TYPES: Final[dict[OrderType, str]] = {
    "market": "1",
    "limit": "2",
    "stop": "3",
    "stop_limit": "4",
    "market_if_touched": "J",
    "take_profit": "2",
    "stop_loss": "3",
    "trailing_stop": "P",
}
"""OrdType (40). FIX 4.4 has no letter for what protects a position: a take profit is a limit there,
a stop loss a stop. A trailing stop is a pegged order (P) whose ExecInst (18) says so."""

BY_AGREEMENT: Final[frozenset[OrderType]] = frozenset({"market_if_touched", "trailing_stop"})
"""Types that FIX 4.4 can say and not every counterparty takes."""

_TRAILING = "a"
"""ExecInst (18): trailing stop peg."""
_FLOATS, _IN_PRICE = "0", "0"
"""PegMoveType (835): it moves with the market. PegOffsetType (836): the offset is a price."""

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
_TYPE_OF: Final[dict[str, OrderType]] = {
    letter: kind
    for kind, letter in _TYPES.items()
    if kind not in {"take_profit", "stop_loss", "trailing_stop"}
}
_TIME_OF = {letter: time for time, letter in _TIMES.items()}

_RESTING: frozenset[TimeInForce] = frozenset({"GFD", "GTC", "GTD"})
_IMMEDIATE: frozenset[TimeInForce] = frozenset({"IOC", "FOK"})


def capabilities(
    max_requests_per_s: float, agreed: frozenset[OrderType] = frozenset()
) -> Capabilities:
    """Return what an order over FIX 4.4 can be.

    Parameters
    ----------
    max_requests_per_s
        The counterparty's limit on messages (> 0).
    agreed
        Types of `BY_AGREEMENT` that it takes.
    """
    times: dict[OrderType, frozenset[TimeInForce]] = {
        "market": _IMMEDIATE,
        "limit": _RESTING | _IMMEDIATE,
        "stop": _RESTING,
        "stop_limit": _RESTING,
        "take_profit": _RESTING,
        "stop_loss": _RESTING,
    }
    return Capabilities(
        times_in_force=times | dict.fromkeys(agreed, _RESTING),
        native_replace=True,
        client_ids=True,
        position_modes=frozenset({"netting"}),
        max_requests_per_s=max_requests_per_s,
    )


def terms_fields(terms: OrderTerms, side: OrderSide, able: Capabilities) -> list[tuple[Tag, str]]:
    """Return the fields of a NewOrderSingle or a replace that say what is wanted.

    Raises
    ------
    Unsupported
        If FIX 4.4, or this counterparty, has no way to say it.
    """
    _check(terms, able)
    limit, stop = _prices(terms)
    return [
        (Tag.ORDER_QTY, decimal_text(terms.quantity_units)),
        (Tag.ORD_TYPE, _TYPES[terms.order_type]),
        (Tag.PRICE, "" if limit is None else decimal_text(limit)),
        (Tag.TIME_IN_FORCE, _TIMES[terms.time_in_force]),
        (Tag.STOP_PX, "" if stop is None else decimal_text(stop)),
        (Tag.EXPIRE_TIME, "" if terms.expire_ns is None else time_text(terms.expire_ns)),
        *_peg(terms, side),
    ]


def _check(terms: OrderTerms, able: Capabilities) -> None:
    allowed = able.times_in_force.get(terms.order_type)
    if allowed is None:
        msg = (
            f"this FIX counterparty takes no {terms.order_type} order: name it in "
            "broker.order_types if it was agreed, or place a stop or a limit instead"
        )
        raise Unsupported(msg)
    if terms.time_in_force not in allowed:
        msg = f"FIX takes no {terms.order_type} order {terms.time_in_force}"
        raise Unsupported(msg)
    odd = terms.trigger_side != "default" or terms.position_effect != "default"
    if odd or terms.price_bound is not None:
        msg = "FIX has no field for a trigger side, a position effect or a price bound"
        raise Unsupported(msg)
    if (terms.trailing_distance is None) is (terms.order_type == "trailing_stop"):
        msg = "a trailing distance belongs to a trailing stop, and to nothing else"
        raise Unsupported(msg)


def _prices(terms: OrderTerms) -> tuple[Decimal | None, Decimal | None]:
    """Return Price (44) and StopPx (99)."""
    if terms.order_type == "take_profit":
        return terms.limit_price or terms.trigger_price, None
    return terms.limit_price, terms.trigger_price


def _peg(terms: OrderTerms, side: OrderSide) -> list[tuple[Tag, str]]:
    distance = terms.trailing_distance
    if distance is None:
        return []
    # The offset is added to the market: a stop that sells trails below it.
    offset = distance if side == "buy" else -distance
    return [
        (Tag.EXEC_INST, _TRAILING),
        (Tag.PEG_OFFSET_VALUE, decimal_text(offset)),
        (Tag.PEG_MOVE_TYPE, _FLOATS),
        (Tag.PEG_OFFSET_TYPE, _IN_PRICE),
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
    order_type = _type_of(report, base.order_type)
    limit, stop = report.decimal(Tag.PRICE), report.decimal(Tag.STOP_PX)
    if quantity <= 0 or (limit or 0) < 0 or (stop or 0) < 0:
        msg = (
            f"FIX report of an order of {quantity} units at {limit}, {stop}: none can be 0 or less"
        )
        raise Drop(msg)
    if order_type == "take_profit" and base.limit_price is None:
        limit, stop = None, limit
    if order_type == "trailing_stop":
        # Its stop moves with the market: what was asked for is the first one.
        stop = None
    offset = report.decimal(Tag.PEG_OFFSET_VALUE)
    end = report.time_ns(Tag.EXPIRE_TIME)
    return OrderTerms(
        quantity_units=quantity,
        order_type=order_type,
        time_in_force=_letter(_TIME_OF, report, Tag.TIME_IN_FORCE, base.time_in_force),
        # Market orders are echoed with a price of 0 by some.
        limit_price=limit or base.limit_price,
        trigger_price=stop or base.trigger_price,
        trailing_distance=base.trailing_distance if offset is None else abs(offset),
        expire_ns=base.expire_ns if end is None else end,
    )


def _type_of(report: FixMessage, known: OrderType) -> OrderType:
    """Return the type of a reported order: ours, where its letter says nothing else."""
    letter = report.get(Tag.ORD_TYPE)
    if letter == _TYPES["trailing_stop"] and _TRAILING in report.text(Tag.EXEC_INST).split():
        return "trailing_stop"
    return known if letter == _TYPES[known] else _letter(_TYPE_OF, report, Tag.ORD_TYPE, known)


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
