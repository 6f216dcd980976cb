"""What a counterparty reports, as events of orders.

ExecType (150) says what happened; OrdStatus (39) is the most urgent of several states, and is only
carried along. What was filled comes from 31, 32, 14 and 151.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from brokers.fix.messages import FixMessage
from brokers.fix.rejections import business_rejection, cancel_rejection, order_rejection
from brokers.fix.sent import Sent
from brokers.fix.tags import MsgType, Tag
from brokers.fix.terms import side_of, status_of, terms_of_report
from domain.errors import Drop
from domain.ids import life_id
from domain.instruments import canonical
from domain.order_events import EventKind, OrderEvent
from domain.orders import OrderTerms
from domain.reasons import Reason
from trading.venues import OrderReport

VENUE = "fix"

_OWN_PREFIX, _OWN_LENGTH = "ax", 34
"""How an id of ours begins, and how long it is: see `domain.ids`."""

_KINDS: Final[dict[str, EventKind]] = {
    "0": EventKind.ACK,
    "1": EventKind.FILL,
    "2": EventKind.FILL,
    "3": EventKind.SUSPENDED,
    "4": EventKind.CANCELED,
    "5": EventKind.REPLACED,
    "6": EventKind.PENDING_CANCEL_ACK,
    "7": EventKind.STATUS,
    "8": EventKind.REJECT,
    "9": EventKind.SUSPENDED,
    "A": EventKind.PENDING_ACK,
    "B": EventKind.STATUS,
    "C": EventKind.EXPIRED,
    "D": EventKind.REPLACED,
    "E": EventKind.STATUS,
    "F": EventKind.FILL,
    "G": EventKind.CORRECT,
    "H": EventKind.BUST,
    "I": EventKind.STATUS,
    "J": EventKind.STATUS,
    "K": EventKind.STATUS,
    "L": EventKind.TRIGGERED,
}
"""ExecType (150). 1 and 2 are FIX 4.2's fills, which some still send; stopped (7), calculated (B),
pending replace (E) and what a clearing house does (J, K) change nothing for us."""

_EXECUTIONS = frozenset({EventKind.FILL, EventKind.BUST, EventKind.CORRECT})
_WITH_TERMS = frozenset({EventKind.REPLACED, EventKind.STATUS, EventKind.EXTERNAL})
_STATUS_REPORT = "I"
_UNKNOWN_ORDER = "1"
"""CxlRejReason (102), and BusinessRejectReason (380): unknown order."""
_CANCEL = "1"
"""CxlRejResponseTo (434): an OrderCancelRequest; 2 is a replace."""
_PER_UNIT, _PERCENT = "1", "2"
"""CommType (13); anything else is an amount."""
_IMMEDIATE = frozenset({"3", "4"})
"""TimeInForce (59): IOC and FOK."""
_ZERO = Decimal(0)

KnownTerms = Callable[[str], OrderTerms | None]
"""Terms that we asked for under a name on the wire, as far as they are remembered."""


class Reader:
    """Translates reports of one account.

    Parameters
    ----------
    symbols
        Canonical symbol by the counterparty's spelling.
    known
        See `KnownTerms`.
    """

    def __init__(self, symbols: Mapping[str, str], known: KnownTerms) -> None:
        self._symbols = symbols
        self._known = known

    def execution_report(self, report: FixMessage, recv_ns: int) -> OrderEvent:
        """Translate an ExecutionReport (8).

        Raises
        ------
        Drop
            If it does not say what it must; nothing is guessed.
        """
        kind = _KINDS.get(report.text(Tag.EXEC_TYPE))
        if kind is None:
            msg = f"FIX ExecType (150) {report.text(Tag.EXEC_TYPE)!r} is unknown"
            raise Drop(msg)
        name = report.name(Tag.CL_ORD_ID)
        own, number = owned(name)
        if not own and kind in {EventKind.ACK, EventKind.STATUS}:
            kind = EventKind.EXTERNAL
        quantity, price, commission = _executed(report, kind)
        return OrderEvent(
            kind=kind,
            client_order_id=own,
            ts_event_ns=_event_ns(report, recv_ns),
            ts_recv_ns=recv_ns,
            venue=VENUE,
            venue_order_id=report.name(Tag.ORDER_ID),
            request=number if own else -1,
            execution_id=_execution_id(report) if kind in _EXECUTIONS else "",
            execution_ref=report.name(Tag.EXEC_REF_ID),
            quantity_units=quantity,
            price=price,
            commission=commission,
            commission_currency=_commission_currency(report) if commission else "",
            cum_units=_total(report, Tag.CUM_QTY),
            leaves_units=_total(report, Tag.LEAVES_QTY),
            average_price=_total(report, Tag.AVG_PX) or None,
            terms=terms_of_report(report, self._known(name)) if kind in _WITH_TERMS else None,
            status=status_of(report) if report.get(Tag.ORD_STATUS) else None,
            reason=_reason(report, kind),
            symbol=self._symbol(report),
            side=side_of(report),
        )

    def order_report(self, report: FixMessage, recv_ns: int, sequence: int) -> OrderReport | None:
        """Translate an ExecutionReport that answers a question; None where it says: no such order.

        Raises
        ------
        Drop
            If it does not say which order, how much of it and in what state.
        """
        if is_unknown_order(report):
            return None
        name = report.name(Tag.CL_ORD_ID)
        terms, side = terms_of_report(report, self._known(name)), side_of(report)
        if terms is None or side is None:
            msg = f"FIX status report of {name!r} has no quantity (38) or side (54)"
            raise Drop(msg)
        return OrderReport(
            client_order_id=owned(name)[0],
            venue_order_id=report.name(Tag.ORDER_ID),
            symbol=self._symbol(report),
            side=side,
            terms=terms,
            status=status_of(report),
            filled_units=_total(report, Tag.CUM_QTY) or _ZERO,
            average_price=_total(report, Tag.AVG_PX) or None,
            ts_event_ns=_event_ns(report, recv_ns),
            sequence=sequence,
            reason=_reason(report, EventKind.STATUS),
        )

    def _symbol(self, report: FixMessage) -> str:
        name = report.name(Tag.SYMBOL)
        return self._symbols.get(name) or canonical(name)


def cancel_reject(reject: FixMessage, recv_ns: int) -> OrderEvent:
    """Translate an OrderCancelReject (9), of a cancel or of a replace."""
    own, number = owned(reject.name(Tag.CL_ORD_ID))
    of_cancel = reject.get(Tag.CXL_REJ_RESPONSE_TO) == _CANCEL
    return OrderEvent(
        kind=EventKind.CANCEL_REJECT if of_cancel else EventKind.REPLACE_REJECT,
        client_order_id=own,
        ts_event_ns=_event_ns(reject, recv_ns),
        ts_recv_ns=recv_ns,
        venue=VENUE,
        venue_order_id=reject.name(Tag.ORDER_ID),
        request=number if own else -1,
        status=status_of(reject) if reject.get(Tag.ORD_STATUS) else None,
        reason=cancel_rejection(reject).reason,
        unknown_order=reject.get(Tag.CXL_REJ_REASON) == _UNKNOWN_ORDER,
    )


def refusal(reject: FixMessage, sent: Sent, recv_ns: int) -> OrderEvent:
    """Translate a Reject (3) or a BusinessMessageReject (j) of a command that we sent."""
    business = reject.kind == MsgType.BUSINESS_MESSAGE_REJECT
    return OrderEvent(
        kind=sent.refused_as,
        client_order_id=sent.order.client_order_id,
        ts_event_ns=_event_ns(reject, recv_ns),
        ts_recv_ns=recv_ns,
        venue=VENUE,
        venue_order_id=sent.order.venue_order_id,
        request=sent.number,
        reason=business_rejection(reject).reason if business else Reason.BAD_TERMS,
        unknown_order=business and reject.get(Tag.BUSINESS_REJECT_REASON) == _UNKNOWN_ORDER,
    )


def restated(event: OrderEvent, terms: OrderTerms) -> OrderEvent:
    """Return the event that says: the order stands under these terms, rounded to the grid."""
    return OrderEvent(
        kind=EventKind.REPLACED,
        client_order_id=event.client_order_id,
        ts_event_ns=event.ts_event_ns,
        ts_recv_ns=event.ts_recv_ns,
        venue=VENUE,
        venue_order_id=event.venue_order_id,
        request=-1,
        terms=terms,
        symbol=event.symbol,
        side=event.side,
    )


def send_unknown(sent: Sent, now_ns: int) -> OrderEvent:
    """Return the event that says: nobody knows what became of a command."""
    return OrderEvent(
        kind=EventKind.SEND_UNKNOWN,
        client_order_id=sent.order.client_order_id,
        ts_event_ns=now_ns,
        ts_recv_ns=now_ns,
        venue=VENUE,
        venue_order_id=sent.order.venue_order_id,
        request=sent.number,
        reason=Reason.DISCONNECTED,
    )


def owned(name: str) -> tuple[str, int]:
    """Return our id and the number of the request behind a ClOrdID; empty and -1 if not ours."""
    own, number = life_id(name)
    if len(own) == _OWN_LENGTH and own.startswith(_OWN_PREFIX):
        return own, number
    return "", -1


def is_unknown_order(report: FixMessage) -> bool:
    """Say whether an ExecutionReport means: there is no such order."""
    about = report.get(Tag.EXEC_TYPE) == _STATUS_REPORT and report.get(Tag.ORD_STATUS) == "8"
    nothing = not report.decimal(Tag.CUM_QTY)
    return about and nothing and order_rejection(report).reason is Reason.NOT_FOUND


def _executed(
    report: FixMessage, kind: EventKind
) -> tuple[Decimal | None, Decimal | None, Decimal]:
    if kind not in _EXECUTIONS:
        return None, None, _ZERO
    quantity, price = report.decimal(Tag.LAST_QTY), report.decimal(Tag.LAST_PX)
    if kind is not EventKind.BUST and (not quantity or not price or quantity < 0 or price < 0):
        msg = f"FIX execution {report.name(Tag.EXEC_ID)!r} has no quantity (32) or price (31)"
        raise Drop(msg)
    charged = report.decimal(Tag.COMMISSION) or _ZERO
    how = report.get(Tag.COMM_TYPE)
    if how == _PER_UNIT:
        charged *= quantity or _ZERO
    elif how == _PERCENT:
        charged *= (quantity or _ZERO) * (price or _ZERO) / 100
    return quantity, price, charged


def _total(report: FixMessage, tag: Tag) -> Decimal | None:
    total = report.decimal(tag)
    if total is not None and total < 0:
        msg = f"FIX field {int(tag)} is below 0: {total}"
        raise Drop(msg)
    return total


def _commission_currency(report: FixMessage) -> str:
    return report.name(Tag.COMM_CURRENCY) or report.name(Tag.CURRENCY)


def _execution_id(report: FixMessage) -> str:
    found = report.name(Tag.EXEC_ID)
    if not found:
        msg = "FIX execution without an ExecID (17) cannot be told from its copy"
        raise Drop(msg)
    return found


def _reason(report: FixMessage, kind: EventKind) -> str:
    if kind is EventKind.REJECT:
        return order_rejection(report).reason
    if kind is EventKind.CANCELED:
        if report.get(Tag.ORIG_CL_ORD_ID):
            return Reason.REQUESTED
        told = order_rejection(report).reason
        if told is not Reason.OTHER:
            return told
        immediate = report.get(Tag.TIME_IN_FORCE) in _IMMEDIATE
        return Reason.NO_LIQUIDITY if immediate else Reason.ADMINISTRATIVE
    return ""


def _event_ns(message: FixMessage, recv_ns: int) -> int:
    at_ns = message.time_ns(Tag.TRANSACT_TIME)
    sent_ns = message.time_ns(Tag.SENDING_TIME) if at_ns is None else at_ns
    return recv_ns if sent_ns is None else sent_ns
