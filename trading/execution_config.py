"""Settings of one account's execution."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.errors import BadUse
from domain.instruments import instrument
from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS
from domain.orders import OrderTerms, PositionEffect, TimeInForce
from trading.decisions import Sizing
from trading.risk.limits import AccountLimits
from trading.tactics.config import Tactics
from trading.venues import PositionMode


@dataclass(frozen=True)
class ExecutionConfig:
    """Settings of one account's execution.

    Attributes
    ----------
    symbols
        Symbols that this account trades, one lane each. Every one of them must have records in the
        log, if only heartbeats: decisions wait until all lanes have passed their mark.
    account, account_currency, start_balance
        Name, ISO 4217 code, and cash at the start in that currency (> 0).
    position_mode
        How the account keeps positions of one symbol: one net position; trades of one side, closed
        oldest first; or trades of both sides.
    strategy, user, venue
        Goes into every order id; who answers for it; short name of where it is sent.
    fraction
        Notional of a new position as a part of equity, in (0, 1].
    limits
        Bounds of the gate.
    margin_rates
        Part of the notional that the venue asks as margin, by symbol.
    time_in_force, max_slippage_pips
        Of the market orders of signals: FOK or IOC, and how much worse than the quote they may fill
        (> 0); None: any price.
    mark_lag_ns
        How far before a boundary the account is valued, in (0, decision_interval_ns).
    grace_ns, lateness_ns
        What a heartbeat's event time lags its receive time by, and what a tick's proves less than
        it says (>= 0), as in the trading dataflow: both must pass the same boundaries.
    decision_interval_ns
        Distance of the boundaries at which signals are due (> 0), as in the trading dataflow.
    max_signal_age_ns
        Longest way of a signal from its market data to here, by the wall clock, for an account at a
        real venue (> 0): an older one opens nothing. A replay asks no clock; there it bounds, by
        the time of the log, how long a signal may wait for what works against it to end.
    tactics
        How the orders of signals are carried out.
    """

    symbols: tuple[str, ...]
    strategy: str = "edge-hold"
    user: str = ""
    venue: str = "paper"
    account: str = "paper-1"
    account_currency: str = "USD"
    start_balance: Decimal = Decimal(100_000)
    position_mode: PositionMode = "netting"
    fraction: Decimal = Decimal("0.2")
    limits: AccountLimits = field(default_factory=AccountLimits)
    margin_rates: Mapping[str, Decimal] = field(default_factory=dict)
    time_in_force: TimeInForce = "FOK"
    max_slippage_pips: Decimal | None = None
    mark_lag_ns: int = SECOND_NS
    grace_ns: int = 500 * MS_NS
    lateness_ns: int = 0
    decision_interval_ns: int = MINUTE_NS
    max_signal_age_ns: int = 5 * SECOND_NS
    tactics: Tactics = field(default_factory=Tactics)

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            msg = "symbols must name at least one pair, and none twice"
            raise BadUse(msg)
        for symbol in self.symbols:
            if instrument(symbol).symbol != symbol:
                msg = f"write {symbol!r} as {instrument(symbol).symbol!r}"
                raise BadUse(msg)
        if not 0 < self.mark_lag_ns < self.decision_interval_ns:
            msg = "mark_lag_ns must be above 0 and below decision_interval_ns"
            raise BadUse(msg)
        if self.grace_ns < 0 or self.lateness_ns < 0:
            msg = "grace_ns and lateness_ns must not be below 0"
            raise BadUse(msg)
        if not (self.start_balance > 0 and 0 < self.fraction <= 1):
            msg = "start_balance must be above 0 and fraction in (0, 1]"
            raise BadUse(msg)
        if self.time_in_force not in {"FOK", "IOC"}:
            msg = f"time_in_force of a signal's order is FOK or IOC, not {self.time_in_force}"
            raise BadUse(msg)
        if self.max_slippage_pips is not None and not self.max_slippage_pips > 0:
            msg = "max_slippage_pips must be above 0"
            raise BadUse(msg)
        if self.position_mode == "hedging" and not self.tactics.is_plain:
            msg = (
                "algorithms, stops and targets count net positions: set execution.position_mode to "
                "netting or fifo, or leave them out"
            )
            raise BadUse(msg)

    @property
    def sizing(self) -> Sizing:
        """How large a new position is."""
        exposure = self.limits.exposure
        return Sizing(self.fraction, exposure.max_position_units, exposure.max_position_notional)

    def terms(
        self,
        quantity_units: Decimal,
        price_bound: Decimal | None,
        effect: PositionEffect = "default",
    ) -> OrderTerms:
        """Return the terms of a signal's order."""
        return OrderTerms(
            quantity_units,
            time_in_force=self.time_in_force,
            price_bound=price_bound,
            position_effect=effect,
        )
