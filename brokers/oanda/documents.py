"""v20's trades, positions and instruments in our records."""

from decimal import Decimal

from brokers.oanda.known import KnownTrade
from brokers.oanda.wire import Json, canonical_name, decimal_of, optional_decimal
from domain.errors import Drop
from trading.venues import VenueInstrument, VenuePosition

_WEEK = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def trade_of(document: Json) -> KnownTrade:
    """Read a ``TradeSummary``; a closed one has the units with which it began."""
    units = decimal_of(document, "currentUnits")
    if not units:
        units = decimal_of(document, "initialUnits")
    return KnownTrade(canonical_name(str(document["instrument"])), units)


def positions_of(account: Json) -> list[VenuePosition]:
    """Return net positions; the average is that of the larger side, as the netted units' cost."""
    found = []
    for document in account["positions"]:
        long_units = decimal_of(document["long"], "units")
        short_units = decimal_of(document["short"], "units")
        net = long_units + short_units
        if net:
            side = document["long"] if net > 0 else document["short"]
            symbol = canonical_name(str(document["instrument"]))
            found.append(VenuePosition(symbol, net, optional_decimal(side, "averagePrice")))
    return found


def instrument_of(document: Json, *, tradeable: bool) -> VenueInstrument | None:
    """Read an ``Instrument``; None for what is no currency pair.

    Raises
    ------
    Drop
        If it cannot be read.
    """
    if document.get("type") != "CURRENCY":
        return None
    financing = document.get("financing") or {}
    days = financing.get("financingDaysOfWeek") or ()
    charged = {str(d["dayOfWeek"]): int(d["daysCharged"]) for d in days}
    name = str(document["name"])
    try:
        price_step = Decimal(1).scaleb(-int(document["displayPrecision"]))
        units_step = Decimal(1).scaleb(-int(document["tradeUnitsPrecision"]))
        pip_location = int(document["pipLocation"])
    except (KeyError, ValueError) as error:
        msg = f"the instrument {name} has no precision"
        raise Drop(msg) from error
    return VenueInstrument(
        symbol=canonical_name(name),
        name=name,
        pip_location=pip_location,
        price_step=price_step,
        units_step=units_step,
        min_units=decimal_of(document, "minimumTradeSize"),
        max_units=decimal_of(document, "maximumOrderUnits"),
        margin_rate=decimal_of(document, "marginRate"),
        min_trailing_distance=optional_decimal(document, "minimumTrailingStopDistance"),
        max_trailing_distance=optional_decimal(document, "maximumTrailingStopDistance"),
        long_rate=optional_decimal(financing, "longRate"),
        short_rate=optional_decimal(financing, "shortRate"),
        days_charged=tuple(charged.get(day, 0) for day in _WEEK) if charged else None,
        tradeable=tradeable,
    )
