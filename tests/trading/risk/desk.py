"""A small desk for the tests of risk: one account in dollars, three pairs, a quiet Tuesday noon."""

from decimal import Decimal
from typing import Any

import msgspec

from domain.instruments import instrument
from domain.nanos import parse_ns
from domain.orders import Order, OrderTerms, with_terms
from trading.quotes import Quote
from trading.risk.case import RiskContext
from trading.risk.control import Controls
from trading.risk.exposure import Held
from trading.risk.gate import GateConfig, RiskGate
from trading.risk.judge import Verdict, judge
from trading.risk.limits import AccountLimits

D = Decimal
NOW_NS = parse_ns("2024-03-05T12:00:00")
EQUITY = D(100_000)
QUOTES = {
    "EURUSD": Quote(D("1.09990"), D("1.10010")),
    "USDJPY": Quote(D("149.990"), D("150.010")),
    "EURJPY": Quote(D("164.980"), D("165.020")),
}
CONTEXT = RiskContext(
    now_ns=NOW_NS,
    instrument=instrument("EURUSD"),
    quotes=QUOTES,
    quote_recv_ns=NOW_NS,
    verdict=0,
    held={},
    margin_rates=dict.fromkeys(QUOTES, D("0.05")),
)
ORDER = Order(
    client_order_id="ax1",
    account="desk",
    strategy="trend",
    signal_id="s1",
    symbol="EURUSD",
    side="buy",
    quantity_units=D(10_000),
    status="initialized",
    ts_event_ns=NOW_NS,
    ts_recv_ns=NOW_NS,
)


class GlassGate(RiskGate):
    """A gate that one can look into: it also says what it would judge, and remembers nothing."""

    def check(self, order: Order, context: RiskContext, *, every: bool = False) -> Verdict:
        """Return its judgement of a new order; with ``every`` all denials, not only the first."""
        return judge(self._case(order, None, context), every=every)

    def check_replace(
        self, order: Order, terms: OrderTerms, context: RiskContext, *, every: bool = False
    ) -> Verdict:
        """Return the same of other terms for a working order."""
        return judge(self._case(with_terms(order, terms), order, context), every=every)


def order(**changes: Any) -> Order:
    """Return the desk's order (10,000 EURUSD bought at the market) with other fields."""
    return msgspec.structs.replace(ORDER, **changes)


def gate(
    limits: AccountLimits | None = None,
    controls: Controls | None = None,
    equity: Decimal | None = EQUITY,
    now_ns: int = NOW_NS,
) -> GlassGate:
    """Return a gate that has just seen the account's equity."""
    made = GlassGate(
        GateConfig("desk", "USD", limits or AccountLimits()), controls or Controls("desk")
    )
    made.mark(now_ns, equity)
    return made


def held(units: int, buys: int = 0, sells: int = 0) -> Held:
    """Return a netted position with what may still fill."""
    return Held(D(max(units, 0)), D(max(-units, 0)), D(buys), D(sells))


def after(delay_ns: int) -> RiskContext:
    """Return the desk's market some time later, its quote as fresh as ever."""
    return CONTEXT._replace(now_ns=NOW_NS + delay_ns, quote_recv_ns=NOW_NS + delay_ns)


def holding(units: int, buys: int = 0, sells: int = 0, symbol: str = "EURUSD") -> RiskContext:
    """Return the desk's market with a position in one symbol."""
    return CONTEXT._replace(held={symbol: held(units, buys, sells)})
