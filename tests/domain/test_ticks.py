"""The tick record: its bytes are fixed, and bytes that are none are dropped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Drop
from domain.switch_records import switch_record
from domain.ticks import (
    REJECTED,
    SUSPECT,
    TICK_DTYPE,
    TICK_VERSION,
    Kind,
    TickSource,
    Verdict,
    decode_ticks,
    event_clock,
    heartbeat,
    new_records,
)
from testkit.switches import a_switch
from testkit.tapes import ticks

GOLDEN = (
    "01000100"  # version, kind, source, reserved
    "05000000"  # verdict
    "45555255534400000000000000000000"  # EURUSD
    "0000eada6ccfb917"  # event
    "80b2d0e96ccfb917"  # receipt
    "9a9999999999f13f"  # bid
    "0b462575029af13f"  # ask
    "00247449"  # bid size
    "0000c07f"  # ask size: not given
    "0700000000000000"  # row
)


VERDICT_BITS = {
    "NOT_FINITE": 0,
    "NOT_POSITIVE": 1,
    "CROSSED": 2,
    "FUTURE": 3,
    "OUT_OF_ORDER": 4,
    "DUPLICATE": 5,
    "CLOSED_MARKET": 6,
    "LATE": 7,
    "OFF_GRID": 8,
    "SPIKE": 9,
    "TRUNCATED": 10,
    "UNKNOWN_VERSION": 11,
    "UNKNOWN_KIND": 12,
    "UNKNOWN_SYMBOL": 13,
    "SPREAD_BLOWOUT": 16,
    "STALE": 17,
    "BURST": 18,
    "ONE_SIDED": 19,
    "LOCKED": 24,
    "DELAYED": 25,
    "GAP": 26,
}


def _one() -> bytes:
    tick = ticks("EURUSD", [(0, 1.1, 1.1001, 0.25)])
    tick["verdict"] = 5
    tick["source"] = TickSource.SIMULATED
    tick["bid_size"] = 1e6
    tick["seq"] = 7
    return tick.tobytes()


def test_the_bytes_of_a_tick() -> None:
    """Little-endian, without gaps, 72 bytes: a reader in any language may rely on it."""
    assert _one().hex() == GOLDEN
    assert TICK_DTYPE.itemsize == 72


def test_the_bytes_of_a_heartbeat() -> None:
    """It carries the receive clock, no symbol and no price."""
    assert heartbeat(1709625660000000000).tobytes().hex() == (
        "01010000" + "00" * 20 + 2 * "005831d37acfb917" + "00" * 32
    )


def test_the_numbers_on_the_wire() -> None:
    """Kinds and sources are never renumbered."""
    assert {kind.name: kind.value for kind in Kind} == {
        "TICK": 0,
        "HEARTBEAT": 1,
        "SWITCH": 2,
    }
    assert {s.name: s.value for s in TickSource} == {"RECORDED": 0, "SIMULATED": 1}
    assert TICK_VERSION == 1


def test_joined_values_are_read_at_once() -> None:
    """Records come back in order and whole; a poll of many messages is one call."""
    raw = _one() + heartbeat(5).tobytes() + _one()
    records = decode_ticks(raw)
    assert records.tobytes() == raw
    assert records["kind"].tolist() == [Kind.TICK, Kind.HEARTBEAT, Kind.TICK]
    assert decode_ticks(b"").size == 0


def test_new_records_have_the_version_of_this_code() -> None:
    """What is written can be read."""
    assert decode_ticks(new_records(3).tobytes())["version"].tolist() == [TICK_VERSION] * 3


@pytest.mark.parametrize("length", [1, 71, 73, 143])
def test_no_whole_number_of_records_is_dropped(length: int) -> None:
    """A torn value is not read as something else."""
    with pytest.raises(Drop, match=f"{length} bytes are no whole number of 72-byte tick records"):
        decode_ticks((_one() * 2)[:length])


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_dropped(version: int) -> None:
    """One record of another layout spoils the call, wherever it stands."""
    other = bytes([version]) + _one()[1:]
    for raw in (other, _one() + other):
        with pytest.raises(
            Drop, match=f"tick record version {version}; this reader knows version 1"
        ):
            decode_ticks(raw)


def test_any_bytes_are_read_or_dropped() -> None:
    """Ten thousand random values of all lengths raise Drop or nothing."""
    rng = np.random.default_rng(2024)
    read = 0
    for length in rng.integers(0, 300, 10_000).tolist():
        raw = bytearray(rng.bytes(length))
        if rng.random() < 0.5:
            # Give it a fair chance: whole records of the right version.
            raw = raw[: length // 72 * 72]
            raw[::72] = bytes([TICK_VERSION]) * len(raw[::72])
        try:
            assert decode_ticks(bytes(raw)).size == len(raw) / 72
            read += 1
        except Drop:
            pass
    assert 4_000 < read < 6_000


@settings(max_examples=200)
@given(raw=st.binary(max_size=300))
def test_any_bytes_that_a_search_finds_are_read_or_dropped(raw: bytes) -> None:
    """The same by Hypothesis, which looks for the odd ones."""
    try:
        assert decode_ticks(raw).tobytes() == raw
    except Drop:
        assert len(raw) % 72 or any(version != TICK_VERSION for version in raw[::72])


def test_the_numbers_of_the_verdicts() -> None:
    """Bits are never renumbered; what they do to a tick follows from where they stand."""
    assert {verdict.name: int(verdict).bit_length() - 1 for verdict in Verdict} == VERDICT_BITS
    assert REJECTED & SUSPECT == 0
    rejected = [verdict for verdict in Verdict if verdict & REJECTED]
    suspect = [verdict for verdict in Verdict if verdict & SUSPECT]
    assert (len(rejected), len(suspect), len(Verdict)) == (14, 4, 21)


def test_the_event_clock_runs_forward() -> None:
    """Ticks move it to their event, heartbeats to their receipt less the grace; never back."""
    records = np.concatenate(
        [ticks("EURUSD", [(10, 1, 2), (9, 1, 2)], "1970-01-01"), heartbeat(11_000_000_000)]
    )
    assert event_clock(records, 500_000_000).tolist() == [10 * 10**9, 10 * 10**9, 10_500_000_000]
    assert event_clock(records[:0], 1).size == 0


def test_a_switch_moves_no_event_clock() -> None:
    """Neither by its effective time, which lies ahead, nor by its receipt; wherever it stands."""
    records = np.concatenate(
        [ticks("EURUSD", [(10, 1, 2), (11, 1, 2)], "1970-01-01"), heartbeat(12_000_000_000)]
    )
    switch = switch_record(a_switch(), 90_000_000_000)
    strewn = np.concatenate([switch, records[:1], switch, switch, records[1:], switch])
    smallest = np.iinfo(np.int64).min
    assert event_clock(strewn, 500_000_000, 1_000).tolist() == [
        smallest,
        *[10_000_000_000 - 1_000] * 3,
        11_000_000_000 - 1_000,
        *[11_500_000_000] * 2,
    ]


@pytest.mark.parametrize(
    ("grace_s", "lateness_s", "seconds"),
    [
        (1, 2, [8, 8, 10, 10, 18]),
        (3, 2, [8, 8, 9, 9, 18]),
        (3, 0, [10, 10, 10, 11, 20]),
    ],
)
def test_the_event_clock_waits_for_delayed_ticks(
    grace_s: int, lateness_s: int, seconds: list[int]
) -> None:
    """Ticks prove time less the lateness; heartbeats less what is longer, grace or lateness."""
    records = np.concatenate(
        [
            ticks("EURUSD", [(10, 1, 2), (9, 1, 2)], "1970-01-01"),
            heartbeat(12 * 10**9),
            ticks("EURUSD", [(11, 1, 2), (20, 1, 2)], "1970-01-01"),
        ]
    )
    clock = event_clock(records, grace_s * 10**9, lateness_s * 10**9)
    assert clock.tolist() == [second * 10**9 for second in seconds]
