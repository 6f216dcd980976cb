"""Losses of the trade day, of 24 hours and from the top, on tapes of equity."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fx_calendar import trade_day_start_ns
from domain.nanos import DAY_NS, HOUR_NS, MINUTE_NS, parse_ns
from tests.trading.risk.desk import D
from trading.risk.limits import LossLimits
from trading.risk.losses import Losses, LossWatch

LIMITS = LossLimits()
UNKNOWN = Losses(None, None, None)
NEVER_OLD = LossLimits(max_equity_age_ns=10 * DAY_NS)


def watched(*tape: tuple[str, str | None], limits: LossLimits = LIMITS) -> LossWatch:
    """Return a watch that has seen some equities at some times."""
    watch = LossWatch(limits)
    for moment, equity in tape:
        watch.mark(parse_ns(moment), None if equity is None else D(equity))
    return watch


def test_a_day_is_measured_from_the_last_equity_before_17_00_new_york() -> None:
    """The night's fall belongs to the new day, swap and all."""
    watch = watched(
        ("2024-03-05T21:59", "100000"), ("2024-03-05T22:00", "99000"), ("2024-03-05T23:00", "98500")
    )
    found = watch.losses(parse_ns("2024-03-05T23:00"))
    assert found == Losses(D("0.015"), D("0.015"), D("0.015"))


def test_midnight_changes_nothing() -> None:
    """A bleeding strategy does not get a new day by the clock of a server."""
    watch = watched(("2024-03-05T23:59", "100000"), ("2024-03-06T00:01", "98000"))
    assert watch.losses(parse_ns("2024-03-06T00:01")).daily == D("0.02")


def test_a_new_day_forgets_the_daily_loss_and_the_24_hours_do_not() -> None:
    """What was lost at noon still counts in the evening."""
    watch = watched(
        ("2024-03-05T12:00", "100000"),
        ("2024-03-05T21:00", "96000"),
        ("2024-03-05T22:30", "96000"),
    )
    found = watch.losses(parse_ns("2024-03-05T22:30"))
    assert found == Losses(D(0), D("0.04"), D("0.04"))
    assert not watch.day_breached
    watch.mark(parse_ns("2024-03-06T12:00"), D(96_000))
    assert watch.losses(parse_ns("2024-03-06T12:00")).rolling == D("0.04")
    watch.mark(parse_ns("2024-03-06T21:01"), D(96_000))
    assert watch.losses(parse_ns("2024-03-06T21:01")).rolling == D(0)


def test_a_breach_of_the_day_stays_one_until_the_next() -> None:
    """A position that comes back does not reopen the day."""
    watch = watched(("2024-03-05T12:00", "100000"), ("2024-03-05T12:01", "97999"))
    assert watch.day_breached
    watch.mark(parse_ns("2024-03-05T12:02"), D(101_000))
    assert watch.day_breached
    watch.mark(parse_ns("2024-03-05T22:00"), D(101_000))
    assert not watch.day_breached


def test_a_loss_of_exactly_the_limit_is_none_too_many() -> None:
    """The bound passes."""
    watch = watched(("2024-03-05T12:00", "100000"), ("2024-03-05T12:01", "98000"))
    assert not watch.day_breached


def test_what_cannot_be_computed_is_unknown_and_never_zero() -> None:
    """No mark, an unknown or an old one, and a day that began before the watch knew anything."""
    now_ns = parse_ns("2024-03-05T12:00")
    assert watched().losses(now_ns) == UNKNOWN
    assert watched(("2024-03-05T12:00", None)).losses(now_ns) == UNKNOWN
    assert watched(("2024-03-05T12:00", "NaN")).losses(now_ns) == UNKNOWN
    fresh = watched(("2024-03-05T12:00", "100000"))
    assert fresh.losses(now_ns + 3 * MINUTE_NS) == Losses(D(0), D(0), D(0))
    assert fresh.losses(now_ns + 3 * MINUTE_NS + 1) == UNKNOWN
    begun = watched(("2024-03-05T11:59", None), ("2024-03-05T12:00", "100000"))
    assert begun.losses(now_ns).daily is None
    ruined = watched(("2024-03-05T11:59", "-5"), ("2024-03-05T12:00", "-6"))
    assert ruined.losses(now_ns) == UNKNOWN


def test_an_unknown_first_mark_of_a_day_does_not_lose_the_day() -> None:
    """The equity before it is what the day began with."""
    watch = watched(
        ("2024-03-05T21:59", "100000"), ("2024-03-05T22:00", None), ("2024-03-05T22:01", "97000")
    )
    assert watch.losses(parse_ns("2024-03-05T22:01")).daily == D("0.03")


