"""The canonical form: the same records give the same digest, any difference gives another."""

import hashlib
import math
import struct
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import BAR_DTYPE, Bar, BarArray, records_of
from domain.canonical import (
    BAR_LAYOUT,
    SIGNAL_LAYOUT,
    bar_columns,
    bars_sha256,
    row_columns,
    signal_columns,
    signals_sha256,
)
from domain.errors import BadUse, Corrupt
from domain.nanos import MINUTE_NS
from domain.predictions import Signal, Vote
from testkit import tapes
from testkit.bar_rows import random_rows
from testkit.tapes import PRICE_FIELDS

PRICES = {name: 1.1 + step / 1000 for step, name in enumerate(PRICE_FIELDS)}


def bar(symbol: str = "EURUSD", minute: int = 0, timeframe: str = "1m") -> Bar:
    """Return a bar whose fields differ."""
    open_ns = minute * MINUTE_NS
    return tapes.bar(
        timeframe,
        open_ns,
        open_ns + MINUTE_NS,
        symbol=symbol,
        seq=minute,
        ts_recv_ns=open_ns + MINUTE_NS + 7,
        tick_count=3,
        spread_mean_pips=1.25,
        spread_max_pips=2.5,
        micro_gap_mean_pips=None if minute == 1 else -0.125,
        verdict=1 << 16,
        **PRICES,
    )


def signal(symbol: str = "EURUSD", minute: int = 0, p_up: float | None = 0.625) -> Signal:
    """Return a signal."""
    ts_ns = minute * MINUTE_NS
    name = f"{symbol}-{minute}"
    return Signal(
        name, symbol, ts_ns, ts_ns + 9, "m", "edge", "buy", True, 0.25, p_up, 1.1, None, "edge", 5,
        (Vote("online", "o", p_up, 0.75), Vote("rules", "r", None, 0.25)), 0.125, None, "s",
    )  # fmt: skip


FRAMES = ("5pip", "100tick", "1h", "60s", "1m", "1s")
BARS = [bar(s, m, t) for s in ("USDJPY", "EURUSD") for m in (2, 0, 1) for t in FRAMES]
SIGNALS = [signal(s, m) for s in ("USDJPY", "EURUSD") for m in (2, 0, 1)]


def test_the_layouts_name_every_field_but_the_version() -> None:
    """A field that is added to a record must enter its digest."""
    assert set(BAR_LAYOUT) == set(Bar.__struct_fields__) - {"v"}
    assert set(SIGNAL_LAYOUT) == set(Signal.__struct_fields__) - {"v"}


def test_the_digest_never_changes_silently() -> None:
    """Digests are kept for years; a new form needs a new name in its first bytes."""
    assert (
        bars_sha256(bar_columns(BARS))
        == "f9b70124060dd83bccf2639af62e0d2b9e250640e53dc0b4bf941b99e9b3a2ce"
    )
    assert (
        signals_sha256(signal_columns(SIGNALS))
        == "64465bb0d0cee74acb0a947bb3345853c67c9b62b6da648793dc070be19da77a"
    )


def _by_hand(form: str, records: Sequence[msgspec.Struct], layout: dict[str, str]) -> str:
    """Write the form value by value, as the module describes it, records in canonical order."""

    def framed(text: str) -> bytes:
        return struct.pack("<I", len(text.encode())) + text.encode()

    raw = framed(form) + struct.pack("<Q", len(records))
    for name, kind in layout.items():
        raw += framed(name) + framed(kind)
        for record in records:
            value = getattr(record, name)
            if name == "votes":
                value = ";".join(
                    f"{vote.role},{vote.model_id},"
                    f"{(math.nan if vote.p_up is None else vote.p_up).hex()},{vote.weight.hex()}"
                    for vote in value
                )
            if kind == "text":
                raw += framed(value)
            else:
                code = {"<i8": "<q", "<f8": "<d", "|b1": "?"}[kind]
                raw += struct.pack(code, math.nan if value is None else value)
    return hashlib.sha256(raw).hexdigest()


