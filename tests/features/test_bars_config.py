"""What the bar step can be asked for, and how large its state is."""

import json

import pytest

from domain.bars import frame_of
from domain.errors import BadUse
from domain.nanos import MINUTE_NS, SECOND_NS
from features.bar_kernel import OPEN_DTYPE
from features.bars import BarConfig
from tests.features.wild_records import wild_records


@pytest.mark.parametrize(
    "name", ["", "m", "1", "0m", "01m", "-1m", "1.5m", "1M", "1d", "1 m", "1m\n", "1ticks", "0tick"]
)
def test_a_name_that_is_no_timeframe_is_refused(name: str) -> None:
    """One line that shows how to write one."""
    with pytest.raises(BadUse) as refused:
        BarConfig(("1m", name))
    assert str(refused.value) == f"{name!r} is no timeframe; write 30s, 5m, 4h, 1000tick or 5pip"


@pytest.mark.parametrize("name", ["7s", "7m", "5h", "25h", "86401s"])
def test_a_time_that_does_not_divide_the_day_is_refused(name: str) -> None:
    """Its bars would begin elsewhere every day."""
    with pytest.raises(BadUse, match=f"^timeframe {name} does not divide the day: [a-z ]+$"):
        BarConfig(("1m", name))


@pytest.mark.parametrize(
    "timeframes", [(), ("1s", "5m"), ("100tick",), ("1m", "1m"), ("1m", "60s"), ("1h", "60m", "1m")]
)
def test_the_minute_must_be_there_and_nothing_twice(timeframes: tuple[str, ...]) -> None:
    """Decisions are made on it; the same bars under two names would be two rows of one key."""
    with pytest.raises(BadUse, match=r"^timeframes must hold 1m, and none twice: [^\n]*$"):
        BarConfig(timeframes)


@pytest.mark.parametrize(
    ("timeframes", "lateness_ns"),
    [(("1s", "1m"), -1), (("1s", "1m"), SECOND_NS + 1), (("1m", "1tick"), MINUTE_NS + 1)],
)
def test_a_lateness_beyond_the_shortest_time_bar_is_refused(
    timeframes: tuple[str, ...], lateness_ns: int
) -> None:
    """Three bars of a length could be open at once."""
    with pytest.raises(BadUse, match=r"^lateness_ns must be from 0 to the shortest [^\n]*$"):
        BarConfig(timeframes, lateness_ns=lateness_ns)


def test_a_grace_below_0_is_refused() -> None:
    """A heartbeat would prove what has not happened."""
    with pytest.raises(BadUse, match=r"^grace_ns must not be below 0: -1$"):
        BarConfig(grace_ns=-1)


def test_bounds_are_allowed() -> None:
    """Also the order of the names is free."""
    config = BarConfig(("2pip", "24h", "1m", "3tick", "1s", "2tick"), 0, SECOND_NS)
    assert config.ordered == ("1s", "1m", "24h", "2tick", "3tick", "2pip")
    assert config.ordered[config.decision_frame] == "1m"
    assert [tuple(frame_of(name)) for name in ("4h", "9tick", "8pip")] == [
        (14_400 * SECOND_NS, 0, 0),
        (0, 9, 0),
        (0, 0, 8),
    ]


def test_the_state_is_a_fixed_block() -> None:
    """Two open bars of each timeframe and ten numbers: what a symbol needs, now and in a month."""
    config = BarConfig(("1s", "1m", "5m", "1h", "100tick", "5pip"))
    logic = config.build("EURUSD", None)
    frames = len(config.ordered)
    assert OPEN_DTYPE.itemsize == 224
    assert sum(block.nbytes for block in vars(logic).values() if hasattr(block, "nbytes")) < 3_500
    tape = wild_records(100_000, 4)
    for at in range(0, tape.size, 20_000):
        logic.on_records(tape[at : at + 20_000])
        state = logic.snapshot()
        assert [len(slots) for slots in state["bars"]] == [2] * frames
        assert [len(state[name]) for name in ("counts", "clock", "quote")] == [frames, 6, 3]
        assert len(json.dumps(state)) < 700 * frames
