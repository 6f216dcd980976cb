"""``aifx statement``: what one trade date did to an account, rebuilt from its journal alone."""

from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from domain.errors import BadUse
from jobs.options import DEFAULT_DATA, ClickHouse, ConfigFile, Data, settings_with

Run = Annotated[str, typer.Option("--run", help="Name of a run; default: the newest.")]
Ledger = Annotated[
    str, typer.Option("--ledger", help="DSN of a journal instead: sqlite:///FILE, postgresql+...")
]
Account = Annotated[
    str, typer.Option("--account", help="Which account of the run, or of the ledger.")
]
Day = Annotated[
    str, typer.Option("--date", help="Trade date, 17:00 to 17:00 New York; default: the last.")
]
Confirmations = Annotated[
    Path | None,
    typer.Option("--confirmations", help="CSV of the broker's confirmations, held against fills."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write it to standard output as JSON.")]


def statement(
    run: Run = "",
    ledger: Ledger = "",
    account: Account = "",
    day: Day = "",
    confirmations: Confirmations = None,
    as_json: AsJson = False,
    clickhouse: ClickHouse = "",
    data: Data = DEFAULT_DATA,
    config_file: ConfigFile = None,
) -> None:
    """State what a trade date did to an account: profit, swap, commission, balance, equity."""
    from jobs import statement as statements
    from jobs.archive_access import plan_of
    from jobs.confirming import read_confirmations

    if ledger and run:
        msg = "give --run or --ledger, not both"
        raise BadUse(msg)
    given = None if confirmations is None else read_confirmations(confirmations)
    settings = settings_with(config_file, clickhouse=clickhouse)
    source = (
        statements.Source(ledger, statements.account_in(ledger, account), settings)
        if ledger
        else statements.of_run(plan_of(data, run), data, account)
    )
    booked = statements.read(source)
    traded = booked.days()
    if not traded:
        msg = f"the journal of account {source.account} has no fill and no charge yet"
        raise BadUse(msg)
    found = statements.state(source, booked, _day_in(day) if day else traded[-1], given)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        print(statements.text(found), end="")
    if any(check.difference for check in found.checks):
        raise typer.Exit(1)


def _day_in(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        msg = f"--date {text}: give a trade date as YYYY-MM-DD"
        raise BadUse(msg) from error
