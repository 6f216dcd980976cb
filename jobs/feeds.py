"""From what a person asks for to the feed of a run, and to the days before it."""

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from config.plan import AnyFeed, RecordedPlan, SimulatedPlan
from dataflows.context import open_feed
from domain.errors import BadUse
from domain.fx_calendar import roll_ns, trade_date
from domain.instruments import DEFAULT_SYMBOLS, instrument
from domain.nanos import DAY_NS, from_ns, iso, parse_ns
from sources.recorded import RecordedFeed

DEFAULT_DAY = date(2026, 1, 14)
"""Trade date of a simulated run that names none: an ordinary Wednesday."""

DEFAULT_SEED = 7

SIMULATED_SPEED = 1440.0
"""A simulated day of a run that names no speed passes in a minute."""

NO_EDGE = (
    "the simulator holds no edge to be found: prices are a martingale, so this P&L is luck less "
    "costs, and no promise"
)


class FeedChoice(NamedTuple):
    """What a run plays.

    Attributes
    ----------
    feed
        The plan of the feed.
    words
        The feed in a person's words.
    first_ns
        Event time before which everything is the past of this run.
    last_ns
        Where it ends, if that is known.
    fingerprint
        Identity of the ticks.
    rows
        How many, if that is known.
    """

    feed: AnyFeed
    words: str
    first_ns: int
    last_ns: int | None
    fingerprint: str
    rows: int | None


def choose(
    ticks: Path | None,
    symbols: list[str],
    from_text: str | None,
    to_text: str | None,
    seed: int,
    training_days: int,
) -> FeedChoice:
    """Return the feed that the options ask for, opened once so that faults show now.

    Raises
    ------
    BadUse
        If it cannot be played; the message says what to change.
    """
    names = tuple(sorted({instrument(s).symbol for s in symbols}))
    if ticks is not None:
        from_ns, to_ns = _moment("--from", from_text), _moment("--to", to_text)
        if from_ns is not None and to_ns is not None and from_ns >= to_ns:
            msg = f"--from {from_text} is not before --to {to_text}"
            raise BadUse(msg)
        recorded = RecordedFeed(ticks, names, from_ns, to_ns)
        feed = RecordedPlan(recorded.symbols, str(ticks.resolve()), from_ns, to_ns)
        first_ns = recorded.first_ns if from_ns is None else from_ns
        words = f"recorded ticks of {ticks} from {iso(first_ns)}"
        return FeedChoice(feed, words, first_ns, to_ns, recorded.fingerprint, recorded.rows)
    first = _day("--from", from_text) or DEFAULT_DAY
    last = _day("--to", to_text) or first
    if last < first:
        msg = f"--from {first} is after --to {last}: simulated days are trade dates, both included"
        raise BadUse(msg)
    origin = _days_before(first, training_days)
    simulated = SimulatedPlan(
        names or DEFAULT_SYMBOLS, origin.isoformat(), first.isoformat(), last.isoformat(), seed
    )
    opened = open_feed(simulated)
    span = f"{first}" if first == last else f"{first} to {last}"
    words = f"simulated trade day{'s' * (first != last)} {span}, seed {seed}"
    return FeedChoice(
        simulated,
        words,
        roll_ns(first - timedelta(days=1)),
        roll_ns(last),
        opened.fingerprint,
        None,
    )


def days_before(choice: FeedChoice, training_days: int) -> FeedChoice | None:
    """Return the trade days before a feed, of the same kind, or None where there are none."""
    match choice.feed:
        case SimulatedPlan(symbols, origin, first, _, seed):
            last = date.fromisoformat(first) - timedelta(days=1)
            before = SimulatedPlan(symbols, origin, origin, last.isoformat(), seed)
            fingerprint = open_feed(before).fingerprint
            words = f"simulated trade days {origin} to {last}"
            return FeedChoice(before, words, 0, choice.first_ns, fingerprint, None)
        case RecordedPlan(symbols, path, _, _):
            start = choice.first_ns - _calendar_days(choice.first_ns, training_days) * DAY_NS
            try:
                past = RecordedFeed(Path(path), symbols, start, choice.first_ns)
            except BadUse:
                return None  # the tape begins where the run begins: there is no past in it
            recorded = RecordedPlan(symbols, path, start, choice.first_ns)
            words = f"recorded ticks from {iso(start)} to {iso(choice.first_ns)}"
            return FeedChoice(recorded, words, start, choice.first_ns, past.fingerprint, past.rows)
    return None


def parse_speed(text: str | None, *, simulated: bool) -> float | None:
    """Return event seconds per wall second, or None for as fast as possible.

    Raises
    ------
    BadUse
        If the text is neither ``max`` nor a number above 0.
    """
    if text is None:
        return SIMULATED_SPEED if simulated else None
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        msg = f"--speed {text}: give max, or event seconds per second such as 1 or 60"
        raise BadUse(msg)
    return speed


def _moment(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_ns(text)
    except ValueError as error:
        msg = f"{option} {text}: give an ISO 8601 date or time in UTC, such as 2014-05-02T12:00"
        raise BadUse(msg) from error


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        msg = f"{option} {text}: a simulated run takes trade dates such as 2026-01-14"
        raise BadUse(msg) from error


def _days_before(first: date, days: int) -> date:
    day = first
    while days > 0:
        day -= timedelta(days=1)
        days -= day.weekday() < 5
    return day


def _calendar_days(before_ns: int, trade_days: int) -> int:
    day = trade_date(before_ns)
    return max((day - _days_before(day, trade_days)).days, (from_ns(before_ns).date() - day).days)