def test_the_form_is_as_it_is_described() -> None:
    """Written by hand it has the same digest, so that another language can write it too."""
    timeframes = ["1s", "1m", "60s", "1h", "100tick", "5pip"]
    bars = sorted(BARS, key=lambda b: (b.symbol, timeframes.index(b.timeframe), b.seq))
    assert bars_sha256(bar_columns(BARS)) == _by_hand("aifx bars 2", bars, BAR_LAYOUT)
    signals = sorted(SIGNALS, key=lambda s: (s.symbol, s.ts_event_ns))
    found = signals_sha256(signal_columns(SIGNALS))
    assert found == _by_hand("aifx signals 3", signals, SIGNAL_LAYOUT)


def test_order_of_arrival_does_not_matter() -> None:
    """Partitions may be read in any order."""
    order = np.random.default_rng(7).permutation(len(BARS))
    assert bars_sha256(bar_columns([BARS[i] for i in order])) == bars_sha256(bar_columns(BARS))
    assert signals_sha256(signal_columns(SIGNALS[::-1])) == signals_sha256(signal_columns(SIGNALS))


@pytest.mark.parametrize("name", BAR_LAYOUT)
def test_every_field_of_a_bar_is_in_the_digest(name: str) -> None:
    """One other value is enough."""
    old = getattr(BARS[0], name)
    new = {"timeframe": "5m", "symbol": "GBPUSD"}[name] if isinstance(old, str) else old + 1
    assert new != old
    changed = [msgspec.structs.replace(BARS[0], **{name: new}), *BARS[1:]]
    assert bars_sha256(bar_columns(changed)) != bars_sha256(bar_columns(BARS))


@pytest.mark.parametrize("name", SIGNAL_LAYOUT)
def test_every_field_of_a_signal_is_in_the_digest(name: str) -> None:
    """One other value is enough, also one where there was none."""
    old = getattr(SIGNALS[0], name)
    new = {str: f"{old}x", bool: not old, type(None): 1.0, tuple: ()}.get(type(old), 6)
    assert new != old
    changed = [msgspec.structs.replace(SIGNALS[0], **{name: new}), *SIGNALS[1:]]
    assert signals_sha256(signal_columns(changed)) != signals_sha256(signal_columns(SIGNALS))


@pytest.mark.parametrize("field", Vote.__struct_fields__)
def test_every_field_of_a_vote_is_in_the_digest(field: str) -> None:
    """Who voted, how and with which weight: it has decided."""
    votes = SIGNALS[0].votes
    new = "x" if field in {"role", "model_id"} else 0.5
    other = (msgspec.structs.replace(votes[0], **{field: new}), *votes[1:])
    changed = [msgspec.structs.replace(SIGNALS[0], votes=other), *SIGNALS[1:]]
    assert signals_sha256(signal_columns(changed)) != signals_sha256(signal_columns(SIGNALS))


def test_texts_do_not_run_into_each_other() -> None:
    """Their lengths are in the form."""
    one = [msgspec.structs.replace(SIGNALS[0], model_id="ab", rule="c")]
    two = [msgspec.structs.replace(SIGNALS[0], model_id="a", rule="bc")]
    assert signals_sha256(signal_columns(one)) != signals_sha256(signal_columns(two))


def test_a_doubled_record_is_refused() -> None:
    """Two records of one key have no canonical order, and should not be there."""
    with pytest.raises(Corrupt, match="repeat the key"):
        bars_sha256(bar_columns([*BARS, BARS[3]]))
    with pytest.raises(Corrupt, match="repeat the key"):
        signals_sha256(signal_columns([*SIGNALS, SIGNALS[3]]))


def test_bars_of_one_nanosecond_have_an_order() -> None:
    """Tick and range bars may open at one moment: their number tells them apart."""
    twins = [tapes.bar("5pip", 7, 9, seq=seq) for seq in (4, 3)]
    assert bars_sha256(bar_columns(twins)) == bars_sha256(bar_columns(twins[::-1]))
    with pytest.raises(Corrupt, match="repeat the key"):
        bars_sha256(bar_columns([twins[0], twins[0]]))