def test_before_the_first_mark_of_a_new_day_its_loss_is_unknown() -> None:
    """Yesterday's figures are no answer about today."""
    watch = watched(("2024-03-05T21:59", "100000"))
    assert watch.losses(parse_ns("2024-03-05T22:00")) == UNKNOWN


def test_money_paid_in_or_out_is_neither_profit_nor_loss() -> None:
    """Losses stay what they are in money; what they are measured from moves."""
    watch = watched(("2024-03-05T12:00", "100000"), ("2024-03-05T12:01", "99000"))
    watch.transfer(D(-49_000))
    now_ns = parse_ns("2024-03-05T12:01")
    lost = D(1_000) / D(51_000)
    assert watch.equity(now_ns) == D(50_000)
    assert watch.losses(now_ns) == Losses(lost, lost, lost)


def test_a_mark_from_before_the_last_one_is_no_news() -> None:
    """Time does not go back for equity."""
    watch = watched(("2024-03-05T12:01", "100000"), ("2024-03-05T12:00", "1"))
    assert watch.equity(parse_ns("2024-03-05T12:01")) == D(100_000)


def test_the_top_is_measured_anew_once_per_release() -> None:
    """The record is read at every start, and must not move the mark each time."""
    watch = watched(("2024-03-05T12:00", "100000"), ("2024-03-05T12:01", "90000"))
    now_ns = parse_ns("2024-03-05T12:01")
    watch.rebase(7)
    assert watch.losses(now_ns).drawdown == D(0)
    watch.mark(now_ns, D(81_000))
    watch.rebase(7)
    assert watch.losses(now_ns).drawdown == D("0.1")


STEPS = st.lists(
    st.tuples(
        st.integers(1, 40).map(lambda n: n * 15 * MINUTE_NS),
        st.one_of(st.none(), st.integers(50_000, 150_000).map(Decimal)),
    ),
    min_size=1,
    max_size=25,
)


@given(STEPS)
def test_losses_are_those_of_a_plain_reading_of_the_whole_tape(
    steps: list[tuple[int, Decimal | None]],
) -> None:
    """No window is kept too short or too long, and a restart half way changes nothing."""
    watch = LossWatch(NEVER_OLD)
    now_ns = parse_ns("2024-03-04T12:00")
    tape: list[tuple[int, Decimal | None]] = []
    for number, (gap_ns, equity) in enumerate(steps):
        now_ns += gap_ns
        tape.append((now_ns, equity))
        watch.mark(now_ns, equity)
        if number == len(steps) // 2:
            kept = json.loads(json.dumps(watch.snapshot()))
            watch = LossWatch(NEVER_OLD)
            watch.restore(kept)
        assert watch.losses(now_ns) == plain(tape)


def plain(tape: list[tuple[int, Decimal | None]]) -> Losses:
    """Read the losses off the whole tape."""
    now_ns, now = tape[-1]
    if now is None:
        return UNKNOWN
    known = [(ts_ns, equity) for ts_ns, equity in tape if equity is not None]
    day_ns = trade_day_start_ns(now_ns)
    before = [equity for ts_ns, equity in known if ts_ns < day_ns]
    first = next(equity for ts_ns, equity in tape if ts_ns >= day_ns)
    day = before[-1] if before else first
    old = [equity for ts_ns, equity in known if ts_ns <= now_ns - 24 * HOUR_NS]
    window = old[-1] if old else known[0][1]
    top = max(equity for _, equity in known)

    def fraction(start: Decimal | None) -> Decimal | None:
        return None if start is None else max(D(0), (start - now) / start)

    return Losses(fraction(day), fraction(window), fraction(top))


def test_a_day_of_marks_each_second_keeps_one_a_minute() -> None:
    """Memory has a bound whatever the pace of the marks."""
    watch = LossWatch(NEVER_OLD)
    start_ns = parse_ns("2024-03-04T12:00")
    for number in range(0, 30 * 3600, 20):
        watch.mark(start_ns + number * 1_000_000_000, D(100_000))
    assert len(watch.snapshot()["marks"]) == 24 * 60 + 1


@pytest.mark.parametrize("fraction", ["0", "1", "-0.1", "NaN"])
def test_a_fraction_that_could_never_deny_is_refused(fraction: str) -> None:
    """A limit of everything is none."""
    with pytest.raises(Exception, match=r"LossLimits"):
        LossLimits(max_daily_fraction=D(fraction))
