"""Groups as a plain, versioned mapping, and back."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from domain.errors import Corrupt
from trading.contingency.group_state import GroupState

GROUPS_VERSION = 1


class GroupsState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that `trading.contingency.working.Groups` is."""

    v: int
    late_fill_ns: int
    groups: list[GroupState]


def dump(late_fill_ns: int, groups: Iterable[GroupState]) -> dict[str, Any]:
    """Write groups as a mapping of numbers, strings, lists and mappings; money is text."""
    state = GroupsState(GROUPS_VERSION, late_fill_ns, list(groups))
    plain: dict[str, Any] = msgspec.to_builtins(state)
    return plain


def load(plain: Mapping[str, Any]) -> GroupsState:
    """Read what `dump` wrote.

    Raises
    ------
    Corrupt
        If it is of another version, or not whole.
    """
    if plain.get("v") != GROUPS_VERSION:
        msg = f"groups of version {plain.get('v')}, this reader knows {GROUPS_VERSION}"
        raise Corrupt(msg)
    try:
        return msgspec.convert(plain, GroupsState)
    except msgspec.ValidationError as error:
        msg = f"groups cannot be read: {error}; rebuild them from the journal"
        raise Corrupt(msg) from error
