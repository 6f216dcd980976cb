"""Ticks in, one line of JSON out: what the scripts of all peers share."""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPAN = 20
"""Of the EMA, in ticks."""
ALPHA = 2.0 / (SPAN + 1)
BAR_NS = 1_000_000_000

Bar = tuple[str, int, float, float, float, float]
"""Symbol, second since 1970, then open, high, low and close of the mid."""


@dataclass(frozen=True)
class Tape:
    """Columns of a tick file, in order of time (see ``benchmarks.ticks_file``)."""

    symbols: tuple[str, ...]
    symbol: NDArray[np.int32]
    ts_event_ns: NDArray[np.int64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Ticks of all symbols."""
        return int(self.symbol.size)

    def names(self) -> list[str]:
        """Symbol of each tick."""
        return [self.symbols[code] for code in self.symbol.tolist()]

    def of(self, code: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return times, bids and asks of one symbol."""
        mine = self.symbol == code
        return self.ts_event_ns[mine], self.bid[mine], self.ask[mine]


def load(path: Path) -> Tape:
    """Read a tick file."""
    with np.load(path, allow_pickle=False) as columns:
        return Tape(
            tuple(str(name) for name in columns["symbols"]),
            columns["symbol"],
            columns["ts_event_ns"],
            columns["bid"],
            columns["ask"],
        )


def arguments(*more: str) -> argparse.Namespace:
    """Read ``TICKS_FILE`` and further options, each taking one text."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ticks_file", type=Path)
    for name in more:
        parser.add_argument(name)
    return parser.parse_args()


def bars_sha256(bars: Iterable[Bar]) -> str:
    """Digest bars bit by bit, in order of symbol and second; the order given does not matter."""
    lines = (f"{s} {t} {o.hex()} {h.hex()} {low.hex()} {c.hex()}\n" for s, t, o, h, low, c in bars)
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def report(
    package: str, tape: Tape, seconds: float, bars: Sequence[Bar], ema: dict[str, float]
) -> None:
    """Print the outcome of a ``bars_*`` script as the last line of standard output.

    Parameters
    ----------
    package
        Distribution whose version is told.
    tape
        What was processed.
    seconds
        Time from the first input to the last output.
    bars
        All of them, in any order.
    ema
        Last value by symbol.
    """
    say(
        {
            "ticks": tape.size,
            "seconds": seconds,
            "bars": len(bars),
            "ema": {name: float(ema[name]) for name in sorted(ema)},
            "bars_sha256": bars_sha256(bars),
            "version": version(package),
        }
    )


def say(outcome: dict[str, Any]) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(outcome) + "\n")
    sys.stdout.flush()
