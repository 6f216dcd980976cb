"""What the double says of each pair: `GET /v3/accounts/{accountID}/instruments`."""

from dataclasses import dataclass
from decimal import Decimal

from domain.instruments import INSTRUMENTS, MAJOR_SYMBOLS
from testkit.venues.oanda.wire import Json, text

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
T_PLUS_1 = frozenset({"USD_CAD"})
"""Pairs that settle a day earlier, so that their triple roll is Thursday's."""


@dataclass(frozen=True)
class BrokerInstrument:
    """One pair in the broker's terms; sizes in base units, rates as yearly fractions."""

    name: str
    pip_location: int
    display_precision: int
    trade_units_precision: int = 0
    minimum_trade_size: Decimal = Decimal(1)
    maximum_order_units: Decimal = Decimal(100_000_000)
    maximum_position_size: Decimal = Decimal(0)
    margin_rate: Decimal = Decimal("0.0333")
    long_rate: Decimal = Decimal("-0.0105")
    short_rate: Decimal = Decimal("0.0025")

    @property
    def price_step(self) -> Decimal:
        """Smallest price difference."""
        return Decimal(1).scaleb(-self.display_precision)

    @property
    def base(self) -> str:
        """Currency of the units."""
        return self.name.partition("_")[0]

    @property
    def quote(self) -> str:
        """Currency of the price."""
        return self.name.partition("_")[2]

    @property
    def minimum_trailing_distance(self) -> Decimal:
        """Five pips."""
        return 5 * Decimal(1).scaleb(self.pip_location)

    @property
    def maximum_trailing_distance(self) -> Decimal:
        """Ten thousand pips."""
        return 10_000 * Decimal(1).scaleb(self.pip_location)

    def document(self) -> Json:
        """Return the ``Instrument`` object of the API."""
        triple = "THURSDAY" if self.name in T_PLUS_1 else "WEDNESDAY"
        charged = {day: 3 if day == triple else 1 for day in WEEKDAYS[:5]}
        return {
            "name": self.name,
            "type": "CURRENCY",
            "displayName": self.name.replace("_", "/"),
            "pipLocation": self.pip_location,
            "displayPrecision": self.display_precision,
            "tradeUnitsPrecision": self.trade_units_precision,
            "minimumTradeSize": text(self.minimum_trade_size),
            "maximumTrailingStopDistance": text(self.maximum_trailing_distance),
            "minimumTrailingStopDistance": text(self.minimum_trailing_distance),
            "maximumPositionSize": text(self.maximum_position_size),
            "maximumOrderUnits": text(self.maximum_order_units),
            "marginRate": text(self.margin_rate),
            "guaranteedStopLossOrderMode": "DISABLED",
            "tags": [],
            "financing": {
                "longRate": text(self.long_rate),
                "shortRate": text(self.short_rate),
                "financingDaysOfWeek": [
                    {"dayOfWeek": day, "daysCharged": charged.get(day, 0)} for day in WEEKDAYS
                ],
            },
        }


def broker_instruments() -> dict[str, BrokerInstrument]:
    """Return the 28 pairs of the eight major currencies by v20 name."""
    made = (
        BrokerInstrument(f"{i.base}_{i.quote}", i.pip_location, i.display_precision)
        for i in (INSTRUMENTS[symbol] for symbol in MAJOR_SYMBOLS)
    )
    return {instrument.name: instrument for instrument in made}
