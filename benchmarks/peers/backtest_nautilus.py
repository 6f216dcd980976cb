"""``python -m benchmarks.peers.backtest_nautilus TICKS_FILE [--symbol EURUSD] [--fills OUT.json]``.

An EMA cross on NautilusTrader's ``BacktestEngine``, fed with every quote of one pair. The data
engine builds 1 m bars of the mid from the quotes; at each bar, once the slow EMA has seen 20 bars,
the strategy wants to be long 100,000 units if fast (10) > slow (20), short if fast < slow, and
sends one market order for the difference: 100,000 at first, 200,000 at each cross. A market order
fills in full at the bid or the ask of the last quote: no fees, no latency, no slippage model.

Settings other than the defaults: ``time_bars_build_with_no_updates=False`` (no bars of minutes
without a quote), logging bypassed, no post-run analysis, risk engine bypassed as in the project's
own performance tests.

In the measured time: ``engine.run`` only. Not in it: imports, reading the file, turning rows into
``QuoteTick`` objects, ``add_data`` with its sort, and the report.
"""

import json
import time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import (
    DataEngineConfig,
    LoggingConfig,
    RiskEngineConfig,
    StrategyConfig,
)
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.persistence.wranglers import QuoteTickDataWrangler
from nautilus_trader.trading.strategy import Strategy

from benchmarks.peers import tape as t

FAST_BARS, SLOW_BARS = 10, 20
UNITS = 100_000
QUOTE_UNITS = 1_000_000
"""Size of each quote; more than any order, so that none walks past the top of the book."""
START_USD = 1_000_000
VENUE = Venue("SIM")

Fill = tuple[int, str, float]
"""Time in nanoseconds, side, price."""


class EmaCrossConfig(StrategyConfig, frozen=True):  # type: ignore[misc, call-arg]
    """What to trade, on which bars."""

    instrument_id: InstrumentId
    bar_type: BarType


class EmaCross(Strategy):  # type: ignore[misc]
    """Long while fast is above slow, short while it is below; always in the market."""

    def __init__(self, config: EmaCrossConfig) -> None:
        super().__init__(config)
        self.fast = ExponentialMovingAverage(FAST_BARS)
        self.slow = ExponentialMovingAverage(SLOW_BARS)
        self.units = 0
        self.bars = 0
        self.fills: list[Fill] = []

    def on_start(self) -> None:
        """Ask for bars."""
        self.register_indicator_for_bars(self.config.bar_type, self.fast)
        self.register_indicator_for_bars(self.config.bar_type, self.slow)
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar: Bar) -> None:  # noqa: ARG002
        """Trade the difference between what is wanted and what is held."""
        self.bars += 1
        if not self.slow.initialized or self.fast.value == self.slow.value:
            return
        units = (UNITS if self.fast.value > self.slow.value else -UNITS) - self.units
        if units:
            order = self.order_factory.market(
                self.config.instrument_id,
                OrderSide.BUY if units > 0 else OrderSide.SELL,
                Quantity.from_int(abs(units)),
            )
            self.submit_order(order)

    def on_order_filled(self, event: OrderFilled) -> None:
        """Keep the fill and the position."""
        is_buy = event.order_side == OrderSide.BUY
        self.units += int(event.last_qty) if is_buy else -int(event.last_qty)
        self.fills.append((event.ts_event, "BUY" if is_buy else "SELL", float(event.last_px)))


def pair(symbol: str) -> CurrencyPair:
    """Return a pair of five decimal places without fees."""
    instrument_id = InstrumentId(Symbol(symbol), VENUE)
    return CurrencyPair(
        instrument_id=instrument_id,
        raw_symbol=Symbol(symbol),
        base_currency=Currency.from_str(symbol[:3]),
        quote_currency=Currency.from_str(symbol[3:]),
        price_precision=5,
        size_precision=0,
        price_increment=Price.from_str("0.00001"),
        size_increment=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal("0.03"),
        margin_maint=Decimal("0.03"),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
    )


def make_engine() -> BacktestEngine:
    """Return an engine with one venue."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            data_engine=DataEngineConfig(time_bars_build_with_no_updates=False),
            risk_engine=RiskEngineConfig(bypass=True),
            run_analysis=False,
        )
    )
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(START_USD, USD)], base_currency=USD
    )
    return engine


def quotes(tape: t.Tape, symbol: str, instrument: CurrencyPair) -> list[Any]:
    """Return the ticks of one symbol as Nautilus has them."""
    ts_ns, bid, ask = tape.of(tape.symbols.index(symbol))
    size = float(QUOTE_UNITS)
    columns = {"bid_price": bid, "ask_price": ask, "bid_size": size, "ask_size": size}
    frame = pd.DataFrame(columns, index=pd.to_datetime(ts_ns, utc=True))
    ticks: list[Any] = QuoteTickDataWrangler(instrument).process(frame)
    return ticks


def main() -> None:
    """Run and report."""
    args = t.arguments("--symbol", "--fills")
    symbol = args.symbol or "EURUSD"
    instrument = pair(symbol)
    ticks = quotes(t.load(args.ticks_file), symbol, instrument)
    bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-MID-INTERNAL")
    strategy = EmaCross(EmaCrossConfig(instrument_id=instrument.id, bar_type=bar_type))
    engine = make_engine()
    engine.add_instrument(instrument)
    engine.add_data(ticks)
    engine.add_strategy(strategy)

    started = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - started

    balance = float(engine.portfolio.account(VENUE).balance_total(USD))
    unrealised = float(engine.portfolio.unrealized_pnl(instrument.id) or 0)
    if args.fills:
        Path(args.fills).write_text(json.dumps(strategy.fills))
    t.say(
        {
            "ticks": len(ticks),
            "seconds": seconds,
            "bars": strategy.bars,
            "orders": engine.cache.orders_total_count(),
            "fills": len(strategy.fills),
            "units": strategy.units,
            "pnl": balance - START_USD + unrealised,
            "version": version("nautilus_trader"),
            "fills_list_file": args.fills,
        }
    )
    engine.dispose()


if __name__ == "__main__":
    main()
