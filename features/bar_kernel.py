"""Bars of every timeframe in one pass over a batch (numba), closed by event time alone."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

PRICES = 12
"""Columns of a bar's prices: open, high, low, close of bid, then of ask, then of mid."""

OPEN_NS, COUNT, SPREAD_SUM, SPREAD_MAX, RECV_NS = range(5)
"""Columns of a bar's whole numbers; spreads in thousandths of a pip. ``OPEN_NS`` < 0: no bar."""

CLOCK_NS, BOUNDARY_NS = range(2)
"""Columns of the clock: event time so far, last decision boundary passed (< 0: none yet)."""


@njit(cache=True)
def bar_kernel(
    beat: NDArray[np.bool_],
    time_ns: I64,
    recv_ns: I64,
    bid: F64,
    ask: F64,
    lengths_ns: I64,
    decision_ns: int,
    decision_bar: int,
    millipips: float,
    prices: F64,
    numbers: I64,
    clock: I64,
    quote: F64,
    bars_prices: F64,
    bars_numbers: I64,
    bars_frame: I64,
    edges_ns: I64,
    edges_bar: I64,
    edges_quote: F64,
) -> tuple[int, int]:
    """Fold records into open bars; write out the bars and the decision boundaries that they close.

    Parameters
    ----------
    beat, time_ns, recv_ns, bid, ask
        Records in log order, shape (n,): is it a heartbeat; the event time that it proves.
    lengths_ns
        Length of each timeframe, shape (k,), ascending.
    decision_ns, decision_bar
        Decision interval, and the index of the timeframe of that length.
    millipips
        Thousandths of a pip per price unit.
    prices, numbers, clock, quote
        State, in place: open bars (k, 12) and (k, 5), clock (2,), last quote (2,).
    bars_prices, bars_numbers, bars_frame
        Results: closed bars in the order of closing, with the index of their timeframe.
    edges_ns, edges_bar, edges_quote
        Results: (boundary, receive time of the record that passed it), index of the bar of the
        decision timeframe that it closed or -1, and the last quote before it.

    Returns
    -------
    tuple[int, int]
        How many bars and boundaries were written.
    """
    n_bars = 0
    n_edges = 0
    for i in range(time_ns.size):
        now = max(clock[CLOCK_NS], time_ns[i])
        clock[CLOCK_NS] = now
        decided = -1
        for k in range(lengths_ns.size):
            if numbers[k, OPEN_NS] >= 0 and now >= numbers[k, OPEN_NS] + lengths_ns[k]:
                bars_prices[n_bars] = prices[k]
                bars_numbers[n_bars] = numbers[k]
                bars_frame[n_bars] = k
                if k == decision_bar:
                    decided = n_bars
                n_bars += 1
                numbers[k, OPEN_NS] = -1
        boundary = now - now % decision_ns
        if clock[BOUNDARY_NS] < 0:
            clock[BOUNDARY_NS] = boundary
        elif boundary > clock[BOUNDARY_NS]:
            clock[BOUNDARY_NS] = boundary
            edges_ns[n_edges, 0] = boundary
            edges_ns[n_edges, 1] = recv_ns[i]
            edges_bar[n_edges] = decided
            edges_quote[n_edges] = quote
            n_edges += 1
        if beat[i]:
            continue

        b, a = bid[i], ask[i]
        mid = (b + a) / 2.0
        spread = np.int64(np.rint((a - b) * millipips))
        quote[0] = b
        quote[1] = a
        for k in range(lengths_ns.size):
            if numbers[k, OPEN_NS] < 0:
                numbers[k, OPEN_NS] = time_ns[i] - time_ns[i] % lengths_ns[k]
                numbers[k, COUNT] = 0
                numbers[k, SPREAD_SUM] = 0
                numbers[k, SPREAD_MAX] = spread
                prices[k, 0:4] = b
                prices[k, 4:8] = a
                prices[k, 8:12] = mid
            else:
                prices[k, 1] = max(prices[k, 1], b)
                prices[k, 2] = min(prices[k, 2], b)
                prices[k, 3] = b
                prices[k, 5] = max(prices[k, 5], a)
                prices[k, 6] = min(prices[k, 6], a)
                prices[k, 7] = a
                prices[k, 9] = max(prices[k, 9], mid)
                prices[k, 10] = min(prices[k, 10], mid)
                prices[k, 11] = mid
            numbers[k, COUNT] += 1
            numbers[k, SPREAD_SUM] += spread
            numbers[k, SPREAD_MAX] = max(numbers[k, SPREAD_MAX], spread)
            numbers[k, RECV_NS] = recv_ns[i]
    return n_bars, n_edges
