"""Sessions: moments by the clocks of London and New York, in winter, in summer and in between."""

import numpy as np
import pytest

from domain.nanos import HOUR_NS, MINUTE_NS, parse_ns
from models.evaluation.sessions import SESSIONS, session_of


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        pytest.param("2014-01-15T07:59", "asia", id="winter: London still sleeps"),
        pytest.param("2014-01-15T08:00", "london", id="winter: London opens"),
        pytest.param("2014-01-15T12:59", "london", id="winter: New York still sleeps"),
        pytest.param("2014-01-15T13:00", "new-york", id="winter: New York opens"),
        pytest.param("2014-01-15T21:44", "new-york", id="winter: just before the rollover"),
        pytest.param("2014-01-15T22:00", "rollover", id="winter: the roll itself"),
        pytest.param("2014-01-15T23:14", "rollover", id="winter: just before its end"),
        pytest.param("2014-01-15T23:15", "asia", id="winter: after the rollover"),
        pytest.param("2014-07-15T07:00", "london", id="summer: an hour earlier"),
        pytest.param("2014-07-15T12:00", "new-york", id="summer: an hour earlier there too"),
        pytest.param("2014-07-15T21:00", "rollover", id="summer: the roll"),
        pytest.param("2014-03-18T08:00", "london", id="March: London on winter time"),
        pytest.param("2014-03-18T12:00", "new-york", id="March: New York on summer time"),
    ],
)
def test_moments(moment: str, session: str) -> None:
    """Each moment is in the session that a trader would name."""
    ts = np.array([parse_ns(moment)])
    assert SESSIONS[session_of(ts)[0]] == session


def test_every_moment_of_a_year_has_its_session() -> None:
    """In any order, alone or among others, a moment is in the same session; all occur daily."""
    start = parse_ns("2013-12-30")
    ts = start + 15 * MINUTE_NS * np.arange(370 * 96)
    codes = session_of(ts)
    some = np.random.default_rng(1).permutation(len(ts))[:300]
    assert session_of(ts[some]).tolist() == codes[some].tolist()
    alone = [int(session_of(ts[one : one + 1])[0]) for one in some[:20]]
    assert alone == codes[some[:20]].tolist()
    assert (np.bincount(codes, minlength=4) / 370 > 5).all()
    # An hour and a half of every day is the rollover.
    assert np.bincount(codes)[3] == 370 * 6
    assert len(session_of(np.zeros(0, np.int64))) == 0


def test_bars_that_close_around_the_roll_are_in_it() -> None:
    """Hourly closes at 17:00 and 18:00 New York; those at 16:00 and 19:00 are not."""
    roll = parse_ns("2014-05-06T21:00")
    hours = roll + HOUR_NS * np.array([-1, 0, 1, 2])
    assert [SESSIONS[code] for code in session_of(hours)] == [
        "new-york",
        "rollover",
        "rollover",
        "asia",
    ]
