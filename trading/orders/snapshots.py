"""A book as a plain, versioned mapping, and back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import Corrupt
from trading.orders.held import Held
from trading.orders.shelf import Away
from trading.orders.state import OrderState
from trading.positions import NetPosition

BOOK_VERSION = 1


class BookState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that an `OrderBook` is; positions follow from it.

    Attributes
    ----------
    clock_ns
        Latest receive time seen.
    orders, away
        The orders at hand, and what is known of those put away.
    aliases, by_venue
        Names that venues use, and the client order id that each stands for.
    """

    v: int
    account: str
    hold_ns: int
    clock_ns: int
    opening: dict[str, NetPosition]
    orders: list[OrderState]
    aliases: dict[str, str]
    by_venue: dict[str, str]
    held: list[Held]
    away: Away = msgspec.field(default_factory=Away)


def dump(state: BookState) -> dict[str, Any]:
    """Write a book as a mapping of numbers, strings, lists and mappings; money is text."""
    plain: dict[str, Any] = msgspec.to_builtins(state)
    return plain


def load(plain: Mapping[str, Any]) -> BookState:
    """Read what `dump` wrote.

    Raises
    ------
    Corrupt
        If it is of another version, or not whole.
    """
    if plain.get("v") != BOOK_VERSION:
        msg = f"order book of version {plain.get('v')}, this reader knows {BOOK_VERSION}"
        raise Corrupt(msg)
    try:
        return msgspec.convert(plain, BookState)
    except msgspec.ValidationError as error:
        msg = f"order book cannot be read: {error}; rebuild it from the journal"
        raise Corrupt(msg) from error
