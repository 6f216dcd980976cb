"""No stream of orders gets past a limit: the gate against a slow second reading of every rule."""

import os
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.control import ControlKind, TradingState
from domain.instruments import instrument
from domain.nanos import parse_ns
from domain.orders import Order, terms_of
from tests.trading.risk.desk import GlassGate
from tests.trading.risk.oracle import MINUTE, PIP, SECOND, Market, Oracle, Rules, Wanted
from trading.quotes import Quote
from trading.risk.case import RiskContext
from trading.risk.control import Controls, control_event
from trading.risk.exposure import held_of
from trading.risk.gate import GateConfig
from trading.risk.limits import (
    AccountLimits,
    ExposureLimits,
    LossLimits,
    MarginLimits,
    MarketLimits,
    OrderLimits,
    PriceLimits,
    RateLimits,
    RepeatLimits,
)

STREAMS = 100_000 if os.environ.get("AIFX_SLOW") == "1" else 2_000
STEPS = 12
CHUNK = 500
SYMBOLS = tuple(PIP)
SIZES = (2_000, 5_000, 6_000, 10_000, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000)
LONG = 13 * 60 * MINUTE
PAUSES = (
    *(0, 0, SECOND // 2, SECOND // 2, SECOND, SECOND, SECOND, 3 * SECOND, 3 * SECOND),
    *(20 * SECOND, 2 * MINUTE, 16 * MINUTE, LONG, 25 * 60 * MINUTE),
)
STARTS = tuple(
    map(
        parse_ns,
        (
            *["2024-03-05T12:00:00"] * 12,
            "2024-03-05T21:54:59",
            "2024-07-02T20:50:00",
            "2024-03-03T22:25:00",
            "2024-03-08T21:44:00",
            "2024-03-09T12:00:00",
        ),
    )
)
EQUITIES = (
    *[100_000] * 14,
    99_000,
    98_500,
    97_500,
    96_500,
    88_000,
    None,
)
MIDS = {"EURUSD": Fraction("1.10"), "USDJPY": Fraction(150), "EURJPY": Fraction(165)}


class Stream:
    """One account, one stream of random wishes, and what became of them."""

    def __init__(self, number: int, draws: Any) -> None:
        self.currency = ("USD", "USD", "EUR", "JPY")[number % 4]
        self.scale = 150 if self.currency == "JPY" else 1
        self.oracle = Oracle(
            self.currency,
            scaled(Rules(margin_rate=Fraction(13 - 3 * (number % 2), 20)), self.scale),
        )
        config = GateConfig("desk", self.currency, limits_of(self.oracle.rules))
        self.gate = GlassGate(config, Controls("desk"))
        self.draws = iter(draws.tolist())
        self.now = STARTS[self.draw(len(STARTS))]
        self.orders: dict[str, Order] = {}
        self.seen: Counter[str] = Counter()

    def draw(self, choices: int) -> int:
        """Return a number below ``choices``."""
        return int(next(self.draws) % choices)

    def run(self) -> None:
        """Play the stream."""
        self.mark()
        for number in range(STEPS):
            pause = PAUSES[self.draw(len(PAUSES))]
            self.now += pause
            if pause >= LONG or (pause >= 2 * MINUTE and self.draw(4)):
                self.mark()
            act = self.draw(16)
            if act < 9 or not self.orders:
                self.submit(number)
            elif act < 11:
                self.fill()
            elif act < 13:
                self.replace()
            elif act == 13:
                self.end()
            elif act == 14:
                self.mark()
            else:
                self.control()

    def market(self, symbol: str) -> tuple[Market, RiskContext]:
        """Return the same market for both readers."""
        quotes: dict[str, tuple[Fraction, Fraction]] = {}
        for name, mid in MIDS.items():
            half = PIP[name] * Fraction((5, 10, 25, 26)[max(0, self.draw(24) - 20)], 10)
            moved = mid + PIP[name] * (self.draw(41) - 20)
            if self.draw(60):
                quotes[name] = (moved - half, moved + half)
        age = (0, SECOND, 2 * SECOND, 2 * SECOND + 1)[max(0, self.draw(24) - 20)]
        suspect = self.draw(60) == 0
        held = {}
        for name in SYMBOLS:
            buys, sells = (self.oracle.working(name, side) for side in ("buy", "sell"))
            position = self.oracle.position(name)
            if position or buys or sells:
                held[name] = held_of(Decimal(position), Decimal(buys), Decimal(sells))
        context = RiskContext(
            now_ns=self.now,
            instrument=instrument(symbol),
            quotes={name: Quote(decimal(bid), decimal(ask)) for name, (bid, ask) in quotes.items()},
            quote_recv_ns=self.now - age,
            verdict=1 << 16 if suspect else 0,
            held=held,
            margin_rates=dict.fromkeys(SYMBOLS, decimal(self.oracle.rules.margin_rate)),
        )
        return Market(self.now, quotes, age, suspect), context

    def submit(self, number: int) -> None:
        """Ask for a new order, now and then under an old name."""
        symbol = SYMBOLS[self.draw(3)]
        units = SIZES[self.draw(len(SIZES))]
        limit = MIDS[symbol] + PIP[symbol] * (self.draw(141) - 70) if self.draw(3) == 0 else None
        name = f"ax{number}" if self.draw(20) or not self.orders else next(iter(self.orders))
        wanted = Wanted(
            name=name,
            strategy=("one", "two")[self.draw(2)],
            symbol=symbol,
            side=("buy", "sell")[self.draw(2)],
            units=units,
            limit=limit,
            rest=units,
        )
        order = Order(
            client_order_id=name,
            account="desk",
            strategy=wanted.strategy,
            signal_id="",
            symbol=symbol,
            side="buy" if wanted.side == "buy" else "sell",
            quantity_units=Decimal(units),
            status="initialized",
            ts_event_ns=self.now,
            ts_recv_ns=self.now,
            order_type="market" if limit is None else "limit",
            limit_price=None if limit is None else decimal(limit),
        )
        market, context = self.market(symbol)
        self.compare(wanted, market, self.gate.check(order, context, every=True))
        if self.gate.admit(order, lambda: context).passed:
            self.oracle.place(wanted, self.now)
            self.oracle.remember(name, units)
            self.orders[name] = order
            self.gate.sent(name)

    def replace(self) -> None:
        """Ask for another size or price of a working order."""
        name = self.pick()
        old = self.orders[name]
        placed = self.oracle.placed[name]
        units = SIZES[self.draw(len(SIZES))]
        limit = placed.wanted.limit
        if limit is not None and self.draw(2):
            limit += PIP[old.symbol] * (self.draw(41) - 20)
        wanted = placed.wanted._replace(
            units=units, limit=limit, rest=units - placed.filled, replaces=True
        )
        terms = msgspec.structs.replace(
            terms_of(old),
            quantity_units=Decimal(units),
            limit_price=None if limit is None else decimal(limit),
        )
        market, context = self.market(old.symbol)
        self.compare(wanted, market, self.gate.check_replace(old, terms, context, every=True))
        if self.gate.admit_replace(old, terms, lambda: context).passed:
            self.oracle.place(wanted, self.now)
            self.orders[name] = msgspec.structs.replace(
                old, quantity_units=terms.quantity_units, limit_price=terms.limit_price
            )
            self.gate.sent(name)

    def compare(self, wanted: Wanted, market: Market, verdict: Any) -> None:
        """Hold the gate against the second reading: nothing slips, and no denial is for nothing."""
        broken = self.oracle.broken(wanted, market)
        said = {denial.code.value for denial in verdict.denials}
        assert said <= broken, (wanted, market, verdict.denials, broken)
        assert bool(said) == bool(broken), (wanted, market, broken)
        self.seen.update(said)
        if not said:
            kind = "replace" if wanted.replaces else "order"
            exits = self.oracle.is_exit(wanted)
            self.seen[f"{'exit' if exits else 'open'} {kind}"] += 1

    def pick(self) -> str:
        """Choose an order that is working."""
        names = list(self.orders)
        return names[self.draw(len(names))]

    def fill(self) -> None:
        """Fill some or all of an order."""
        name = self.pick()
        order = self.orders[name]
        rest = int(order.leaves_units)
        units = rest if self.draw(2) else max(1, rest // 2)
        self.oracle.fill(name, units, self.now)
        self.gate.filled(order, self.now)
        self.orders[name] = msgspec.structs.replace(
            order, filled_units=order.filled_units + units, status="partially_filled"
        )
        if units == rest:
            self.end(name)

    def end(self, name: str = "") -> None:
        """Bring an order to its end."""
        name = name or self.pick()
        del self.orders[name]
        self.oracle.placed[name].open = False
        self.gate.closed(name, self.now)

    def mark(self) -> None:
        """Mark the account."""
        drawn = EQUITIES[self.draw(len(EQUITIES))]
        equity = None if drawn is None else Fraction(drawn * self.scale)
        self.oracle.mark(self.now, equity)
        self.gate.mark(self.now, None if equity is None else decimal(equity))

    def control(self) -> None:
        """Let a person lower or raise a state."""
        strategy = ("", "one")[self.draw(2)]
        to = TradingState.ACTIVE
        kind = ControlKind.RAISE
        if self.oracle.states.get(strategy, "active") == "active":
            kind = ControlKind.LOWER
            to = tuple(TradingState)[1 + self.draw(3)]
        event = control_event(
            kind,
            to,
            account="desk",
            by="anna",
            reason="a drill",
            ts_event_ns=self.now,
            strategy=strategy,
        )
        self.gate.control(event)
        if kind == ControlKind.RAISE:
            self.oracle.raised(strategy)
        else:
            self.oracle.states[strategy] = to.value


def decimal(value: Fraction) -> Decimal:
    """Return a fraction that has an end as a decimal."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def scaled(rules: Rules, by: int) -> Rules:
    """Return the rules of an account in another currency."""
    money = ("order_notional", "position_notional", "gross", "currency_gross", "currency_net")
    return replace(rules, **{name: getattr(rules, name) * by for name in money})


def limits_of(rules: Rules) -> AccountLimits:
    """Return the same rules as the gate's configuration."""
    return AccountLimits(
        market=MarketLimits(rules.max_age, decimal(rules.spread_pips)),
        price=PriceLimits(
            decimal(rules.collar_pips), decimal(rules.through_spreads), decimal(rules.through_pips)
        ),
        order=OrderLimits(
            decimal(rules.order_units),
            decimal(rules.order_notional),
            decimal(rules.size_ratio),
            min_median_orders=3,
        ),
        exposure=ExposureLimits(
            decimal(rules.position_units),
            decimal(rules.position_notional),
            decimal(rules.gross),
            decimal(rules.currency_gross),
            decimal(rules.currency_net),
        ),
        margin=MarginLimits(decimal(rules.margin_level)),
        loss=LossLimits(
            decimal(rules.daily), decimal(rules.rolling), decimal(rules.drawdown), rules.equity_age
        ),
        rates=RateLimits(rules.per_min, rules.order_burst, rules.per_min, rules.message_burst),
        account_rates=RateLimits(rules.per_min, rules.account_burst, 60_000, 1_000),
        repeat=RepeatLimits(rules.duplicate_window, rules.executions, rules.execution_window),
    )


EXPECTED = {
    "open order", "exit order", "open replace", "exit replace",
    "bad_quantity", "halted", "cancel_only", "reducing", "duplicate_id", "no_quote",
    "suspect_quote", "stale_price", "spread", "market_closed", "rollover", "after_open",
    "before_close", "price_collar", "price_through", "max_order_units", "max_order",
    "size_outlier", "no_conversion_rate", "max_position_units", "max_position", "max_gross",
    "currency_gross", "currency_net", "equity_unavailable", "margin", "daily_loss_unavailable",
    "daily_loss", "rolling_loss", "drawdown", "duplicate", "order_rate", "message_rate",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1_800)  # a hundred thousand streams take about ten minutes
def test_no_stream_of_orders_gets_past_a_limit() -> None:
    """Whatever passes breaks no rule, whatever is denied breaks the one named; each rule is met."""
    seen: Counter[str] = Counter()
    for first in range(0, STREAMS, CHUNK):
        rng = np.random.default_rng([20240305, first])
        draws = rng.integers(0, 1 << 30, size=(CHUNK, 24 * STEPS))
        for number in range(CHUNK):
            stream = Stream(first + number, draws[number])
            try:
                stream.run()
            except AssertionError as error:
                pytest.fail(f"stream {first + number}: {error}")
            seen.update(stream.seen)
    assert EXPECTED - set(seen) == set(), seen
