"""Parents as a plain, versioned mapping, and back."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from domain.errors import Corrupt
from trading.algos.parent_state import ParentState

PARENTS_VERSION = 1


class ParentsState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that `trading.algos.working.Parents` is."""

    v: int
    late_fill_ns: int
    parents: list[ParentState]


def dump(late_fill_ns: int, parents: Iterable[ParentState]) -> dict[str, Any]:
    """Write parents as a mapping of numbers, strings, lists and mappings; money is text."""
    state = ParentsState(PARENTS_VERSION, late_fill_ns, list(parents))
    plain: dict[str, Any] = msgspec.to_builtins(state)
    return plain


def load(plain: Mapping[str, Any]) -> ParentsState:
    """Read what `dump` wrote.

    Raises
    ------
    Corrupt
        If it is of another version, or not whole.
    """
    if plain.get("v") != PARENTS_VERSION:
        msg = f"parents of version {plain.get('v')}, this reader knows {PARENTS_VERSION}"
        raise Corrupt(msg)
    try:
        return msgspec.convert(plain, ParentsState)
    except msgspec.ValidationError as error:
        msg = f"parents cannot be read: {error}; rebuild them from the journal"
        raise Corrupt(msg) from error
