"""A broker as a model: what is true at the venue, and the events that tell of it.

It decides nothing about delivery: events wait in ``queue`` for whoever loses, doubles and shuffles
them. Everything it ever reported is in ``executions``, as in a venue's own record.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from domain.order_events import EventKind as Kind
from domain.order_events import OrderEvent
from domain.orders import OrderSide, OrderStatus, OrderTerms, terms_of
from tests.trading.orders.making import ACCOUNT, terms
from trading.venues import (
    Cancel,
    Command,
    OrderReport,
    Replace,
    Submit,
    VenuePosition,
    VenueSnapshot,
)

MS_NS = 1_000_000
LIVE = frozenset({"accepted", "triggered", "partially_filled", "suspended"})


@dataclass
class Truth:
    """One order as the venue has it; ``fills`` are quantity and price by execution id."""

    name: str
    venue_id: str
    symbol: str
    side: OrderSide
    terms: OrderTerms
    status: OrderStatus = "accepted"
    fills: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    triggered: bool = False
    moment: tuple[int, int | None] = (0, None)
    reason: str = ""
    restated: bool = False

    @property
    def cum(self) -> Decimal:
        """Base units filled."""
        return sum((quantity for quantity, _ in self.fills.values()), Decimal(0))

    @property
    def average(self) -> Decimal | None:
        """Average price, None with nothing filled."""
        cost = sum((quantity * price for quantity, price in self.fills.values()), Decimal(0))
        return cost / self.cum if self.cum else None

    @property
    def leaves(self) -> Decimal:
        """Base units that may still fill."""
        return self.terms.quantity_units - self.cum if self.status in LIVE else Decimal(0)

    @property
    def working(self) -> OrderStatus:
        """Status of an order that works."""
        if self.cum:
            return "partially_filled"
        return "triggered" if self.triggered else "accepted"


class ModelBroker:
    """The venue.

    Parameters
    ----------
    sequenced
        Whether its events carry a place in one order of events.
    totals
        Whether they say how much of the order is filled and left.
    """

    def __init__(self, *, sequenced: bool, totals: bool) -> None:
        self.sequenced = sequenced
        self.totals = totals
        self.now_ns = 1_000 * MS_NS
        self.truths: dict[str, Truth] = {}
        self.inbox: list[Command] = []
        self.queue: list[OrderEvent] = []
        self.executions: list[OrderEvent] = []
        self.received: list[str] = []
        self._count = 0

    # Commands.

    def work(self, index: int, *, refuse: bool) -> None:
        """Carry out a command of the inbox, or refuse it."""
        command = self.inbox.pop(index)
        name = command.order.client_order_id
        if isinstance(command, Submit):
            self._submit(command, refuse=refuse)
        elif name not in self.truths:
            self._refuse_unknown(command)
        elif isinstance(command, Cancel):
            self._cancel(self.truths[name], command, refuse=refuse)
        else:
            self._replace(self.truths[name], command, refuse=refuse)

    def _submit(self, command: Submit, *, refuse: bool) -> None:
        order = command.order
        self.received.append(order.client_order_id)
        truth = Truth(
            order.client_order_id, self._name("v"), order.symbol, order.side, terms_of(order)
        )
        self.truths[truth.name] = truth
        if refuse:
            truth.reason = "insufficient_margin"
            self._end(truth, "rejected", Kind.REJECT, request=0)
        else:
            self._tell(truth, Kind.PENDING_ACK, request=0)
            self._tell(truth, Kind.ACK, request=0)

    def _refuse_unknown(self, command: Cancel | Replace) -> None:
        kind = Kind.CANCEL_REJECT if isinstance(command, Cancel) else Kind.REPLACE_REJECT
        self._send(command.order.client_order_id, kind, request=command.request, unknown_order=True)

    def _cancel(self, truth: Truth, command: Cancel, *, refuse: bool) -> None:
        if refuse or truth.status not in LIVE:
            self._tell(truth, Kind.CANCEL_REJECT, request=command.request, reason="too_late")
            return
        self._tell(truth, Kind.PENDING_CANCEL_ACK, request=command.request)
        truth.reason = "requested"
        self._end(truth, "canceled", Kind.CANCELED, request=command.request)

    def _replace(self, truth: Truth, command: Replace, *, refuse: bool) -> None:
        if refuse or truth.status not in LIVE:
            self._tell(truth, Kind.REPLACE_REJECT, request=command.request)
            return
        truth.venue_id = self._name("v")
        self._put_terms(truth, command.terms, request=command.request)

    # What happens by itself.

    def fill(self, truth: Truth, quantity: int, price: str) -> None:
        """Fill a part, at most what is left."""
        units = min(Decimal(quantity), truth.leaves)
        name = self._name("e")
        truth.fills[name] = (units, Decimal(price))
        full = truth.cum >= truth.terms.quantity_units
        truth.status = "filled" if full else "partially_filled"
        self._execute(truth, Kind.FILL, name, quantity_units=units, price=Decimal(price))

    def bust(self, truth: Truth, execution: str, *, reopen: bool) -> None:
        """Take an execution back."""
        truth.fills[execution] = (Decimal(0), Decimal(0))
        self._unfill(truth, reopen=reopen)
        self._execute(truth, Kind.BUST, execution + "-h", execution_ref=execution)

    def correct(self, truth: Truth, execution: str, price: str, *, reopen: bool) -> None:
        """Correct an execution: one unit less, another price."""
        quantity = truth.fills[execution][0] - (1 if truth.fills[execution][0] > 1 else 0)
        truth.fills[execution] = (quantity, Decimal(price))
        self._unfill(truth, reopen=reopen)
        self._execute(
            truth,
            Kind.CORRECT,
            self._name("c"),
            execution_ref=execution,
            quantity_units=quantity,
            price=Decimal(price),
        )

    def _unfill(self, truth: Truth, *, reopen: bool) -> None:
        whole = truth.cum >= truth.terms.quantity_units
        if truth.status == "filled" and not whole:
            truth.status = truth.working if reopen else "canceled"
        elif truth.status in LIVE - {"suspended"}:
            truth.status = truth.working

    def trigger(self, truth: Truth) -> None:
        """Fire the trigger of an order that has none of it filled."""
        truth.status, truth.triggered = "triggered", True
        self._tell(truth, Kind.TRIGGERED)

    def suspend(self, truth: Truth) -> None:
        """Hold an order."""
        truth.status = "suspended"
        self._tell(truth, Kind.SUSPENDED)

    def resume(self, truth: Truth) -> None:
        """Let a held order work again."""
        truth.status = truth.working
        self._tell(truth, Kind.ACK)

    def end(self, truth: Truth, *, expired: bool) -> None:
        """End an order that nobody asked to end."""
        truth.reason = "administrative"
        if expired:
            self._end(truth, "expired", Kind.EXPIRED)
        else:
            self._end(truth, "canceled", Kind.CANCELED)

    def restate(self, truth: Truth, quantity: int) -> None:
        """Change the terms unasked."""
        truth.restated = True
        wanted = msgspec.structs.replace(truth.terms, quantity_units=Decimal(quantity))
        self._put_terms(truth, wanted)

    def take_foreign(self, side: OrderSide, quantity: int) -> None:
        """Take an order from a person at the broker's own screen."""
        name = self._name("v")
        truth = Truth(name, name, "EURUSD", side, terms(quantity))
        self.truths[name] = truth
        self._tell(truth, Kind.EXTERNAL, status="accepted", terms=truth.terms)

    # Its record.

    def report(self, name: str) -> OrderReport | None:
        """Return an order as it stands; None for one that is not known."""
        truth = self.truths.get(name)
        if truth is None:
            return None
        ts_ns, sequence = truth.moment
        foreign = truth.name == truth.venue_id
        return OrderReport(
            client_order_id="" if foreign else truth.name,
            venue_order_id=truth.venue_id,
            symbol=truth.symbol,
            side=truth.side,
            terms=truth.terms,
            status=truth.status,
            filled_units=truth.cum,
            average_price=truth.average,
            ts_event_ns=ts_ns,
            sequence=sequence,
            reason=truth.reason,
        )

    def snapshot(self, *, complete: bool = True) -> VenueSnapshot:
        """Return the record of the account; an incomplete one lacks every second line."""
        step = 1 if complete else 2
        reports = [r for name in self.truths if (r := self.report(name)) is not None]
        units = self.position()
        held = (VenuePosition("EURUSD", units, None),) if units else ()
        return VenueSnapshot(
            account=ACCOUNT,
            currency="USD",
            ts_event_ns=self.now_ns,
            orders=tuple(reports[::step]),
            executions=tuple(self.executions[::step]),
            positions=held,
            last_sequence=self._count if self.sequenced else None,
            complete=complete,
        )

    def position(self) -> Decimal:
        """Return the signed base units of the account."""
        return sum((t.cum if t.side == "buy" else -t.cum for t in self.truths.values()), Decimal(0))

    # How it tells.

    def _put_terms(self, truth: Truth, wanted: OrderTerms, request: int = -1) -> None:
        truth.terms = wanted
        if wanted.quantity_units <= truth.cum:
            truth.status = "filled"
        self._tell(truth, Kind.REPLACED, request=request, terms=wanted)

    def _end(self, truth: Truth, status: OrderStatus, kind: Kind, **fields: Any) -> None:
        truth.status = status
        self._tell(truth, kind, reason=truth.reason, **fields)

    def _execute(self, truth: Truth, kind: Kind, name: str, **fields: Any) -> None:
        self._tell(truth, kind, execution_id=name, **fields)
        # The totals of a record are those of its reports.
        bare = msgspec.structs.replace(self.queue[-1], cum_units=None)
        self.executions.append(bare)

    def _tell(self, truth: Truth, kind: Kind, **fields: Any) -> None:
        if self.totals or kind in (Kind.BUST, Kind.CORRECT):
            fields |= {"cum_units": truth.cum, "leaves_units": truth.leaves}
        own = "" if truth.name == truth.venue_id else truth.name
        told = self._send(
            own, kind, venue_order_id=truth.venue_id, symbol=truth.symbol, side=truth.side, **fields
        )
        truth.moment = (told.ts_event_ns, told.sequence)

    def _send(self, name: str, kind: Kind, **fields: Any) -> OrderEvent:
        self._count += 1
        self.now_ns += MS_NS
        told = OrderEvent(
            kind,
            name,
            self.now_ns,
            self.now_ns,
            venue="model",
            sequence=self._count if self.sequenced else None,
            **fields,
        )
        self.queue.append(told)
        return told

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"
