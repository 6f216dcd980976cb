"""Recorded bars: what is read from a file, and what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import BadUse
from sources.recorded_bars import read_bars

FIRST = datetime(2020, 1, 6, tzinfo=UTC)


def table(symbol: str = "EURUSD", n: int = 5, **columns: Any) -> pa.Table:
    """Return hourly bars of one side; ``columns`` are added, or left out where None."""
    times = [FIRST + timedelta(hours=k) for k in range(n)]
    price = 1.1 + 0.001 * np.arange(n)
    found: dict[str, Any] = {
        "symbol": [symbol] * n,
        "ts": pa.array(times, pa.timestamp("us", tz="UTC")),
        "open": price,
        "high": price + 0.002,
        "low": price - 0.002,
        "close": price + 0.001,
    }
    found |= columns
    return pa.table({name: values for name, values in found.items() if values is not None})


def write(folder: Path, rows: pa.Table, name: str = "bars.parquet") -> Path:
    """Write rows as Parquet; return the path."""
    pq.write_table(rows, folder / name)
    return folder / name


def test_one_side_is_read_as_bids_without_a_spread(tmp_path: Path) -> None:
    """A bar closes one length after the time in the file, and its prices are no mids."""
    (bars,) = read_bars([write(tmp_path, table(tick_volume=[7] * 5))])
    assert (bars.symbol, bars.mid_known, bars.repeated) == ("EURUSD", False, 0)
    assert bars.length_ns == 3_600_000_000_000
    first_ns = int(FIRST.timestamp()) * 1_000_000_000
    assert bars.close_ns.tolist() == [first_ns + (k + 1) * bars.length_ns for k in range(5)]
    assert np.isnan(bars.spread).all()
    assert bars.ticks.tolist() == [7.0] * 5


def test_two_sides_give_mids_and_the_spread(tmp_path: Path) -> None:
    """The price of a bar of bid and ask is their mean."""
    sides: dict[str, Any] = {
        f"{side}_{price}": 1.1 + 0.0001 * (side == "ask") + np.zeros(5)
        for side in ("bid", "ask")
        for price in ("open", "high", "low", "close")
    }
    rows = table(open=None, high=None, low=None, close=None, **sides)
    (bars,) = read_bars([write(tmp_path, rows)])
    assert bars.mid_known
    np.testing.assert_allclose(bars.close, 1.10005)
    np.testing.assert_allclose(bars.spread, 0.0001)


def test_rows_may_stand_in_any_order_and_a_time_counts_once(tmp_path: Path) -> None:
    """Bars come out in order, and what was there twice is counted."""
    rows = table()
    (bars,) = read_bars([write(tmp_path, pa.concat_tables([rows.slice(2), rows]))])
    assert bars.close_ns.size == 5
    assert bars.repeated == 3
    assert (np.diff(bars.close_ns) > 0).all()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (table(close=None), "no column close"),
        (table(n=1), "too few"),
        (table(ts=pa.array(range(5), pa.int64())), "not a timestamp"),
        (table(close=np.array([1.1, 1.1, np.nan, 1.1, 1.1])), "no number above 0"),
        (table(low=np.full(5, 9.0)), "high is below its low"),
        (table(symbol="NOPE"), "NOPE"),
        (table(open=pa.array(["a"] * 5)), "holds no numbers"),
    ],
)
def test_what_is_no_file_of_bars_is_refused(tmp_path: Path, rows: pa.Table, words: str) -> None:
    """One clear error says what is wrong with which file."""
    with pytest.raises(BadUse, match=words):
        read_bars([write(tmp_path, rows)])


def test_files_that_are_not_there_or_of_one_pair_are_refused(tmp_path: Path) -> None:
    """A folder is read whole; two files of one pair have no order."""
    with pytest.raises(BadUse, match="no Parquet file"):
        read_bars([tmp_path])
    with pytest.raises(BadUse, match="cannot be read"):
        read_bars([tmp_path / "none.parquet"])
    write(tmp_path, table(), "a.parquet")
    write(tmp_path, table("GBPUSD"), "b.parquet")
    assert [one.symbol for one in read_bars([tmp_path])] == ["EURUSD", "GBPUSD"]
    write(tmp_path, table(), "c.parquet")
    with pytest.raises(BadUse, match="both of EURUSD"):
        read_bars([tmp_path])
