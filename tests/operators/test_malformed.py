"""Malformed ticks: never an error, always a dead letter and a rejected tick with its reason."""

import struct
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from domain.log import Polled, Stamp
from domain.switch_records import switch_record
from domain.ticks import TICK_DTYPE, Kind, TickArray, Verdict, heartbeat, new_records, reasons
from domain.topics import Topic
from operators.decode import rejected_ticks, ticks_of
from testkit.switches import a_switch
from testkit.tapes import walk

SIZE = TICK_DTYPE.itemsize
SYMBOLS = ("EURUSD", "USDJPY")
SWITCH = switch_record(a_switch(share=0.25), 7)
TAPE = np.concatenate(
    [walk("EURUSD", 50, seed=1), walk("USDJPY", 50, seed=2), heartbeat(7), SWITCH, SWITCH]
)
GOOD = TAPE[3:4].tobytes()
Mutation = Callable[[np.random.Generator, bytes], bytes]


def polled(values: list[bytes], topic: Topic = Topic.TICKS, partition: int = 2) -> Polled:
    """Make a poll of values."""
    return Polled(topic, partition, 40, 39 + len(values), values, Stamp(1, 0, 0, "s"))


def changed(record: bytes, at: int, put: bytes) -> bytes:
    """Overwrite some bytes of a record."""
    return record[:at] + put + record[at + len(put) :]


def judged(value: bytes, topic: Topic = Topic.TICKS) -> tuple[TickArray, list[str]]:
    """Return the rejected tick of one bad value, and its reasons."""
    good, dead = ticks_of(polled([value], topic), SYMBOLS)
    assert good.size == 0
    record = rejected_ticks(dead, SYMBOLS)
    assert record.size == len(dead) == 1
    return record, reasons(int(record["verdict"][0]))


def test_a_torn_record_is_truncated_and_keeps_what_was_there() -> None:
    """Zero where nothing is; the offset in the log is its number."""
    record, why = judged(GOOD[:48])
    assert why == ["truncated"]
    assert record["symbol"][0] == b"EURUSD"
    for name in ("ts_event_ns", "bid"):
        assert record[name][0] == TAPE[name][3]
    assert record["ts_recv_ns"][0] == TAPE["ts_recv_ns"][3] + 2, "moved by the partition's number"
    assert record["ask"][0] == 0.0
    assert (record["seq"][0], record["kind"][0], record["version"][0]) == (40, Kind.TICK, 1)


def test_whole_records_go_with_a_torn_tail() -> None:
    """Where one record of a message is cut, nobody knows where the others were meant to end."""
    record, why = judged(GOOD + GOOD + GOOD[:5])
    assert why == ["truncated"]
    assert record["symbol"][0] == b"EURUSD"


def test_each_defect_has_its_name() -> None:
    """And the first bad record of a message gives the fields."""
    other = TAPE[60:61].tobytes()
    assert judged(changed(GOOD, 0, b"\x02"))[1] == ["unknown_version"]
    assert judged(changed(GOOD, 1, b"\x07"))[1] == ["unknown_kind"]
    assert judged(changed(GOOD, 8, b"XAUUSD"))[1] == ["unknown_symbol"]
    assert judged(changed(GOOD, 8, b"EUR\0SD"))[1] == ["unknown_symbol"]
    assert judged(b"")[1] == ["truncated"]
    record, why = judged(GOOD + changed(other, 1, b"\x02") + changed(GOOD, 0, b"\0"))
    assert why == ["unknown_version", "unknown_kind"]
    assert record["symbol"][0] == b"USDJPY"


@pytest.mark.parametrize(
    ("at", "put", "reason"),
    [
        (2, b"\x03", "slot 3; this reader knows slots 0 to 2"),
        (3, b"\x06", "stage 6; this reader knows stages 0 to 5"),
        (3, b"\x01", "stage validated is none that a run takes notice of"),
        (8, bytes(16), f"'{'0' * 32}' is no artefact id"),
        (24, b"\xff" * 8, "effective_ns -1 is no time since 1970"),
        (40, struct.pack("<d", 0.0), "share 0.0 is not in (0, 1]"),
        (40, struct.pack("<d", -0.5), "share -0.5 is not in (0, 1]"),
        (40, struct.pack("<d", 1.0000001), "share 1.0000001 is not in (0, 1]"),
        (40, struct.pack("<d", np.nan), "share nan is not in (0, 1]"),
    ],
)
def test_a_malformed_switch_is_a_dead_letter(at: int, put: bytes, reason: str) -> None:
    """With the reason in words; the good ones beside it stay."""
    good, bad = SWITCH.tobytes(), changed(SWITCH.tobytes(), at, put)
    records, dead = ticks_of(polled([good, bad, GOOD]), SYMBOLS)
    assert records.tobytes() == good + GOOD
    assert [(letter.offset, letter.reason) for letter in dead] == [(41, f"switch record: {reason}")]
    assert dead[0].value == bad
    assert judged(bad)[1] == ["unknown_kind"]


def test_without_symbols_a_symbol_must_be_printable() -> None:
    """A reader that does not know the run still knows noise."""
    gold = changed(GOOD, 8, b"XAUUSD")
    assert ticks_of(polled([gold]))[0].tobytes() == gold
    for noise in (b"\0EURUSD", b"EUR\0USD", b"EUR USD", b"EUR\x7fSD", b"\xff" * 16):
        good, dead = ticks_of(polled([changed(GOOD, 8, noise)]))
        assert good.size == 0
        assert rejected_ticks(dead)["verdict"].tolist() == [Verdict.UNKNOWN_SYMBOL]


