"""Accounts that an order might go to, and what speaks against each."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain.orders import TRIGGER_TYPES, OrderSide, OrderTerms
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
        Whether its trading state lets new orders through; exits pass in any.
    positions
        Signed base units held there by symbol, working exits taken off.
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
    positions: Mapping[str, Decimal] = {}
    room_units: Mapping[str, Decimal] = {}
    commission_pips: float = 0.0


class Wanted(NamedTuple):
    """An order that is to be routed.

    Attributes
    ----------
    needs_client_ids
        Whether it may go only where our ids are kept and never taken twice.
    """

    symbol: str
    side: OrderSide
    terms: OrderTerms
    needs_client_ids: bool = False


class Objection(StrEnum):
    """Why an account cannot take an order at all."""

    LINK_DOWN = "link_down"
    NOT_TRADING = "not_trading"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NOT_TRADEABLE = "not_tradeable"
    ORDER_TYPE = "order_type"
    TIME_IN_FORCE = "time_in_force"
    TRIGGER_SIDE = "trigger_side"
    PRICE_BOUND = "price_bound"
    REDUCE_ONLY = "reduce_only"
    TRAILING_DISTANCE = "trailing_distance"
    CLIENT_IDS = "client_ids"
    NO_POSITION = "no_position"
    """It would reduce a position, and the account holds none to reduce."""
    NO_ROOM = "no_room"
    """What it may take lies below the least size of the venue."""


def capacity(candidate: Candidate, wanted: Wanted) -> Decimal:
    """Return the largest part of an order that an account can take, base units on its grid."""
    instrument = candidate.instruments.get(wanted.symbol)
    if instrument is None:
        return Decimal(0)
    most = min(wanted.terms.quantity_units, instrument.max_units)
    most = min(most, candidate.room_units.get(wanted.symbol, most))
    if wanted.terms.position_effect == "reduce_only":
        most = min(most, _reducible(candidate, wanted))
    return on_grid(max(Decimal(0), most), instrument.units_step)


def objections(candidate: Candidate, wanted: Wanted) -> tuple[Objection, ...]:
    """Return all that speaks against an account for an order; nothing, if it can take a part."""
    return tuple(_objections(candidate, wanted))


def _objections(candidate: Candidate, wanted: Wanted) -> Iterator[Objection]:
    terms, able = wanted.terms, candidate.capabilities
    reduces = terms.position_effect == "reduce_only"
    if not candidate.link_up:
        yield Objection.LINK_DOWN
    if not candidate.takes_orders and not reduces:
        yield Objection.NOT_TRADING
    if wanted.needs_client_ids and not able.client_ids:
        yield Objection.CLIENT_IDS
    if reduces and not _reducible(candidate, wanted):
        yield Objection.NO_POSITION
    if terms.position_effect != "default" and not able.reduce_only:
        yield Objection.REDUCE_ONLY
    if terms.order_type not in able.times_in_force:
        yield Objection.ORDER_TYPE
    elif terms.time_in_force not in able.times_in_force[terms.order_type]:
        yield Objection.TIME_IN_FORCE
    if terms.order_type in TRIGGER_TYPES and terms.trigger_side not in able.trigger_sides:
        yield Objection.TRIGGER_SIDE
    if terms.price_bound is not None and not able.price_bound:
        yield Objection.PRICE_BOUND
    instrument = candidate.instruments.get(wanted.symbol)
    if instrument is None:
        yield Objection.UNKNOWN_SYMBOL
        return
    if not instrument.tradeable:
        yield Objection.NOT_TRADEABLE
    if _trails_wrongly(terms, instrument):
        yield Objection.TRAILING_DISTANCE
    if capacity(candidate, wanted) < instrument.min_units:
        yield Objection.NO_ROOM


def _reducible(candidate: Candidate, wanted: Wanted) -> Decimal:
    held = candidate.positions.get(wanted.symbol, Decimal(0))
    return max(Decimal(0), -held if wanted.side == "buy" else held)


def _trails_wrongly(terms: OrderTerms, instrument: VenueInstrument) -> bool:
    distance = terms.trailing_distance
    least, most = instrument.min_trailing_distance, instrument.max_trailing_distance
    if distance is None:
        return False
    return (least is not None and distance < least) or (most is not None and distance > most)
