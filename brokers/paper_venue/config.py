"""Settings of the paper venue: a plain mapping that can be fitted from our own executions.

The defaults are the plainest market: 50 ms away, every order fills whole at the first tick that is
due, a buy at the ask and a sell at the bid, and nothing is charged.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import inf
from typing import Any

import msgspec

from domain.errors import BadUse
from domain.nanos import MS_NS
from domain.reasons import Reason
from trading.venues import PositionMode

WEEK_DAYS = 7


def _require(holds: bool, message: str) -> None:
    if not holds:
        msg = f"paper venue: {message}"
        raise BadUse(msg)


class LastLook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provider holds an order that would fill, then declines it or fills it at the price seen.

    Attributes
    ----------
    hold_ns
        How long it looks (>= 0).
    tolerance_pips
        It declines where the price has moved against it by more than this meanwhile (>= 0).
    decline_rate
        Share of all others that it declines too, in [0, 1].
    """

    hold_ns: int = 0
    tolerance_pips: Decimal = Decimal(0)
    decline_rate: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no provider could do."""
        _require(self.hold_ns >= 0, "last_look.hold_ns must not be below 0")
        _require(self.tolerance_pips >= 0, "last_look.tolerance_pips must not be below 0")
        _require(0 <= self.decline_rate <= 1, "last_look.decline_rate must be in [0, 1]")


class Liquidity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one tick holds at each side; the next tick holds as much anew.

    Attributes
    ----------
    units
        Base units (> 0) for pairs that ``by_symbol`` does not name; None: without end.
    by_symbol
        Base units (> 0) by canonical symbol.
    quoted
        The tick's own size counts where it has one, and the above where it has none.
    """

    units: Decimal | None = None
    by_symbol: dict[str, Decimal] = {}
    quoted: bool = False

    def __post_init__(self) -> None:
        """Refuse a market that could never fill anything."""
        sizes = [*self.by_symbol.values(), *([] if self.units is None else [self.units])]
        _require(all(size > 0 for size in sizes), "liquidity must be above 0 units")

    def at(self, symbol: str, quoted_units: float) -> Decimal | None:
        """Return the base units at one side of a tick, or None where there is no end of them."""
        if self.quoted and 0 < quoted_units < inf:
            return Decimal(int(quoted_units))
        return self.by_symbol.get(symbol, self.units)


class PairTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the venue asks for holding a pair; see `trading.venues.VenueInstrument`.

    Attributes
    ----------
    margin_rate
        Part of the notional in (0, 1].
    long_rate, short_rate
        Yearly financing as fractions of the notional, below 0 where we pay; None: none is charged.
    days_charged
        Days of financing at the roll that ends Monday, ... Sunday; None: as many as the value date
        moves on, three on Wednesday for pairs that settle in two days, on Thursday for those that
        settle in one.
    commission_rate
        Part of the notional of every fill, in quote currency (>= 0).
    """

    margin_rate: Decimal = Decimal("0.05")
    long_rate: Decimal | None = None
    short_rate: Decimal | None = None
    days_charged: tuple[int, ...] | None = None
    commission_rate: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse terms that cannot be applied."""
        _require(0 < self.margin_rate <= 1, "margin_rate must be in (0, 1]")
        days = self.days_charged
        _require(
            days is None or (len(days) == WEEK_DAYS and min(days) >= 0),
            "days_charged needs seven days, Monday first, none below 0",
        )
        _require(self.commission_rate >= 0, "commission_rate must not be below 0")


class Margin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Levels of equity over margin used at which the venue acts, at the marks of the account.

    Attributes
    ----------
    call_level
        Below it, working orders that could open a position are canceled. Nothing opens at any time
        that equity could not carry.
    closeout_level
        Below it (<= ``call_level``), positions are closed, the largest loss first, until the level
        is back at the call level.
    """

    call_level: Decimal = Decimal(1)
    closeout_level: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        """Refuse a close-out before the call."""
        _require(
            0 <= self.closeout_level <= self.call_level,
            "closeout_level must be in [0, call_level]",
        )


class PaperVenueConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of the paper venue.

    Attributes
    ----------
    account
        Its name for the account: orders of another one are refused.
    seed
        Of every chance below; chance is a function of seed, order and purpose, never of a turn.
    latency_ns
        Least way of a command to the venue (>= 0).
    extra_latency_ns
        Quantiles of what comes on top, evenly spaced from 0 to 1 and interpolated: ``(0,)`` is
        nothing, ``(0, n)`` is uniform up to n, and a measured distribution is as good (>= 0,
        ascending).
    reject_rates
        Share of orders refused by reason, in sum at most 1.
    last_look
        None: prices are firm.
    liquidity, money
        See there.
    position_mode, currency
        How positions are kept, and the ISO 4217 code of the account, in which margin is measured.
    margin
        None: no margin is asked for.
    holidays
        Days without settlement by currency: they move value dates, and days of financing.
    terms, terms_by_symbol
        Of pairs that the second does not name, and by canonical symbol.
    """

    account: str = "paper"
    seed: int = 0
    latency_ns: int = 50 * MS_NS
    extra_latency_ns: tuple[int, ...] = (0,)
    reject_rates: dict[Reason, float] = {}
    last_look: LastLook | None = None
    liquidity: Liquidity = Liquidity()
    position_mode: PositionMode = "netting"
    currency: str = "USD"
    margin: Margin | None = None
    holidays: dict[str, frozenset[date]] = {}
    terms: PairTerms = PairTerms()
    terms_by_symbol: dict[str, PairTerms] = {}

    def __post_init__(self) -> None:
        """Refuse an order that arrives before it was sent, and chances beyond certainty."""
        _require(self.latency_ns >= 0, "latency_ns must not be below 0")
        extra = self.extra_latency_ns
        _require(
            bool(extra) and extra[0] >= 0 and list(extra) == sorted(extra),
            "extra_latency_ns needs ascending quantiles, none below 0",
        )
        rates = self.reject_rates.values()
        _require(
            all(rate >= 0 for rate in rates) and sum(rates) <= 1,
            "reject_rates must not be below 0, nor above 1 in sum",
        )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "PaperVenueConfig":
        """Read settings from a plain mapping, numbers of money as text or integers.

        Raises
        ------
        BadUse
            If a name is unknown or a value cannot be.
        """
        try:
            return msgspec.convert(settings, type=cls, strict=False)
        except msgspec.ValidationError as error:
            msg = f"paper venue: {error}"
            raise BadUse(msg) from error

    def terms_of(self, symbol: str) -> PairTerms:
        """Return what is asked for holding a pair."""
        return self.terms_by_symbol.get(symbol, self.terms)

    def charges(self, symbol: str) -> bool:
        """Say whether holding a pair over a roll costs or earns anything."""
        terms = self.terms_of(symbol)
        return bool(terms.long_rate or terms.short_rate)
