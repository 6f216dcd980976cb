"""Commands and questions as FIX messages.

Every message about an order says who answers for it: the user is its executing trader (party role
12), strategy and model are in Text (58), the one field that every counterparty takes and keeps.
"""

from brokers.fix.messages import Fields, FixMessage, checked
from brokers.fix.tags import MsgType, Tag
from brokers.fix.terms import SIDES, terms_fields
from brokers.fix.values import decimal_text, time_text
from domain.ids import wire_id
from domain.instruments import instrument
from domain.orders import Order, terms_of
from trading.venues import Cancel, Capabilities, Command, Replace, Submit, VenueInstrument

_PROPRIETARY = "D"
"""PartyIDSource (447): an id that both sides agreed on."""
_EXECUTING_TRADER = "12"
_ALL_ORDERS = "7"
"""MassStatusReqType (585)."""
_POSITIONS, _CUSTOMER = "0", "1"
"""PosReqType (724): positions as they are. AccountType (581): on the customer side of the books."""


def message_of(
    command: Command, account: str, listed: VenueInstrument, able: Capabilities, wall_ns: int
) -> FixMessage:
    """Return the message of a command.

    Parameters
    ----------
    account
        Account (1).
    listed
        The pair as the counterparty spells it.
    able
        What it takes.
    wall_ns
        TransactTime (60): when the command is made.

    Raises
    ------
    Unsupported
        If FIX 4.4, the counterparty, or printable ASCII cannot say it.
    """
    order = command.order
    common = [
        (Tag.ACCOUNT, account),
        (Tag.SYMBOL, listed.name),
        (Tag.SIDE, SIDES[order.side]),
        (Tag.TRANSACT_TIME, time_text(wall_ns)),
        (Tag.TEXT, _text(order)),
    ]
    currency = (Tag.CURRENCY, instrument(order.symbol).base)
    if isinstance(command, Submit):
        names = [(Tag.CL_ORD_ID, wire_id(order.client_order_id, 0)), currency]
        kind, terms = MsgType.NEW_ORDER_SINGLE, terms_fields(terms_of(order), order.side, able)
    elif isinstance(command, Replace):
        names = [*_names(command), currency]
        kind = MsgType.ORDER_CANCEL_REPLACE_REQUEST
        terms = terms_fields(command.terms, order.side, able)
    else:
        names, kind = _names(command), MsgType.ORDER_CANCEL_REQUEST
        terms = [(Tag.ORDER_QTY, decimal_text(order.quantity_units))]
    return FixMessage(kind, checked([*names, *common, *terms]), _parties(order))


def status_request(name: str, order: Order, account: str, listed: VenueInstrument) -> FixMessage:
    """Return an OrderStatusRequest for an order under one of its names on the wire."""
    return FixMessage(
        MsgType.ORDER_STATUS_REQUEST,
        checked(
            [
                (Tag.ACCOUNT, account),
                (Tag.CL_ORD_ID, name),
                (Tag.ORDER_ID, order.venue_order_id),
                (Tag.SYMBOL, listed.name),
                (Tag.SIDE, SIDES[order.side]),
            ]
        ),
    )


def mass_status_request(request_id: str, account: str) -> FixMessage:
    """Return a request for the status of every order of the account."""
    return FixMessage(
        MsgType.ORDER_MASS_STATUS_REQUEST,
        checked(
            [
                (Tag.ACCOUNT, account),
                (Tag.MASS_STATUS_REQ_ID, request_id),
                (Tag.MASS_STATUS_REQ_TYPE, _ALL_ORDERS),
            ]
        ),
    )


def positions_request(request_id: str, account: str, wall_ns: int) -> FixMessage:
    """Return a RequestForPositions for all pairs of the account."""
    now = time_text(wall_ns)
    day, _, _ = now.partition("-")
    return FixMessage(
        MsgType.REQUEST_FOR_POSITIONS,
        checked(
            [
                (Tag.ACCOUNT, account),
                (Tag.ACCOUNT_TYPE, _CUSTOMER),
                (Tag.POS_REQ_ID, request_id),
                (Tag.POS_REQ_TYPE, _POSITIONS),
                (Tag.CLEARING_BUSINESS_DATE, day),
                (Tag.TRANSACT_TIME, now),
            ]
        ),
    )


def number_of(command: Command) -> int:
    """Return the number of the request that a command is: 0 for a submit."""
    return 0 if isinstance(command, Submit) else command.request


def name_of(command: Command) -> str:
    """Return the ClOrdID (11) of a command."""
    return wire_id(command.order.client_order_id, number_of(command))


def _names(command: Cancel | Replace) -> list[tuple[Tag, str]]:
    order = command.order
    return [
        (Tag.CL_ORD_ID, wire_id(order.client_order_id, command.request)),
        (Tag.ORIG_CL_ORD_ID, wire_id(order.client_order_id, command.previous)),
        (Tag.ORDER_ID, order.venue_order_id),
    ]


def _text(order: Order) -> str:
    return f"{order.strategy}/{order.model_id}"


def _parties(order: Order) -> tuple[Fields, ...]:
    if not order.user:
        return ()
    return (
        checked(
            [
                (Tag.PARTY_ID, order.user),
                (Tag.PARTY_ID_SOURCE, _PROPRIETARY),
                (Tag.PARTY_ROLE, _EXECUTING_TRADER),
            ]
        ),
    )
