"""How the desk's facts are written into the journal, and read back.

One entry is one fact: an order as it was built, something that happened to one, an execution with
the profit that it realised, a change of trading state, what a person or the venue says the account
held. Keys are functions of the fact, so that a replay appends nothing twice.
"""

import msgspec

from domain.adjustments import PositionAdjustment
from domain.balances import OpeningBalance
from domain.control import ControlEvent
from domain.errors import Corrupt
from domain.ids import digest
from domain.order_events import OrderEvent
from domain.orders import Execution, Order
from trading.algos.parents import ParentCancel, ParentOrder
from trading.contingency.requests import GroupCancel, GroupRequest
from trading.journal.entries import Draft, Entry, EntryKind
from trading.venues import AccountCharge

ORDER, EXECUTION = "order", "execution"
ADJUSTMENT, OPENING_BALANCE = "adjustment", "opening_balance"
"""Kinds beside those of ``trading.journal``: an order as built, a fill with its profit, a position
that a person answers for, the money from which statements count."""

HandlingRequest = ParentOrder | ParentCancel | GroupRequest | GroupCancel
"""What leads to orders, or ends what does."""

Fact = (
    Order
    | OrderEvent
    | Execution
    | ControlEvent
    | AccountCharge
    | PositionAdjustment
    | OpeningBalance
    | HandlingRequest
)

_TYPES: dict[str, type[Fact]] = {
    ORDER: Order,
    EXECUTION: Execution,
    EntryKind.ORDER_EVENT: OrderEvent,
    EntryKind.CONTROL: ControlEvent,
    EntryKind.CHARGE: AccountCharge,
    ADJUSTMENT: PositionAdjustment,
    OPENING_BALANCE: OpeningBalance,
    EntryKind.PARENT_ORDER: ParentOrder,
    EntryKind.PARENT_CANCEL: ParentCancel,
    EntryKind.GROUP_REQUEST: GroupRequest,
    EntryKind.GROUP_CANCEL: GroupCancel,
}
_encode = msgspec.json.Encoder().encode
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in _TYPES.items()}


def draft_of(fact: Fact) -> Draft:
    """Return a fact as it goes into the journal."""
    payload = _encode(fact)
    match fact:
        case Order():
            key = f"order/{fact.client_order_id}"
            return Draft(ORDER, key, fact.ts_event_ns, fact.ts_recv_ns, payload)
        case OrderEvent():
            # The same report twice is one entry; a report that differs in anything is another.
            key = f"{fact.client_order_id}/{fact.kind}/{digest(payload.decode())}"
            return Draft(EntryKind.ORDER_EVENT, key, fact.ts_event_ns, fact.ts_recv_ns, payload)
        case Execution():
            key = f"execution/{fact.execution_id}"
            return Draft(EXECUTION, key, fact.ts_event_ns, fact.ts_recv_ns, payload)
        case ControlEvent():
            key = f"control/{fact.control_id}"
            return Draft(EntryKind.CONTROL, key, fact.ts_event_ns, fact.ts_event_ns, payload)
        case AccountCharge():
            key = f"charge/{fact.venue}/{fact.charge_id}"
            return Draft(EntryKind.CHARGE, key, fact.ts_event_ns, fact.ts_event_ns, payload)
        case PositionAdjustment():
            key = f"adjustment/{fact.adjustment_id}"
            return Draft(ADJUSTMENT, key, fact.ts_event_ns, fact.ts_event_ns, payload)
        case OpeningBalance():
            # One for the life of the account.
            ts_ns = fact.ts_event_ns
            return Draft(OPENING_BALANCE, "opening_balance", ts_ns, ts_ns, payload)
        case ParentOrder():
            key = f"parent/{fact.parent_id}"
            return Draft(EntryKind.PARENT_ORDER, key, fact.start_ns, fact.start_ns, payload)
        case ParentCancel():
            key = f"parent_cancel/{fact.parent_id}/{fact.ts_ns}"
            return Draft(EntryKind.PARENT_CANCEL, key, fact.ts_ns, fact.ts_ns, payload)
        case GroupRequest():
            key = f"group/{fact.group_id}"
            return Draft(EntryKind.GROUP_REQUEST, key, fact.ts_ns, fact.ts_ns, payload)
        case GroupCancel():
            key = f"group_cancel/{fact.group_id}/{fact.scope}/{fact.ts_ns}"
            return Draft(EntryKind.GROUP_CANCEL, key, fact.ts_ns, fact.ts_ns, payload)


def order_of(entry: Entry) -> str | None:
    """Return the client order id that an entry's key names; None where it is about no order."""
    if entry.kind == ORDER:
        return entry.key.removeprefix("order/")
    if entry.kind == EntryKind.ORDER_EVENT:
        return entry.key.partition("/")[0]
    return None


def fact_of(entry: Entry) -> Fact | None:
    """Return the fact of an entry; None for a kind that is none of the desk's.

    Raises
    ------
    Corrupt
        If the entry is of the desk's and cannot be read.
    """
    decoder = _DECODERS.get(entry.kind)
    if decoder is None:
        return None
    try:
        return decoder.decode(entry.payload)
    except msgspec.MsgspecError as error:
        msg = f"entry {entry.seq} of the journal of {entry.account} cannot be read: {error}"
        raise Corrupt(msg) from error