def test_what_says_itself_that_its_symbol_is_unknown_is_a_rejected_tick() -> None:
    """The ingest has judged it and its log must be readable; the log of good ticks has none."""
    tick = TAPE[3:4].copy()
    tick["symbol"] = b"nonsense"
    tick["verdict"] = Verdict.UNKNOWN_SYMBOL
    value = tick.tobytes()
    good, dead = ticks_of(polled([value], Topic.TICKS_REJECTED), SYMBOLS)
    assert (good.tobytes(), dead) == (value, [])
    assert judged(value)[1] == ["unknown_symbol"]
    tick["verdict"] = 0
    assert judged(tick.tobytes(), Topic.TICKS_REJECTED)[1] == ["unknown_symbol"]


def test_times_that_cannot_be_are_not_kept() -> None:
    """Noise would open a part of the table each month; the place in the log keeps rows apart."""
    far = np.int64(2**62).tobytes()
    record, _ = judged(changed(GOOD[:60], 24, far + far))
    assert (record["ts_event_ns"][0], record["ts_recv_ns"][0]) == (0, 2)
    _, dead = ticks_of(polled([b"x"], Topic.TICKS_LATE, partition=5))
    assert rejected_ticks(dead)["ts_recv_ns"].tolist() == [2_005]
    assert rejected_ticks([]).size == 0


def _random_length(rng: np.random.Generator, good: bytes) -> bytes:
    return good[: int(rng.integers(0, SIZE))]


def _random_bytes(rng: np.random.Generator, _good: bytes) -> bytes:
    return rng.bytes(int(rng.integers(0, 4 * SIZE)))


def _random_record(rng: np.random.Generator, _good: bytes) -> bytes:
    return rng.bytes(SIZE)


def _version(rng: np.random.Generator, good: bytes) -> bytes:
    return changed(good, 0, rng.bytes(1))


def _kind(rng: np.random.Generator, good: bytes) -> bytes:
    return changed(good, 1, rng.bytes(1))


def _symbol(rng: np.random.Generator, good: bytes) -> bytes:
    length = int(rng.integers(1, 17))
    return changed(good, 8 + int(rng.integers(0, 17 - length)), rng.bytes(length))


def _one_bit(rng: np.random.Generator, good: bytes) -> bytes:
    at = int(rng.integers(0, 24))
    return changed(good, at, bytes([good[at] ^ 1 << int(rng.integers(0, 8))]))


def _joined(rng: np.random.Generator, good: bytes) -> bytes:
    others = MUTATIONS[:-1]
    return b"".join(
        good if rng.random() < 0.5 else others[int(rng.integers(0, len(others)))](rng, good)
        for _ in range(int(rng.integers(2, 5)))
    )


MUTATIONS: tuple[Mutation, ...] = (
    _random_length,
    _random_bytes,
    _random_record,
    _version,
    _kind,
    _symbol,
    _one_bit,
    _joined,
)


def is_switch(record: bytes) -> bool:
    """Say whether a record names a slot, a stage of a run, an artefact, a time and a share."""
    (effective_ns,) = struct.unpack("<q", record[24:32])
    (share,) = struct.unpack("<d", record[40:48])
    named = record[2] < 3 and 2 <= record[3] <= 5 and any(record[8:24])
    return bool(named and effective_ns >= 0 and 0.0 < share <= 1.0)


def is_good(value: bytes) -> bool:
    """Say whether a value can be read, a record at a time."""
    for at in range(0, len(value), SIZE):
        record = value[at : at + SIZE]
        if len(record) < SIZE or record[0] != 1 or record[1] > 2:
            return False
        if record[1] == 2 and not is_switch(record):
            return False
        if record[1] == 0 and record[8:24].rstrip(b"\0").decode("latin-1") not in SYMBOLS:
            return False
    return bool(value)


def test_a_hundred_thousand_malformed_values_add_up() -> None:
    """Nothing is raised; each value is good records, or a dead letter and a rejected tick."""
    rng = np.random.default_rng(20240305)
    values = [
        MUTATIONS[n % len(MUTATIONS)](rng, TAPE[n % TAPE.size].tobytes()) for n in range(100_000)
    ]
    good, bad = [v for v in values if is_good(v)], [v for v in values if not is_good(v)]
    assert len(good) > 3_000
    assert len(bad) > 90_000
    seen: Counter[str] = Counter()
    records = [new_records(0)]
    letters = []
    for at in range(0, len(values), 997):
        some, dead = ticks_of(polled(values[at : at + 997]), SYMBOLS)
        rejected = rejected_ticks(dead, SYMBOLS)
        assert rejected.size == len(dead)
        assert rejected["seq"].tolist() == [letter.offset for letter in dead]
        assert all(rejected["verdict"])
        for verdict in rejected["verdict"].tolist():
            seen.update(reasons(verdict))
        records.append(some)
        letters += dead
        months = rejected["ts_recv_ns"].astype("M8[ns]").astype("M8[M]")
        assert len(set(months.tolist())) <= 2
    assert np.concatenate(records).tobytes() == b"".join(good)
    assert [letter.value for letter in letters] == bad
    assert all(letter.reason for letter in letters)
    assert set(seen) == {"truncated", "unknown_version", "unknown_kind", "unknown_symbol"}
    assert min(seen.values()) > 1_000
