"""Bars: what a timeframe's name means, in which order they stand, and rows as records."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bars import (
    BAR_DTYPE,
    DEFAULT_TIMEFRAMES,
    Bar,
    Frame,
    frame_of,
    order_of,
    records_of,
)
from domain.errors import BadUse
from domain.nanos import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from testkit.bar_rows import bar_rows, random_rows

UNITS = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS}
TIMES = [
    f"{number}{unit}"
    for unit, length in UNITS.items()
    for number in range(1, DAY_NS // length + 1)
    if DAY_NS % (number * length) == 0
]
"""Every time that divides the day."""

NUMBER = st.integers(1, 10**6)
NAME = st.sampled_from(TIMES) | NUMBER.map("{}tick".format) | NUMBER.map("{}pip".format)

FRAMES = ("1s", "1m", "5m", "100tick", "5pip")


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("1s", Frame(length_ns=SECOND_NS)),
        ("30s", Frame(length_ns=30 * SECOND_NS)),
        ("90s", Frame(length_ns=90 * SECOND_NS)),
        ("5m", Frame(length_ns=5 * MINUTE_NS)),
        ("4h", Frame(length_ns=4 * HOUR_NS)),
        ("24h", Frame(length_ns=DAY_NS)),
        ("1tick", Frame(ticks=1)),
        ("1000tick", Frame(ticks=1000)),
        ("5pip", Frame(pips=5)),
    ],
)
def test_what_a_name_means(name: str, frame: Frame) -> None:
    """A length, a number of ticks, or a range."""
    assert frame_of(name) == frame


@given(name=NAME)
def test_a_name_is_of_one_kind(name: str) -> None:
    """Exactly one of the three is above 0, and a time divides the day."""
    frame = frame_of(name)
    assert sum(value > 0 for value in frame) == 1
    assert frame.length_ns == 0 or DAY_NS % frame.length_ns == 0


@pytest.mark.parametrize(
    "name",
    [
        *("", "1", "m", "0m", "01m", "-5m", "+5m", "1.5m", "1M", "1H", "1d", "1w", "5min"),
        *("1 m", " 1m", "1m ", "1m\n", "1m,5m", "1tick5", "tick", "0tick", "0pip", "5pips", "٣m"),
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """One line, with the word that was given and words that would do."""
    with pytest.raises(BadUse, match="is no timeframe; write 30s, 5m, 4h, 1000tick or 5pip") as no:
        frame_of(name)
    assert str(no.value).startswith(repr(name))
    assert "\n" not in str(no.value)


@pytest.mark.parametrize("name", ["7m", "7s", "5h", "25m", "48h", "86401s", "100000m"])
def test_a_time_that_does_not_divide_the_day_is_refused(name: str) -> None:
    """Its bars would begin at another time each day."""
    with pytest.raises(BadUse, match=f"timeframe {name} does not divide the day") as no:
        frame_of(name)
    assert "\n" not in str(no.value)


@given(text=st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but BadUse is ever raised."""
    try:
        frame_of(text)
    except BadUse as error:
        assert "\n" not in str(error)  # noqa: PT017 - most texts are no names, few are


def test_kinds_stand_one_after_the_other() -> None:
    """Times by length whatever their unit, then ticks, then ranges."""
    ordered = ["1s", "30s", "1m", "90s", "5m", "1h", "24h", "1tick", "90tick", "2pip", "10pip"]
    for names in (ordered[::-1], sorted(ordered)):
        assert sorted(names, key=order_of) == ordered
    assert sorted(DEFAULT_TIMEFRAMES, key=order_of) == list(DEFAULT_TIMEFRAMES)


@given(one=NAME, other=NAME)
def test_two_names_share_a_place_only_if_they_mean_the_same(one: str, other: str) -> None:
    """60s and 1m are one timeframe, 5tick and 5pip are two."""
    assert (order_of(one) == order_of(other)) == (frame_of(one) == frame_of(other))


def _by_hand(symbol: str, row: np.void) -> dict[str, Any]:
    """Make the fields of a record from those of a row, one by one."""
    count, sized = int(row["tick_count"]), int(row["sized_count"])
    same = set(Bar.__struct_fields__) & set(BAR_DTYPE.names or ())
    return {
        **{name: row[name].item() for name in same},
        "symbol": symbol,
        "timeframe": FRAMES[row["frame"]],
        "spread_mean_pips": int(row["spread_sum_millipips"]) / (count * 1e3),
        "spread_max_pips": int(row["spread_max_millipips"]) / 1e3,
        "move_sq_sum_pips2": int(row["move_sq_sum_millipips2"]) / 1e6,
        "micro_gap_mean_pips": (
            int(row["micro_gap_sum_millipips"]) / (sized * 1e3) if sized else None
        ),
        "v": 2,
    }


def test_every_field_of_a_row_comes_into_the_record() -> None:
    """Sums become means, thousandths become pips; all else is copied, as plain Python values."""
    rows = random_rows(400, seed=3)
    rows["frame"] = np.arange(400) % len(FRAMES)
    rows["verdict"] = 1 << (np.arange(400) % 32)
    assert 50 < (rows["sized_count"] == 0).sum() < 350
    records = records_of("EURUSD", FRAMES, rows)
    for record, row in zip(records, rows, strict=True):
        assert msgspec.structs.asdict(record) == _by_hand("EURUSD", row)
    plain = {type(value) for record in records for value in msgspec.structs.astuple(record)}
    assert plain == {str, int, float, type(None)}


def test_every_field_has_a_place_of_its_own() -> None:
    """Two columns of one type that change places would show: every value is another one."""
    rows = bar_rows([1.0])
    for place, name in enumerate(BAR_DTYPE.names or ()):
        rows[name] = 1 + place
    (record,) = records_of("EURUSD", tuple("abc"), rows)
    assert msgspec.structs.asdict(record) == {**_by_hand_of_names(), "timeframe": "b"}


def _by_hand_of_names() -> dict[str, Any]:
    at = {name: 1 + place for place, name in enumerate(BAR_DTYPE.names or ())}
    return {
        **{name: at[name] for name in Bar.__struct_fields__ if name in at},
        "symbol": "EURUSD",
        "spread_mean_pips": at["spread_sum_millipips"] / (at["tick_count"] * 1e3),
        "spread_max_pips": at["spread_max_millipips"] / 1e3,
        "move_sq_sum_pips2": at["move_sq_sum_millipips2"] / 1e6,
        "micro_gap_mean_pips": at["micro_gap_sum_millipips"] / (at["sized_count"] * 1e3),
        "v": 2,
    }


def test_no_rows_are_no_records() -> None:
    """Most batches of ticks close nothing."""
    assert records_of("EURUSD", FRAMES, bar_rows([])) == []
