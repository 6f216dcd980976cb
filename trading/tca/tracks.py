"""Fills and orders that are still being measured: what they wait for, and their records at last."""

from decimal import Decimal

import msgspec

from domain.orders import Execution
from domain.quality import HORIZONS_NS, ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from trading.conversion import legs, rate
from trading.quotes import quote_of
from trading.tca.config import TcaConfig
from trading.tca.facts import OrderFacts
from trading.tca.lookups import Lookups, Tapes
from trading.tca.market_time import after_market_time
from trading.tca.measures import FillMarks, OrderMarks, fill_quality, order_quality
from trading.tca.tape import Forgotten, Mark, QuoteTape, Sums

_ZERO = Decimal(0)


def targets(ts_ns: int) -> list[int]:
    """Return the moments of all horizons after a moment, in market time."""
    return [after_market_time(ts_ns, horizon_ns) for horizon_ns in HORIZONS_NS.values()]


def ask_rate(asked: Lookups, source: str, ts_ns: int, tapes: Tapes, config: TcaConfig) -> None:
    """Ask for the quotes that convert a currency into the account's at a moment."""
    for symbol in legs(source, config.account_currency) if source else ():
        asked.ask(symbol, ts_ns, tapes)


def rate_at(asked: Lookups, source: str, ts_ns: int, config: TcaConfig) -> float | None:
    """Return the mid rate from a currency to the account's from answered lookups."""
    quotes = {}
    for symbol in legs(source, config.account_currency):
        mark = asked.mark(symbol, ts_ns)
        quote = None if mark is None else quote_of(mark.bid, mark.ask, config.instruments[symbol])
        if quote is not None:
            quotes[symbol] = quote
    found = rate(source, config.account_currency, "mid", quotes)
    return None if found is None else float(found)


class OrderTrack(msgspec.Struct, forbid_unknown_fields=True):
    """One order and its fills.

    Attributes
    ----------
    facts
        None while only a fill of it has come.
    fills
        Its fills, and those of its slices, by execution id.
    forgotten
        Sums of quotes of its life that the tape has dropped.
    span
        Sums of its whole life, once it has ended.
    reported
        True once its record was given out.
    """

    client_order_id: str
    facts: OrderFacts | None = None
    fills: dict[str, Execution] = {}
    asked: Lookups = msgspec.field(default_factory=Lookups)
    forgotten: Sums = Sums()
    span: Sums | None = None
    reported: bool = False

    def learn(self, facts: OrderFacts, tapes: Tapes, config: TcaConfig) -> None:
        """Take the facts after a record, and ask for the benchmarks that they call for."""
        self.facts = facts
        # What protects an order names it as its parent, too, and is of the other side.
        self.fills = {name: f for name, f in self.fills.items() if f.side == facts.side}
        quote = config.instruments[facts.symbol].quote
        for ts_ns in (facts.decided_ns, facts.sent_ns, facts.ended_ns):
            if ts_ns is not None:
                self.asked.ask(facts.symbol, ts_ns, tapes)
                ask_rate(self.asked, quote, ts_ns, tapes, config)
        if facts.ended_ns is not None and facts.unfilled_units:
            for ts_ns in targets(facts.ended_ns):
                self.asked.ask(facts.symbol, ts_ns, tapes)

    def add(self, execution: Execution, tapes: Tapes, config: TcaConfig) -> None:
        """Take a fill of it or of a slice, and ask for what converts its cost and commission."""
        if execution.execution_id in self.fills:
            return
        if self.facts is not None and self.facts.side != execution.side:
            return
        self.fills[execution.execution_id] = execution
        quote = config.instruments[execution.symbol].quote
        ask_rate(self.asked, quote, execution.ts_event_ns, tapes, config)
        if execution.commission:
            currency = execution.commission_currency
            ask_rate(self.asked, currency, execution.ts_event_ns, tapes, config)

    def share(self, orders: dict[str, "OrderTrack"], tapes: Tapes, config: TcaConfig) -> None:
        """Give the fills of a slice to its parent as well: it is what the parent bought or sold."""
        if self.facts is None or not self.facts.parent_id or not self.fills:
            return
        parent = orders.setdefault(self.facts.parent_id, OrderTrack(self.facts.parent_id))
        for fill in self.fills.values():
            parent.add(fill, tapes, config)

    def settle_span(self, tapes: Tapes) -> None:
        """Fix the sums of the order's life once the tape has passed its end."""
        facts = self.facts
        if facts is None or facts.ended_ns is None or self.span is not None:
            return
        tape = tapes.get(facts.symbol)
        if tape is None or facts.decided_ns is None:
            self.span = Sums()
        elif tape.clock_ns >= facts.ended_ns:
            self.span = self.forgotten + tape.sums(facts.decided_ns, facts.ended_ns)

    def lives_on(self, tape: QuoteTape) -> bool:
        """Say whether quotes that a tape has passed may still count for the order's span."""
        facts = self.facts
        if self.span is not None or facts is None or facts.symbol != tape.symbol:
            return False
        return facts.decided_ns is not None and facts.decided_ns <= tape.clock_ns

    def remember(self, dropped: Forgotten) -> None:
        """Keep the sums over what a tape has dropped of the order's life."""
        facts = self.facts
        if self.lives_on(dropped.tape) and facts is not None and facts.decided_ns is not None:
            self.forgotten += dropped.sums(facts.decided_ns, facts.ended_ns)

    def knows_its_start(self) -> bool:
        """Say whether the benchmarks of decision and send are known, or known to be missing."""
        facts = self.facts
        return facts is not None and self.asked.is_answered(
            facts.symbol, facts.decided_ns, facts.sent_ns
        )

    def marked(self, ts_ns: int | None) -> Mark | None:
        """Return the order's own benchmark at a moment; None where there is none."""
        return None if self.facts is None else self.asked.mark(self.facts.symbol, ts_ns)

    def has_all_fills(self) -> bool:
        """Say whether the known fills make up what the order says was filled."""
        filled = sum((fill.quantity_units for fill in self.fills.values()), _ZERO)
        return self.facts is not None and filled == self.facts.filled_units

    def report(self, config: TcaConfig) -> OrderQuality | None:
        """Return the record of the order; None while nothing is known of it, or it is open."""
        facts = self.facts
        if facts is None or facts.ended_ns is None:
            return None
        quote = config.instruments[facts.symbol].quote
        rates = [
            None if ts_ns is None else rate_at(self.asked, quote, ts_ns, config)
            for ts_ns in (facts.decided_ns, facts.ended_ns)
        ]
        decided = self.marked(facts.decided_ns)
        fills: list[tuple[float, float, float | None]] | None = None
        if self.has_all_fills() and (decided is not None or not self.fills):
            fills = [
                (
                    facts.sign * (float(fill.price) - decided.mid),
                    float(fill.quantity_units),
                    rate_at(self.asked, quote, fill.ts_event_ns, config),
                )
                for fill in self._in_order()
                if decided is not None
            ]
        after = targets(facts.ended_ns) if facts.unfilled_units else [None] * len(HORIZONS_NS)
        marks = OrderMarks(
            decided,
            self.marked(facts.ended_ns),
            tuple(self.marked(ts_ns) for ts_ns in after),
            rates[0],
            rates[1],
            fills,
            self._fees(config) if self.has_all_fills() else None,
            self.span or Sums(),
        )
        return order_quality(facts, marks, config)

    def _in_order(self) -> list[Execution]:
        return sorted(self.fills.values(), key=lambda f: (f.ts_event_ns, f.execution_id))

    def _fees(self, config: TcaConfig) -> float | None:
        total = 0.0
        for fill in self._in_order():
            if not fill.commission:
                continue
            currency = fill.commission_currency or config.account_currency
            to_account = rate_at(self.asked, currency, fill.ts_event_ns, config)
            if to_account is None:
                return None
            total += float(fill.commission) * to_account
        return total


