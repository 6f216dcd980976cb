"""One v20 account: its orders, its trades, and what follows from them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from testkit.venues.oanda.wire import Json

TRADE_ORDERS = frozenset({"TAKE_PROFIT", "STOP_LOSS", "TRAILING_STOP_LOSS"})
"""Types that belong to a trade and close it."""


@dataclass
class BrokerOrder:
    """An order; ``units`` are signed, those of a trade's order the ones that would close it."""

    order_id: int
    kind: str
    instrument: str
    units: Decimal
    created_ns: int
    time_in_force: str
    position_fill: str = "DEFAULT"
    trigger: str = "DEFAULT"
    price: Decimal | None = None
    bound: Decimal | None = None
    distance: Decimal | None = None
    gtd_ns: int | None = None
    trade_id: int | None = None
    client: Json | None = None
    trade_client: Json | None = None
    on_fill: dict[str, Json] = field(default_factory=dict)
    replaces: int | None = None
    initial_price: Decimal | None = None
    trailing_value: Decimal | None = None
    reason: str = "CLIENT_ORDER"
    state: str = "PENDING"
    filled_by: int | None = None
    cancelled_by: int | None = None
    replaced_by: int | None = None
    ended_ns: int | None = None

    @property
    def client_id(self) -> str | None:
        """The client's name of the order, if it has one."""
        return (self.client or {}).get("id")


@dataclass
class BrokerTrade:
    """A trade: opened by one fill, reduced and closed by later ones."""

    trade_id: int
    instrument: str
    price: Decimal
    opened_ns: int
    initial_units: Decimal
    units: Decimal
    client: Json | None = None
    realised: Decimal = Decimal(0)
    financing: Decimal = Decimal(0)
    closed_ns: int | None = None
    closing_ids: list[int] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether units are left."""
        return self.units != 0

    @property
    def client_id(self) -> str | None:
        """The client's name of the trade, if it has one."""
        return (self.client or {}).get("id")


@dataclass
class Account:
    """State of one account; money in ``currency``."""

    account_id: str
    currency: str = "USD"
    balance: Decimal = Decimal(100_000)
    hedging: bool = False
    orders: dict[int, BrokerOrder] = field(default_factory=dict)
    trades: dict[int, BrokerTrade] = field(default_factory=dict)
    realised: Decimal = Decimal(0)
    financing: Decimal = Decimal(0)

    def pending(self) -> Iterator[BrokerOrder]:
        """Give the pending orders, oldest first."""
        return (order for order in list(self.orders.values()) if order.state == "PENDING")

    def open_trades(self, instrument: str | None = None) -> Iterator[BrokerTrade]:
        """Give the open trades, oldest first."""
        return (
            trade
            for trade in list(self.trades.values())
            if trade.is_open and instrument in (None, trade.instrument)
        )

    def find_order(self, specifier: str) -> BrokerOrder | None:
        """Find an order by its id, or by ``@`` and the client's name: the newest of that name."""
        if specifier.startswith("@"):
            named = (o for o in self.orders.values() if o.client_id == specifier[1:])
            return max(named, key=lambda order: order.order_id, default=None)
        return self.orders.get(int(specifier)) if specifier.isdigit() else None

    def find_trade(self, specifier: str) -> BrokerTrade | None:
        """Find a trade by its id, or by ``@`` and the client's name."""
        if specifier.startswith("@"):
            named = (t for t in self.trades.values() if t.client_id == specifier[1:])
            return max(named, key=lambda trade: trade.trade_id, default=None)
        return self.trades.get(int(specifier)) if specifier.isdigit() else None

    def position_units(self, instrument: str) -> Decimal:
        """Return the signed units held of an instrument."""
        return sum((trade.units for trade in self.open_trades(instrument)), Decimal(0))
