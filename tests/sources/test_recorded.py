"""Recorded ticks: what is refused and how, order of arrival, resuming, identity."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.errors import BadUse
from domain.nanos import SECOND_NS, parse_ns
from domain.ticks import TickArray, TickSource
from features.quality import QualityConfig
from sources.recorded import RecordedFeed
from testkit.tapes import START

T0 = parse_ns(START)
MICROSECONDS = pa.timestamp("us", tz="UTC")


def _times(seconds: Sequence[float | None], kind: pa.DataType = MICROSECONDS) -> pa.Array:
    start = datetime(2024, 3, 5, 8, tzinfo=UTC)
    moments = [None if s is None else start + timedelta(seconds=s) for s in seconds]
    return pa.array(moments, MICROSECONDS).cast(kind)


def _write(path: Path, seconds: Sequence[float], symbol: object = "EURUSD", **columns: Any) -> Path:
    """Write a good file, save for the columns that are given; None takes a column out."""
    count = len(seconds)
    table: dict[str, Any] = {
        "symbol": pa.array([symbol] * count, pa.string()) if isinstance(symbol, str) else symbol,
        "ts": _times(seconds),
        # Each price tells its file and row.
        "bid": np.array([ord(path.stem[0]) + row / 1_000 for row in range(count)]),
        "ask": np.full(count, 1_000.0),
        **columns,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({k: v for k, v in table.items() if v is not None}), path)
    return path


def _rows(feed: RecordedFeed, first_row: int = 0) -> TickArray:
    return np.concatenate(list(feed.batches(first_row)))


def _seconds(ticks: TickArray, name: str = "ts_event_ns") -> list[float]:
    seconds: list[float] = ((ticks[name] - T0) / SECOND_NS).tolist()
    return seconds


def test_rows_as_they_stand_in_the_file(tmp_path: Path) -> None:
    """Symbols in their canonical spelling, prices to the bit, rows numbered from 0."""
    path = _write(tmp_path / "a.parquet", [0, 1.5], ["EUR/USD", "nzdusd"], bid=[1.38694, 0.1 + 0.2])
    feed = RecordedFeed(path)
    assert feed.symbols == ("EURUSD", "NZDUSD")
    assert (feed.rows, feed.first_ns, feed.end_ns) == (2, T0, None)
    rows = _rows(feed)
    assert rows["symbol"].tolist() == [b"EURUSD", b"NZDUSD"]
    assert rows["bid"].tolist() == [1.38694, 0.1 + 0.2]
    assert rows["seq"].tolist() == [0, 1]
    assert set(rows["source"]) == {TickSource.RECORDED}
    assert _seconds(rows) == _seconds(rows, "ts_recv_ns") == [0, 1.5]
    assert np.isnan(rows["bid_size"]).all()


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("ms"),
        pa.timestamp("ns"),
        pa.timestamp("s", tz="UTC"),
        pa.timestamp("us", tz="America/New_York"),
    ],
)
def test_times_of_any_unit_and_zone(tmp_path: Path, kind: pa.DataType) -> None:
    """A time without a zone is UTC; one with a zone is the moment that it names."""
    path = _write(tmp_path / "a.parquet", [0, 7], ts=_times([0, 7], kind))
    assert _seconds(_rows(RecordedFeed(path))) == [0, 7]


@pytest.mark.parametrize("kind", [pa.float32(), pa.int64()])
def test_prices_of_any_number_type(tmp_path: Path, kind: pa.DataType) -> None:
    """Whole and single-precision numbers are numbers too."""
    path = _write(tmp_path / "a.parquet", [0], bid=pa.array([150], kind))
    assert _rows(RecordedFeed(path))["bid"].tolist() == [150.0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"ask": None},
            r"lacks the column ask; it has symbol, ts, bid; recorded ticks need symbol",
        ),
        ({"bid": None, "ask": None}, r"lacks the columns bid, ask;"),
        ({"symbol": None}, r"lacks the column symbol"),
        ({"ts": pa.array([1])}, r"column ts is int64, not a timestamp"),
        ({"ts": pa.array(["2024-03-05"])}, r"column ts is string, not a timestamp"),
        ({"ts_recv": pa.array([1])}, r"column ts_recv is int64, not a timestamp"),
        ({"bid": pa.array(["1.1"])}, r"column bid is string, not a number"),
        ({"ask": pa.array([True])}, r"column ask is bool, not a number"),
        ({"ask_size": pa.array(["many"])}, r"column ask_size is string, not a number"),
        ({"ts": _times([None])}, r"1 rows have no ts; a tick without a time is none"),
        ({"symbol": ["EURXXX"]}, r"unknown symbol 'EURXXX': known symbols: AUDCAD"),
        ({"symbol": ["USDEUR"]}, r"unknown symbol 'USDEUR': the market quotes it as EURUSD"),
        ({"symbol": pa.array([None], pa.string())}, r"unknown symbol 'None'"),
        ({"symbol": [["EURUSD"]]}, r"no readable Parquet file"),
        ({"ts": pa.array([datetime(9000, 1, 1, tzinfo=UTC)], MICROSECONDS)}, r"out of bounds"),
        ({"bid": pa.array([2**60 + 1])}, r"a\.parquet is no readable Parquet file: .*not in range"),
    ],
)
def test_a_file_that_holds_no_ticks_is_refused(
    tmp_path: Path, columns: dict[str, Any], words: str
) -> None:
    """One line names what is wrong, and where."""
    path = _write(tmp_path / "a.parquet", [0], **columns)
    with pytest.raises(BadUse, match=words):
        RecordedFeed(path)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two counts is not for us to guess."""
    good = pq.read_table(_write(tmp_path / "good" / "a.parquet", [0]))
    path = tmp_path / "a.parquet"
    pq.write_table(good.append_column("bid", good["ask"]), path)
    with pytest.raises(BadUse, match=r"a\.parquet has more than one column bid") as caught:
        RecordedFeed(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"write_statistics": False}, {"row_group_size": 2}, {"use_dictionary": False}]
)
def test_what_the_metadata_say_changes_no_row(tmp_path: Path, options: dict[str, Any]) -> None:
    """With statistics or without, in one group of rows or in many: the same ticks and figures."""
    names = ["EURUSD", "NZDUSD", "EURUSD", "EURUSD", "EURUSD"]
    receipts = _times([0.5, 1.5, None, 4.0, 3.5])
    plain = _write(tmp_path / "one" / "a.parquet", [0, 1, 2, 3, 4], names, ts_recv=receipts)
    path = tmp_path / "a.parquet"
    pq.write_table(pq.read_table(plain), path, **options)
    for selection in ((), (["EURUSD"],), ((), T0 + SECOND_NS, T0 + 4 * SECOND_NS)):
        feed, same = RecordedFeed(plain, *selection), RecordedFeed(path, *selection)
        assert _rows(same).tobytes() == _rows(feed).tobytes()
        assert (
            (same.rows, same.first_ns)
            == (feed.rows, feed.first_ns)
            == (
                _rows(feed).size,
                int(_rows(feed)["ts_event_ns"].min()),
            )
        )


