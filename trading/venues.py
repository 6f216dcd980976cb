"""What trading asks of a venue: commands out, events in, and the venue's own record on demand.

Every adapter of ``brokers/`` is a `Venue`. `Venue.send` never waits for an answer: what becomes of
a command arrives as an event. A venue decides nothing: no retry of a write, no risk, no state
machine.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from domain.errors import Reject, Retry
from domain.order_events import OrderEvent
from domain.orders import Order, OrderSide, OrderStatus, OrderTerms, OrderType, TimeInForce

PositionMode = Literal["netting", "hedging", "fifo"]


class NotSent(Retry):
    """A command provably never left: the only failure of a write after which it may be repeated."""


class Unsupported(Reject):
    """The venue cannot do this; see its `Capabilities`."""


class Submit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Send an order; its terms, ids, strategy, user and model are in it. Request number 0."""

    order: Order


class Cancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Cancel what is left of an order.

    Attributes
    ----------
    order
        As it stands, with ``venue_order_id`` if it is known.
    request
        Number of this request about the order (>= 1).
    previous
        Number of the request under which the venue knows the order now (FIX OrigClOrdID).
    """

    order: Order
    request: int
    previous: int = 0


class Replace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Put other terms in the place of an order's; see `Cancel` for the numbers."""

    order: Order
    terms: OrderTerms
    request: int
    previous: int = 0


Command = Submit | Cancel | Replace