def test_two_names_of_one_length_are_two_timeframes() -> None:
    """A bar of 60s and one of 1m have a place each, and another digest."""
    both = [tapes.bar("60s"), tapes.bar("1m")]
    assert bars_sha256(bar_columns(both)) == bars_sha256(bar_columns(both[::-1]))
    assert bars_sha256(bar_columns(both[:1])) != bars_sha256(bar_columns(both[1:]))


def test_a_name_that_is_no_timeframe_has_no_place() -> None:
    """Bars of another program are not hashed as if they were ours."""
    with pytest.raises(BadUse, match="is no timeframe"):
        bars_sha256(bar_columns([msgspec.structs.replace(BARS[0], timeframe="fortnight")]))


def test_the_sign_and_the_pattern_of_null_do_not_matter() -> None:
    """Null has one bit pattern, and it is not that of zero."""
    found = set()
    for value in (None, float("nan"), -float("nan")):
        found.add(bars_sha256(bar_columns([tapes.bar(micro_gap_mean_pips=value)])))
    assert len(found) == 1
    assert bars_sha256(bar_columns([tapes.bar(micro_gap_mean_pips=0.0)])) not in found


ROW_FRAMES = ("1s", "1m", "1h", "100tick", "5pip")


def _rows(count: int, seed: int) -> BarArray:
    """Draw rows of every timeframe, with and without sizes, each with a key of its own."""
    rows = random_rows(count, seed)
    rng = np.random.default_rng(seed)
    rows["frame"] = rng.integers(0, len(ROW_FRAMES), count)
    rows["verdict"] = rng.integers(0, 2**32, count)
    return rows


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(0, 60), max_size=6),
    seed=st.integers(0, 2**32 - 1),
    sized=st.sampled_from(["some", "none", "all"]),
)
def test_rows_have_the_columns_of_their_records(counts: list[int], seed: int, sized: str) -> None:
    """Bit by bit and in the same order, whatever the symbols and however they were cut."""
    symbols = ("USDJPY", "EURUSD", "AUDUSD")
    rows = _rows(sum(counts), seed)
    if sized == "none":
        rows["sized_count"] = rows["micro_gap_sum_millipips"] = 0
    elif sized == "all":
        rows["sized_count"] = rows["tick_count"]
    edges = np.cumsum([0, *counts]).tolist()
    parts = [(symbols[k % 3], rows[a:b]) for k, (a, b) in enumerate(pairwise(edges))]
    records = [bar for symbol, part in parts for bar in records_of(symbol, ROW_FRAMES, part)]
    found, wanted = row_columns(parts, ROW_FRAMES), bar_columns(records)
    assert list(found) == list(wanted) == list(BAR_LAYOUT)
    for name, kind in BAR_LAYOUT.items():
        if kind == "text":
            assert found[name].tolist() == wanted[name].tolist(), name
        else:
            np.testing.assert_array_equal(found[name].astype(kind), wanted[name], err_msg=name)
    assert bars_sha256(found) == bars_sha256(wanted)


def test_rows_of_another_value_have_another_digest() -> None:
    """Every field of a row is in it, sums as well."""
    rows = _rows(5, 1)
    rows["sized_count"], rows["micro_gap_sum_millipips"] = 3, 5
    rows["frame"] = 1
    digests = {bars_sha256(row_columns([("EURUSD", rows)], ROW_FRAMES))}
    for name in BAR_DTYPE.names or ():
        changed = rows.copy()
        changed[name][0] += 1
        digests.add(bars_sha256(row_columns([("EURUSD", changed)], ROW_FRAMES)))
    assert len(digests) == len(BAR_DTYPE.names or ()) + 1


def test_nothing_has_a_digest_too() -> None:
    """A run without bars can be compared with another one without."""
    assert bars_sha256(bar_columns([])) == bars_sha256(row_columns([], ROW_FRAMES))
    assert bars_sha256(bar_columns([])) != signals_sha256(signal_columns([]))
