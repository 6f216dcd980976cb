"""From settings to the frozen configs of the account and its gate."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from brokers.paper_venue.config import Margin, PairTerms, PaperVenueConfig
from config.accounts import account_of
from config.settings import Settings
from config.trading_settings import ExecutionSettings, RiskSettings
from domain.errors import BadUse
from domain.instruments import INSTRUMENTS
from domain.nanos import MS_NS
from trading.execution_config import ExecutionConfig
from trading.risk import limits
from trading.risk.limits import AccountLimits
from trading.tactics.config import Tactics
from trading.venues import Capabilities, PositionMode, VenueInstrument


def account_limits(risk: RiskSettings, mode: PositionMode = "netting") -> AccountLimits:
    """Return the bounds of the gate for an account that keeps positions so."""
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
        margin=limits.MarginLimits(
            min_level=risk.min_margin_level, rule="both_legs" if mode == "hedging" else "net"
        ),
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
        position_mode=execution.position_mode,
        fraction=execution.fraction,
        limits=account_limits(settings.risk, execution.position_mode),
        margin_rates={symbol: one.margin_rate for symbol, one in instruments.items()},
        time_in_force=execution.time_in_force,
        max_slippage_pips=slippage or None,
        grace_ns=settings.ingest.grace_ms * MS_NS,
        lateness_ns=settings.ingest.lateness_ms * MS_NS,
        max_signal_age_ns=execution.max_signal_age_ms * MS_NS,
        tactics=tactics(execution),
    )


def tactics(execution: ExecutionSettings) -> Tactics:
    """Return how the orders of signals are carried out.

    Raises
    ------
    BadUse
        If the settings do not go together.
    """
    return Tactics(
        algorithm=execution.algorithm,
        work_ns=execution.algorithm_ms * MS_NS,
        slices=execution.slices,
        display_fraction=execution.display_fraction,
        patience_ns=execution.patience_ms * MS_NS,
        stop_pips=execution.stop_pips or None,
        target_pips=execution.target_pips or None,
    )


def check_capabilities(config: ExecutionConfig, able: Capabilities) -> None:
    """Refuse an account that its venue cannot keep, or whose orders it cannot take.

    Raises
    ------
    BadUse
        With the setting to change.
    """
    mode, modes = config.position_mode, sorted(able.position_modes)
    if mode not in modes or (mode == "hedging" and not able.reduce_only):
        msg = (
            f"{config.venue} keeps positions as {', '.join(modes)}: set execution.position_mode to "
            "what the account is"
        )
        raise BadUse(msg)
    times = able.times_in_force.get("market", frozenset())
    if config.time_in_force not in times:
        msg = (
            f"{config.venue} takes market orders as {', '.join(sorted(times))}: "
            f"set execution.time_in_force to one of them"
        )
        raise BadUse(msg)


def paper_config(settings: Settings) -> PaperVenueConfig:
    """Return the paper venue's settings, its parameter file read.

    What the file says wins over the same in ``[paper]``.

    Raises
    ------
    BadUse
        If the file cannot be read or names what is none, or a swap is of no known pair.
    """
    paper = settings.paper
    plain: dict[str, object] = {}
    if paper.parameters:
        try:
            plain = msgspec.json.decode(Path(paper.parameters).read_bytes(), type=dict[str, object])
        except (OSError, msgspec.MsgspecError) as error:
            msg = f"paper.parameters {paper.parameters} cannot be read: {error}"
            raise BadUse(msg) from error
    strange = paper.swap_rates.keys() - INSTRUMENTS.keys()
    if strange:
        msg = f"paper.swap_rates: {', '.join(sorted(strange))} is no pair; write it as EURUSD"
        raise BadUse(msg)
    margin = Margin(paper.margin_call_level, paper.margin_closeout_level)
    defaults: dict[str, object] = {
        "latency_ns": paper.latency_ms * MS_NS,
        "seed": paper.seed,
        "margin": margin if margin.call_level else None,
        "terms": PairTerms(paper.margin_rate),
        "terms_by_symbol": {
            symbol: PairTerms(paper.margin_rate, long_rate, short_rate)
            for symbol, (long_rate, short_rate) in paper.swap_rates.items()
        },
    }
    of_account: dict[str, object] = {
        "account": account_of(settings),
        "currency": settings.execution.account_currency,
        "position_mode": settings.execution.position_mode,
        "holidays": holidays_of(settings),
    }
    return PaperVenueConfig.of({**defaults, **plain, **of_account})


def holidays_of(settings: Settings) -> dict[str, frozenset[date]]:
    """Return the days without settlement by currency, from the file of the settings.

    Raises
    ------
    BadUse
        If it cannot be read.
    """
    path = settings.execution.holidays
    if not path:
        return {}
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=dict[str, frozenset[date]])
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"execution.holidays {path} cannot be read: {error}"
        raise BadUse(msg) from error