def test_opening_reads_no_row_where_the_metadata_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of years is opened at once."""
    _write(tmp_path / "a.parquet", [0, 1, 2])
    _write(tmp_path / "b.parquet", [10, 11], "NZDUSD")

    def refuse(*_args: object, **_options: object) -> None:
        pytest.fail("rows were read")

    monkeypatch.setattr(pq.ParquetFile, "read", refuse)
    feed = RecordedFeed(tmp_path)
    assert (feed.rows, feed.first_ns, feed.symbols) == (5, T0, ("EURUSD", "NZDUSD"))
    # What lies wholly before or behind the bounds, or is of another symbol, need not be read.
    assert RecordedFeed(tmp_path, ["NZDUSD"], T0 + 5 * SECOND_NS).rows == 2


@pytest.mark.parametrize("seconds", [[0, 1], [0, 1, 2, 3], [5, 6, 7]])
def test_a_file_that_changes_while_it_is_played_is_refused(
    tmp_path: Path, seconds: list[float]
) -> None:
    """Its rows would not be where the feed has put them."""
    path = _write(tmp_path / "a.parquet", [0, 1, 2])
    feed = RecordedFeed(path)
    _write(path, seconds)
    with pytest.raises(BadUse, match="changed"):
        _rows(feed)


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    """No such folder, and a folder without a file, are two messages."""
    with pytest.raises(BadUse, match=r"no such file or folder: .*nowhere; give --ticks a Parquet"):
        RecordedFeed(tmp_path / "nowhere")
    with pytest.raises(BadUse, match=r"holds no \*\.parquet file"):
        RecordedFeed(tmp_path)


@pytest.mark.parametrize("raw", [b"", b"PAR1", b"symbol,ts,bid,ask\n"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, raw: bytes) -> None:
    """A text file with the wrong ending is named as what it is."""
    path = tmp_path / "a.parquet"
    path.write_bytes(raw)
    with pytest.raises(BadUse, match=r"a\.parquet is no readable Parquet file"):
        RecordedFeed(path)


def test_a_damaged_file_is_refused_wherever_the_damage_is(tmp_path: Path) -> None:
    """Change any byte: the rows are read, or the caller is told; no other error comes out."""
    good = _write(tmp_path / "good" / "a.parquet", [0, 1, 2]).read_bytes()
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(7)
    refused = 0
    for at in rng.integers(4, len(good) - 8, 300).tolist():
        raw = bytearray(good)
        raw[at] ^= int(rng.integers(1, 256))
        path.write_bytes(raw)
        try:
            _rows(RecordedFeed(path))
        except BadUse:
            refused += 1
    assert refused > 100


def test_a_symbol_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message says what there is."""
    path = _write(tmp_path / "a.parquet", [0])
    with pytest.raises(BadUse, match="holds no ticks of NZDUSD; it holds EURUSD"):
        RecordedFeed(path, ["EURUSD", "NZDUSD"])
    with pytest.raises(BadUse, match="market quotes it as EURUSD"):
        RecordedFeed(path, ["USDEUR"])


