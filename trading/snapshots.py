"""The engine's state as a plain, versioned mapping, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domain.errors import BadUse, Corrupt
from trading.lanes import LaneState
from trading.marks import MarkState
from trading.tactics.handler import HandlerState
from trading.venues import PositionMode

SNAPSHOT_VERSION = 4
"""Versions before knew one order a symbol and no journal: a run of theirs cannot go on."""


class ExecutionState(msgspec.Struct, forbid_unknown_fields=True):
    """All state of one account's engine, but for what the journal has.

    Attributes
    ----------
    journal_seq
        Place in the journal from which the book is folded.
    book
        The book itself where a replay has not reached the end of the journal: entries behind
        ``journal_seq`` are in it in part. None otherwise.
    venue_sequences
        By symbol the last event of a venue that plays the log.
    gates
        What each gate keeps, by symbol, or one under the empty name.
    position_mode
        How positions are kept; left out where they are netted.
    handlers
        Parents, groups and what waits for them, by symbol; left out where a signal is one market
        order.
    """

    v: int
    account: str
    account_currency: str
    journal_seq: int
    book: dict[str, Any] | None
    venue_sequences: dict[str, int]
    lanes: list[LaneState]
    marks: MarkState
    gates: dict[str, dict[str, Any]]
    position_mode: PositionMode | UnsetType = UNSET
    handlers: dict[str, HandlerState] = {}

    def check(
        self, account: str, account_currency: str, mode: PositionMode, symbols: Sequence[str]
    ) -> None:
        """Refuse to go on under other settings.

        Raises
        ------
        BadUse
            If the state is of another account, currency, way of keeping positions or set of
            symbols.
        """
        own = [lane.symbol for lane in self.lanes]
        kept: PositionMode = "netting" if self.position_mode is UNSET else self.position_mode
        found = (self.account, self.account_currency, kept, sorted(own))
        if found != (account, account_currency, mode, sorted(symbols)):
            msg = (
                f"the snapshot is of {kept} account {self.account} in {self.account_currency} with "
                f"{', '.join(sorted(own))}; start a new run to change these"
            )
            raise BadUse(msg)


def mode_of(mode: PositionMode) -> PositionMode | UnsetType:
    """Return the mode as a snapshot has it."""
    return UNSET if mode == "netting" else mode


def dump(state: ExecutionState) -> dict[str, Any]:
    """Write the state as a mapping of numbers, strings, bytes and lists; money is text."""
    plain: dict[str, Any] = msgspec.to_builtins(state, builtin_types=(bytes,))
    if not state.handlers:
        del plain["handlers"]
    return plain


def load(plain: Mapping[str, Any]) -> ExecutionState:
    """Read what `dump` wrote.

    Raises
    ------
    Corrupt
        If it is of another version, or not whole.
    """
    if plain.get("v") != SNAPSHOT_VERSION:
        msg = f"execution snapshot version {plain.get('v')}, this reader knows {SNAPSHOT_VERSION}"
        raise Corrupt(msg)
    try:
        return msgspec.convert(plain, ExecutionState, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        msg = f"execution snapshot cannot be read: {error}"
        raise Corrupt(msg) from error
