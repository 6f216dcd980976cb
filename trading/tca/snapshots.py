"""The monitor's state as a plain, versioned mapping, and back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from domain.errors import Corrupt
from trading.tca.outliers import CostWindow
from trading.tca.tape import TapeState
from trading.tca.tracks import FillTrack, OrderTrack

STATE_VERSION = 2


class MonitorState(msgspec.Struct, forbid_unknown_fields=True):
    """All state of a `trading.tca.monitor.QualityMonitor`."""

    v: int
    tapes: list[TapeState]
    orders: list[OrderTrack]
    fills: list[FillTrack]
    outliers: list[CostWindow]
    stale_benchmarks: int = 0
    stranger_fills: int = 0


def dump(state: MonitorState) -> dict[str, Any]:
    """Write the state as a mapping of numbers, text, bytes and lists."""
    plain: dict[str, Any] = msgspec.to_builtins(state, builtin_types=(bytes,))
    return plain


def load(plain: Mapping[str, Any] | None) -> MonitorState:
    """Read what `dump` wrote; None begins.

    Raises
    ------
    Corrupt
        If it is of another version or not whole.
    """
    if plain is None:
        return MonitorState(STATE_VERSION, [], [], [], [])
    if plain.get("v") != STATE_VERSION:
        msg = (
            f"execution quality snapshot version {plain.get('v')}, this reader knows "
            f"{STATE_VERSION}: start a new run, and measure this one with aifx tca --recompute"
        )
        raise Corrupt(msg)
    try:
        return msgspec.convert(plain, MonitorState, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        msg = f"execution quality snapshot cannot be read: {error}"
        raise Corrupt(msg) from error
