"""``python -m benchmarks.peers.reference TICKS_FILE``: the bars and EMAs that every peer must give.

NumPy on whole columns, no engine; it runs in the product's and the peers' environments alike.
``seconds`` is its own time, and no figure to compare with a stream.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import tape as t

EMA_TOLERANCE = 1e-9
"""Engines may write the same recursion as ``a*x + (1-a)*e`` or ``e + a*(x-e)``."""


def bars(tape: t.Tape) -> list[t.Bar]:
    """Return open, high, low and close of the mid of each second that has a tick."""
    out: list[t.Bar] = []
    for code, name in enumerate(tape.symbols):
        ts_ns, bid, ask = tape.of(code)
        if not ts_ns.size:
            continue
        mid, second = (bid + ask) / 2, ts_ns // t.BAR_NS
        first = np.flatnonzero(np.diff(second, prepend=second[0] - 1))
        last = np.append(first[1:], second.size) - 1
        columns = (
            second[first],
            mid[first],
            np.maximum.reduceat(mid, first),
            np.minimum.reduceat(mid, first),
            mid[last],
        )
        out.extend((name, *row) for row in zip(*(c.tolist() for c in columns), strict=True))
    return out


def ema_of(mid: NDArray[np.float64]) -> float:
    """Return the last EMA; the first value starts it (pandas: ``adjust=False``)."""
    values = mid.tolist()
    ema: float = values[0]
    for value in values[1:]:
        ema += t.ALPHA * (value - ema)
    return ema


def ema(tape: t.Tape) -> dict[str, float]:
    """Return the last EMA of the mid by symbol."""
    columns = ((name, tape.of(code)) for code, name in enumerate(tape.symbols))
    return {name: ema_of((bid + ask) / 2) for name, (ts, bid, ask) in columns if ts.size}


def differences(tape: t.Tape, outcome: dict[str, Any]) -> list[str]:
    """Say in words how the outcome of a ``bars_*`` script differs from the reference; empty: not.

    Parameters
    ----------
    tape
        That the script was given.
    outcome
        Its line of JSON.
    """
    wanted_bars, wanted_ema = bars(tape), ema(tape)
    found = []
    if outcome["ticks"] != tape.size:
        found.append(f"{outcome['ticks']} ticks, not {tape.size}")
    if outcome["bars"] != len(wanted_bars):
        found.append(f"{outcome['bars']} bars, not {len(wanted_bars)}")
    if outcome["bars_sha256"] != t.bars_sha256(wanted_bars):
        found.append("the prices of the bars differ")
    if outcome["ema"].keys() != wanted_ema.keys():
        found.append(f"EMAs of {sorted(outcome['ema'])}, not of {sorted(wanted_ema)}")
        return found
    found.extend(
        f"EMA of {name} is {value!r}, not {wanted_ema[name]!r}"
        for name, value in outcome["ema"].items()
        if not abs(value - wanted_ema[name]) <= EMA_TOLERANCE
    )
    return found


def main() -> None:
    """Print the reference outcome."""
    tape = t.load(t.arguments().ticks_file)
    started = time.perf_counter()
    all_bars, emas = bars(tape), ema(tape)
    t.report("numpy", tape, time.perf_counter() - started, all_bars, emas)


if __name__ == "__main__":
    main()
