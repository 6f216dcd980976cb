"""What the tick-quality step knows: one block of fixed size per symbol, and how it is stored.

All of it is whole numbers: the compiled rules and any other reading of them agree to the bit.
Prices are counted in points (steps of the venue's grid), mids in half points (bid + ask).
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import Corrupt
from domain.ticks import TICK_DTYPE, Verdict, reasons

STATE_VERSION = 2

MINUTES_OF_WEEK = 7_200
"""From Sunday 17:00 to Friday 17:00 New York."""

DAY_PARTS = 4
"""Rollover, Asia, London, New York; see `features.quality_rules.day_part`."""

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands for "not yet": earlier than any time."""

NEVER = int(np.iinfo(np.int64).max)
"""Stands for "no deadline": later than any time."""

WORDS = TICK_DTYPE.itemsize // 8
"""A tick record is nine words of eight bytes."""

SYMBOL_STATE = np.dtype(
    [
        ("ticks", "<i8"),
        ("event_ns", "<i8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("changed_ns", "<i8"),
        ("one_sided", "<i8"),
        ("move", "<i8"),
        ("evidence", "<i8"),
        ("evidence_ns", "<i8"),
        ("evidence_bid", "<i8"),
        ("evidence_ask", "<i8"),
        ("held", "<i8"),
        ("held_ns", "<i8"),
        ("burst_second", "<i8"),
        ("burst_count", "<i8"),
        ("burst_mean", "<i8"),
        ("bursting", "<i8"),
        ("spread_level", "<i8"),
        ("change_level", "<i8", (DAY_PARTS,)),
        ("changes", "<i8", (DAY_PARTS,)),
    ]
)
"""The numbers of one symbol.

``ticks``: how many were learned from. ``event_ns``, ``bid``, ``ask``: the newest accepted one.
``changed_ns``: since when that quote stands. ``one_sided``: the run of ticks that moved one side
only (above 0: the bid). ``move``: the mean move of the mid in 1/4,096 half points. ``evidence``:
ticks in a row for a new level, and the newest of them. ``held``: how many of them wait, since
``held_ns`` on the receive clock. ``burst``: second of the newest duplicate, duplicates in it, their
mean per second in 1/65,536, whether they are a burst. ``spread_level``: the spread over all.
``change_level``, ``changes``: time between changes of the quote by part of the day, and how many
were seen."""

RECEIVED, BEAT, DEADLINE, HELD = range(4)
"""Places in ``clock``: receive clock, last heartbeat, when the first hold ends, ticks held."""

TICKS_IN, TICKS_ACCEPTED, REJECTED_AT, FLAGGED_AT = 0, 1, 2, 34
"""Places in ``tally``; from the last two on one place a bit."""

_COUNTED = [
    (at + bit.bit_length() - 1, f"{prefix}.{reasons(bit)[0]}")
    for prefix, at in (("rejected", REJECTED_AT), ("flagged", FLAGGED_AT))
    for bit in Verdict
]
"""Place and name of each count by reason; made once, because totals are told after each batch."""


class QualityState:
    """All state of the step; the arrays are changed in place by the kernel.

    Parameters
    ----------
    symbols
        In the order of the arrays.
    hold_rows
        Ticks that can be held per symbol (> 0).
    change_level
        Where the level of the time between changes starts.

    Attributes
    ----------
    block
        ``SYMBOL_STATE`` per symbol.
    profile
        Level of the spread per symbol and minute of the week; -1: not seen yet.
    held
        Records that wait, as words: (symbol, row, word).
    clock, tally
        See the places above.
    """

    def __init__(self, symbols: tuple[str, ...], hold_rows: int, change_level: int) -> None:
        count = len(symbols)
        self._symbols = symbols
        self.block = np.zeros(count, dtype=SYMBOL_STATE)
        self.block["burst_second"] = NO_TIME
        self.block["change_level"] = change_level
        self.profile: NDArray[np.int16] = np.full((count, MINUTES_OF_WEEK), -1, dtype=np.int16)
        self.held: NDArray[np.int64] = np.zeros((count, hold_rows, WORDS), dtype=np.int64)
        self.clock: NDArray[np.int64] = np.array([NO_TIME, NO_TIME, NEVER, 0], dtype=np.int64)
        self.tally: NDArray[np.int64] = np.zeros(FLAGGED_AT + 32, dtype=np.int64)

    def counts(self) -> dict[str, int]:
        """Return the totals by name since the start of the run.

        A rejected tick is counted once, under the first rule that it breaks, so that the counts
        add up; of an accepted tick each bit is counted.
        """
        tally = self.tally.tolist()
        found = {"ticks_in": tally[TICKS_IN], "ticks_accepted": tally[TICKS_ACCEPTED]}
        found.update({name: tally[at] for at, name in _COUNTED if tally[at]})
        return found

    def to_mapping(self) -> dict[str, Any]:
        """Return a copy as a plain versioned mapping."""
        waiting = np.flatnonzero(self.block["held"]).tolist()
        return {
            "v": STATE_VERSION,
            "symbols": list(self._symbols),
            "hold_rows": self.held.shape[1],
            "clock_ns": self.clock.tolist(),
            "tally": self.tally.tolist(),
            "block": {name: self.block[name].tolist() for name in SYMBOL_STATE.names or ()},
            "held": {
                self._symbols[at]: b64encode(
                    self.held[at, : int(self.block["held"][at])].tobytes()
                ).decode()
                for at in waiting
            },
            "profile": _packed(self.profile),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `to_mapping` gave.

        Raises
        ------
        Corrupt
            If it is of another version, of other symbols or of another block of held ticks.
        """
        kind = (state["v"], tuple(state["symbols"]), state.get("hold_rows"))
        wanted = (STATE_VERSION, self._symbols, self.held.shape[1])
        if kind != wanted:
            msg = f"tick-quality state {kind} does not fit {wanted} (version, symbols, rows held)"
            raise Corrupt(msg)
        self.clock[:] = state["clock_ns"]
        self.tally[:] = state["tally"]
        for name in SYMBOL_STATE.names or ():
            self.block[name] = state["block"][name]
        for symbol, text in state["held"].items():
            rows = np.frombuffer(b64decode(text), dtype=np.int64).reshape(-1, WORDS)
            self.held[self._symbols.index(symbol), : len(rows)] = rows
        self.profile[:] = _unpacked(state["profile"], self.profile.shape)


def _packed(profile: NDArray[np.int16]) -> str:
    # Neighbouring minutes differ little: differences, low and high bytes apart, pack well.
    steps = np.diff(profile.ravel(), prepend=np.int16(0)).astype("<i2")
    planes = steps.view(np.uint8).reshape(-1, 2).T.tobytes()
    return b64encode(zlib.compress(planes, 1)).decode()


def _unpacked(text: str, shape: tuple[int, ...]) -> NDArray[np.int16]:
    planes = np.frombuffer(zlib.decompress(b64decode(text)), dtype=np.uint8).reshape(2, -1)
    steps = np.ascontiguousarray(planes.T).view("<i2").ravel()
    profile: NDArray[np.int16] = np.cumsum(steps, dtype=np.int16).reshape(shape)
    return profile