def test_symbols_may_be_asked_for_in_any_spelling(tmp_path: Path) -> None:
    """Only these are given, and rows are numbered among them."""
    path = _write(tmp_path / "a.parquet", [0, 1, 2], ["EURUSD", "NZDUSD", "EURUSD"])
    feed = RecordedFeed(path, ["eur/usd"])
    assert feed.symbols == ("EURUSD",)
    rows = _rows(feed)
    assert _seconds(rows) == [0, 2]
    assert rows["seq"].tolist() == [0, 1]


def test_a_dictionary_may_hold_words_that_no_row_uses(tmp_path: Path) -> None:
    """A table cut out of a larger one keeps its dictionary: only the rows count."""
    words = pa.array(["JUNK", "NZDUSD", "EURUSD"])
    symbols = pa.DictionaryArray.from_arrays(pa.array([2, 2]), words)
    feed = RecordedFeed(_write(tmp_path / "a.parquet", [0, 1], symbol=symbols))
    assert feed.symbols == ("EURUSD",)
    assert _rows(feed)["symbol"].tolist() == [b"EURUSD"] * 2


def test_a_missing_price_is_rejected_by_name_and_counted(tmp_path: Path) -> None:
    """A null becomes NaN, the quality rules reject it, and no row is lost on the way."""
    bids = pa.array([1.1, None, 1.2])
    path = _write(tmp_path / "a.parquet", [0, 1, 2], bid=bids, ask=[1.3, 1.3, 1.3])
    rules = QualityConfig(("EURUSD",)).build(None)
    rules.judge(_rows(RecordedFeed(path)))
    assert rules.counts == {"ticks_in": 3, "ticks_accepted": 2, "rejected.not_finite": 1}


def test_the_time_span_is_half_open(tmp_path: Path) -> None:
    """From is in, to is out, and to is then where the feed is known to end."""
    path = _write(tmp_path / "a.parquet", [0, 1, 2, 3])
    feed = RecordedFeed(path, (), T0 + SECOND_NS, T0 + 3 * SECOND_NS)
    assert _seconds(_rows(feed)) == [1, 2]
    assert (feed.rows, feed.first_ns) == (2, T0 + SECOND_NS)
    assert feed.end_ns == T0 + 3 * SECOND_NS


def test_a_time_span_without_ticks_is_refused(tmp_path: Path) -> None:
    """Rather than a run over nothing."""
    path = _write(tmp_path / "a.parquet", [0, 1])
    with pytest.raises(BadUse, match="holds no ticks of EURUSD between --from and --to"):
        RecordedFeed(path, (), T0 + 5 * SECOND_NS)
    empty = _write(tmp_path / "b.parquet", [])
    with pytest.raises(BadUse, match="holds no ticks"):
        RecordedFeed(empty)


def test_ticks_arrive_by_receive_time(tmp_path: Path) -> None:
    """Where a file records receipts they make the order; a missing one is the event's time."""
    _write(
        tmp_path / "a.parquet",
        [0, 1, 2, 3],
        ts_recv=_times([0.5, 4.0, None, 4.5]),
    )
    _write(tmp_path / "b.parquet", [1.1, 3.9], "NZDUSD", ts_recv=_times([1.2, 4.2]))
    rows = _rows(RecordedFeed(tmp_path))
    assert _seconds(rows) == [0, 1.1, 1, 2, 3.9, 3]
    assert _seconds(rows, "ts_recv_ns") == [0.5, 1.2, 4.0, 2.0, 4.2, 4.5]


