"""A trading floor as a model: a venue with a market, a book on our side, and slow lines between.

What is true at the venue and what our side has heard of it are kept apart, so that a test can let a
cancel lose its race with a fill.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.ids import digest
from domain.order_events import EventKind as Kind
from domain.order_events import OrderEvent
from domain.orders import OrderSide, OrderTerms, OrderType, TimeInForce, terms_of
from trading.algos.actions import AmendOrder, CancelOrder, SubmitOrder
from trading.algos.market import MarketView
from trading.orders.book import OrderBook
from trading.orders.effects import Alert, HaltStrategy, Quarantined
from trading.orders.state import OrderState
from trading.quotes import Quote
from trading.venues import Capabilities, VenueInstrument

ACCOUNT = "001-1"
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
TUESDAY_NS = 1_399_356_000_000_000_000
"""2014-05-06 06:00 UTC: the market is open."""

D = Decimal
ZERO = Decimal(0)
ALL: frozenset[TimeInForce] = frozenset({"GTC", "GTD", "GFD", "IOC", "FOK"})
TYPES: tuple[OrderType, ...] = (
    "market",
    "limit",
    "stop",
    "stop_loss",
    "take_profit",
    "trailing_stop",
)
ABLE = Capabilities(
    times_in_force=dict.fromkeys(TYPES, ALL),
    native_replace=True,
    client_ids=True,
    position_modes=frozenset({"netting"}),
    max_requests_per_s=100.0,
    price_bound=True,
    reduce_only=True,
)
INSTRUMENT = VenueInstrument(
    symbol="EURUSD",
    name="EUR_USD",
    pip_location=-4,
    price_step=D("0.00001"),
    units_step=D(1),
    min_units=D(1),
    max_units=D(10_000_000),
    margin_rate=D("0.02"),
)


@dataclass
class Truth:
    """One order as the venue has it."""

    name: str
    side: OrderSide
    terms: OrderTerms
    filled: Decimal = ZERO
    live: bool = True

    @property
    def leaves(self) -> Decimal:
        """Base units that may still fill."""
        return max(D(0), self.terms.quantity_units - self.filled) if self.live else D(0)


class Floor:
    """One account at one venue.

    Parameters
    ----------
    delay_ns
        Gives the time that the next command or report is under way.
    liquidity
        Base units that each order finds at one step; None: any.
    """

    def __init__(
        self,
        delay_ns: Callable[[], int] = lambda: 0,
        liquidity: Decimal | None = None,
        capabilities: Capabilities = ABLE,
        instrument: VenueInstrument = INSTRUMENT,
    ) -> None:
        self.book = OrderBook(ACCOUNT)
        self.heard: Callable[[OrderState], None] = lambda _: None
        """Told of each order after a change."""
        self.truths: dict[str, Truth] = {}
        self.position = D(0)
        self.now_ns = TUESDAY_NS
        self.quote = Quote(D("1.10000"), D("1.10010"))
        self.is_open, self.is_blind = True, False
        """Whether the market trades, and whether our side sees no quote of it."""
        self.deny: Callable[[OrderTerms], bool] = lambda _: False
        self.reject: Callable[[OrderTerms], bool] = lambda _: False
        self.lose: Callable[[OrderTerms], bool] = lambda _: False
        """Whether the answer to a submit never comes, although the venue took the order."""
        self.liquidity = liquidity
        self.alerts: list[Alert] = []
        self._able = capabilities
        self._instrument = instrument
        self._delay_ns = delay_ns
        self._inbox: list[tuple[int, int, SubmitOrder | CancelOrder | AmendOrder, int]] = []
        self._outbox: list[tuple[int, int, OrderEvent]] = []
        self._line_ns = 0
        self._count = 0

    def view(self, _: str = "EURUSD") -> MarketView:
        """Return the market as it is now."""
        quote = None if self.is_blind else self.quote
        return MarketView(self._instrument, self._able, quote, self.is_open)

    # Our side.

    def carry_out(self, outputs: Iterable[object]) -> None:
        """Do what a manager asks for, as the desk does."""
        for output in outputs:
            if isinstance(output, SubmitOrder):
                assert self.book.add(output.order), "the same order twice"
                name = output.order.client_order_id
                denied = self.deny(terms_of(output.order))
                self._ours(Kind.RISK_DENY if denied else Kind.SUBMIT, name, 0)
                if denied:
                    continue
                number = 0
            elif isinstance(output, CancelOrder):
                name = output.client_order_id
                number = self.book.next_request(name)
                self._ours(Kind.CANCEL_REQUEST, name, number)
            elif isinstance(output, AmendOrder):
                name = output.client_order_id
                number = self.book.next_request(name)
                self._ours(Kind.REPLACE_REQUEST, name, number, terms=output.terms)
            else:
                continue
            # Commands keep their order on the line; reports may overtake each other.
            self._line_ns = max(self._line_ns, self.now_ns + self._delay_ns())
            self._inbox.append((self._line_ns, self._next(), output, number))

    def _ours(self, kind: Kind, name: str, number: int, terms: OrderTerms | None = None) -> None:
        self._apply(OrderEvent(kind, name, self.now_ns, self.now_ns, request=number, terms=terms))

    def _apply(self, event: OrderEvent) -> None:
        effects = self.book.apply(event)
        self.alerts += [effect for effect in effects if isinstance(effect, Alert)]
        assert not any(isinstance(e, Quarantined | HaltStrategy) for e in effects), effects
        self.heard(self.book[event.client_order_id])

    # The venue's side.

    def step(self, now_ns: int, bid: str | None = None, ask: str | None = None) -> None:
        """Let time pass: commands arrive, orders trade, reports come back."""
        self.now_ns = now_ns
        if bid is not None:
            self.quote = Quote(D(bid), D(ask or bid))
        for item in sorted(i for i in self._inbox if i[0] <= now_ns):
            self._inbox.remove(item)
            self._take(item[2], item[3])
        for truth in list(self.truths.values()):
            self._match(truth)
        for report in sorted(r for r in self._outbox if r[0] <= now_ns):
            self._outbox.remove(report)
            self._apply(report[2])

    def _take(self, command: SubmitOrder | CancelOrder | AmendOrder, number: int) -> None:
        if isinstance(command, SubmitOrder):
            self._submit(command)
            return
        truth = self.truths[command.client_order_id]
        is_cancel = isinstance(command, CancelOrder)
        if not truth.live:
            kind = Kind.CANCEL_REJECT if is_cancel else Kind.REPLACE_REJECT
            self._tell(kind, truth.name, request=number, reason="too_late")
        elif isinstance(command, CancelOrder):
            self._end(truth, "requested", number)
        elif isinstance(command, AmendOrder):
            truth.terms = command.terms
            self._tell(Kind.REPLACED, truth.name, request=number, terms=command.terms)
            truth.live = truth.leaves > 0

    def _submit(self, command: SubmitOrder) -> None:
        order = command.order
        truth = Truth(order.client_order_id, order.side, terms_of(order))
        self.truths[truth.name] = truth
        if self.reject(truth.terms):
            truth.live = False
            self._tell(Kind.REJECT, truth.name, request=0, reason="insufficient_margin")
        elif self.lose(truth.terms):
            self._tell(Kind.SEND_UNKNOWN, truth.name, request=0)
        else:
            self._tell(Kind.ACK, truth.name, request=0, venue_order_id=f"v-{truth.name}")

    def _match(self, truth: Truth) -> None:
        terms = truth.terms
        if truth.live and self.is_open and self._trades(truth):
            units = min(truth.leaves, self.liquidity or truth.leaves)
            if terms.position_effect == "reduce_only":
                against = self.position if truth.side == "sell" else -self.position
                units = min(units, max(D(0), against))
                if not units:
                    self._end(truth, "reduce_only", -1)
                    return
            self._fill(truth, units)
        if truth.live and terms.time_in_force in ("IOC", "FOK"):
            self._end(truth, "no_liquidity", -1)

    def _trades(self, truth: Truth) -> bool:
        terms = truth.terms
        price = self.quote.ask if truth.side == "buy" else self.quote.bid
        worst = terms.limit_price if terms.limit_price is not None else terms.price_bound
        if terms.order_type in ("stop", "stop_loss"):
            assert terms.trigger_price is not None
            beyond = price - terms.trigger_price
            return beyond >= 0 if truth.side == "buy" else beyond <= 0
        if terms.order_type == "trailing_stop":
            return False
        if worst is None:
            return True
        return price <= worst if truth.side == "buy" else price >= worst

    def _fill(self, truth: Truth, units: Decimal) -> None:
        truth.filled += units
        truth.live = truth.leaves > 0
        self.position += units if truth.side == "buy" else -units
        self._tell(
            Kind.FILL,
            truth.name,
            execution_id=digest("fill", self._next()),
            quantity_units=units,
            price=self.quote.ask if truth.side == "buy" else self.quote.bid,
        )

    def _end(self, truth: Truth, reason: str, number: int) -> None:
        truth.live = False
        self._tell(Kind.CANCELED, truth.name, request=number, reason=reason)

    def end(self, name: str, reason: str = "administrative") -> None:
        """End an order at the venue's own will."""
        self._end(self.truths[name], reason, -1)

    def _tell(self, kind: Kind, name: str, **fields: object) -> None:
        at = self.now_ns + self._delay_ns()
        # The venue's clock runs on with every event; it is received when it comes.
        event = OrderEvent(kind, name, self.now_ns + self._next(), at, venue="floor", **fields)  # type: ignore[arg-type]
        self._outbox.append((at, self._next(), event))

    def _next(self) -> int:
        self._count += 1
        return self._count
