"""What accounts charge beside the price, as a part of the notional, from what they have charged."""

from math import isfinite

import msgspec

from domain.quality import OrderQuality
from trading.routing.costs import Tally

_BPS = 10_000.0


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Commission in one place (venue and account) for one symbol; empty: for all of them."""

    place: str
    symbol: str
    tally: Tally


class Commissions:
    """Measured rates of commission, learned from closed orders as they come.

    Parameters
    ----------
    known
        What `rates` gave.
    """

    def __init__(self, known: list[Rate] | None = None) -> None:
        self._rates = {(rate.place, rate.symbol): rate.tally for rate in known or []}

    def rates(self) -> list[Rate]:
        """Return all that is known."""
        return [Rate(*cell, tally) for cell, tally in self._rates.items()]

    def learn(self, place: str, quality: OrderQuality) -> None:
        """Take what an order was charged; one without a fill, or of unknown notional, says nothing.

        The notional follows from the shortfall, which is stated in money and per notional.
        """
        fees, filled = quality.fees_account, float(quality.filled_units)
        if fees is None or not isfinite(fees) or filled <= 0:
            return
        rate = 0.0
        if fees:
            shortfall, bps = quality.shortfall_account, quality.shortfall_bps
            if not shortfall or not bps or not isfinite(shortfall / bps):
                return
            wanted_notional = shortfall / bps * _BPS
            rate = fees / (wanted_notional * filled / float(quality.quantity_units))
        for symbol in (quality.symbol, ""):
            self._rates.setdefault((place, symbol), Tally()).add(rate, filled)

    def expected(self, place: str, symbol: str) -> float:
        """Return the part of the notional that a place charges: for the symbol, else for all.

        0 where it has charged nothing yet.
        """
        for name in (symbol, ""):
            tally = self._rates.get((place, name))
            if tally is not None:
                return tally.mean
        return 0.0
