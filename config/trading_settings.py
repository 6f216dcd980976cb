"""Settings of the account: how it trades, within which limits, and at which broker."""

from datetime import time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from config.section import Amount, Fraction, Level, Natural, Positive, Section, Share

_TLS_DETAILS = ("tls_ca_file", "tls_certificate_file", "tls_key_file", "tls_server_name")


class ExecutionSettings(Section):
    """The account, and what a signal becomes."""

    account: str = "paper-1"
    account_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    start_balance: Amount = Decimal(100_000)
    """On paper, and where a broker names no balance."""
    position_mode: Literal["netting", "fifo", "hedging"] = "netting"
    """How the account keeps positions: one net one a pair, trades of one side that are closed
    oldest first, or trades of both sides. A broker's account must be kept so."""
    fraction: Fraction = Decimal("0.2")
    """Notional of a new position as a part of equity."""
    user: str = "nobody"
    """Who answers for the strategy: on every order, as RTS 6 asks."""
    time_in_force: Literal["FOK", "IOC"] = "FOK"
    max_slippage_pips: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    """How much worse than the quote it was decided on an order may fill; 0: any price."""
    algorithm: Literal["market", "twap", "tick_profile", "iceberg", "passive_cross"] = "market"
    """What works the order of a signal: one market order, slices of equal size, slices as large as
    the market is usually busy, a limit order of which a part shows, or a resting order that crosses
    the spread at last."""
    algorithm_ms: Positive = 300_000
    """From a signal to the deadline of its algorithm."""
    slices: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Of ``twap`` and ``tick_profile``."""
    display_fraction: Fraction = Decimal("0.2")
    """Part of an ``iceberg`` that shows."""
    patience_ms: Natural = 60_000
    """How long ``passive_cross`` rests at the near touch; below ``algorithm_ms``."""
    stop_pips: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    """Distance of a stop-loss from the price at which the entry was decided; 0: none."""
    target_pips: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    """The same for a take-profit."""
    max_signal_age_ms: Positive = 5_000
    """At a real broker: longest way of a signal from its market data; an older one is dropped.
    Everywhere: how long a signal may wait until what works against it has ended."""
    ledger_dsn: SecretStr = SecretStr("")
    """``postgresql+psycopg://...`` of a broker account's ledger; empty: SQLite in its folder."""
    lease_ms: Annotated[int, Field(ge=1_000)] = 10_000
    """How long a silent process stays the one writer of the ledger."""
    holidays: str = ""
    """JSON file of days without settlement by currency, as ``{"USD": ["2026-07-03"]}``: they move
    value dates, and on paper the days of swap. Empty: weekends only."""
    quality: bool = True
    """Whether what every fill and order cost against the market is measured."""
    degraded_after_ms: Natural = 10_000
    """At a real broker: while the market is open and the log gives no record for so long, nothing
    is opened. 0: not watched."""
    log_heartbeat_ms: Natural = 0
    """At a real broker: records of the log are expected this often; after three times as long
    without one all orders are canceled and trading halts. 0: not watched."""
    operator_heartbeat_ms: Natural = 0
    """The same for ``aifx beat``: a person, or their watch, must be heard of. 0: not watched."""


class RiskSettings(Section):
    """Limits of every order that may open or enlarge a position; a value on the bound passes."""

    max_price_age_ms: Positive = 30_000
    max_spread_pips: Amount = Decimal(5)
    rollover_spread_pips: Amount = Decimal(20)
    trade_rollover: bool = False
    """Whether new positions are allowed around 17:00 New York."""
    rollover_before_ms: Positive = 300_000
    rollover_after_ms: Positive = 900_000
    after_open_ms: Positive = 1_800_000
    before_close_ms: Positive = 900_000
    max_distance_pips: Amount = Decimal(200)
    """Of any price of an order from the mid."""
    max_through_spreads: Amount = Decimal(10)
    """How much worse than the mid an order may be priced, in spreads."""
    min_through_pips: Amount = Decimal(3)
    max_order_units: Positive = 10_000_000
    max_order_notional: Amount = Decimal(100_000)
    max_size_ratio: Amount = Decimal(10)
    """Against the median of the last orders of the symbol."""
    max_position_units: Positive = 10_000_000
    max_position_notional: Amount = Decimal(50_000)
    max_gross_notional: Amount = Decimal(600_000)
    max_currency_gross: Amount = Decimal(600_000)
    max_currency_net: Amount = Decimal(400_000)
    min_margin_level: Amount = Decimal(2)
    """Equity over the margin that the venue asks once the order has filled."""
    max_daily_loss_fraction: Share = Decimal("0.02")
    """Since 17:00 New York."""
    max_rolling_loss_fraction: Share = Decimal("0.03")
    """Over 24 hours."""
    max_drawdown_fraction: Share = Decimal("0.10")
    """From the highest equity; beyond it only exits, until a named person raises it."""
    orders_per_min: Positive = 60
    order_burst: Positive = 10
    messages_per_min: Positive = 300
    message_burst: Positive = 30
    duplicate_window_ms: Positive = 1_000
    max_executions: Positive = 50
    """Within ``execution_window_ms``: the strategy is then disabled until a person raises it."""
    execution_window_ms: Positive = 60_000


