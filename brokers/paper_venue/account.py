"""The account at the venue: what is held of each symbol, and what its owner can still afford.

A symbol knows its own position at every record. Of the account as a whole it knows what it was told
at the last mark: so nothing depends on which symbol's records came first.
"""

from decimal import Decimal

import msgspec

from brokers.paper_venue.config import PaperVenueConfig
from brokers.paper_venue.costs import commission
from brokers.paper_venue.working import WorkingOrder
from domain.orders import OrderSide
from trading.accounts.held import HeldPosition, after_fill, sides
from trading.accounts.trades import BookedFill, ConversionRates, Trades
from trading.conversion import MONEY_STEP
from trading.positions import NetPosition, signed
from trading.venues import VenuePosition

_NO_RATES = ConversionRates(None, None)
"""The venue keeps no money: what a fill realises is converted by the owner."""


class Funds(msgspec.Struct, frozen=True):
    """What one symbol was last told of the account.

    Attributes
    ----------
    ts_ns
        When.
    free_account
        Equity less the margin of every other symbol, account currency; None where not known.
    base_rate
        Account currency per unit of the symbol's base currency; None where not known.
    """

    ts_ns: int
    free_account: Decimal | None
    base_rate: Decimal | None


class AccountState(msgspec.Struct):
    """What the store keeps of an account, by symbol; symbols that were never traded are missing.

    Attributes
    ----------
    positions, trades
        What is held; open trades only where they are kept apart.
    rolls
        The next roll at which what is held is charged, nanoseconds UTC.
    funds
        As of the last mark.
    prices
        Bid and ask of the last market by symbol.
    said
        Place of the last event that was given out.
    """

    positions: dict[str, NetPosition] = {}
    trades: dict[str, Trades] = {}
    rolls: dict[str, int] = {}
    funds: dict[str, Funds] = {}
    prices: dict[str, tuple[float, float]] = {}
    said: int = 0


class Account:
    """One account; ``state`` is what must be stored."""

    def __init__(self, config: PaperVenueConfig, state: AccountState | None = None) -> None:
        self._config = config
        self.state = AccountState() if state is None else state

    def held(self, symbol: str) -> HeldPosition:
        """Return what is held of a symbol."""
        state = self.state
        return HeldPosition(
            state.positions.get(symbol, NetPosition()), state.trades.get(symbol, ())
        )

    def positions(self) -> tuple[VenuePosition, ...]:
        """Return all net positions that are not flat, by symbol."""
        return tuple(
            VenuePosition(symbol, held.units, held.average_price)
            for symbol, held in sorted(self.state.positions.items())
            if held.units
        )

    def book(
        self, order: WorkingOrder, execution_id: str, units: Decimal, price: Decimal, ts_ns: int
    ) -> Decimal:
        """Take a fill in; return its commission in quote currency."""
        symbol, config = order.symbol, self._config
        fill = BookedFill(
            execution_id,
            symbol,
            order.side,
            units,
            price,
            ts_ns,
            _NO_RATES,
            effect=order.terms.position_effect,
        )
        held = after_fill(self.held(symbol), fill, config.position_mode).held
        self.state.positions[symbol] = held.position
        if config.position_mode != "netting":
            self.state.trades[symbol] = held.trades
        return commission(units, price, config.terms_of(symbol))

    def closable(self, symbol: str, side: OrderSide) -> Decimal:
        """Return the base units (>= 0) that orders of a side could close."""
        long_units, short_units = sides(self.held(symbol))
        return long_units if side == "sell" else short_units

    def opens(self, order: WorkingOrder, units: Decimal) -> bool:
        """Say whether so many units of an order would open a position or enlarge one."""
        if order.terms.position_effect == "reduce_only":
            return False
        closes = self._config.position_mode != "hedging"
        return not closes or units > self.closable(order.symbol, order.side)

    def affords(self, order: WorkingOrder, units: Decimal) -> bool:
        """Say whether a fill may be made: what reduces always may, what opens needs free equity.

        What cannot be known is not afforded.
        """
        if self._config.margin is None or not self.opens(order, units):
            return True
        funds = self.state.funds.get(order.symbol)
        if funds is None or funds.free_account is None or funds.base_rate is None:
            return False
        long_units, short_units = sides(self.held(order.symbol))
        after = abs(long_units - short_units + signed(order.side, units))
        if self._config.position_mode == "hedging":
            after = long_units + short_units + units
        rate = self._config.terms_of(order.symbol).margin_rate
        return (after * funds.base_rate * rate).quantize(MONEY_STEP) <= funds.free_account
