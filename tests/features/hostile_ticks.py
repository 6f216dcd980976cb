"""Seeded tapes on which everything goes wrong that can: what the quality rules are held against."""

import numpy as np

from domain.instruments import instrument
from domain.nanos import HOUR_NS, MINUTE_NS, MS_NS, SECOND_NS, parse_ns
from domain.ticks import TickArray, new_records
from testkit.tapes import arrivals

CLOSE_NS = parse_ns("2024-03-08T22:00")
OPEN_NS = parse_ns("2024-03-10T21:00")
"""A weekend over which daylight saving begins in New York."""

I64 = np.iinfo(np.int64)


def hostile(symbols: tuple[str, ...], count: int, seed: int, start_ns: int) -> TickArray:
    """Return one tape of all symbols and of others, in order of arrival, rows numbered.

    Parameters
    ----------
    symbols
        Canonical; every one gets about ``count`` ticks.
    count
        Ticks per symbol (> 100).
    seed
        The same seed gives the same tape.
    start_ns
        Before the close of 8 March 2024; the tape jumps over the weekend.
    """
    rng = np.random.default_rng(seed)
    tape = arrivals(*(_symbol(symbol, count, rng, start_ns) for symbol in symbols))
    _garble(tape, rng)
    return tape


def _symbol(symbol: str, count: int, rng: np.random.Generator, start_ns: int) -> TickArray:
    digits = instrument(symbol).display_precision
    # Fast and slow hours in turn: what is held is sometimes confirmed in time, sometimes not.
    slow = (np.arange(count) // 700) % 2
    gaps_ms = rng.geometric(np.where(slow, 1 / 1_500, 1 / 60))
    gaps_ms[rng.random(count) < 0.001] += rng.integers(50_000, 90_000)
    bid = 130_000 + np.cumsum(rng.integers(-2, 3, count) * (rng.random(count) < 0.7))
    spread = rng.integers(8, 16, count)
    blocks = np.flatnonzero(rng.random(count) < 0.012)
    kinds = rng.integers(0, 9, blocks.size)
    lengths = rng.integers(1, 5, blocks.size)
    for at, kind, length in zip(blocks.tolist(), kinds.tolist(), lengths.tolist(), strict=True):
        here = slice(at, at + length)
        jump = int(rng.choice((-1, 1))) * int(rng.integers(20, 900))
        match kind:
            case 0:  # a few ticks elsewhere
                bid[here] += jump
            case 1:  # a new level
                bid[at:] += jump if bid[at] + jump > 50_000 else -jump
            case 2:  # elsewhere, and then elsewhere again
                bid[at : at + 2] += jump
                bid[at + 2 : at + 2 + length] -= jump // 2
            case 3:  # jump by jump
                steps = bid[at : at + 6]
                steps += np.arange(1, steps.size + 1) * jump
            case 4:  # a wide spread, and a short or a long while of it
                spread[at : at + length**3] *= int(rng.integers(3, 60))
            case 5:
                spread[here] = 0
            case 6:  # the same quote again and again
                end = at + 5 * length
                bid[at:end], spread[at:end] = bid[at], spread[at]
                gaps_ms[at:end] += int(rng.integers(0, 9_000))
            case 7:  # one side stands
                end = at + 30 * length
                ask = bid[at] + 40
                moving = bid[at:end]
                moving[:] = bid[at] + np.arange(moving.size) % 2 * rng.integers(1, 3)
                spread[at:end] = ask - moving
                if rng.random() < 0.5:  # the other side
                    bid[at:end], spread[at:end] = bid[at], 5 + np.arange(moving.size) % 2
            case _:
                gaps_ms[here] = 0
    records = new_records(count)
    records["symbol"] = symbol.encode()
    events = start_ns + np.cumsum(gaps_ms) * MS_NS + rng.integers(0, 2, count)
    closed = events >= CLOSE_NS + MINUTE_NS
    events[closed] += OPEN_NS - CLOSE_NS - 2 * MINUTE_NS
    records["ts_event_ns"] = events
    delays_ms = np.where(rng.random(count) < 0.003, rng.integers(0, 4_000, count), 0)
    records["ts_recv_ns"] = np.maximum.accumulate(events + rng.integers(1, 80, count) * MS_NS)
    records["ts_recv_ns"] += delays_ms * MS_NS
    records["bid"] = np.round(bid * 10.0**-digits, digits)
    records["ask"] = np.round((bid + spread) * 10.0**-digits, digits)
    _spoil(records, rng, 10.0**-digits)
    times = np.where(rng.random(count) < 0.004, rng.integers(1, 60, count), 1)
    return np.repeat(records, times)


def _spoil(records: TickArray, rng: np.random.Generator, point: float) -> None:
    """Break a few ticks by themselves."""
    victims = np.flatnonzero(rng.random(records.size) < 0.012)
    for at, victim in enumerate(victims.tolist()):
        tick = records[victim]
        side = ("bid", "ask")[int(rng.integers(2))]
        match at % 14:
            case 0 | 1:
                tick[side] = rng.choice((np.nan, np.inf, -np.inf))
            case 2:
                tick[side] = rng.choice((0.0, -0.0, -1.3))
            case 3:
                tick["bid"], tick["ask"] = tick["ask"], tick["bid"] - 5 * point
            case 4:
                tick[side] += rng.choice((0.1, 0.5, 0.3)) * point
            case 5:  # float noise, and the most that a float32 feed has
                tick[side] += rng.choice((1e-12, 0.008 * point))
            case 6:
                tick["bid"] = rng.choice((1e-9, 1e-300))
            case 7:
                tick["ask"] = rng.choice((1e12, 1e300, 1.7e308))
            case 8 | 9 | 10:
                tick["ts_event_ns"] -= rng.integers(1, 900) * MS_NS
            case 11:
                tick["ts_event_ns"] = tick["ts_recv_ns"] + rng.integers(300, 800) * MS_NS
            case 12:
                tick["ts_event_ns"] += rng.choice((-70, -3, 10, 60)) * HOUR_NS
            case _:
                tick["ts_event_ns"] -= rng.integers(2, 30) * SECOND_NS


def _garble(tape: TickArray, rng: np.random.Generator) -> None:
    """Break what the order of arrival hangs on, and what makes a record a tick."""
    victims = np.flatnonzero(rng.random(tape.size) < 0.004)
    edges = (I64.min, I64.min + 1, -1, 0, 1, I64.max - 1, I64.max, parse_ns("2200-01-01"))
    for at, victim in enumerate(victims.tolist()):
        tick = tape[victim]
        match at % 8:
            case 0:
                tick["ts_recv_ns"] = rng.choice(edges)
            case 1:
                tick["ts_event_ns"] = rng.choice(edges)
            case 2:
                tick["ts_recv_ns"] = tick["ts_event_ns"] = rng.choice(edges)
            case 3:
                tick["ts_recv_ns"] -= rng.integers(0, 3_000) * MS_NS
            case 4:
                tick["symbol"] = rng.choice((b"", b"XAUUSD", b"\xff\xfe", b"EURUSDEURUSDEURU"))
            case 5:
                tick["version"] = rng.integers(256)
            case 6:
                tick["kind"] = rng.integers(256)
            case _:
                tick["ts_event_ns"], tick["ts_recv_ns"] = rng.integers(I64.min, I64.max, 2)
