"""What one pair sees of the others: currency factors and triangles of one minute, for all pairs."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

BPS = 1e4
FACTOR_WINDOW = 15
CROSS_WIDTH = 6
"""Columns of the result, as ``features.spec.CROSS_FEATURES``."""


@njit(cache=True)
def cross_kernel(
    log_closes: F64,
    starts: NDArray[np.bool_],
    usd_sign: I64,
    base: I64,
    quote: I64,
    triangles: I64,
    last: F64,
    factors: F64,
    out: F64,
) -> None:
    """Compute the cross features of all pairs at some consecutive minutes of the open market.

    Parameters
    ----------
    log_closes
        Logarithm of each pair's mid close, NaN where the minute had no bar, shape (n, s).
    starts
        Whether a minute is the first of a session, shape (n,): the state then starts anew.
    usd_sign
        +1 where the dollar is the base, -1 where it is the quote, else 0, shape (s,).
    base, quote
        Currency numbers of each pair, shape (s,).
    triangles
        (pair, leg, sign, leg, sign): ln pair = sign * ln leg + sign * ln leg, shape (m, 5).
    last, factors
        State, in place: last log close of each pair in the session (NaN: none), shape (s,); the
        dollar factors of the last minutes, newest last, shape (``FACTOR_WINDOW``,).
    out
        Result, shape (n, s, ``CROSS_WIDTH``), in basis points.
    """
    pairs = usd_sign.size
    moves = np.zeros(pairs)
    gaps = np.zeros(pairs)
    seen = np.zeros(pairs, dtype=np.int64)
    dollars = 0
    for s in range(pairs):
        dollars += abs(usd_sign[s])
    for i in range(starts.size):
        if starts[i]:
            last[:] = np.nan
            factors[:] = 0.0
        dollar = 0.0
        squares = 0.0
        for s in range(pairs):
            close = log_closes[i, s]
            moves[s] = 0.0
            if not np.isnan(close):
                if not np.isnan(last[s]):
                    moves[s] = BPS * (close - last[s])
                last[s] = close
            dollar += usd_sign[s] * moves[s]
            squares += moves[s] * moves[s]
        if dollars > 0:
            dollar /= dollars
        for w in range(FACTOR_WINDOW - 1):
            factors[w] = factors[w + 1]
        factors[FACTOR_WINDOW - 1] = dollar
        window = 0.0
        for w in range(FACTOR_WINDOW):
            window += factors[w]
        gaps[:] = 0.0
        seen[:] = 0
        for t in range(triangles.shape[0]):
            s = triangles[t, 0]
            gap = (
                last[s]
                - triangles[t, 2] * last[triangles[t, 1]]
                - triangles[t, 4] * last[triangles[t, 3]]
            )
            if not np.isnan(gap):
                gaps[s] += BPS * gap
                seen[s] += 1
        market = np.sqrt(squares / pairs)
        for s in range(pairs):
            base_sum = 0.0
            base_count = 0
            quote_sum = 0.0
            quote_count = 0
            for p in range(pairs):
                if p == s:
                    continue
                if base[p] == base[s]:
                    base_sum += moves[p]
                    base_count += 1
                elif quote[p] == base[s]:
                    base_sum -= moves[p]
                    base_count += 1
                if base[p] == quote[s]:
                    quote_sum += moves[p]
                    quote_count += 1
                elif quote[p] == quote[s]:
                    quote_sum -= moves[p]
                    quote_count += 1
            out[i, s, 0] = dollar
            out[i, s, 1] = window
            out[i, s, 2] = base_sum / base_count if base_count > 0 else 0.0
            out[i, s, 3] = quote_sum / quote_count if quote_count > 0 else 0.0
            out[i, s, 4] = gaps[s] / seen[s] if seen[s] > 0 else 0.0
            out[i, s, 5] = market
