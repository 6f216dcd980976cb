"""The canonical form: the same records give the same digest, any difference gives another."""

from typing import Any

import msgspec
import numpy as np
import pytest

from domain.bars import Bar, Timeframe
from domain.canonical import (
    BAR_LAYOUT,
    SIGNAL_LAYOUT,
    bar_columns,
    bars_sha256,
    signal_columns,
    signals_sha256,
)
from domain.errors import Corrupt
from domain.nanos import MINUTE_NS
from domain.predictions import Signal

PRICES: dict[str, Any] = {
    name: 1.1 + step / 1000 for step, name in enumerate(Bar.__struct_fields__[5:17])
}
"""Twelve prices by the names of a bar's fields."""


def bar(symbol: str = "EURUSD", minute: int = 0, timeframe: Timeframe = "1m") -> Bar:
    """Return a bar."""
    open_ns = minute * MINUTE_NS
    close_ns = open_ns + MINUTE_NS
    return Bar(
        symbol,
        timeframe,
        open_ns,
        close_ns,
        close_ns + 7,
        tick_count=3,
        spread_mean_pips=1.25,
        spread_max_pips=2.5,
        **PRICES,
    )


def signal(symbol: str = "EURUSD", minute: int = 0, p_up: float | None = 0.625) -> Signal:
    """Return a signal."""
    ts_ns = minute * MINUTE_NS
    name = f"{symbol}-{minute}"
    return Signal(
        name, symbol, ts_ns, ts_ns + 9, "m", "edge", "buy", True, 0.25, p_up, 1.1, None, "edge"
    )


FRAMES: tuple[Timeframe, ...] = ("1h", "1m", "1s")
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
        == "ea64ee565ed1d4dd2fd2e81c84eb0b989bb3660b133ef0b0cbf8f224ba3dae50"
    )
    assert (
        signals_sha256(signal_columns(SIGNALS))
        == "e58137cbc5267e769ded2f20b84e9acfc3528a7f732cfb8acccfb3f6f9c6f870"
    )


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
    changed = [msgspec.structs.replace(BARS[0], **{name: new}), *BARS[1:]]
    assert bars_sha256(bar_columns(changed)) != bars_sha256(bar_columns(BARS))


@pytest.mark.parametrize("name", SIGNAL_LAYOUT)
def test_every_field_of_a_signal_is_in_the_digest(name: str) -> None:
    """One other value is enough, also one where there was none."""
    old = getattr(SIGNALS[0], name)
    new = {str: f"{old}x", bool: not old, type(None): 1.0}.get(type(old), 5)
    changed = [msgspec.structs.replace(SIGNALS[0], **{name: new}), *SIGNALS[1:]]
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


def test_nothing_has_a_digest_too() -> None:
    """A run without bars can be compared with another one without."""
    assert bars_sha256(bar_columns([])) == bars_sha256(bar_columns([]))
    assert bars_sha256(bar_columns([])) != signals_sha256(signal_columns([]))
