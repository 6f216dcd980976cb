"""Trading states, and the records of who changed them.

How one state follows from another is `trading.risk.control`'s.
"""

from enum import StrEnum

import msgspec


class TradingState(StrEnum):
    """How much is allowed; each allows less than the one before."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Nothing that opens or enlarges a position."""
    CANCEL_ONLY = "cancel_only"
    """Nothing but cancels; one named person may end it."""
    HALTED = "halted"
    """Nothing but cancels; after a kill it takes two people to end it."""


class ControlKind(StrEnum):
    """Kinds of changes."""

    LOWER = "lower"
    RAISE = "raise"
    KILL = "kill"
    """HALTED, and all open orders in the scope are canceled."""
    RELEASE = "release"
    """One person's word for the end of a kill; the second one ends it."""


class ControlEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One change of a trading state, or one person's word for it.

    Attributes
    ----------
    control_id
        Function of all other fields: the same record twice is one.
    strategy
        Whose orders it is about; empty: the whole account's.
    to
        State that it leads to.
    by, role
        Name and role of the person; of a rule ``system:`` with its name, and no role.
    reason
        Why, in words or as a deny code; never empty.
    """

    control_id: str
    account: str
    strategy: str
    kind: ControlKind
    to: TradingState
    by: str
    role: str
    reason: str
    ts_event_ns: int
    v: int = 1

    @property
    def cancels(self) -> bool:
        """Whether all open orders in its scope are to be canceled."""
        return self.kind == ControlKind.KILL
