"""How orders that one signal leads to are numbered, so that a replay makes the same ids.

Every id is ``client_order_id(strategy, signal, leg, attempt)``. The leg says what kind of order it
is, the attempt which one of them:

====================  =================  =======================================================
leg                   attempt            order
====================  =================  =======================================================
0 ... 99              0                  asked for by the signal itself; also the id of a parent
1000 + parent's leg   0, 1, 2, ...       children of that parent, in the order of their placing
2000 + 10 leg + role  0, 1, 2, ...       members of a group around that leg, tries of one role
====================  =================  =======================================================
"""

from functools import lru_cache

from domain.errors import BadUse
from domain.ids import client_order_id

LEGS = 100
"""Legs that a signal may have itself (0 to 99)."""

ROLES = 10
"""Roles that a group may have around one leg."""

_CHILDREN, _MEMBERS = 1_000, 2_000


@lru_cache(maxsize=1_024)  # parents and groups are asked for theirs at every look
def own_id(strategy: str, signal: str, leg: int) -> str:
    """Return the id of the order, or of the parent, that stands for a leg of a signal."""
    return client_order_id(strategy, signal, _checked(leg), 0)


def child_id(strategy: str, signal: str, leg: int, number: int) -> str:
    """Return the id of the n-th child (from 0) of the parent of a leg."""
    return client_order_id(strategy, signal, _CHILDREN + _checked(leg), number)


def member_id(strategy: str, signal: str, leg: int, role: int, attempt: int) -> str:
    """Return the id of the n-th try (from 0) at a role (0 to 9) of the group around a leg."""
    return client_order_id(strategy, signal, _MEMBERS + ROLES * _checked(leg) + role, attempt)


def _checked(leg: int) -> int:
    if not 0 <= leg < LEGS:
        msg = f"leg {leg} of a signal: 0 to {LEGS - 1} have names of their own; split the signal"
        raise BadUse(msg)
    return leg
