"""Currency pairs as IB's contracts, and what their details say."""

from decimal import Decimal

from ib_async import Contract, ContractDetails

from brokers.ib.settings import IbSettings
from brokers.ib.wire_numbers import exact
from domain.instruments import INSTRUMENTS
from trading.venues import VenueInstrument

CASH, IDEALPRO = "CASH", "IDEALPRO"


def contract(symbol: str) -> Contract:
    """Return the spot contract of a canonical symbol (``EURUSD``) on IDEALPRO."""
    return Contract(secType=CASH, symbol=symbol[:3], currency=symbol[3:], exchange=IDEALPRO)


def symbol_of(found: Contract) -> str:
    """Return the canonical symbol of a contract; empty where it is no currency pair of ours."""
    symbol = found.symbol + found.currency
    return symbol if found.secType == CASH and symbol in INSTRUMENTS else ""


def venue_instrument(details: ContractDetails, settings: IbSettings) -> VenueInstrument | None:
    """Return a pair as the broker describes it; None where it is no pair of ours.

    The grid comes from the contract (``minTick``, ``sizeIncrement``), the bounds of an order from
    IDEALPRO's list by base currency, since the contract tells only that an odd lot may be 1 unit.
    """
    found = details.contract
    symbol = "" if found is None else symbol_of(found)
    if found is None or not symbol:
        return None
    own = INSTRUMENTS[symbol]
    smallest, largest = settings.order_sizes.get(own.base, (0, own.max_units))
    step = exact(details.sizeIncrement) or Decimal(own.step_units)
    return VenueInstrument(
        symbol=symbol,
        name=found.localSymbol or f"{own.base}.{own.quote}",
        pip_location=own.pip_location,
        price_step=exact(details.minTick) or own.tick_size,
        units_step=step,
        min_units=max(exact(details.minSize), step, Decimal(0 if settings.odd_lots else smallest)),
        max_units=Decimal(largest),
        margin_rate=settings.margin_rate,
    )
