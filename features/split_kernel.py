"""Checking tick records and splitting them by symbol, each in one pass (numba).

A record is nine words of eight bytes: version, kind, source, reserved and verdict in the first, the
symbol in the next two, then event time, receipt and bid. The kernels run as plain Python when
called as ``....py_func``; the tests hold the compiled form against it.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.ticks import TICK_DTYPE, TICK_VERSION, Kind, TickArray, Verdict

WORDS = TICK_DTYPE.itemsize // 8
"""Words of a record."""

Words = NDArray[np.uint64]

_VERSION = TICK_VERSION
_TICK, _BEAT, _SWITCH = int(Kind.TICK), int(Kind.HEARTBEAT), int(Kind.SWITCH)
_UNKNOWN_VERSION = int(Verdict.UNKNOWN_VERSION)
_UNKNOWN_KIND = int(Verdict.UNKNOWN_KIND)
_UNKNOWN_SYMBOL = int(Verdict.UNKNOWN_SYMBOL)
_EVENT, _BID = 3, 5
_LAST_NS = np.uint64(2**63 - 1)
_ONE = np.uint64(np.float64(1.0).view(np.uint64))
"""The bits of 1.0. Those of positive floats are in the order of the floats, and those of negative
ones, of infinity and of NaN are larger."""


class SymbolTable(NamedTuple):
    """A hash table of symbols with open addressing.

    Attributes
    ----------
    keys
        Shape (slots, 2): the symbol's words; the number of slots is a power of two.
    codes
        Shape (slots,): place of the symbol in the sequence; -1 for a free slot.
    """

    keys: Words
    codes: NDArray[np.int64]


@lru_cache(maxsize=1024)
def symbol_table(symbols: tuple[str, ...]) -> SymbolTable:
    """Return the table of some symbols; of each the first place counts."""
    slots = 8
    while slots < 4 * len(symbols):
        slots *= 2
    table = SymbolTable(np.zeros((slots, 2), np.uint64), np.full(slots, -1, np.int64))
    names = np.array([symbol.encode() for symbol in symbols], TICK_DTYPE["symbol"])
    for code, (low, high) in enumerate(names.view(np.uint64).reshape(-1, 2)):
        at = int(_slot.py_func(low, high, slots - 1))
        while table.codes[at] >= 0:
            at = (at + 1) & (slots - 1)
        table.keys[at] = low, high
        table.codes[at] = code
    return table


def words_of(records: TickArray) -> Words:
    """Return records as words, shape (n, WORDS); a view where they lie side by side."""
    side_by_side = records if records.flags.c_contiguous else records.copy()
    return side_by_side.view(np.uint64).reshape(-1, WORDS)


@njit(cache=True)
def _slot(low: int, high: int, mask: int) -> int:
    # The six letters of a pair are in the low word: shifts mix them, and nothing overflows.
    mixed = low ^ (low >> np.uint64(11)) ^ (low >> np.uint64(29)) ^ high
    return int(mixed & np.uint64(0xFFFFFFFF)) & mask


@njit(cache=True)
def _code(low: int, high: int, keys: Words, codes: NDArray[np.int64]) -> int:
    """Return the place of a symbol, or -1."""
    mask = codes.size - 1
    at = _slot(low, high, mask)
    while codes[at] >= 0:
        if keys[at, 0] == low and keys[at, 1] == high:
            return int(codes[at])
        at = (at + 1) & mask
    return -1


@njit(cache=True)
def _printable(low: int, high: int) -> bool:
    """Say whether a symbol has characters that can be seen, from its first byte to its padding."""
    padding = False
    for at in range(16):
        word = low if at < 8 else high
        byte = np.int64((word >> np.uint64(8 * (at % 8))) & np.uint64(0xFF))
        if byte == 0:
            if at == 0:
                return False
            padding = True
        elif padding or byte < 0x21 or byte > 0x7E:
            return False
    return True


@njit(cache=True)
def _is_switch(row: NDArray[np.uint64], slots: int, stages: int) -> bool:
    """Say whether a record stands for a switch: what `domain.switch_records.switch_of` reads."""
    slot = np.int64((row[0] >> np.uint64(16)) & np.uint64(0xFF))
    stage = np.int64((row[0] >> np.uint64(24)) & np.uint64(0xFF))
    return bool(
        slot < slots
        and stage < 63
        and (stages >> stage) & 1
        and (row[1] | row[2]) != np.uint64(0)
        and row[_EVENT] <= _LAST_NS
        and np.uint64(0) < row[_BID] <= _ONE
    )


@njit(cache=True)
def check_kernel(
    words: Words,
    keys: Words,
    codes: NDArray[np.int64],
    any_symbol: bool,
    judged: bool,
    slots: int,
    stages: int,
) -> tuple[int, int]:
    """Return what is wrong with any of the records, and which is the first.

    Parameters
    ----------
    words
        The records, shape (n, 9).
    keys, codes
        The table of the symbols of the run.
    any_symbol
        Whether a symbol that can be printed is enough.
    judged
        Whether records that carry ``UNKNOWN_SYMBOL`` have been judged and stay.
    slots, stages
        What a switch may name: how many slots, and a bit for each stage that a run follows.

    Returns
    -------
    tuple[int, int]
        Bits of ``domain.ticks.Verdict`` over all records, and the place of the first bad record, or
        -1. A switch that is none has the bit of an unknown kind.
    """
    every = 0
    first = -1
    for i in range(words.shape[0]):
        head = words[i, 0]
        kind = np.int64((head >> np.uint64(8)) & np.uint64(0xFF))
        bits = 0
        if np.int64(head & np.uint64(0xFF)) != _VERSION:
            bits = _UNKNOWN_VERSION
        elif kind > _SWITCH:
            bits = _UNKNOWN_KIND
        elif kind == _SWITCH:
            if not _is_switch(words[i], slots, stages):
                bits = _UNKNOWN_KIND
        elif kind != _BEAT and not (judged and np.int64(head >> np.uint64(32)) & _UNKNOWN_SYMBOL):
            low, high = words[i, 1], words[i, 2]
            if any_symbol:
                if not _printable(low, high):
                    bits = _UNKNOWN_SYMBOL
            elif _code(low, high, keys, codes) < 0:
                bits = _UNKNOWN_SYMBOL
        if bits and first < 0:
            first = i
        every |= bits
    return every, first


@njit(cache=True)
def split_kernel(
    words: Words, keys: Words, codes: NDArray[np.int64], symbols: int
) -> tuple[NDArray[np.int64], Words]:
    """Sort records by symbol, stable, with every heartbeat and switch in the row of every symbol.

    A symbol without any record of its own has these alone. Ticks of other symbols are left out.

    Parameters
    ----------
    words
        The records in log order, shape (n, 9); all good.
    keys, codes
        The table of the symbols.
    symbols
        Their number.

    Returns
    -------
    tuple[NDArray[np.int64], Words]
        Where each symbol's records begin, and behind them the end, shape (symbols + 1,); and the
        sorted records. These are empty where the records of one symbol, or those of all, are all
        there is: whoever asked has them already.
    """
    count = words.shape[0]
    starts = np.zeros(symbols + 1, np.int64)
    place = np.empty(count, np.int64)
    shared = 0
    for i in range(count):
        if np.int64((words[i, 0] >> np.uint64(8)) & np.uint64(0xFF)) != _TICK:
            place[i] = symbols
            shared += 1
        else:
            code = _code(words[i, 1], words[i, 2], keys, codes)
            place[i] = code
            if code >= 0:
                starts[code + 1] += 1
    most = 0
    for s in range(symbols):
        most = max(most, starts[s + 1])
        starts[s + 1] += starts[s] + shared
    if most + shared == count and (shared == 0 or most == 0 or symbols == 1):
        return starts, words[:0].copy()
    rows = np.empty((starts[symbols], words.shape[1]), np.uint64)
    at = starts[:symbols].copy()
    for i in range(count):
        s = place[i]
        if s == symbols:
            for each in range(symbols):
                rows[at[each]] = words[i]
                at[each] += 1
        elif s >= 0:
            rows[at[s]] = words[i]
            at[s] += 1
    return starts, rows
