"""Instruments: what a symbol is made of, its pip, and what can be traded of it.

The pip comes from this table (later from the broker's metadata), never from the shape of a symbol.
"""

from decimal import Decimal

import msgspec

from domain.errors import BadUse


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tradable pair.

    Attributes
    ----------
    symbol
        Canonical name, base then quote currency: ``EURUSD``.
    base, quote
        ISO 4217 codes. A position is counted in base units; its profit arises in quote currency.
    pip_location
        A pip is ``10 ** pip_location``: -4 for most pairs, -2 against JPY and HUF.
    display_precision
        Decimal places of a price on the venue's grid (one finer than the pip).
    min_units, max_units, step_units
        Bounds and step of an order in base units (> 0).
    """

    symbol: str
    base: str
    quote: str
    pip_location: int = -4
    display_precision: int = 5
    min_units: int = 1
    max_units: int = 10_000_000
    step_units: int = 1

    @property
    def pip(self) -> float:
        """Size of a pip in price units."""
        return float(10.0**self.pip_location)

    @property
    def tick_size(self) -> Decimal:
        """Smallest price step, as a decimal."""
        return Decimal(1).scaleb(-self.display_precision)


_MAJOR = "EURUSD GBPUSD AUDUSD NZDUSD USDCAD USDCHF"
_CROSS = (
    "EURGBP EURCHF EURAUD EURCAD EURNZD GBPCHF GBPAUD GBPCAD GBPNZD "
    "AUDNZD AUDCAD AUDCHF NZDCAD NZDCHF CADCHF"
)
_YEN = "USDJPY EURJPY GBPJPY AUDJPY NZDJPY CADJPY CHFJPY"
_MINOR = (
    "EURSEK EURNOK EURDKK EURPLN EURCZK EURTRY EURZAR EURMXN EURSGD EURHKD EURCNH EURILS EURRON "
    "USDSEK USDNOK USDDKK USDPLN USDCZK USDTRY USDZAR USDMXN USDSGD USDHKD USDCNH USDILS USDRON "
    "GBPSEK GBPNOK GBPDKK GBPPLN GBPCZK GBPTRY GBPZAR GBPMXN GBPSGD GBPHKD GBPCNH "
    "AUDSEK AUDNOK AUDSGD AUDHKD AUDCNH NZDSEK NZDNOK NZDSGD NZDHKD CADSEK CADNOK CADSGD CADHKD "
    "CHFSEK CHFNOK CHFSGD CHFHKD CHFZAR SGDHKD NOKSEK"
)
_HUNDREDTHS = (
    "EURHUF USDHUF GBPHUF CHFHUF USDTHB EURTHB SGDJPY HKDJPY ZARJPY TRYJPY SEKJPY NOKJPY MXNJPY "
    "CNHJPY PLNJPY"
)
"""Pairs whose pip is a hundredth, as of the yen."""


def _pairs(names: str, pip_location: int, display_precision: int) -> dict[str, Instrument]:
    return {
        name: Instrument(name, name[:3], name[3:], pip_location, display_precision)
        for name in names.split()
    }


INSTRUMENTS: dict[str, Instrument] = {
    **_pairs(f"{_MAJOR} {_CROSS}", -4, 5),
    **_pairs(_YEN, -2, 3),
    **_pairs(_MINOR, -4, 5),
    **_pairs(_HUNDREDTHS, -2, 3),
}
"""A hundred pairs by canonical symbol: the 28 of the eight major currencies first."""

MAJOR_SYMBOLS = tuple(f"{_MAJOR} {_CROSS} {_YEN}".split())
"""The 28 pairs of the eight major currencies."""

DEFAULT_SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "NZDUSD", "USDCAD", "USDCHF", "EURJPY")
"""The eight pairs of a run that names none."""


def canonical(symbol: str) -> str:
    """Write ``EUR/USD``, ``EUR_USD`` or ``eurusd`` as ``EURUSD``."""
    return symbol.strip().upper().replace("/", "").replace("_", "").replace("-", "")


def instrument(symbol: str) -> Instrument:
    """Return the instrument of a symbol in any usual spelling.

    Raises
    ------
    BadUse
        If the symbol is unknown; an inverted pair (USDEUR) is named as such.
    """
    name = canonical(symbol)
    found = INSTRUMENTS.get(name)
    if found is not None:
        return found
    inverted = name[3:] + name[:3]
    hint = (
        f"the market quotes it as {inverted}"
        if inverted in INSTRUMENTS
        else f"known symbols: {', '.join(sorted(INSTRUMENTS))}"
    )
    msg = f"unknown symbol {symbol!r}: {hint}"
    raise BadUse(msg)
