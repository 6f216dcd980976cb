"""Ticks written as literals, seeded tapes with every defect, and where recorded ticks are."""

import os
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from domain.bars import Bar, frame_of
from domain.instruments import instrument
from domain.nanos import HOUR_NS, MINUTE_NS, MS_NS, SECOND_NS, parse_ns
from domain.ticks import TickArray, new_records

START = "2024-03-05T08:00"
"""A Tuesday morning: the market is open for fourteen hours more, and no clock changes."""

PRICE_FIELDS = tuple(
    f"{side}_{point}"
    for side in ("bid", "ask", "mid")
    for point in ("open", "high", "low", "close")
)
"""The twelve prices of a bar, in its order."""

Row = tuple[float, float, float] | tuple[float, float, float, float]
"""Seconds of the event after the start, bid, ask[, seconds of the receipt]."""


def ticks(symbol: str, rows: Sequence[Row], start: str = START) -> TickArray:
    """Make ticks from literal rows.

    Parameters
    ----------
    symbol
        Canonical symbol of all of them.
    rows
        In order of arrival; a row without a receipt is received at the moment of its event.
    start
        ISO 8601 moment from which seconds count.
    """
    records = new_records(len(rows))
    start_ns = parse_ns(start)
    records["symbol"] = symbol.encode()
    records["ts_event_ns"] = [start_ns + _ns(row[0]) for row in rows]
    records["ts_recv_ns"] = [start_ns + _ns(row[-1] if len(row) == 4 else row[0]) for row in rows]
    records["bid"] = [row[1] for row in rows]
    records["ask"] = [row[2] for row in rows]
    records["bid_size"] = records["ask_size"] = np.nan
    records["seq"] = np.arange(len(rows))
    return records


def arrivals(*tapes: TickArray) -> TickArray:
    """Merge tapes in order of receipt, rows numbered anew; ties keep the order of the arguments."""
    merged: TickArray = np.concatenate(tapes)
    merged = merged[np.argsort(merged["ts_recv_ns"], kind="stable")]
    merged["seq"] = np.arange(merged.size)
    return merged


def walk(
    symbol: str, count: int, seed: int, start: str = START, mean_gap_ms: float = 400.0
) -> TickArray:
    """Make a random walk on the venue's grid; no tick breaks a rule while the market is open.

    Parameters
    ----------
    symbol
        Canonical symbol; prices are near 1.3 or, against the yen, near 130.
    count, seed
        How many ticks; the same seed gives the same tape.
    start
        ISO 8601 moment before the first tick.
    mean_gap_ms
        Mean time between ticks (> 0); now and then the symbol is quiet for minutes.
    """
    rng = np.random.default_rng(seed)
    digits = instrument(symbol).display_precision
    gaps_ms = 1 + rng.geometric(1.0 / mean_gap_ms, count)
    gaps_ms[rng.random(count) < 0.002] += int(rng.integers(60_000, 200_000))
    bid = 130_000 + np.cumsum(rng.integers(-9, 10, count))
    records = ticks(symbol, [(0.0, 0.0, 0.0)] * count, start)
    records["ts_event_ns"] += np.cumsum(gaps_ms) * MS_NS
    records["ts_recv_ns"] = np.maximum.accumulate(
        records["ts_event_ns"] + rng.integers(1, 300, count) * MS_NS
    )
    # As a file holds them: the nearest double to a decimal number.
    records["bid"] = np.round(bid * 10.0**-digits, digits)
    records["ask"] = np.round((bid + rng.integers(2, 30, count)) * 10.0**-digits, digits)
    return records


def across_weekend(symbol: str, count: int, seed: int, mean_gap_ms: float = 400.0) -> TickArray:
    """Make a walk of which half comes before the close of 8 March 2024, half after the opening."""
    before = walk(symbol, count // 2, seed, "2024-03-08T19:00", mean_gap_ms)
    # Daylight saving began in between: the market closed at 22:00 UTC and opens at 21:00.
    after = walk(symbol, count - count // 2, seed + 1, "2024-03-10T21:00", mean_gap_ms)
    return arrivals(before, after)


def spoil(tape: TickArray, share: float, seed: int) -> TickArray:
    """Put a bad tick behind a share of the ticks, of every kind in turn; receipts stay in order."""
    rng = np.random.default_rng(seed)
    victims = np.flatnonzero(rng.random(tape.size) < share)
    bad = tape[victims].copy()
    for at, tick in enumerate(bad):
        match at % 11:
            case 0:
                tick["bid"] = np.nan
            case 1:
                tick["ask"] = np.inf
            case 2:
                tick["bid"] = 0.0
            case 3:
                tick["ask"] = -tick["ask"]
            case 4:
                tick["bid"], tick["ask"] = tick["ask"], tick["bid"]
            case 5:
                tick["ts_event_ns"] = tick["ts_recv_ns"] + rng.integers(400, 700) * MS_NS
            case 6:
                tick["ts_event_ns"] += 10 * HOUR_NS
            case 7:
                tick["ts_event_ns"] -= rng.integers(1, 3_000) * MS_NS
            case 8:
                pass  # the very same tick again
            case 9:
                tick["ts_event_ns"] -= 70 * HOUR_NS  # may fall on a weekend
            case _:
                tick["ts_event_ns"] += 1
                tick["ts_recv_ns"] += 2 * SECOND_NS  # late, if heartbeats came in between
    return arrivals(np.insert(tape, victims + 1, bad))


def bar(
    timeframe: str = "1m",
    open_ns: int = 0,
    end_ns: int | None = None,
    price: float = 1.1,
    **changes: Any,
) -> Bar:
    """Make an EURUSD bar.

    Parameters
    ----------
    timeframe, open_ns, end_ns
        When and what; of a time bar the end follows from its length.
    price
        Every price of the bar, where ``changes`` tells no other.
    changes
        Fields by name.
    """
    length_ns = frame_of(timeframe).length_ns
    end = open_ns + length_ns if end_ns is None else end_ns
    fields: dict[str, Any] = {
        "symbol": "EURUSD",
        "timeframe": timeframe,
        "seq": open_ns // length_ns if length_ns else 0,
        "ts_open_ns": open_ns,
        "ts_event_ns": end,
        "ts_recv_ns": end,
        **dict.fromkeys(PRICE_FIELDS, price),
        "tick_count": 7,
        "suspect_count": 0,
        "up_count": 3,
        "down_count": 2,
        "spread_mean_pips": 1.0,
        "spread_max_pips": 1.0,
        "move_sq_sum_pips2": 0.25,
        "micro_gap_mean_pips": None,
        "verdict": 0,
        **changes,
    }
    return Bar(**fields)


def minute_bar(minute: int, close: float = 1.1, start: str = START, **changes: Any) -> Bar:
    """Make the EURUSD bar of one minute after the start; prices and changes as in `bar`."""
    return bar("1m", parse_ns(start) + minute * MINUTE_NS, price=close, **changes)


def real_data_dir() -> Path | None:
    """Return the folder of recorded data (``AIFX_DATA``, or beside the repository), if it is there.

    It holds ``ticks/*.parquet`` and ``bars/*.parquet``.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("AIFX_DATA") or beside)
    return folder if (folder / "ticks").is_dir() else None


def batches(records: TickArray, size: int) -> Iterable[TickArray]:
    """Cut records into batches of one size, the last one shorter."""
    return (records[at : at + size] for at in range(0, records.size, size))


def _ns(seconds: float) -> int:
    # Through the decimal that was written: 0.1 s is 100,000,000 ns.
    return int(Decimal(str(seconds)) * SECOND_NS)
