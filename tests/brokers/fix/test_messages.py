"""Fields, numbers and times, as FIX writes them and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.fix.messages import SOH, checked, parse
from brokers.fix.tags import Tag
from brokers.fix.values import decimal_of, decimal_text, time_ns_of, time_text
from domain.errors import Drop
from domain.nanos import parse_ns
from testkit.venues.fix.wire import frame, split
from trading.venues import Unsupported


def test_message_keeps_order_and_repetition() -> None:
    """The first value of a tag, all values of it, and none where it is empty."""
    message = parse(SOH.join(["35=8", "448=a", "448=b", "58=", ""]))

    assert message.kind == "8"
    assert message.get(Tag.PARTY_ID) == "a"
    assert message.all(Tag.PARTY_ID) == ["a", "b"]
    assert message.get(Tag.TEXT) is None


@pytest.mark.parametrize("raw", ["", "35", "x=1" + SOH + "35=8", "11=a", "35=" + SOH, "²=1"])
def test_message_that_is_none_is_dropped(raw: str) -> None:
    """No tag, no value, no type: nothing is guessed."""
    with pytest.raises(Drop):
        parse(raw)


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("1E+5"), "100000"), (Decimal("1.10"), "1.10"), (Decimal("1E-7"), "0.0000001")],
)
def test_decimal_goes_to_the_wire_exactly(value: Decimal, text: str) -> None:
    """No exponent, no rounding."""
    assert decimal_text(value) == text
    assert decimal_of(text, 44) == value


@pytest.mark.parametrize("text", ["NaN", "inf", "-Infinity", "", "1,5", "1.1.1", "abc"])
def test_number_that_is_none_is_dropped(text: str) -> None:
    """NaN and infinity are no prices."""
    with pytest.raises(Drop):
        decimal_of(text, 44)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("20260105-10:00:00", "2026-01-05T10:00:00"),
        ("20260105-10:00:00.123", "2026-01-05T10:00:00.123"),
        ("20260105-10:00:00.123456", "2026-01-05T10:00:00.123456"),
        ("20161231-23:59:60", "2017-01-01T00:00:00"),
    ],
)
def test_time_is_read_to_its_last_digit(text: str, iso: str) -> None:
    """Seconds, milliseconds, microseconds; a leap second is the next one."""
    assert time_ns_of(text, 60) == parse_ns(iso)


def test_nanoseconds_are_kept() -> None:
    """Nine digits of a fraction."""
    assert time_ns_of("19700101-00:00:01.000000007", 60) == 1_000_000_007


@pytest.mark.parametrize(
    "text", ["2026-01-05 10:00:00", "20261305-10:00:00", "20260105-10:00:00.", "20260105-1²:00:00"]
)
def test_time_that_is_none_is_dropped(text: str) -> None:
    """Another spelling, a thirteenth month, digits that are none."""
    if text.endswith("."):
        assert time_ns_of(text, 60) == parse_ns("2026-01-05T10:00:00")
        return
    with pytest.raises(Drop):
        time_ns_of(text, 60)


def test_time_is_written_to_the_millisecond() -> None:
    """Cut, not rounded: a time must not lie in the future."""
    assert time_text(parse_ns("2026-01-05T10:00:00") + 1_999_999) == "20260105-10:00:00.001"


@pytest.mark.parametrize("value", ["a" + SOH + "54=2", "é", "line\nbreak"])
def test_value_that_could_forge_a_field_is_refused(value: str) -> None:
    """A separator in a strategy's name must not turn a buy into a sell."""
    with pytest.raises(Unsupported):
        checked([(Tag.TEXT, value)])


@given(st.text(max_size=200))
def test_any_text_is_read_or_dropped(raw: str) -> None:
    """Garbage never raises anything else."""
    try:
        parse(raw)
    except Drop:
        return


@given(
    st.lists(
        st.tuples(
            st.integers(11, 99),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=9),
        ),
        max_size=8,
    )
)
def test_frames_of_the_double_are_read_back(fields: list[tuple[int, str]]) -> None:
    """Length and checksum by the book, however the stream is cut."""
    data = frame([(35, "8"), *fields]) * 2
    first, rest = split(data[:-3])
    second, left = split(rest + data[-3:])

    assert [len(first), len(second), left] == [1, 1, b""]
    assert first == second
