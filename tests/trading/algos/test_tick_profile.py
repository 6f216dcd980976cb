"""The profile of activity: learned by minute of the week, weighed over market time."""

from datetime import UTC, datetime

import pytest

from domain.errors import BadUse, Corrupt
from domain.nanos import DAY_NS, HOUR_NS, MINUTE_NS, to_ns
from trading.algos.tick_profile import MINUTES, TickProfile, minute_of_week

MONDAY = to_ns(datetime(2014, 5, 5, 6, 0, tzinfo=UTC))
WEEK_NS = 7 * DAY_NS


def at(*parts: int) -> int:
    """Return a UTC moment in nanoseconds."""
    return to_ns(datetime(*parts, tzinfo=UTC))  # type: ignore[misc,arg-type]


def test_the_week_begins_on_sunday_at_17_new_york_in_summer_and_winter() -> None:
    """21:00 UTC under daylight saving, 22:00 without."""
    assert minute_of_week(at(2014, 5, 4, 21, 0)) == 0
    assert minute_of_week(at(2014, 1, 5, 22, 0)) == 0
    assert minute_of_week(at(2014, 5, 5, 6, 0)) == 540
    assert minute_of_week(at(2014, 5, 9, 20, 59)) == MINUTES - 1


def test_busy_minutes_get_more_of_an_order() -> None:
    """Two weeks of 30 ticks a minute, then 10: slices weigh 3 to 1."""
    profile = TickProfile(prior_weeks=1e-9)
    for week in range(2):
        for minute in range(20):
            ts_ns = MONDAY + week * WEEK_NS + minute * MINUTE_NS
            profile.learn("EURUSD", ts_ns, 30 if minute < 10 else 10)
    start = MONDAY + 2 * WEEK_NS
    weights = profile.weights("EURUSD", start, start + 20 * MINUTE_NS, 4)
    assert weights == (150_000, 150_000, 50_000, 50_000)
    # Slices that do not end with a minute share it.
    assert profile.weights("EURUSD", start, start + 20 * MINUTE_NS, 3) == (200_000, 133_333, 66_667)


def test_a_minute_of_few_weeks_is_drawn_to_the_mean() -> None:
    """One week of 40 against a mean of 20, with a prior of one week: 30."""
    profile = TickProfile(prior_weeks=1.0)
    profile.learn("EURUSD", MONDAY, 40)
    profile.learn("EURUSD", MONDAY + MINUTE_NS, 0)
    assert profile.intensity("EURUSD", MONDAY) == pytest.approx(30.0)
    assert profile.intensity("EURUSD", MONDAY + MINUTE_NS) == pytest.approx(10.0)
    assert profile.intensity("EURUSD", MONDAY + HOUR_NS) == pytest.approx(20.0)


def test_an_unknown_pair_is_sliced_evenly() -> None:
    """No observation is no reason to prefer a minute."""
    weights = TickProfile().weights("USDJPY", MONDAY, MONDAY + HOUR_NS, 6)
    assert weights == (10_000,) * 6


def test_closed_hours_weigh_nothing() -> None:
    """Half an hour of Friday and half an hour of Sunday are two equal slices."""
    start, end = at(2014, 5, 9, 20, 30), at(2014, 5, 11, 21, 30)
    assert TickProfile().weights("EURUSD", start, end, 2) == (30_000, 30_000)
    profile = TickProfile()
    profile.learn("EURUSD", at(2014, 5, 10, 12, 0), 1000)
    assert profile.dump()["ticks"] == {}


def test_a_closed_market_has_no_weights() -> None:
    """Nothing could be placed in it."""
    with pytest.raises(BadUse, match="open market"):
        TickProfile().weights("EURUSD", at(2014, 5, 10, 1, 0), at(2014, 5, 10, 2, 0), 4)
    with pytest.raises(BadUse, match="above 0"):
        TickProfile(prior_weeks=0)


def test_a_profile_survives_its_own_dump_and_nothing_else() -> None:
    """Another version, or minutes missing, is refused."""
    profile = TickProfile()
    profile.learn("EURUSD", MONDAY, 7)
    plain = profile.dump()
    again = TickProfile.load(plain)
    assert again.dump() == plain
    assert again.intensity("EURUSD", MONDAY) == profile.intensity("EURUSD", MONDAY)
    for wrong in (
        {**plain, "v": 9},
        {**plain, "weeks": {}},
        {**plain, "ticks": {"EURUSD": [1]}},
        {},
    ):
        with pytest.raises(Corrupt):
            TickProfile.load(wrong)
