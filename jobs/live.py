"""A person's word before real money is traded."""

import sys
from collections.abc import Sequence

from rich.console import Console

from config.settings import Settings
from domain.errors import BadUse
from jobs.options import names_in


def confirm_live(settings: Settings, confirmed: str, console: Console) -> None:
    """Ask for the id of each account that trades real money; on paper nothing is asked.

    Parameters
    ----------
    confirmed
        What ``--confirm-live`` says, ids with commas between them; empty: they are asked for on the
        terminal.

    Raises
    ------
    BadUse
        If nobody can be asked, or the answer is another account.
    """
    live = [one for one in settings.accounts if _is_live(one)]
    given = names_in(confirmed)
    for one in live:
        if not confirmed:
            given.append(_asked(one, live, console))
        if one.account not in given:
            named = repr(given[-1] if given else "")
            msg = f"{named} is not account {one.account}: nothing was started"
            raise BadUse(msg)


def _is_live(one: Settings) -> bool:
    return one.broker.kind != "paper" and one.broker.mode == "live"


def _asked(one: Settings, live: Sequence[Settings], console: Console) -> str:
    """Return what a person types for an account."""
    broker = one.broker
    if not (console.is_terminal and sys.stdin.isatty()):
        ids = ",".join(each.account for each in live)
        msg = (
            f"this run would trade real money in account {broker.account_id} at {broker.kind}: "
            f"pass --confirm-live {ids}"
        )
        raise BadUse(msg)
    console.print(
        f"[bold]Real money[/]: account {broker.account_id} at {broker.kind}, up to "
        f"{one.risk.max_position_notional} {one.execution.account_currency} a symbol."
    )
    return console.input("Type the account's id to go on: ").strip()
