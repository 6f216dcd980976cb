"""Records of one symbol in log order with all that a bar must stand: seeded, or one by one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.fx_calendar import sessions
from domain.instruments import instrument
from domain.nanos import HOUR_NS, MS_NS, parse_ns
from domain.ticks import Kind, TickArray, Verdict, new_records

VERDICTS = np.array(
    [Verdict.SPREAD_BLOWOUT, Verdict.STALE, Verdict.ONE_SIDED, Verdict.LOCKED, Verdict.GAP],
    dtype=np.uint32,
)


class Step(NamedTuple):
    """One record after the one before.

    Attributes
    ----------
    gap_ms
        How much later it is received (>= 0).
    back_ms
        How long it was on its way.
    bid, spread
        In points of the venue's grid.
    sizes
        Of bid and ask; NaN: not given.
    verdict
        Bits of `Verdict`.
    beat
        True where it is a heartbeat.
    """

    gap_ms: int
    back_ms: int = 0
    bid: int = 110_000
    spread: int = 8
    sizes: tuple[float, float] = (np.nan, np.nan)
    verdict: int = 0
    beat: bool = False


def records_of(steps: list[Step], symbol: str = "EURUSD", start: str = "") -> TickArray:
    """Make the records of some steps from a Friday's last minutes on."""
    records = new_records(len(steps))
    recv = parse_ns(start or "2024-03-08T21:57") + np.cumsum([s.gap_ms for s in steps]) * MS_NS
    records["symbol"] = symbol.encode()
    records["ts_recv_ns"] = recv
    records["ts_event_ns"] = recv - np.array([s.back_ms for s in steps], dtype=np.int64) * MS_NS
    _quote(records, symbol, np.array([s.bid for s in steps]), np.array([s.spread for s in steps]))
    records["bid_size"], records["ask_size"] = np.array([s.sizes for s in steps]).T
    records["verdict"] = [s.verdict for s in steps]
    _beats(records, np.array([s.beat for s in steps]))
    return records


def wild_records(count: int, seed: int, symbol: str = "EURUSD") -> TickArray:
    """Draw records: late ones, jumps, weekends, quiet minutes, heartbeats, bits and odd sizes."""
    rng = np.random.default_rng(seed)
    share = rng.random
    gaps_ms = rng.geometric(1 / 150, count)
    gaps_ms[share(count) < 0.05] = 0
    long = share(count) < 5e-4
    gaps_ms[long] += rng.integers(1_000, 200_000, int(long.sum()))
    jump = share(count) < 2e-4
    gaps_ms[jump] += rng.integers(HOUR_NS, 3 * HOUR_NS, int(jump.sum())) // MS_NS
    beats = share(count) < 0.04
    # Quiet minutes in which only heartbeats come, one a second.
    for at in np.flatnonzero(share(count) < 3e-4).tolist():
        beats[at : at + 130] = True
        gaps_ms[at : at + 130] = 1_000
    times = parse_ns("2024-03-07T12:00") + np.cumsum(gaps_ms) * MS_NS
    opens, closes = sessions(int(times[0]), int(times[-1]) + 1_000 * HOUR_NS)
    for close_ns, open_ns in zip(closes[:-1], opens[1:], strict=True):
        times[times >= close_ns] += open_ns - close_ns
    back_ms = np.zeros(count, dtype=np.int64)
    for chance, longest in ((0.05, 499), (0.01, 5_000), (5e-4, 3 * HOUR_NS // MS_NS)):
        some = share(count) < chance
        back_ms[some] = rng.integers(0, longest, int(some.sum()))
    records = new_records(count)
    records["symbol"] = symbol.encode()
    records["ts_event_ns"] = times - back_ms * MS_NS
    records["ts_recv_ns"] = times + rng.integers(0, 80, count) * MS_NS
    spread = rng.integers(0, 30, count)
    spread[share(count) < 0.002] += 700
    _quote(records, symbol, 130_000 + np.cumsum(rng.integers(-4, 5, count)), spread)
    sizes = rng.integers(0, 30, (2, count)) * 100_000.0
    sizes[share((2, count)) < 0.01] = np.inf
    sizes[share((2, count)) < 0.01] = -1.0
    sizes[share((2, count)) < 0.01] = np.nan
    sizes[:, share(count) < 0.85] = np.nan
    records["bid_size"], records["ask_size"] = sizes
    records["verdict"] = np.where(share(count) < 0.05, rng.choice(VERDICTS, count), 0)
    records["verdict"] |= np.where(share(count) < 0.01, rng.choice(VERDICTS, count), 0).astype("u4")
    _beats(records, beats)
    return records


def _quote(
    records: TickArray, symbol: str, bid: NDArray[np.int64], spread: NDArray[np.int64]
) -> None:
    digits = instrument(symbol).display_precision
    records["bid"] = np.round(bid * 10.0**-digits, digits)
    records["ask"] = np.round((bid + spread) * 10.0**-digits, digits)


def _beats(records: TickArray, beats: object) -> None:
    beat = np.asarray(beats, dtype=np.bool_)
    for name in ("symbol", "bid", "ask", "bid_size", "ask_size", "verdict"):
        records[name][beat] = np.zeros(1, dtype=records.dtype)[name][0]
    records["kind"][beat] = Kind.HEARTBEAT
    records["ts_event_ns"][beat] = records["ts_recv_ns"][beat]
