"""Bad ticks are there on request, of every kind, and the good ticks stay as they are."""

from datetime import date

import numpy as np
import pytest

from domain.fx_calendar import roll_ns
from domain.nanos import SECOND_NS
from domain.ticks import TickArray
from sources.simulator import SimulatorParams, simulate

FRIDAY = date(2014, 5, 9)
RATE = 0.02


@pytest.fixture(scope="module")
def friday(params: SimulatorParams) -> TickArray:
    """Return a Friday of EURUSD with many bad ticks."""
    return next(simulate(params, ["EURUSD"], FRIDAY, FRIDAY, 1, defect_rate=RATE))[1]


@pytest.fixture(scope="module")
def good(params: SimulatorParams) -> TickArray:
    """Return the same Friday without any."""
    return next(simulate(params, ["EURUSD"], FRIDAY, FRIDAY, 1, defect_rate=0.0))[1]


def test_every_kind_of_defect_occurs(friday: TickArray) -> None:
    """Each rule of quality finds ticks to refuse, about as many as the rate says."""
    event, bid, ask = friday["ts_event_ns"], friday["bid"], friday["ask"]
    future = event > friday["ts_recv_ns"] + SECOND_NS
    ahead = np.maximum.accumulate(np.where(future, 0, event))
    same = np.zeros(friday.size, dtype=bool)
    same[1:] = (np.diff(event) == 0) & (bid[1:] == bid[:-1]) & (ask[1:] == ask[:-1])
    found = {
        "crossed": (bid > ask) & np.isfinite(bid),
        "duplicate": same,
        "out_of_order": event < ahead - SECOND_NS // 10,
        "not_finite": ~np.isfinite(bid),
        "not_positive": bid <= 0,
        "future": future,
        "closed_market": event >= roll_ns(FRIDAY),
    }
    count = {name: int(rows.sum()) for name, rows in found.items()}
    assert min(count.values()) > 20, count
    inside = friday["ts_recv_ns"] < roll_ns(FRIDAY)
    bad = np.any([rows for name, rows in found.items() if name != "closed_market"], axis=0)
    assert bad[inside].mean() == pytest.approx(RATE, rel=0.25)


def test_bad_ticks_are_added_and_nothing_is_lost(friday: TickArray, good: TickArray) -> None:
    """Every good tick is still there, in the same order."""
    wanted = {tick.tobytes() for tick in good}
    kept = [tick.tobytes() for tick in friday if tick.tobytes() in wanted]
    assert list(dict.fromkeys(kept)) == list(dict.fromkeys(tick.tobytes() for tick in good))


def test_arrival_never_falls_whatever_is_wrong(friday: TickArray) -> None:
    """Receive times never fall: they are the receiver's own, not the venue's."""
    assert (np.diff(friday["ts_recv_ns"]) >= 0).all()


def test_ticks_on_a_closed_market_come_before_a_break_only(params: SimulatorParams) -> None:
    """No trade day but the last of the week ends with ticks after its close."""
    days = list(simulate(params, ["EURUSD"], date(2014, 5, 7), FRIDAY, 1, defect_rate=1e-4))
    late = [int((ticks["ts_recv_ns"] >= roll_ns(day)).sum()) for day, ticks in days]
    assert late[:2] == [0, 0]
    assert late[2] > 0


def test_few_ticks_are_bad_by_default(params: SimulatorParams) -> None:
    """Without a rate about two in ten thousand are added."""
    usual = next(simulate(params, ["EURUSD"], FRIDAY, FRIDAY, 1))[1]
    none = next(simulate(params, ["EURUSD"], FRIDAY, FRIDAY, 1, defect_rate=0.0))[1]
    assert 0 < usual.size - none.size < 1e-3 * none.size
