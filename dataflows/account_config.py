"""From settings to the frozen configs of the account and its gate."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from brokers.paper_venue.config import PaperVenueConfig
from config.settings import Settings
from config.trading_settings import RiskSettings
from domain.errors import BadUse
from domain.nanos import MS_NS
from trading.execution_config import ExecutionConfig
from trading.risk import limits
from trading.risk.limits import AccountLimits
from trading.venues import VenueInstrument


def account_limits(risk: RiskSettings) -> AccountLimits:
    """Return the bounds of the gate."""
    rates = limits.RateLimits(
        risk.orders_per_min, risk.order_burst, risk.messages_per_min, risk.message_burst
    )
    return AccountLimits(
        market=limits.MarketLimits(
            max_price_age_ns=risk.max_price_age_ms * MS_NS,
            max_spread_pips=risk.max_spread_pips,
            rollover_spread_pips=risk.rollover_spread_pips,
        ),
        session=limits.SessionLimits(
            rollover_before_ns=risk.rollover_before_ms * MS_NS,
            rollover_after_ns=risk.rollover_after_ms * MS_NS,
            trade_rollover=risk.trade_rollover,
            after_open_ns=risk.after_open_ms * MS_NS,
            before_close_ns=risk.before_close_ms * MS_NS,
        ),
        price=limits.PriceLimits(
            max_distance_pips=risk.max_distance_pips,
            max_through_spreads=risk.max_through_spreads,
            min_through_pips=risk.min_through_pips,
        ),
        order=limits.OrderLimits(
            max_units=Decimal(risk.max_order_units),
            max_notional=risk.max_order_notional,
            max_size_ratio=risk.max_size_ratio,
        ),
        exposure=limits.ExposureLimits(
            max_position_units=Decimal(risk.max_position_units),
            max_position_notional=risk.max_position_notional,
            max_gross=risk.max_gross_notional,
            max_currency_gross=risk.max_currency_gross,
            max_currency_net=risk.max_currency_net,
        ),
        margin=limits.MarginLimits(min_level=risk.min_margin_level),
        loss=limits.LossLimits(
            max_daily_fraction=risk.max_daily_loss_fraction,
            max_rolling_fraction=risk.max_rolling_loss_fraction,
            max_drawdown_fraction=risk.max_drawdown_fraction,
        ),
        rates=rates,
        account_rates=rates,
        repeat=limits.RepeatLimits(
            duplicate_window_ns=risk.duplicate_window_ms * MS_NS,
            max_executions=risk.max_executions,
            execution_window_ns=risk.execution_window_ms * MS_NS,
        ),
    )


def execution_config(
    settings: Settings, symbols: tuple[str, ...], instruments: Mapping[str, VenueInstrument]
) -> ExecutionConfig:
    """Return the account, its sizing and its limits.

    Parameters
    ----------
    instruments
        The venue's own data, for margin rates; a pair that is missing is not traded.
    """
    execution = settings.execution
    slippage = execution.max_slippage_pips
    return ExecutionConfig(
        symbols=symbols,
        user=execution.user,
        venue=settings.broker.kind,
        account=account_of(settings),
        account_currency=execution.account_currency,
        start_balance=execution.start_balance,
        fraction=execution.fraction,
        limits=account_limits(settings.risk),
        margin_rates={symbol: one.margin_rate for symbol, one in instruments.items()},
        time_in_force=execution.time_in_force,
        max_slippage_pips=slippage or None,
        grace_ns=settings.ingest.grace_ms * MS_NS,
        lateness_ns=settings.ingest.lateness_ms * MS_NS,
        id_scope=settings.account if settings.broker.suffix else "",
    )


def account_of(settings: Settings) -> str:
    """Return the name of the account: the broker's own, where there is one."""
    return settings.account


def paper_config(settings: Settings) -> PaperVenueConfig:
    """Return the paper venue's settings, its parameter file read.

    Raises
    ------
    BadUse
        If the file cannot be read or names what is none.
    """
    paper = settings.paper
    plain: dict[str, object] = {}
    if paper.parameters:
        try:
            plain = msgspec.json.decode(Path(paper.parameters).read_bytes(), type=dict[str, object])
        except (OSError, msgspec.MsgspecError) as error:
            msg = f"paper.parameters {paper.parameters} cannot be read: {error}"
            raise BadUse(msg) from error
    if "money" in plain:
        # Its venue would hold records back until the account's moments pass: nothing says so here.
        msg = f"paper.parameters {paper.parameters}: leave out money, a run keeps its own accounts"
        raise BadUse(msg)
    defaults: dict[str, object] = {"latency_ns": paper.latency_ms * MS_NS, "seed": paper.seed}
    return PaperVenueConfig.of({**defaults, **plain, "account": account_of(settings)})
