"""All accounts of a run: opened together, each an engine of its own that hears everything."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Stream
from bytewax.operators import KeyedStream

from config.accounts import account_of, paper_folder
from config.settings import Settings
from dataflows.context import Context
from dataflows.live_account import LiveAccount, open_live_account
from dataflows.paper_account import PaperAccount
from dataflows.quality import measure
from domain.ticks import TickBatch
from operators.execute import ExecuteStep, Happened, Heard, Nudge
from operators.keyed import keyed
from operators.quality import Measured
from trading.orders.effects import Alert

EXECUTE_STEP = "execute"
"""Step ids name stored state; those of further accounts end with their section's name."""

Event = TickBatch | Heard | Nudge
ByAccount = KeyedStream[Event]


class Opened(NamedTuple):
    """One account of a run.

    Attributes
    ----------
    settings
        The run's, as if it were the only one.
    """

    settings: Settings
    account: LiveAccount | PaperAccount

    @property
    def name(self) -> str:
        """Name of the account."""
        return account_of(self.settings)


class Acts(NamedTuple):
    """What comes out of an account, or of all of them; ``measured`` is None where nothing is."""

    happened: KeyedStream[Happened]
    measured: KeyedStream[Measured] | None


class Accounts:
    """The open accounts of a run.

    Parameters
    ----------
    each
        That of ``[broker]`` first.
    """

    def __init__(self, each: Sequence[Opened]) -> None:
        self.each = tuple(each)

    def wanted(self) -> bool:
        """Say whether the flow should run although there may be no record."""
        # All are asked, whatever the first one says: they take in what people want as they look.
        wants = [one.account.wanted() for one in self.each]
        return any(wants)

    def busy(self) -> bool:
        """Say whether some account still has orders on their way."""
        return any(one.account.busy() for one in self.each)

    def close(self) -> None:
        """Close all, the last one opened first."""
        with ExitStack() as stack:
            for one in self.each:
                stack.callback(one.account.close)


def open_accounts(
    context: Context,
    say: Callable[[str], None],
    alert: Callable[[Alert, int], None],
    run_dir: Path | None,
) -> Accounts:
    """Open every account of a run, at its broker or on paper.

    Parameters
    ----------
    say, alert
        Told of what a person should know.
    run_dir
        Folder of the run, where accounts on paper are kept; None: in memory.

    Raises
    ------
    Corrupt
        If a ledger or a paper venue's store cannot be trusted.
    BadUse, Retry
        If a broker refuses its account, or cannot be reached.
    """
    with ExitStack() as opened:
        accounts = Accounts(
            [
                Opened(settings, _opened(context, settings, say, alert, run_dir, opened))
                for settings in context.settings.accounts
            ]
        )
        # All are open: they are closed by whoever asked for them.
        opened.pop_all()
    return accounts


def _opened(
    context: Context,
    settings: Settings,
    say: Callable[[str], None],
    alert: Callable[[Alert, int], None],
    run_dir: Path | None,
    opened: ExitStack,
) -> LiveAccount | PaperAccount:
    plan = context.plan
    account: LiveAccount | PaperAccount
    if context.settings.brokers:
        say = _naming(account_of(settings), say)
    if settings.broker.kind == "paper":
        folder = None if run_dir is None else paper_folder(run_dir, settings)
        account = PaperAccount(
            settings, context.symbols, folder, plan.run, context.wall_ns, alert, say
        )
    else:
        data_dir = Path(plan.data_dir)
        account = open_live_account(
            settings, context.symbols, data_dir, plan.run, context.wall_ns, say
        )
    opened.callback(account.close)
    return account


def _naming(account: str, say: Callable[[str], None]) -> Callable[[str], None]:
    return lambda line: say(f"{account}: {line}")


def act(context: Context, events: Stream[Event], one: Opened, *, quality: bool) -> Acts:
    """Wire one account behind the events of the run: what it does, and what that cost."""
    name, suffix = one.name, one.settings.broker.suffix
    mine: ByAccount = op.key_on(f"by_account{suffix}", events, lambda _: name)
    happened: KeyedStream[Happened] = keyed(
        EXECUTE_STEP + suffix,
        mine,
        lambda key, state: ExecuteStep(
            key, one.account, state, context.wall_ns, context.meter.observe
        ),
        lambda _: name,
    )
    measured = measure(context, one.settings, mine, happened) if quality else None
    return Acts(happened, measured)


def act_all(context: Context, events: Stream[Event], accounts: Accounts, *, quality: bool) -> Acts:
    """Wire every account behind the events of the run, and bring together what they do."""
    acts = [act(context, events, one, quality=quality) for one in accounts.each]
    if len(acts) == 1:
        return acts[0]
    happened = op.merge("happened", *(each.happened for each in acts))
    measured = [each.measured for each in acts if each.measured is not None]
    return Acts(happened, op.merge("measured", *measured) if measured else None)