class Capabilities(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a venue can do; what is not named here is refused before it is sent.

    Attributes
    ----------
    times_in_force
        Allowed ones by order type.
    native_replace
        The order keeps its place and its id; otherwise a replace is a cancel and a new order there.
    trailing_stop, trigger_sides
        Whether the venue trails by itself; which prices may trigger.
    client_ids
        It keeps our client order id and refuses a second order of the same id.
    position_modes
        How positions of one symbol are kept.
    max_requests_per_s
        Its limit on requests (> 0).
    reports_in_order
        What it reports of an account comes in one order: after the end of an order no fill of it.
    """

    times_in_force: Mapping[OrderType, frozenset[TimeInForce]]
    native_replace: bool
    client_ids: bool
    position_modes: frozenset[PositionMode]
    max_requests_per_s: float
    trigger_sides: frozenset[str] = frozenset({"default"})
    price_bound: bool = False
    reduce_only: bool = False
    query_by_client_id: bool = True
    cancel_on_disconnect: bool = False
    reports_in_order: bool = False


class VenueInstrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The venue's own data of one pair; prices and sizes are rounded by it.

    Attributes
    ----------
    symbol, name
        Canonical symbol, and the venue's spelling.
    price_step, units_step
        Grid of prices and of base units (> 0).
    min_units, max_units
        Bounds of one order.
    margin_rate
        Part of the notional that is asked as margin, in (0, 1].
    min_trailing_distance, max_trailing_distance
        In price units; None where it names none.
    long_rate, short_rate
        Yearly financing of a long and of a short position as fractions of the notional; either may
        be negative. None where it names none.
    days_charged
        Days of financing charged at the roll that ends Monday, ... Sunday; None as above.
    tradeable
        Whether the venue takes orders for it now; wins over any calendar.
    """

    symbol: str
    name: str
    pip_location: int
    price_step: Decimal
    units_step: Decimal
    min_units: Decimal
    max_units: Decimal
    margin_rate: Decimal
    min_trailing_distance: Decimal | None = None
    max_trailing_distance: Decimal | None = None
    long_rate: Decimal | None = None
    short_rate: Decimal | None = None
    days_charged: tuple[int, ...] | None = None
    tradeable: bool = True


class OrderReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order as the venue has it; ``client_order_id`` is empty for one that is not ours.

    ``sequence`` is the venue's place of the last event in it, None where it has none.
    """

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: OrderSide
    terms: OrderTerms
    status: OrderStatus
    filled_units: Decimal
    average_price: Decimal | None
    ts_event_ns: int
    sequence: int | None = None
    reason: str = ""


class VenuePosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the venue says we hold: signed base units, and the average entry price unless flat."""

    symbol: str
    units: Decimal
    average_price: Decimal | None


class VenueSnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The venue's record of one account at one moment.

    Attributes
    ----------
    orders
        All open orders, and those closed since the asked sequence as far as the venue tells.
    executions
        Events of kind FILL, BUST and CORRECT since the asked sequence.
    positions
        Symbols with a position; any other is flat.
    balance, equity, margin_used
        Account currency; None where it does not say.
    last_sequence
        The newest event in this record; None where the venue has no order of events.
    complete
        False where a part could not be had: nothing may be concluded from what is missing.
    position_mode
        How the account keeps positions, as the venue says; None where it says nothing.
    """

    account: str
    currency: str
    ts_event_ns: int
    orders: tuple[OrderReport, ...]
    executions: tuple[OrderEvent, ...]
    positions: tuple[VenuePosition, ...]
    balance: Decimal | None = None
    equity: Decimal | None = None
    margin_used: Decimal | None = None
    last_sequence: int | None = None
    complete: bool = True
    position_mode: PositionMode | None = None


class AccountCharge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money that a venue booked beside any fill: financing, commission, a transfer.

    ``amount`` is in ``currency``; below 0 it was taken from us. ``charge_id`` is the venue's.
    """

    charge_id: str
    kind: Literal["financing", "commission", "dividend", "transfer", "correction"]
    symbol: str
    amount: Decimal
    currency: str
    ts_event_ns: int
    venue: str = ""
    sequence: int | None = None


class LinkEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A connection of a venue went or came: ``orders`` (requests and events) or ``prices``.

    ``circuit`` is the breaker before the requests that send orders: down while it is open.
    ``gap`` is set where events may have been missed meanwhile: reconcile before trading on.
    """

    link: Literal["orders", "prices", "circuit"]
    up: bool
    ts_recv_ns: int
    venue: str = ""
    reason: str = ""
    gap: bool = False


class Unsent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command that `Venue.send` took provably never left, or was provably not looked at.

    ``reason`` and ``why`` say what was in the way, as a code and in words.
    """

    command: Command
    reason: str
    why: str
    ts_recv_ns: int


class Barred(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The venue deals with this account no more until a person has acted.

    Credentials, permission, or the account itself: the next order would meet the same.
    """

    reason: str
    why: str
    ts_recv_ns: int
    venue: str = ""


class Unanswered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question that was put to a venue and got no answer.

    Attributes
    ----------
    client_order_id
        Order that it was about; empty: the whole record.
    cause
        ``later``: the venue cannot say now; ``barred``: it will not, until a person has acted;
        ``defect``: something broke that nobody foresaw.
    """

    client_order_id: str
    cause: Literal["later", "barred", "defect"]
    why: str
    ts_recv_ns: int


VenueEvent = OrderEvent | AccountCharge | LinkEvent | Unsent | Barred
Emit = Callable[[VenueEvent], None]
"""Takes an event from whatever thread of the adapter; must not raise and not wait."""


class Venue(Protocol):
    """One account at one broker. Methods may be called from one thread at a time."""

    @property
    def name(self) -> str:
        """Short name: ``paper``, ``oanda``, ``ib``, ``fix``."""
        ...

    @property
    def account(self) -> str:
        """The broker's id of the account."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; the same for life."""
        ...

    def start(self, emit: Emit) -> None:
        """Log on and begin to report; returns once commands may be sent.

        Raises
        ------
        BadUse
            If credentials, host or account are refused: trying again would not help.
        Retry
            If it cannot be reached now.
        """
        ...

    def stop(self) -> None:
        """Log off; idempotent. Orders stay as they are."""
        ...

    def instruments(self) -> Mapping[str, VenueInstrument]:
        """Return the tradable pairs by canonical symbol, as known at the logon."""
        ...

    def send(self, command: Command) -> None:
        """Hand a command to the wire and come back at once.

        Exactly one of these follows for every command that did not raise: an event that answers it,
        `Unsent` where it turned out that nothing had left, or SEND_UNKNOWN when no answer can be
        expected any more.

        Raises
        ------
        NotSent
            If provably nothing left.
        Unsupported
            If the venue cannot do this.
        """
        ...

    def query(self, order: Order, timeout_s: float) -> OrderReport | None:
        """Return what the venue knows of an order now; None where it says it knows none.

        Raises
        ------
        Retry
            If it cannot say.
        Halt
            If it will not until a person has acted.
        """
        ...

    def snapshot(self, since: int | None, timeout_s: float) -> VenueSnapshot:
        """Return orders, fills, positions and money, events from after sequence ``since``.

        Raises
        ------
        Retry
            If it cannot say now.
        Halt
            If it will not until a person has acted.
        """
        ...
