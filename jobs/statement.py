"""A trade date of an account as a statement, rebuilt from its journal alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from clickhouse.settlement import last_balance, last_prices
from config.plan import Plan
from config.settings import Settings, settings_of
from dataflows.account_config import holidays_of
from domain.errors import BadUse
from domain.fx_calendar import roll_ns
from domain.instruments import INSTRUMENTS
from jobs.archive_access import archive
from jobs.confirming import confirmed, rows
from jobs.places import places_of
from trading.conversion import Quotes
from trading.journal.journal import Journal
from trading.journal.verification import verify_file
from trading.quotes import quote_of
from trading.settlement.confirmations import Confirmation, Matching
from trading.settlement.rebuilding import Booked, Books, booked_of, previous_trade_date
from trading.settlement.rendering import to_text
from trading.settlement.statements import Check, Statement, add, checks
from trading.settlement.value_dates import HolidayTable


class Settles(msgspec.Struct, frozen=True):
    """A fill of the day, and the day on which it settles."""

    execution_id: str
    symbol: str
    side: str
    quantity_units: Decimal
    price: Decimal
    value_date: date


class Adjusted(msgspec.Struct, frozen=True):
    """What a person has added to a position on that day, as they answer for it."""

    symbol: str
    units: Decimal
    price: Decimal
    by: str
    reason: str


class Checked(msgspec.Struct, frozen=True):
    """A sum of the statement; ``difference`` is null where it is unknown."""

    name: str
    holds: bool
    difference: Decimal | None


class StatedDay(msgspec.Struct, frozen=True):
    """What ``--json`` writes; ``confirmations`` is null where none were given."""

    statement: Statement
    settles: list[Settles]
    adjusted: list[Adjusted]
    checks: list[Checked]
    notes: list[str]
    confirmations: Matching | None


@dataclass(frozen=True)
class Source:
    """Where a statement comes from.

    Attributes
    ----------
    dsn, account
        Of the journal.
    settings
        Account currency, how positions are kept, holidays, and the start balance of an account
        whose venue has told none.
    run, data
        The run whose archive has the quotes, and its data folder; None: there is none.
    """

    dsn: str
    account: str
    settings: Settings
    run: str | None = None
    data: Path | None = None


def state(
    source: Source,
    booked: Booked,
    day: date,
    confirmations: Iterable[Confirmation] | None = None,
) -> StatedDay:
    """Return the statement of a trade date with its checks.

    Parameters
    ----------
    confirmations
        Of the account's broker, to be held against the fills; None: there are none to hold.
    """
    calendar = HolidayTable(holidays_of(source.settings))
    with _market(source) as market:
        execution = source.settings.execution
        books = Books(
            source.account,
            execution.account_currency,
            execution.start_balance,
            booked,
            INSTRUMENTS,
            market.quotes_of,
            execution.position_mode,
        )
        stated = books.statement(day)
        before = books.statement(previous_trade_date(day))
        found = [*checks(stated, before), *market.checks_of(stated)]
    matching = None
    if confirmations is not None:
        matching = confirmed(booked, day, execution.account_currency, calendar, confirmations)
        found.append(Check("fills are as confirmed", Decimal(matching.unmatched)))
    return StatedDay(
        stated,
        [
            Settles(one.execution_id, one.symbol, one.side, one.quantity_units, one.price, settles)
            for one, settles in books.settlements(day, calendar)
        ],
        [
            Adjusted(one.symbol, one.units, one.price, one.by, one.reason)
            for one in books.adjustments(day)
        ],
        [Checked(check.name, check.holds, check.difference) for check in found],
        market.notes,
        matching,
    )


class Market:
    """The market and the account as the archive of a run has them; without one nothing is known."""

    def __init__(
        self,
        quotes_of: Callable[[date], Quotes] = lambda _: {},
        balance_of: Callable[[date], Decimal | None] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.quotes_of = quotes_of
        self.notes = list(notes)
        self._balance_of = balance_of

    def checks_of(self, stated: Statement) -> list[Check]:
        """Hold a statement against the account's last mark of the day in the log.

        What the roll itself charges belongs to the day, and is in the account from the next mark.
        """
        if self._balance_of is None:
            return []
        logged, end_ns = self._balance_of(stated.trade_date), roll_ns(stated.trade_date)
        for item in stated.items:
            if item.ts_event_ns >= end_ns:
                logged = add(logged, item.amount_account)
        own = stated.closing.balance
        difference = None if logged is None or own is None else own - logged
        return [Check("balance is that of the log", difference)]


@contextmanager
def _market(source: Source) -> Iterator[Market]:
    if source.run is None or source.data is None:
        yield Market(notes=("without an archive what is open is not valued",))
        return
    run, account = source.run, source.account
    with ExitStack() as held:
        try:
            client = held.enter_context(archive(source.settings, source.data))
        except BadUse as error:
            # The journal can be read while the run goes on, the embedded archive cannot.
            yield Market(notes=(f"what is open is not valued: {error}",))
            return

        def quotes_of(day: date) -> Quotes:
            prices = last_prices(client, run, roll_ns(day))
            quotes = {s: quote_of(*price, INSTRUMENTS[s]) for s, price in prices.items()}
            return {symbol: quote for symbol, quote in quotes.items() if quote is not None}

        yield Market(quotes_of, lambda day: last_balance(client, run, account, roll_ns(day)))


def of_run(plan: Plan, data: Path, wanted: str = "") -> Source:
    """Return where the statements of a run's account come from.

    Parameters
    ----------
    wanted
        Name of the account; empty asks for the only one.

    Raises
    ------
    BadUse
        If the run has none of that name, or several to choose from.
    """
    settings = account_named(settings_of(plan.settings), wanted)
    (place,) = [one for one in places_of(plan) if one.account == settings.account]
    return Source(place.dsn, place.account, settings, plan.run, data)


def account_named(settings: Settings, wanted: str) -> Settings:
    """Return the settings of one account of a run; empty asks for the only one.

    Raises
    ------
    BadUse
        If there is none of that name, or several to choose from.
    """
    each = settings.accounts
    found = [one for one in each if wanted in ("", one.account)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.account for one in each)
    msg = f"name one account of the run with --account: {known}"
    raise BadUse(msg)


def account_in(dsn: str, wanted: str) -> str:
    """Return the name of an account of a journal; empty asks for the only one.

    Raises
    ------
    BadUse
        If there is none of that name, or several to choose from.
    """
    known = sorted(verify_file(dsn))
    if wanted in known:
        return wanted
    if not wanted and len(known) == 1:
        return known[0]
    msg = f"name one account of the journal with --account: {', '.join(known) or 'it has none'}"
    raise BadUse(msg)


def read(source: Source) -> Booked:
    """Return what the journal has booked, every entry checked.

    Raises
    ------
    BadUse
        If there is no such journal.
    Corrupt
        If it is not what was written.
    """
    # Opening would create what is not there.
    verify_file(source.dsn)
    journal = Journal.open(source.dsn, source.account)
    try:
        return booked_of(journal.read())
    finally:
        journal.close()


def text(found: StatedDay) -> str:
    """Return a statement for people: its lines, what settles when, and the checks."""
    parts = [to_text(found.statement)]
    if found.settles:
        parts.append("\nSettlement\n")
        parts += [
            f"{one.value_date}  {one.side:<5}{one.quantity_units:>14,f} {one.symbol:<8}at "
            f"{one.price:f}  {one.execution_id}\n"
            for one in found.settles
        ]
    if found.adjusted:
        parts.append("\nAdjusted by hand\n")
        parts += [
            f"{one.units:>+14,f} {one.symbol:<8}at {one.price:f}  {one.by}: {one.reason}\n"
            for one in found.adjusted
        ]
    if found.confirmations is not None:
        parts.append("\nConfirmations\n")
        parts += [f"{row}\n" for row in rows(found.confirmations)]
    parts.append("\nChecks\n")
    parts += [f"{_verdict(check):<10}{check.name}\n" for check in found.checks]
    parts += [f"note: {note}\n" for note in found.notes]
    return "".join(parts)


def _verdict(check: Checked) -> str:
    if check.difference is None:
        return "unknown"
    return "ok" if check.holds else f"off by {check.difference:f}"
