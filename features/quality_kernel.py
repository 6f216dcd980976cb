"""The tick-quality rules as one pass over a batch (numba), and the heartbeats between the ticks.

The kernel also runs as plain Python (``.py_func``); the tests hold the compiled form against that,
and against a slow reading of the rules.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.nanos import DAY_NS
from domain.ticks import REJECTED, TICK_VERSION, Kind, Verdict
from features.quality_calendar import CALENDAR_END_NS
from features.quality_rules import MOVE_UNIT, Block, Levels, accept, count_duplicate, points_of
from features.quality_state import (
    BEAT,
    DEADLINE,
    FLAGGED_AT,
    HELD,
    NEVER,
    NO_TIME,
    RECEIVED,
    REJECTED_AT,
    TICKS_ACCEPTED,
    TICKS_IN,
    WORDS,
)

_EVENT, _RECV, _BID, _ASK = 3, 4, 5, 6
"""Words of a record."""

_TICK_HEAD = TICK_VERSION | int(Kind.TICK) << 8
_BEAT_HEAD = TICK_VERSION | int(Kind.HEARTBEAT) << 8

_NOT_FINITE = int(Verdict.NOT_FINITE)
_NOT_POSITIVE = int(Verdict.NOT_POSITIVE)
_CROSSED = int(Verdict.CROSSED)
_FUTURE = int(Verdict.FUTURE)
_OUT_OF_ORDER = int(Verdict.OUT_OF_ORDER)
_CLOSED_MARKET = int(Verdict.CLOSED_MARKET)
_LATE = int(Verdict.LATE)
_OFF_GRID = int(Verdict.OFF_GRID)
_SPIKE = int(Verdict.SPIKE)
_UNKNOWN_VERSION = int(Verdict.UNKNOWN_VERSION)
_UNKNOWN_KIND = int(Verdict.UNKNOWN_KIND)
_UNKNOWN_SYMBOL = int(Verdict.UNKNOWN_SYMBOL)

Words = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True)
def put(out: Words, at: int, record: Words, bits: int, tally: Words) -> int:
    """Write one record with its verdict and count it; return the place of the next."""
    for word in range(1, WORDS):
        out[at, word] = record[word]
    out[at, 0] = (record[0] & 0xFFFFFFFF) | (bits << 32)
    if bits & REJECTED:
        bit = 0
        while not bits & (1 << bit):
            bit += 1
        tally[REJECTED_AT + bit] += 1
        return at + 1
    tally[TICKS_ACCEPTED] += 1
    if bits:
        for bit in range(16, 32):
            tally[FLAGGED_AT + bit] += (bits >> bit) & 1
    return at + 1


@njit(cache=True)
def drop_held(
    s: int, block: Block, held: Words, clock: Words, tally: Words, rejected: Words, at: int
) -> int:
    """Reject what is held of one symbol; return the next place in ``rejected``."""
    waiting = block[s]["held"]
    for row in range(waiting):
        at = put(rejected, at, held[s, row], _SPIKE, tally)
    clock[HELD] -= waiting
    block[s]["held"] = 0
    return at


@njit(cache=True)
def expire(
    hold_ns: int, block: Block, held: Words, clock: Words, tally: Words, rejected: Words, at: int
) -> int:
    """Reject what is held too long, and find the next deadline; return the next place."""
    clock[DEADLINE] = NEVER
    for s in range(block.size):
        if block[s]["held"] > 0:
            until = block[s]["held_ns"] + hold_ns
            if clock[RECEIVED] > until:
                at = drop_held(s, block, held, clock, tally, rejected, at)
            else:
                clock[DEADLINE] = min(clock[DEADLINE], until)
    return at


@njit(cache=True)
def judge_kernel(
    rows: Words,
    prices: Floats,
    first: int,
    instruments: Block,
    params: Block,
    calendar: Words,
    calendar_first_ns: int,
    calendar_end_ns: int,
    block: Block,
    profile: Levels,
    held: Words,
    clock: Words,
    tally: Words,
    log: Words,
    rejected: Words,
    at_log: int,
    at_rejected: int,
) -> tuple[int, int, int]:
    """Judge the rows from ``first`` on; stop before one whose year the calendar does not cover.

    Parameters
    ----------
    rows, prices
        The same raw ticks in order of arrival, as words and as floats, shape (n, 9). Read only.
    instruments, params
        ``INSTRUMENT`` per symbol; one ``PARAMS``.
    calendar, calendar_first_ns, calendar_end_ns
        See `features.quality_calendar.CalendarWindow`.
    block, profile, held, clock, tally
        See `features.quality_state.QualityState`; changed in place.
    log, rejected
        Results as words: accepted ticks with the heartbeats between, and the other ticks.
    at_log, at_rejected
        Where to go on in them.

    Returns
    -------
    tuple
        The row at which it stopped, or n; the next places in ``log`` and ``rejected``.
    """
    p = params[0]
    skew_ns, wait_ns, heartbeat_ns = p["skew_ns"], p["wait_ns"], p["heartbeat_ns"]
    lateness_ns, gap_ns, learn_ticks = p["lateness_ns"], p["gap_ns"], p["learn_ticks"]
    duplicates, variances = p["burst_duplicates"], p["burst_variances"]
    open_ns = close_ns = week_ns = 0
    s = -1
    for i in range(first, rows.shape[0]):
        record = rows[i]
        # Clamped to the calendar no difference of two times can overflow.
        event = min(max(record[_EVENT], -1), CALENDAR_END_NS)
        recv = min(max(record[_RECV], -1), CALENDAR_END_NS)
        is_open = open_ns <= event < close_ns
        if not is_open and 0 <= event < CALENDAR_END_NS:
            if not calendar_first_ns <= event < calendar_end_ns:
                return i, at_log, at_rejected
            session = np.searchsorted(calendar[:, 0], event, side="right") - 1
            if session >= 0 and event < calendar[session, 1]:
                open_ns, close_ns, week_ns = calendar[session]
                is_open = True
        tally[TICKS_IN] += 1
        head = record[0] & 0xFFFF
        if head != _TICK_HEAD:
            bits = 0 if head & 0xFF == TICK_VERSION else _UNKNOWN_VERSION
            bits |= 0 if head >> 8 == int(_TICK_HEAD >> 8) else _UNKNOWN_KIND
            at_rejected = put(rejected, at_rejected, record, bits, tally)
            continue

        bits = 0 if is_open else _CLOSED_MARKET
        if event > recv + skew_ns:
            bits |= _FUTURE
        if 0 <= recv < CALENDAR_END_NS and abs(recv - event) <= DAY_NS:
            if recv > clock[RECEIVED]:
                clock[RECEIVED] = recv
                if clock[BEAT] == NO_TIME:
                    clock[BEAT] = recv - recv % heartbeat_ns
                elif recv >= clock[BEAT] + heartbeat_ns:
                    clock[BEAT] = recv - recv % heartbeat_ns
                    for word in range(WORDS):
                        log[at_log, word] = 0
                    log[at_log, 0] = _BEAT_HEAD
                    log[at_log, _EVENT] = log[at_log, _RECV] = clock[BEAT]
                    at_log += 1
                if recv > clock[DEADLINE]:
                    at_rejected = expire(
                        p["hold_ns"], block, held, clock, tally, rejected, at_rejected
                    )
        elif event <= recv:
            # Such a receipt is no time of ours: it would move the clock for good.
            bits |= _LATE
        else:
            bits |= _FUTURE
        # Bars may have closed up to the last heartbeat less the wait: older is too late.
        if clock[BEAT] != NO_TIME and event < clock[BEAT] - wait_ns:
            bits |= _LATE

        if (
            s < 0
            or instruments[s]["code"][0] != record[1]
            or instruments[s]["code"][1] != record[2]
        ):
            s = -1
            for other in range(instruments.size):
                code = instruments[other]["code"]
                if code[0] == record[1] and code[1] == record[2]:
                    s = other
                    break
        b, a = prices[i, _BID], prices[i, _ASK]
        bid = ask = -1
        if not (np.isfinite(b) and np.isfinite(a)):
            bits |= _NOT_FINITE
        elif b <= 0.0 or a <= 0.0:
            bits |= _NOT_POSITIVE
        else:
            if b > a:
                bits |= _CROSSED
            if s >= 0:
                bid, ask = (
                    points_of(b, instruments[s]["scale"]),
                    points_of(a, instruments[s]["scale"]),
                )
                if bid < 0 or ask < 0:
                    bits |= _OFF_GRID
        if s < 0:
            bits |= _UNKNOWN_SYMBOL
            at_rejected = put(rejected, at_rejected, record, bits, tally)
            continue

        st = block[s]
        started = st["ticks"] > 0
        if started:
            if event < st["event_ns"] - lateness_ns:
                bits |= _OUT_OF_ORDER
            elif event == st["event_ns"] and bid == st["bid"] and ask == st["ask"]:
                bits |= count_duplicate(block, s, clock[RECEIVED], duplicates, variances)
        if bits:
            at_rejected = put(rejected, at_rejected, record, bits, tally)
            continue

        delayed = started and event < st["event_ns"]
        if (
            st["ticks"] >= learn_ticks
            and st["event_ns"] >= open_ns
            and event - st["event_ns"] <= gap_ns
        ):
            distance = abs(bid + ask - st["bid"] - st["ask"])
            limit = max(
                (st["move"] * p["spike_factor"]) // (MOVE_UNIT * 256), instruments[s]["spike_floor"]
            )
            is_far = distance > limit
        else:
            is_far = False
        if delayed and is_far:
            # What could confirm it has come already.
            at_rejected = put(rejected, at_rejected, record, _SPIKE, tally)
            continue
        if is_far:
            if st["evidence"] > 0:
                level_bid, level_ask = st["evidence_bid"], st["evidence_ask"]
                if event == st["evidence_ns"] and bid == level_bid and ask == level_ask:
                    bits = count_duplicate(block, s, clock[RECEIVED], duplicates, variances)
                    at_rejected = put(rejected, at_rejected, record, bits, tally)
                    continue
                # Half way to the new level is near it: a crash confirms itself, jump by jump.
                moved = abs(level_bid + level_ask - st["bid"] - st["ask"])
                if abs(bid + ask - level_bid - level_ask) > max(limit, moved // 2):
                    at_rejected = drop_held(s, block, held, clock, tally, rejected, at_rejected)
                    st["evidence"] = 0
            st["evidence"] += 1
            st["evidence_ns"] = event
            st["evidence_bid"] = bid
            st["evidence_ask"] = ask
            if st["evidence"] < p["spike_ticks"]:
                if st["held"] == 0:
                    st["held_ns"] = clock[RECEIVED]
                    clock[DEADLINE] = min(clock[DEADLINE], clock[RECEIVED] + p["hold_ns"])
                held[s, st["held"]] = record
                st["held"] += 1
                clock[HELD] += 1
                continue
            for row in range(st["held"]):
                old = held[s, row]
                bits = _LATE
                # A heartbeat may have gone out since, and bars may have closed with it.
                if old[_EVENT] >= clock[BEAT] - wait_ns:
                    bits = accept(
                        s,
                        old[_EVENT],
                        points_of(old.view(np.float64)[_BID], instruments[s]["scale"]),
                        points_of(old.view(np.float64)[_ASK], instruments[s]["scale"]),
                        open_ns,
                        week_ns,
                        clock[RECEIVED],
                        instruments[s],
                        p,
                        block,
                        profile,
                    )
                if bits & REJECTED:
                    at_rejected = put(rejected, at_rejected, old, bits, tally)
                else:
                    at_log = put(log, at_log, old, bits, tally)
            clock[HELD] -= st["held"]
            st["held"] = 0
            st["evidence"] = 0
        elif st["evidence"] > 0 and not delayed:
            at_rejected = drop_held(s, block, held, clock, tally, rejected, at_rejected)
            st["evidence"] = 0
        bits = accept(
            s, event, bid, ask, open_ns, week_ns, clock[RECEIVED], instruments[s], p, block, profile
        )
        if bits & REJECTED:
            at_rejected = put(rejected, at_rejected, record, bits, tally)
        else:
            at_log = put(log, at_log, record, bits, tally)
    return rows.shape[0], at_log, at_rejected
