"""A person's word before real money is traded."""

import sys

from rich.console import Console

from config.settings import Settings
from domain.errors import BadUse


def confirm_live(settings: Settings, confirmed: str, console: Console) -> None:
    """Ask for the account's id before a run that trades real money; on paper nothing is asked.

    Parameters
    ----------
    confirmed
        What ``--confirm-live`` says; empty: it is asked for on the terminal.

    Raises
    ------
    BadUse
        If nobody can be asked, or the answer is another account.
    """
    broker = settings.broker
    if broker.kind == "paper" or broker.mode != "live":
        return
    answer = confirmed
    if not answer:
        if not (console.is_terminal and sys.stdin.isatty()):
            msg = (
                f"this run would trade real money in account {broker.account_id} at {broker.kind}: "
                f"pass --confirm-live {broker.account_id}"
            )
            raise BadUse(msg)
        console.print(
            f"[bold]Real money[/]: account {broker.account_id} at {broker.kind}, up to "
            f"{settings.risk.max_position_notional} {settings.execution.account_currency} a symbol."
        )
        answer = console.input("Type the account's id to go on: ")
    if answer.strip() != broker.account_id:
        msg = f"{answer.strip()!r} is not account {broker.account_id}: nothing was started"
        raise BadUse(msg)
