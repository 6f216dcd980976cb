"""Bars of every timeframe in one pass over a batch (numba), closed by event time alone.

The kernel runs as plain Python when called as ``bar_kernel.py_func``; the tests hold it against an
independent reading of the rules, tick by tick.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.bars import BAR_DTYPE

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Rows = NDArray[np.void]

CLOCK_NS, BOUNDARY_NS, NEXT_CLOSE_NS, QUOTE_NS, QUOTE_VERDICT, SESSION_END_NS = range(6)
"""Columns of the clock: event time that is complete, last decision boundary passed, earliest end of
an open bar, event time of the last quote, its verdict, and the end of its session (times < 0: none
yet)."""

EDGE_DTYPE = np.dtype(
    [
        ("ts_event_ns", "<i8"),
        ("ts_recv_ns", "<i8"),
        ("bar", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("verdict", "<i8"),
    ]
)
"""A decision boundary that was passed: its time (the latest, where one record passed several), the
receive time of that record, index of the decision bar that closed with it or -1, and the last quote
before it (NaN: none) with its verdict."""

OPEN_DTYPE = np.dtype([*BAR_DTYPE.descr, ("end_ns", "<i8"), ("is_open", "<i8")])
"""An open bar: its row so far, and when it closes at the latest. Its ``ts_open_ns`` and
``ts_event_ns`` are the times of its first and last tick until it closes."""

_NEVER = np.iinfo(np.int64).max


@njit(cache=True)
def _close(
    bars: Rows, k: int, slot: int, length_ns: int, counts: I64, closed: Rows, at: int
) -> None:
    one = bars[k, slot]
    out = closed[at]
    out["frame"] = one["frame"]
    out["verdict"] = one["verdict"]
    out["seq"] = one["seq"]
    out["ts_open_ns"] = one["seq"] * length_ns if length_ns > 0 else one["ts_open_ns"]
    out["ts_event_ns"] = (one["seq"] + 1) * length_ns if length_ns > 0 else one["ts_event_ns"]
    out["ts_recv_ns"] = one["ts_recv_ns"]
    out["bid_open"] = one["bid_open"]
    out["bid_high"] = one["bid_high"]
    out["bid_low"] = one["bid_low"]
    out["bid_close"] = one["bid_close"]
    out["ask_open"] = one["ask_open"]
    out["ask_high"] = one["ask_high"]
    out["ask_low"] = one["ask_low"]
    out["ask_close"] = one["ask_close"]
    out["mid_open"] = one["mid_open"]
    out["mid_high"] = one["mid_high"]
    out["mid_low"] = one["mid_low"]
    out["mid_close"] = one["mid_close"]
    out["tick_count"] = one["tick_count"]
    out["suspect_count"] = one["suspect_count"]
    out["up_count"] = one["up_count"]
    out["down_count"] = one["down_count"]
    out["spread_sum_millipips"] = one["spread_sum_millipips"]
    out["spread_max_millipips"] = one["spread_max_millipips"]
    out["move_sq_sum_millipips2"] = one["move_sq_sum_millipips2"]
    out["sized_count"] = one["sized_count"]
    out["micro_gap_sum_millipips"] = one["micro_gap_sum_millipips"]
    one["is_open"] = 0
    counts[k] += 1


@njit(cache=True)
def bar_kernel(
    records: Rows,
    beat_lag_ns: int,
    lateness_ns: int,
    lengths_ns: I64,
    tick_limits: I64,
    range_limits: I64,
    session_closes_ns: I64,
    decision_ns: int,
    decision_frame: int,
    millipips: float,
    suspect_bits: int,
    bars: Rows,
    counts: I64,
    clock: I64,
    quote: F64,
    closed: Rows,
    edges: Rows,
    late: I64,
) -> tuple[int, int, int]:
    """Fold records into open bars; write out what they close.

    Parameters
    ----------
    records
        One symbol's records in log order, shape (n,), of ``domain.ticks.TICK_DTYPE``. What is
        neither tick nor heartbeat is passed over: it moves no clock and closes no bar.
    beat_lag_ns, lateness_ns
        What a heartbeat, and a tick, proves less of event time than it says; together they are
        ``domain.ticks.event_clock``.
    lengths_ns, tick_limits, range_limits
        What each timeframe is, shape (k,): one of the three above 0; ranges in millipips.
    session_closes_ns
        Ends of the market's sessions, ascending: no tick or range bar lasts beyond.
    decision_ns, decision_frame
        Decision interval, and the index of the timeframe of that length.
    millipips
        Thousandths of a pip per price unit.
    suspect_bits
        ``domain.ticks.SUSPECT``: a compiled kernel would keep what it takes from another file.
    bars, counts, clock, quote
        State, in place: open bars (k, 2) of ``OPEN_DTYPE``; bars closed so far by timeframe (k,);
        clock (6,); last bid, ask and mid (3,). A time bar lives in the slot of its number's parity:
        within the allowed lateness two of a timeframe may be open.
    closed, edges, late
        Results: bars in the order of closing, boundaries, and the indices of records that came too
        late for every bar.

    Returns
    -------
    tuple[int, int, int]
        How many bars, boundaries and late records were written.
    """
    n_closed = 0
    n_edges = 0
    n_late = 0
    frames = lengths_ns.size
    kinds = records["kind"]
    events = records["ts_event_ns"]
    receipts = records["ts_recv_ns"]
    bids = records["bid"]
    asks = records["ask"]
    bid_sizes = records["bid_size"]
    ask_sizes = records["ask_size"]
    verdicts = records["verdict"]
    for i in range(records.size):
        if kinds[i] > 1:
            continue
        before = clock[CLOCK_NS]
        if kinds[i] != 0:
            now = max(before, receipts[i] - beat_lag_ns)
        else:
            now = max(before, events[i] - lateness_ns)
        clock[CLOCK_NS] = now
        decided = -1
        if now >= clock[NEXT_CLOSE_NS]:
            next_close = _NEVER
            for k in range(frames):
                older = 1 if bars[k, 1]["seq"] < bars[k, 0]["seq"] else 0
                for turn in range(2):
                    slot = older if turn == 0 else 1 - older
                    one = bars[k, slot]
                    if one["is_open"] == 0:
                        continue
                    if now < one["end_ns"]:
                        next_close = min(next_close, one["end_ns"])
                        continue
                    _close(bars, k, slot, lengths_ns[k], counts, closed, n_closed)
                    if k == decision_frame:
                        decided = n_closed
                    n_closed += 1
            clock[NEXT_CLOSE_NS] = next_close
        boundary = now - now % decision_ns
        if clock[BOUNDARY_NS] < 0:
            clock[BOUNDARY_NS] = boundary
        elif boundary > clock[BOUNDARY_NS]:
            clock[BOUNDARY_NS] = boundary
            edge = edges[n_edges]
            edge["ts_event_ns"] = boundary
            edge["ts_recv_ns"] = receipts[i]
            edge["bar"] = decided
            edge["bid"] = quote[0]
            edge["ask"] = quote[1]
            edge["verdict"] = clock[QUOTE_VERDICT]
            n_edges += 1
        if kinds[i] != 0:
            continue

        event = events[i]
        if event < before:
            late[n_late] = i
            n_late += 1
            continue
        bid, ask = bids[i], asks[i]
        mid = (bid + ask) / 2.0
        spread = np.int64(np.rint((ask - bid) * millipips))
        verdict = verdicts[i]
        suspect = 1 if verdict & suspect_bits else 0
        move = np.int64(0)
        # A delayed tick is part of its bar, but neither the last quote nor a step of the tape; and
        # the gap over a closed market is no step either.
        if event >= clock[QUOTE_NS]:
            if event >= clock[SESSION_END_NS]:
                after = np.searchsorted(session_closes_ns, event, side="right")
                clock[SESSION_END_NS] = session_closes_ns[after]
            else:
                move = np.int64(np.rint((mid - quote[2]) * millipips))
            clock[QUOTE_NS] = event
            clock[QUOTE_VERDICT] = verdict
            quote[0] = bid
            quote[1] = ask
            quote[2] = mid
        bid_size, ask_size = np.float64(bid_sizes[i]), np.float64(ask_sizes[i])
        size = bid_size + ask_size
        sized = 0
        micro_gap = np.int64(0)
        # Not every venue gives both sizes; a negative one is none.
        if bid_size >= 0.0 and ask_size >= 0.0 and size > 0.0 and size < np.inf:
            sized = 1
            # The micro-price less the mid, without their difference: it would lose digits.
            micro_gap = np.int64(np.rint(spread * (bid_size - ask_size) / (2.0 * size)))

        for k in range(frames):
            length = lengths_ns[k]
            seq = event // length if length > 0 else counts[k]
            slot = seq & 1 if length > 0 else 0
            one = bars[k, slot]
            if one["is_open"] == 0:
                one["is_open"] = 1
                one["frame"] = k
                one["seq"] = seq
                one["verdict"] = verdict
                one["ts_open_ns"] = event
                one["ts_event_ns"] = event
                one["tick_count"] = 0
                one["suspect_count"] = 0
                one["up_count"] = 0
                one["down_count"] = 0
                one["spread_sum_millipips"] = 0
                one["spread_max_millipips"] = spread
                one["move_sq_sum_millipips2"] = 0
                one["sized_count"] = 0
                one["micro_gap_sum_millipips"] = 0
                one["bid_open"] = bid
                one["bid_high"] = bid
                one["bid_low"] = bid
                one["bid_close"] = bid
                one["ask_open"] = ask
                one["ask_high"] = ask
                one["ask_low"] = ask
                one["ask_close"] = ask
                one["mid_open"] = mid
                one["mid_high"] = mid
                one["mid_low"] = mid
                one["mid_close"] = mid
                one["end_ns"] = (seq + 1) * length if length > 0 else clock[SESSION_END_NS]
                clock[NEXT_CLOSE_NS] = min(clock[NEXT_CLOSE_NS], one["end_ns"])
            else:
                one["verdict"] |= verdict
                one["bid_high"] = max(one["bid_high"], bid)
                one["bid_low"] = min(one["bid_low"], bid)
                one["ask_high"] = max(one["ask_high"], ask)
                one["ask_low"] = min(one["ask_low"], ask)
                one["mid_high"] = max(one["mid_high"], mid)
                one["mid_low"] = min(one["mid_low"], mid)
                one["spread_max_millipips"] = max(one["spread_max_millipips"], spread)
                if event < one["ts_open_ns"]:
                    one["ts_open_ns"] = event
                    one["bid_open"] = bid
                    one["ask_open"] = ask
                    one["mid_open"] = mid
                if event >= one["ts_event_ns"]:
                    one["ts_event_ns"] = event
                    one["bid_close"] = bid
                    one["ask_close"] = ask
                    one["mid_close"] = mid
            one["tick_count"] += 1
            one["suspect_count"] += suspect
            if move > 0:
                one["up_count"] += 1
            elif move < 0:
                one["down_count"] += 1
            one["move_sq_sum_millipips2"] += move * move
            one["spread_sum_millipips"] += spread
            one["sized_count"] += sized
            one["micro_gap_sum_millipips"] += micro_gap
            one["ts_recv_ns"] = receipts[i]
            if length == 0:
                full = tick_limits[k] > 0 and one["tick_count"] >= tick_limits[k]
                if range_limits[k] > 0:
                    covered = np.rint((one["mid_high"] - one["mid_low"]) * millipips)
                    full = covered >= range_limits[k]
                if full:
                    _close(bars, k, slot, 0, counts, closed, n_closed)
                    n_closed += 1
    return n_closed, n_edges, n_late
