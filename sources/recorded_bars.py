"""Recorded bars from Parquet: what evaluation reads that no tick was kept of."""

from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.instruments import instrument

PRICES = ("open", "high", "low", "close")
_SIDES = ("bid", "ask")


class RecordedBars(NamedTuple):
    """Bars of one pair, in order of time.

    Attributes
    ----------
    symbol
        Canonical symbol.
    path, sha256
        The file, and the hash of its bytes.
    close_ns
        When each bar closed: its opening time in the file plus the length, shape (n,).
    length_ns
        The commonest distance between two bars.
    open, high, low, close
        Mids; or bids, where the file has only one side.
    spread
        Ask less bid at the close in units of price; NaN where the file has one side.
    ticks
        Ticks in the bar; NaN where the file does not say.
    mid_known
        Whether the prices are mids.
    repeated
        Rows left out because their time was there already.
    """

    symbol: str
    path: Path
    sha256: str
    close_ns: NDArray[np.int64]
    length_ns: int
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    spread: NDArray[np.float64]
    ticks: NDArray[np.float64]
    mid_known: bool
    repeated: int


def read_bars(paths: Sequence[Path]) -> list[RecordedBars]:
    """Read files of bars, each of one pair.

    A file has the columns ``symbol``, ``ts`` (opening time, UTC), and ``open``, ``high``, ``low``,
    ``close``; or ``bid_open`` to ``ask_close`` of both sides, whose means are then the prices. With
    one side only the prices count as bids. ``tick_volume`` may be there.

    Parameters
    ----------
    paths
        Parquet files, or folders of them (``*.parquet``, not below).

    Raises
    ------
    BadUse
        If there is no file, one cannot be read, or two are of the same pair.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        msg = f"no Parquet file in {', '.join(map(str, paths)) or 'nothing'}"
        raise BadUse(msg)
    bars = [_read(file) for file in files]
    seen: dict[str, Path] = {}
    for one in bars:
        if one.symbol in seen:
            msg = f"{one.path} and {seen[one.symbol]} are both of {one.symbol}: give one of them"
            raise BadUse(msg)
        seen[one.symbol] = one.path
    return sorted(bars, key=lambda one: one.symbol)


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def _read(path: Path) -> RecordedBars:
    try:
        table = pq.read_table(path)
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
    except (OSError, pa.ArrowInvalid) as error:
        msg = f"{path} cannot be read as Parquet: {error}"
        raise BadUse(msg) from error
    names = set(table.column_names)
    two_sided = {f"{side}_{price}" for side in _SIDES for price in PRICES} <= names
    missing = sorted({"symbol", "ts", *(() if two_sided else PRICES)} - names)
    if missing:
        msg = f"{path} has no column {', '.join(missing)}: bars need symbol, ts and their prices"
        raise BadUse(msg)
    if table.num_rows < 2:
        msg = f"{path} has {table.num_rows} bars: too few to say how long one is"
        raise BadUse(msg)
    open_ns = _times(path, table["ts"])
    open_ns, first = np.unique(open_ns, return_index=True)
    prices = {
        price: (_mean(path, table, price) if two_sided else _numbers(path, table, price))[first]
        for price in PRICES
    }
    _check(path, prices)
    nothing = np.full(open_ns.size, np.nan)
    spread, ticks = nothing, nothing
    if two_sided:
        ask, bid = (_numbers(path, table, f"{side}_close") for side in ("ask", "bid"))
        spread = (ask - bid)[first]
    if "tick_volume" in names:
        ticks = _numbers(path, table, "tick_volume")[first]
    steps, counts = np.unique(np.diff(open_ns), return_counts=True)
    length_ns = int(steps[counts.argmax()])
    return RecordedBars(
        symbol=_symbol(path, table),
        path=path,
        sha256=sha256,
        close_ns=open_ns + length_ns,
        length_ns=length_ns,
        spread=spread,
        ticks=ticks,
        mid_known=two_sided,
        repeated=table.num_rows - open_ns.size,
        **prices,
    )


def _symbol(path: Path, table: pa.Table) -> str:
    symbols = pc.unique(table["symbol"]).to_pylist()
    if len(symbols) != 1:
        msg = f"{path} holds {len(symbols)} symbols: give one file for each pair"
        raise BadUse(msg)
    return instrument(str(symbols[0])).symbol


def _times(path: Path, column: Any) -> NDArray[np.int64]:
    if not pa.types.is_timestamp(column.type) or column.type.tz not in ("UTC", "+00:00"):
        msg = f"{path}: ts is {column.type}, not a timestamp with time zone UTC"
        raise BadUse(msg)
    if column.null_count:
        msg = f"{path}: {column.null_count} bars have no time"
        raise BadUse(msg)
    times: NDArray[np.int64] = column.cast(pa.timestamp("ns", tz="UTC")).to_numpy().astype(np.int64)
    return times


def _numbers(path: Path, table: pa.Table, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(table[name].cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid as error:
        msg = f"{path}: column {name} holds no numbers: {error}"
        raise BadUse(msg) from error


def _mean(path: Path, table: pa.Table, price: str) -> NDArray[np.float64]:
    bid, ask = (_numbers(path, table, f"{side}_{price}") for side in _SIDES)
    return (bid + ask) / 2


def _check(path: Path, prices: dict[str, NDArray[np.float64]]) -> None:
    values = np.stack(list(prices.values()))
    bad = ~(np.isfinite(values) & (values > 0)).all(axis=0)
    if bad.any():
        msg = f"{path}: {int(bad.sum())} bars have a price that is no number above 0"
        raise BadUse(msg)
    if (prices["high"] < prices["low"]).any():
        msg = f"{path}: a bar's high is below its low"
        raise BadUse(msg)
