"""Accounts that an order might go to, and what speaks against each."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain.orders import OrderTerms
from trading.algos.market import on_grid
from trading.venues import Capabilities, VenueInstrument


class Candidate(msgspec.Struct, frozen=True):
    """One account at one venue, as it stands.

    Attributes
    ----------
    instruments
        The venue's own data by symbol.
    link_up
        Whether its order link is up and its record agrees with ours.
    takes_orders
        Whether its trading state lets new orders through.
    room_units
        Largest order that its own limits leave room for, by symbol; one not named has no such
        bound.
    commission_pips
        What its commission comes to in pips of a pair (>= 0): measured costs hold none.
    """

    account: str
    venue: str
    capabilities: Capabilities
    instruments: Mapping[str, VenueInstrument]
    link_up: bool = True
    takes_orders: bool = True
    room_units: Mapping[str, Decimal] = {}
    commission_pips: float = 0.0


class Wanted(NamedTuple):
    """An order that may open or enlarge a position, and is to be routed."""

    symbol: str
    terms: OrderTerms


class Objection(StrEnum):
    """Why an account cannot take an order at all."""

    LINK_DOWN = "link_down"
    NOT_TRADING = "not_trading"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NOT_TRADEABLE = "not_tradeable"
    ORDER_TYPE = "order_type"
    TIME_IN_FORCE = "time_in_force"
    PRICE_BOUND = "price_bound"
    NO_ROOM = "no_room"
    """What it may take lies below the least size of the venue."""


def objections(candidate: Candidate, wanted: Wanted) -> tuple[Objection, ...]:
    """Return all that speaks against an account for an order; nothing, if it can take it."""
    return tuple(_objections(candidate, wanted))


def _objections(candidate: Candidate, wanted: Wanted) -> Iterator[Objection]:
    terms, able = wanted.terms, candidate.capabilities
    if not candidate.link_up:
        yield Objection.LINK_DOWN
    if not candidate.takes_orders:
        yield Objection.NOT_TRADING
    if terms.order_type not in able.times_in_force:
        yield Objection.ORDER_TYPE
    elif terms.time_in_force not in able.times_in_force[terms.order_type]:
        yield Objection.TIME_IN_FORCE
    if terms.price_bound is not None and not able.price_bound:
        yield Objection.PRICE_BOUND
    instrument = candidate.instruments.get(wanted.symbol)
    if instrument is None:
        yield Objection.UNKNOWN_SYMBOL
        return
    if not instrument.tradeable:
        yield Objection.NOT_TRADEABLE
    if _most_units(candidate, wanted, instrument) < instrument.min_units:
        yield Objection.NO_ROOM


def _most_units(candidate: Candidate, wanted: Wanted, instrument: VenueInstrument) -> Decimal:
    """Return the largest part of an order that an account can take, base units on its grid."""
    most = min(wanted.terms.quantity_units, instrument.max_units)
    most = min(most, candidate.room_units.get(wanted.symbol, most))
    return on_grid(max(Decimal(0), most), instrument.units_step)
