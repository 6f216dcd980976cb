"""In which states an account and its strategies may trade, and what each state lets through."""

from collections.abc import Mapping
from enum import StrEnum

from domain.control import TradingState
from trading.risk.codes import Deny


class Action(StrEnum):
    """What may be asked of a venue, as far as states tell it apart."""

    OPEN = "open"
    """An order that may open or enlarge a position."""
    EXIT = "exit"
    """An order that only reduces one."""
    REPLACE = "replace"
    """Other terms for an order, with which it may open or enlarge a position."""
    REPLACE_EXIT = "replace_exit"
    """Other terms for an order that only reduces, or only fewer units for any order."""
    CANCEL = "cancel"


_REDUCING = frozenset({Action.EXIT, Action.REPLACE_EXIT, Action.CANCEL})
ALLOWED: Mapping[TradingState, frozenset[Action]] = {
    TradingState.ACTIVE: frozenset(Action),
    TradingState.REDUCING: _REDUCING,
    TradingState.CANCEL_ONLY: frozenset({Action.CANCEL}),
    TradingState.HALTED: frozenset({Action.CANCEL}),
}
"""What each state lets through. Cancels are everywhere: there is no state that holds them back."""

DENIED: Mapping[TradingState, Deny] = {
    TradingState.REDUCING: Deny.REDUCING,
    TradingState.CANCEL_ONLY: Deny.CANCEL_ONLY,
    TradingState.HALTED: Deny.HALTED,
}
"""The code with which a state denies."""

_RANK = {state: rank for rank, state in enumerate(TradingState)}


def is_lower(state: TradingState, than: TradingState) -> bool:
    """Say whether a state allows less than another."""
    return _RANK[state] > _RANK[than]


def lowest(first: TradingState, second: TradingState) -> TradingState:
    """Return the one that allows less."""
    return first if is_lower(first, second) else second
