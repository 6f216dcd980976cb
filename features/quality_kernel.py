"""The tick-quality rules as one pass over a batch (numba), and the state that they carry.

The kernel runs as plain Python when called as ``judge_kernel.py_func``; the tests hold the compiled
form against it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
"""Stands for "no tick yet" in the state: earlier than any time."""

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


@njit(cache=True)
def judge_kernel(
    symbol_index: I64,
    ts_event_ns: I64,
    ts_recv_ns: I64,
    bid: F64,
    ask: F64,
    last_event_ns: I64,
    last_quote: F64,
    clock_ns: I64,
    opens_ns: I64,
    closes_ns: I64,
    skew_ns: int,
    grace_ns: int,
    heartbeat_ns: int,
    verdict: NDArray[np.uint32],
    beat_before_ns: I64,
) -> None:
    """Set the verdict of each tick and the heartbeat that must be written before it.

    Parameters
    ----------
    symbol_index
        Index of the tick's symbol in the state arrays, shape (n,).
    ts_event_ns, ts_recv_ns, bid, ask
        The ticks in arrival order, shape (n,).
    last_event_ns, last_quote
        State per symbol: event time, and (bid, ask), of its last accepted tick. Changed in place.
    clock_ns
        State, shape (2,): the receive clock (running maximum), and the last heartbeat. In place.
    opens_ns, closes_ns
        Sessions of the market, ascending.
    skew_ns, grace_ns, heartbeat_ns
        How far an event may lie ahead of its receipt; how far behind the last heartbeat; the beat.
    verdict, beat_before_ns
        Results, shape (n,): bits of ``domain.ticks.Verdict``; time of the heartbeat that goes into
        the log before this tick, or ``NO_TIME`` for none.
    """
    for i in range(symbol_index.size):
        s = symbol_index[i]
        event, recv, b, a = ts_event_ns[i], ts_recv_ns[i], bid[i], ask[i]
        bits = 0
        if not (np.isfinite(b) and np.isfinite(a)):
            bits |= 1
        elif b <= 0.0 or a <= 0.0:
            bits |= 2
        elif b > a:
            bits |= 4
        if event > recv + skew_ns:
            bits |= 8
        if event < last_event_ns[s]:
            bits |= 16
        elif event == last_event_ns[s] and b == last_quote[s, 0] and a == last_quote[s, 1]:
            bits |= 32
        session = np.searchsorted(opens_ns, event, side="right") - 1
        if session < 0 or event >= closes_ns[session]:
            bits |= 64

        beat_before_ns[i] = NO_TIME
        clock_ns[0] = max(clock_ns[0], recv)
        beat = clock_ns[0] - clock_ns[0] % heartbeat_ns
        if clock_ns[1] == NO_TIME:
            clock_ns[1] = beat
        elif beat > clock_ns[1]:
            clock_ns[1] = beat
            beat_before_ns[i] = beat
        # Bars may have closed up to the last heartbeat less the grace: older is too late.
        if event < clock_ns[1] - grace_ns:
            bits |= 128

        verdict[i] = bits
        if bits == 0:
            last_event_ns[s] = event
            last_quote[s, 0] = b
            last_quote[s, 1] = a