def test_a_row_that_goes_back_in_time_arrives_where_it_stands(tmp_path: Path) -> None:
    """The order of a file is evidence: sorting it away would hide what a live feed would show."""
    _write(tmp_path / "a.parquet", [0, 5, 1, 6])
    _write(tmp_path / "b.parquet", [2, 5.5], "NZDUSD")
    assert _seconds(_rows(RecordedFeed(tmp_path))) == [0, 2, 5, 1, 5.5, 6]


def test_equal_times_keep_the_order_of_rows_and_files(tmp_path: Path) -> None:
    """Rows of one file stay together, files come by their first time, then by name."""
    _write(tmp_path / "c.parquet", [0, 1, 1], "EURUSD")
    _write(tmp_path / "b.parquet", [1, 1], "NZDUSD")
    _write(tmp_path / "a.parquet", [1, 1], "USDJPY")
    names = [chr(int(bid)) for bid in _rows(RecordedFeed(tmp_path))["bid"]]
    assert names == ["c", "c", "c", "a", "a", "b", "b"]


def test_receipts_that_reach_into_the_next_file_are_merged(tmp_path: Path) -> None:
    """Files are read one after another only where their arrivals do not overlap."""
    _write(tmp_path / "a.parquet", [0, 10], ts_recv=_times([0, 15]))
    _write(tmp_path / "b.parquet", [11, 20], "NZDUSD", ts_recv=_times([11, 20]))
    feed = RecordedFeed(tmp_path)
    assert _seconds(_rows(feed), "ts_recv_ns") == [0, 11, 15, 20]
    assert len(list(feed.batches())) == 1


def test_files_apart_are_given_one_after_another(tmp_path: Path) -> None:
    """One group in memory at a time: days that do not touch are batches of their own."""
    _write(tmp_path / "deep" / "b.parquet", [10, 11])
    _write(tmp_path / "a.parquet", [20, 21])
    _write(tmp_path / "c.parquet", [0, 1])
    batches = list(RecordedFeed(tmp_path).batches())
    assert [_seconds(batch) for batch in batches] == [[0, 1], [10, 11], [20, 21]]
    assert np.concatenate(batches)["seq"].tolist() == list(range(6))


def test_days_of_other_symbols_are_passed_over(tmp_path: Path) -> None:
    """A day on which the wanted symbol has no file gives no empty batch and ends nothing."""
    for at, (name, symbol) in enumerate(
        [("a", "NZDUSD"), ("b", "EURUSD"), ("c", "NZDUSD"), ("d", "EURUSD")]
    ):
        _write(tmp_path / f"{name}.parquet", [10 * at, 10 * at + 1], symbol)
    _write(tmp_path / "e.parquet", [])
    feed = RecordedFeed(tmp_path, ["EURUSD"])
    assert [_seconds(batch) for batch in feed.batches()] == [[10, 11], [30, 31]]
    assert feed.first_ns == T0 + 10 * SECOND_NS


def test_a_feed_resumes_at_any_row(tmp_path: Path) -> None:
    """From row n on it gives what the whole gives from row n on, numbers and all."""
    _write(tmp_path / "a.parquet", [0, 1, 2])
    _write(tmp_path / "b.parquet", [1, 2, 3], "NZDUSD")
    _write(tmp_path / "c.parquet", [10, 11])
    _write(tmp_path / "d.parquet", [20])
    feed = RecordedFeed(tmp_path)
    whole = _rows(feed)
    for row in range(whole.size):
        assert _rows(feed, row).tobytes() == whole[row:].tobytes()
    assert list(feed.batches(whole.size)) == []


def test_the_fingerprint_is_of_content_and_selection(tmp_path: Path) -> None:
    """The same ticks have one identity; another price, symbol or span is another feed."""
    path = _write(tmp_path / "one" / "a.parquet", [0, 1], ["EURUSD", "NZDUSD"])
    same = _write(tmp_path / "two" / "a.parquet", [0, 1], ["EURUSD", "NZDUSD"])
    found = RecordedFeed(path).fingerprint
    assert found.startswith("recorded:")
    assert RecordedFeed(same).fingerprint == RecordedFeed(same.parent).fingerprint == found
    others = {
        RecordedFeed(path, ["EURUSD"]).fingerprint,
        RecordedFeed(path, (), T0).fingerprint,
        RecordedFeed(path, (), None, T0 + SECOND_NS).fingerprint,
    }
    _write(same, [0, 1], ["EURUSD", "NZDUSD"], ask=[1_000.0, 1_000.1])
    others.add(RecordedFeed(same).fingerprint)
    assert len(others | {found}) == 5
