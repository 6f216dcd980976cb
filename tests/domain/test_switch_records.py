"""The switch record: fixed bytes, read back whole, and refused where no run could follow."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.deployments import (
    IN_FLOW,
    SLOTS,
    STAGES,
    ModelSwitch,
    Stage,
    switches_from_plain,
    switches_to_plain,
)
from domain.errors import BadUse, Corrupt, Drop
from domain.switch_records import (
    IN_FLOW_BITS,
    switch_of,
    switch_record,
    switch_rows,
    without_switches,
)
from domain.ticks import TICK_DTYPE, Kind, decode_ticks, heartbeat
from features.split_kernel import check_kernel, symbol_table, words_of
from testkit.switches import a_switch, strewn
from testkit.tapes import walk

CANARY = ModelSwitch("forest", "00112233445566778899aabbccddee00", Stage.CANARY, 2**40, 0.25)

switches = st.builds(
    ModelSwitch,
    slot=st.sampled_from(SLOTS),
    artefact_id=st.binary(min_size=16, max_size=16).filter(any).map(bytes.hex)
    | st.integers(1, 15).map(lambda size: "5a" * size + "00" * (16 - size)),
    stage=st.sampled_from(sorted(IN_FLOW)),
    effective_ns=st.integers(0, 2**63 - 1),
    share=st.floats(0.0, 1.0, exclude_min=True),
)


def test_the_bytes_of_a_switch() -> None:
    """The layout of a tick, read otherwise; the zero bytes at the end of the id are kept."""
    assert switch_record(CANARY, 2**41, 7).tobytes().hex() == (
        "01020103"  # version, kind, slot, stage
        "00000000"
        "00112233445566778899aabbccddee00"  # artefact
        "0000000000010000"  # effective
        "0000000000020000"  # receive clock
        "000000000000d03f"  # share
        "0000000000000000"
        "00000000"
        "00000000"
        "0700000000000000"  # number
    )


@settings(max_examples=200, deadline=None)
@given(switch=switches, recv_ns=st.integers(0, 2**62))
def test_a_switch_comes_back_whole(switch: ModelSwitch, recv_ns: int) -> None:
    """Through bytes as they stand in the log."""
    raw = switch_record(switch, recv_ns, 3).tobytes()
    record = decode_ticks(raw)
    assert switch_of(record) == switch
    assert (record["kind"][0], record["ts_recv_ns"][0], record["seq"][0]) == (2, recv_ns, 3)
    assert switch_record(switch_of(record), recv_ns, 3).tobytes() == raw


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"artefact_id": "abc"}, "'abc' is no artefact id"),
        ({"artefact_id": "0" * 32}, "is no artefact id"),
        ({"artefact_id": "AB" * 16}, "is no artefact id"),
        ({"artefact_id": "٣" * 32}, "is no artefact id"),
        ({"stage": Stage.CANDIDATE}, "stage candidate is none that a run takes notice of"),
        ({"stage": Stage.VALIDATED}, "stage validated is none"),
        ({"share": 0.0}, r"share 0.0 is not in \(0, 1\]"),
        ({"share": 1.1}, r"share 1.1 is not in \(0, 1\]"),
        ({"share": float("nan")}, r"share nan is not in \(0, 1\]"),
        ({"effective_ns": -1}, "effective_ns -1 is no time since 1970"),
        ({"effective_ns": 2**63}, "is no time since 1970"),
    ],
)
def test_what_no_run_could_follow_is_not_written(change: dict[str, Any], words: str) -> None:
    """One line that says what is wrong."""
    with pytest.raises(BadUse, match=rf"^this switch cannot be written to the log: [^\n]*{words}"):
        switch_record(msgspec.structs.replace(CANARY, **change), 0)


def test_a_record_of_another_kind_is_no_switch() -> None:
    """Whoever reads has looked at the kind."""
    with pytest.raises(Drop, match=r"^switch record: kind 1 is none$"):
        switch_of(heartbeat(5))


def _reads(raw: bytes) -> bool:
    try:
        switch_of(np.frombuffer(raw, TICK_DTYPE))
    except Drop:
        return False
    return True


def _passes(raw: bytes) -> bool:
    words = words_of(np.frombuffer(bytearray(raw), TICK_DTYPE))
    args = (words, *symbol_table(()), False, False, len(SLOTS), IN_FLOW_BITS)
    found = check_kernel(*args)
    assert found == check_kernel.py_func(*args)
    return bool(found == (0, -1))


@settings(max_examples=400, deadline=None)
@given(switch=switches, at=st.integers(2, 47), put=st.binary(min_size=1, max_size=8))
def test_the_check_of_a_poll_and_the_reader_agree(switch: ModelSwitch, at: int, put: bytes) -> None:
    """What passes the kernel can be read, and the other way round, whichever bytes are wrong."""
    raw = switch_record(switch, 5).tobytes()
    other = raw[:at] + put + raw[at + len(put) :]
    assert _passes(raw)
    assert _passes(other) == _reads(other)


@pytest.mark.parametrize(
    ("at", "put"),
    [(2, b"\x03"), (3, b"\x01"), (3, b"\x06"), (3, b"\xff"), (8, bytes(16)), (31, b"\x80"),
     (40, bytes(8)), (47, b"\x80"), (40, b"\x01" + bytes(5) + b"\xf0\x3f"),
     (40, bytes(6) + b"\xf8\x7f"), (40, bytes(6) + b"\xf0\x7f")],
)  # fmt: skip
def test_both_refuse_what_lies_just_outside(at: int, put: bytes) -> None:
    """Slot, stage, artefact, time, and shares of 0, -0, above 1, NaN and infinity."""
    raw = switch_record(CANARY, 5).tobytes()
    other = raw[:at] + put + raw[at + len(put) :]
    assert (_passes(other), _reads(other)) == (False, False)


def test_the_numbers_on_the_wire() -> None:
    """Slots and stages are never renumbered."""
    assert SLOTS == ("xgboost", "forest", "lstm")
    assert [stage.value for stage in STAGES] == [
        "candidate", "validated", "shadow", "canary", "champion", "retired",
    ]  # fmt: skip


def test_the_bits_of_the_stages() -> None:
    """A bit for each stage that a run takes notice of."""
    assert [stage for at, stage in enumerate(STAGES) if IN_FLOW_BITS >> at & 1] == [
        Stage.SHADOW,
        Stage.CANARY,
        Stage.CHAMPION,
        Stage.RETIRED,
    ]


def test_switches_are_found_and_taken_out() -> None:
    """What stays has its order; where there is none, nothing is copied."""
    tape = walk("EURUSD", 50, 1)
    found, behind = strewn(tape, [a_switch(n) for n in range(5)], 2)
    assert switch_rows(found).tolist() == [at + n for n, at in enumerate(behind)]
    assert without_switches(found).tobytes() == tape.tobytes()
    assert without_switches(tape) is tape
    assert (found["kind"] == Kind.SWITCH).sum() == 5


def test_switches_survive_a_snapshot() -> None:
    """As plain mappings through text; what is none is refused."""
    some = tuple(a_switch(n) for n in range(6))
    assert switches_from_plain(json.loads(json.dumps(switches_to_plain(some)))) == some
    others: tuple[object, ...] = (None, [{}], [{"slot": "xgboost"}], "x")
    for plain in others:
        with pytest.raises(Corrupt, match=r"^these are no model switches: "):
            switches_from_plain(plain)
