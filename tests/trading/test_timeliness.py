"""Ages of signals and silences of the log, by a clock that a test moves."""

from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from tests.brokers.floor import limit_order
from trading.timeliness import LogWatch, SignalAges

NOW_NS = 10**18
MOST_NS = 5 * SECOND_NS
TUESDAY_NS = parse_ns("2024-03-05T12:00:00")
BEFORE_CLOSE_NS = parse_ns("2024-03-08T21:59:00")
"""A minute before Friday 17:00 New York."""


def test_an_order_may_leave_until_its_signal_is_too_old() -> None:
    """Counted from where the signal entered the log, not from the first try."""
    ages, order = SignalAges(MOST_NS), limit_order("x")
    assert ages.last_moment_ns(order) is None
    ages.note({order.signal_id: NOW_NS}, NOW_NS + 3)
    assert ages.last_moment_ns(order) == NOW_NS + MOST_NS


def test_old_signals_are_forgotten() -> None:
    """Nothing grows with the length of a run."""
    ages, order = SignalAges(MOST_NS), limit_order("x")
    ages.note({order.signal_id: NOW_NS}, NOW_NS)
    ages.note({}, NOW_NS + MOST_NS + 1)
    ages.note({"other": NOW_NS + MOST_NS}, NOW_NS + MOST_NS)
    assert ages.last_moment_ns(order) is not None
    ages.note({"more": NOW_NS + MOST_NS + 1}, NOW_NS + MOST_NS + 1)
    assert ages.last_moment_ns(order) is None


def test_a_silence_counts_from_its_bound_on() -> None:
    """And begins anew with each record."""
    watch = LogWatch(MOST_NS, NOW_NS)
    assert watch.silence_ns(NOW_NS + MOST_NS - 1, TUESDAY_NS, records=False) is None
    assert watch.silence_ns(NOW_NS + MOST_NS, TUESDAY_NS, records=False) == MOST_NS
    assert watch.silence_ns(NOW_NS + MOST_NS + 1, TUESDAY_NS, records=True) is None
    assert watch.silence_ns(NOW_NS + 2 * MOST_NS, TUESDAY_NS, records=False) is None


def test_a_closed_market_is_no_silence() -> None:
    """By the market's own clock, which goes on where its last quote stands."""
    watch = LogWatch(MOST_NS, NOW_NS)
    later_ns = NOW_NS + MINUTE_NS - 1
    assert watch.silence_ns(later_ns, BEFORE_CLOSE_NS, records=False) == MINUTE_NS - 1
    assert watch.silence_ns(NOW_NS + MINUTE_NS, BEFORE_CLOSE_NS, records=False) is None


def test_silence_is_watched_before_the_first_quote_too() -> None:
    """A feed that never began is as late as one that broke off; 0 turns the watch off."""
    assert LogWatch(MOST_NS, NOW_NS).silence_ns(NOW_NS + MOST_NS, 0, records=False) == MOST_NS
    assert LogWatch(0, NOW_NS).silence_ns(NOW_NS + 10**12, 0, records=False) is None