class PaperSettings(Section):
    """The paper venue."""

    latency_ms: Natural = 50
    """Way of an order to it."""
    seed: Natural = 0
    parameters: str = ""
    """JSON file of its other parameters, such as ``aifx tca --fit`` writes; empty: whole fills at
    the touch."""
    margin_rate: Fraction = Decimal("0.05")
    """Part of a position's notional that is asked as margin."""
    margin_call_level: Level = Decimal(0)
    """Equity over margin below which orders that could open a position are canceled; nothing opens
    that equity does not carry. 0: no margin is called."""
    margin_closeout_level: Level = Decimal(0)
    """Equity over margin below which positions are closed, the largest loss first, until the call
    level is back; at most the call level."""
    swap_rates: dict[str, tuple[Decimal, Decimal]] = Field(default={})
    """Yearly financing of a long and of a short position by pair, as fractions of the notional;
    below 0 it costs. Booked at every 17:00 New York that a position is held over."""

    @model_validator(mode="after")
    def _fit_together(self) -> "PaperSettings":
        if self.margin_closeout_level > self.margin_call_level:
            msg = "paper.margin_closeout_level must not be above paper.margin_call_level"
            raise ValueError(msg)
        return self


class BrokerSettings(Section):
    """Where orders go."""

    kind: Literal["paper", "oanda", "ib", "fix"] = "paper"
    mode: Literal["practice", "live"] = "practice"
    """``live`` is real money: it also asks for ``account_id`` and a person's word at the start."""
    account_id: str = ""
    """The broker's id of the account; it must match what the broker says."""
    url: str = ""
    """OANDA: address instead of the practice or live host."""
    stream_url: str = ""
    host: str = "127.0.0.1"
    """Interactive Brokers and FIX."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """0: the usual one."""
    client_id: Natural = 1
    """Interactive Brokers: orders belong to the number that placed them."""
    odd_lots: bool = False
    """Interactive Brokers: whether orders below IDEALPRO's smallest may be sent."""
    fill_or_kill: bool = False
    """Interactive Brokers: whether FOK may be asked for; IDEALPRO does not list it."""
    regulatory_fields: bool = True
    """Interactive Brokers: whether strategy, user and model stand in the MiFID II and operator
    fields; an account without them at the broker may see its orders refused."""
    token: SecretStr = SecretStr("")
    """OANDA; better as a file: ``token_file``."""
    token_file: str = ""
    sender: str = ""
    """FIX SenderCompID."""
    target: str = ""
    """FIX TargetCompID."""
    sender_sub: str = ""
    """FIX SenderSubID; empty: none."""
    target_sub: str = ""
    """FIX TargetSubID; empty: none."""
    username: str = ""
    password: SecretStr = SecretStr("")
    """FIX; better as a file: ``password_file``."""
    password_file: str = ""
    """Read anew for each logon."""
    tls: bool = False
    """FIX: whether the connection is encrypted; without it the password goes out in clear."""
    tls_ca_file: str = ""
    """FIX: certificates (PEM) that the counterparty's must be signed by; empty: the system's."""
    tls_certificate_file: str = ""
    """FIX: our own certificate (PEM), where the counterparty asks for one."""
    tls_key_file: str = ""
    """FIX: its key (PEM, no passphrase); empty: in the file of the certificate."""
    tls_server_name: str = ""
    """FIX: name that the counterparty's certificate must be for; empty: ``host``."""
    heartbeat_s: Positive = 30
    """FIX HeartBtInt."""
    session: Literal["daily", "weekly", "continuous"] = "daily"
    """FIX: when both sides count from 1 again."""
    session_from: time = time(17)
    """FIX: New York time at which a session begins; of a weekly one on Sunday."""
    session_until: time = time(17)
    """FIX: New York time at which it ends; of a weekly one on Friday."""
    reset_on_logon: bool = False
    """FIX: whether each logon asks both sides to count from 1 (141=Y)."""
    mass_status: bool = True
    """FIX: whether the counterparty answers OrderMassStatusRequest; an account where it does not
    is never ready."""
    position_requests: bool = False
    """FIX: whether it answers RequestForPositions."""
    order_types: tuple[Literal["market_if_touched", "trailing_stop"], ...] = ()
    """FIX: order types that were agreed beyond those that every counterparty takes."""
    instruments_file: str = ""
    """FIX: JSON list of the pairs as agreed with the counterparty; empty: usual steps and sizes."""

    @model_validator(mode="after")
    def _fit_together(self) -> "BrokerSettings":
        if self.kind != "paper" and not self.account_id:
            msg = f"broker.account_id must name the account at {self.kind}"
            raise ValueError(msg)
        named = [name for name in _TLS_DETAILS if getattr(self, name)]
        if named and not self.tls:
            msg = f"broker.{named[0]} is of no use without broker.tls: set it, or take the name out"
            raise ValueError(msg)
        return self
