"""The partitioned log: stamps to and fro, names of a run's topics, headers of any client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.log import LogAddress, Stamp, find_header
from domain.topics import Topic

I64 = st.integers(-(2**63), 2**63 - 1)


def test_the_bytes_of_a_stamp() -> None:
    """Three little-endian numbers and a name."""
    assert Stamp(1, 2, 3, "EURUSD").pack().hex() == (
        "0100000000000000" + "0200000000000000" + "0300000000000000" + b"EURUSD".hex()
    )


@given(seq=I64, wall_ns=I64, origin_ns=I64, stream=st.text(max_size=20))
def test_a_stamp_comes_back(seq: int, wall_ns: int, origin_ns: int, stream: str) -> None:
    """Any stamp is read as it was written."""
    stamp = Stamp(seq, wall_ns, origin_ns, stream)
    assert Stamp.unpack(stamp.pack()) == stamp


def test_a_run_has_its_own_topics() -> None:
    """The prefix keeps runs on one cluster apart; the partition of a key does not depend on it."""
    address = LogAddress("localhost:9092", "run-1.", 12)
    assert address.topic(Topic.TICKS) == "run-1.ticks"
    assert address.partition("EURUSD") == LogAddress("other:1", "", 12).partition("EURUSD") == 7


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (None, None),
        ([], None),
        ([("other", b"x")], None),
        ([("aifx", b"x"), ("aifx", b"y")], b"x"),
        ([("aifx", None), ("aifx", b"y")], b"y"),
        ([("aifx", "text")], None),
    ],
)
def test_a_header_is_found_or_not(headers: object, found: bytes | None) -> None:
    """Kafka clients give None or a list, with values that may be missing."""
    assert find_header(headers, "aifx") == found