class FillTrack(msgspec.Struct, forbid_unknown_fields=True):
    """One fill until its last horizon.

    Attributes
    ----------
    last_ns
        The last horizon.
    judged
        True once it was held against the spread of its moment.
    """

    execution: Execution
    last_ns: int
    asked: Lookups = msgspec.field(default_factory=Lookups)
    judged: bool = False

    @classmethod
    def of(cls, execution: Execution, tapes: Tapes, config: TcaConfig) -> "FillTrack":
        """Return a new track that asks for all benchmarks of the fill's own."""
        after = targets(execution.ts_event_ns)
        track = cls(execution, after[-1])
        for ts_ns in (execution.ts_event_ns, *after):
            track.asked.ask(execution.symbol, ts_ns, tapes)
        quote = config.instruments[execution.symbol].quote
        ask_rate(track.asked, quote, execution.ts_event_ns, tapes, config)
        return track

    def place(self) -> tuple[int, str]:
        """Return what fills are ordered by: time, then id."""
        return self.execution.ts_event_ns, self.execution.execution_id

    def beyond_spread(self, config: TcaConfig) -> QualityEvent | None:
        """Return what is to be told of a price beyond the bid or the ask of its moment."""
        execution = self.execution
        mark = self.asked.mark(execution.symbol, execution.ts_event_ns)
        if mark is None:
            return None
        price = float(execution.price)
        tolerance = config.spread_tolerance_pips * config.instruments[execution.symbol].pip
        if mark.bid - tolerance <= price <= mark.ask + tolerance:
            return None
        bound = mark.ask if price > mark.ask else mark.bid
        return event(QualityCode.OUTSIDE_SPREAD, execution, "price", price, bound)

    def report(self, order: OrderTrack, config: TcaConfig) -> ExecutionQuality:
        """Return the record of the fill."""
        execution, facts = self.execution, order.facts
        filled_ns = execution.ts_event_ns

        def mark(ts_ns: int) -> Mark | None:
            return self.asked.mark(execution.symbol, ts_ns)

        quote = config.instruments[execution.symbol].quote
        marks = FillMarks(
            order.marked(facts.decided_ns) if facts else None,
            order.marked(facts.sent_ns) if facts else None,
            mark(filled_ns),
            tuple(mark(ts_ns) for ts_ns in targets(filled_ns)),
            rate_at(self.asked, quote, filled_ns, config),
        )
        return fill_quality(facts, execution, marks, config)


def event(
    code: QualityCode, execution: Execution, measure: str, value: float, bound: float
) -> QualityEvent:
    """Return an event about a fill."""
    return QualityEvent(
        code,
        execution.execution_id,
        execution.client_order_id,
        execution.account,
        execution.symbol,
        execution.venue,
        execution.ts_event_ns,
        measure,
        value,
        bound,
    )
