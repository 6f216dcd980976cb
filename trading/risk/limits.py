"""The limits of an account, by theme; a value on the bound passes.

Defaults suit a small desk. Amounts are in account currency, sizes in base units of the pair.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from domain.errors import BadUse
from domain.nanos import MINUTE_NS, SECOND_NS

MarginRule = Literal["net", "larger_leg", "both_legs"]
"""Margin is asked on the net position, on the larger of long and short, or on both."""


class _Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every number is finite and above 0 unless a group says otherwise."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                continue
            if not Decimal(value).is_finite() or value <= 0:
                msg = f"{name} of {type(self).__name__} is {value}; it must be a number above 0"
                raise BadUse(msg)


class MarketLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """What the market must look like.

    Attributes
    ----------
    max_price_age_ns
        Decision time minus receive time of the quote; as much the other way is a broken clock.
    max_spread_pips, rollover_spread_pips
        Ask minus bid; the second around 17:00 New York, where such orders are allowed at all.
    spread_pips
        Other bounds than ``max_spread_pips``, by symbol.
    """

    max_price_age_ns: int = 2 * SECOND_NS
    max_spread_pips: Decimal = Decimal(5)
    rollover_spread_pips: Decimal = Decimal(20)
    spread_pips: Mapping[str, Decimal] = {}

    def __post_init__(self) -> None:
        """Refuse a bound that could never pass or never deny."""
        super().__post_init__()
        for symbol, pips in self.spread_pips.items():
            if not pips.is_finite() or pips <= 0:
                msg = f"spread_pips of {symbol} is {pips}; it must be a number above 0"
                raise BadUse(msg)


class SessionLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """When nothing new is risked.

    Attributes
    ----------
    rollover_before_ns, rollover_after_ns
        Around 17:00 New York: by default 16:55 to 17:15, the end not included.
    trade_rollover
        Whether new orders are allowed there after all.
    after_open_ns, before_close_ns
        After the market opens, mostly on a Sunday, and before it closes.
    """

    rollover_before_ns: int = 5 * MINUTE_NS
    rollover_after_ns: int = 15 * MINUTE_NS
    trade_rollover: bool = False
    after_open_ns: int = 30 * MINUTE_NS
    before_close_ns: int = 15 * MINUTE_NS


class PriceLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """How far the prices of an order may be from the market.

    Attributes
    ----------
    max_distance_pips
        Of any price from the mid: a wrong figure in front is found.
    max_through_spreads, min_through_pips
        How much worse than the mid (of a stop-limit: than its trigger) an order may trade, in
        spreads; so many pips are always allowed.
    """

    max_distance_pips: Decimal = Decimal(200)
    max_through_spreads: Decimal = Decimal(10)
    min_through_pips: Decimal = Decimal(3)


class OrderLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """How large one order may be.

    Attributes
    ----------
    max_units, max_notional
        Base units, and account currency at the mid rate.
    max_size_ratio, median_orders, min_median_orders
        Largest multiple of the median of the strategy's last orders in the symbol, how many are
        looked at, and from how many on there is a median.
    """

    max_units: Decimal = Decimal(1_000_000)
    max_notional: Decimal = Decimal(100_000)
    max_size_ratio: Decimal = Decimal(10)
    median_orders: int = 20
    min_median_orders: int = 5


class ExposureLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """How large positions may become if the worst of all working orders fill.

    Attributes
    ----------
    max_position_units, max_position_notional
        Of one symbol: base units, and account currency at the mid rate.
    max_gross
        Of all symbols together, account currency.
    max_currency_gross, max_currency_net
        Of all legs in one currency, as a sum of sizes and as a sum with signs. Long 100k EURUSD is
        +100k EUR and -110k USD; both legs count, that in account currency too.
    """

    max_position_units: Decimal = Decimal(1_000_000)
    max_position_notional: Decimal = Decimal(200_000)
    max_gross: Decimal = Decimal(600_000)
    max_currency_gross: Decimal = Decimal(600_000)
    max_currency_net: Decimal = Decimal(400_000)


class MarginLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """How much equity there must be per margin asked, after the trade; and on what it is asked."""

    min_level: Decimal = Decimal(2)
    rule: MarginRule = "net"


class LossLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """How much may be lost, as fractions of the equity that it is measured from, in (0, 1).

    Attributes
    ----------
    max_daily_fraction, max_rolling_fraction
        Since 17:00 New York, and over the last 24 hours.
    max_drawdown_fraction
        From the high-water mark.
    max_equity_age_ns
        Age from which a known equity is not known any more.
    """

    max_daily_fraction: Decimal = Decimal("0.02")
    max_rolling_fraction: Decimal = Decimal("0.03")
    max_drawdown_fraction: Decimal = Decimal("0.10")
    max_equity_age_ns: int = 3 * MINUTE_NS

    def __post_init__(self) -> None:
        """Refuse fractions that could never deny."""
        super().__post_init__()
        if max(self.max_daily_fraction, self.max_rolling_fraction, self.max_drawdown_fraction) >= 1:
            msg = "the fractions of LossLimits must be below 1: a loss of everything is no limit"
            raise BadUse(msg)


class RateLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """How fast orders, and all messages with replaces and cancels, may follow one another.

    So many at once, and so many a minute in the long run. Cancels and exits count, and pass.
    """

    orders_per_min: int = 60
    order_burst: int = 10
    messages_per_min: int = 300
    message_burst: int = 30


class RepeatLimits(_Limits, frozen=True, forbid_unknown_fields=True):
    """What a strategy may not do over and over.

    Attributes
    ----------
    duplicate_window_ns
        Within it no second order of the same symbol, side and size.
    max_executions, execution_window_ns
        The strategy is disabled with its so-many-th executed order within the window.
    """

    duplicate_window_ns: int = SECOND_NS
    max_executions: int = 50
    execution_window_ns: int = MINUTE_NS


class StrategyLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for one strategy in place of the account's; None: the account's."""

    market: MarketLimits | None = None
    session: SessionLimits | None = None
    price: PriceLimits | None = None
    order: OrderLimits | None = None
    rates: RateLimits | None = None
    repeat: RepeatLimits | None = None


class AccountLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All limits of one account.

    Attributes
    ----------
    rates, account_rates
        Of each strategy, and of all of them together.
    strategies
        Exceptions by name of the strategy.
    """

    market: MarketLimits = MarketLimits()
    session: SessionLimits = SessionLimits()
    price: PriceLimits = PriceLimits()
    order: OrderLimits = OrderLimits()
    exposure: ExposureLimits = ExposureLimits()
    margin: MarginLimits = MarginLimits()
    loss: LossLimits = LossLimits()
    rates: RateLimits = RateLimits()
    account_rates: RateLimits = RateLimits(240, 40, 1200, 120)
    repeat: RepeatLimits = RepeatLimits()
    strategies: Mapping[str, StrategyLimits] = {}

    def of(self, strategy: str) -> "AccountLimits":
        """Return the limits as they hold for a strategy."""
        own = self.strategies.get(strategy)
        if own is None:
            return self
        named = {name: getattr(own, name) for name in own.__struct_fields__}
        changes = {name: value for name, value in named.items() if value is not None}
        return msgspec.structs.replace(self, **changes)
