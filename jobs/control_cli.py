"""``aifx control``: stop trading, let it go on, and see who has said so.

Exit code 0: it is in force; 1: refused; 2: bad use; 3: written, and not answered yet.
"""

import getpass
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.adjustments import position_adjustment
from domain.control import ControlKind, TradingState
from domain.errors import BadUse
from domain.instruments import instrument
from jobs.adjusting import ask_adjustment
from jobs.control import PATIENCE_S, UNANSWERED, ControlLine
from jobs.options import DEFAULT_DATA, Data
from jobs.places import find_place

_REFUSED, _UNANSWERED = 1, 3
_DONE = {
    "acted": "the door is shut, the journal follows",
    "in_force": "in force",
    "noted": "noted; the kill stands until another person in another role releases it too",
    "booked": "booked; trading goes on once book and venue agree and a person resumes it",
}
"""What is said of an outcome that is no refusal."""

control_app = typer.Typer(
    help="Stop trading, and let it go on: by name and with a reason.", no_args_is_help=True
)

Run = Annotated[str, typer.Option("--run", help="Name of a run; default: the one going on.")]
Account = Annotated[
    str, typer.Option("--account", help="Id of an account at a broker; default: the run's.")
]
Strategy = Annotated[
    str, typer.Option("--strategy", help="This strategy's orders only; default: all.")
]
By = Annotated[str, typer.Option("--by", help="Name of the person who says so.")]
Role = Annotated[str, typer.Option("--role", help="Role in which it is said: trader, risk, ...")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words.")]


class Level(StrEnum):
    """States that a person can raise to, as they are typed."""

    ACTIVE = "active"
    REDUCING = "reducing"
    CANCEL_ONLY = "cancel-only"

    @property
    def state(self) -> TradingState:
        """The state itself."""
        return TradingState(self.value.replace("-", "_"))


To = Annotated[Level, typer.Option("--to", help="State to go on in.")]


@control_app.command()
def kill(
    by: Annotated[str, typer.Option("--by", help="Your name; default: that of the login.")] = "",
    reason: Reason = "killed from the command line",
    strategy: Strategy = "",
    role: Role = "",
    run: Run = "",
    account: Account = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Let no order leave, and cancel all that are open; it takes two people to end it."""
    line = _line(data, run, account)
    who = by or getpass.getuser()
    _ask(line, ControlKind.KILL, TradingState.HALTED, who, role, reason, strategy)


def _lowering(to: TradingState) -> Callable[..., None]:
    """Return the command that lowers to a state."""

    def lower(
        by: By,
        reason: Reason,
        strategy: Strategy = "",
        role: Role = "",
        run: Run = "",
        account: Account = "",
        data: Data = DEFAULT_DATA,
    ) -> None:
        line = _line(data, run, account)
        _ask(line, ControlKind.LOWER, to, by, role, reason, strategy)

    return lower


for _name, _to, _words in (
    (
        "halt",
        TradingState.HALTED,
        "Let nothing but cancels leave; open orders stay, and one person may end it.",
    ),
    ("cancel-only", TradingState.CANCEL_ONLY, "Let nothing but cancels leave."),
    (
        "reduce",
        TradingState.REDUCING,
        "Let nothing leave that opens or enlarges a position.",
    ),
):
    control_app.command(_name, help=_words)(_lowering(_to))


@control_app.command()
def resume(
    by: By,
    reason: Reason,
    to: To = Level.ACTIVE,
    strategy: Strategy = "",
    role: Role = "",
    run: Run = "",
    account: Account = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Trade on after anything but a kill."""
    line = _line(data, run, account)
    _ask(line, ControlKind.RAISE, to.state, by, role, reason, strategy)


@control_app.command()
def release(
    by: By,
    role: Role,
    reason: Reason,
    to: To = Level.ACTIVE,
    strategy: Strategy = "",
    run: Run = "",
    account: Account = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say that a kill may end; it ends when two people in two roles have said so."""
    line = _line(data, run, account)
    _ask(line, ControlKind.RELEASE, to.state, by, role, reason, strategy)


@control_app.command()
def adjust(
    symbol: Annotated[str, typer.Option("--symbol", help="The pair, such as EURUSD.")],
    units: Annotated[str, typer.Option("--units", help="Base units to add: -1000 for sold ones.")],
    price: Annotated[str, typer.Option("--price", help="At which they were dealt.")],
    by: By,
    reason: Reason,
    run: Run = "",
    account: Account = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Answer for a position at a broker that nothing explains; it must make the books agree."""
    folder = find_place(data, run, account).adjustments()
    pair = instrument(symbol).symbol
    asked = position_adjustment(
        pair,
        _decimal(units, "--units"),
        _decimal(price, "--price"),
        account=folder.account,
        by=by,
        reason=reason,
        ts_event_ns=_now_ns(),
    )
    answer = ask_adjustment(folder, asked, PATIENCE_S)
    what = f"{pair} adjusted by {asked.units} at {asked.price}, by {by}"
    _end(what, None if answer is None else answer.outcome, answer.words if answer else "")


@control_app.command()
def status(run: Run = "", account: Account = "", data: Data = DEFAULT_DATA) -> None:
    """Show every trading state, by whom and why, how ready the account is, and what waits."""
    found = _line(data, run, account).state()
    if found["fault"]:
        raise BadUse(found["fault"])
    table = Table(title=f"Trading states of {found['account']}", title_justify="left")
    for column in ("Scope", "State", "Since", "By", "Reason", "May end, says"):
        table.add_column(column)
    for scope in found["scopes"]:
        state = "killed" if scope["killed"] else scope["state"]
        cells = [scope["name"] or "all", state, scope["since"], scope["by"], scope["reason"]]
        table.add_row(*map(Text, [*cells, ", ".join(scope["said"])]))
    console = Console()
    console.print(table)
    readiness = found["readiness"]
    if readiness is not None:
        words = ": ".join(filter(None, (readiness["rung"].replace("_", " "), readiness["why"])))
        since = f", since {readiness['since']}" if readiness["since"] else ""
        console.print(f"readiness{since}: {words}", markup=False, highlight=False, soft_wrap=True)
    for name in found["waiting"]:
        console.print(f"waits for an answer: {name}", markup=False, highlight=False)


@control_app.command()
def beat(
    name: Annotated[str, typer.Argument(help="Sender, as the settings name it.")] = "operator",
    every_s: Annotated[
        float | None, typer.Option("--every", min=0.05, help="Again and again, in seconds.")
    ] = None,
    run: Run = "",
    account: Account = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say that a person, or what watches for them, is there: silence is a kill where it is set."""
    folder = find_place(data, run, account).control()
    while True:
        try:
            folder.beat(name, _now_ns())
        except OSError as error:
            msg = f"the heartbeat cannot be written to {folder.path}: {error.strerror}"
            raise BadUse(msg) from error
        if every_s is None:
            return
        time.sleep(every_s)


def _line(data: Path, run: str, account: str) -> ControlLine:
    return ControlLine(find_place(data, run, account), _now_ns, PATIENCE_S)


def _ask(
    line: ControlLine,
    kind: ControlKind,
    to: TradingState,
    by: str,
    role: str,
    reason: str,
    strategy: str,
) -> None:
    answer = line.ask(kind, to, by=by, reason=reason, strategy=strategy, role=role)
    what = f"{kind} to {to} of {strategy or 'all orders'}, by {by}"
    if answer is None:
        _end(what, None)
        return
    outcome: str = answer.outcome
    if outcome == "in_force" and kind is ControlKind.RELEASE and line.is_killed(strategy):
        outcome = "noted"
    _end(what, outcome, answer.words)


def _end(what: str, outcome: str | None, words: str = "") -> None:
    """Tell what became of a request; end with its exit code."""
    if outcome is None:
        _say(f"{what}: {UNANSWERED}")
        raise typer.Exit(_UNANSWERED)
    if outcome == "refused":
        _say(f"aifx: refused: {words}", error=True)
        raise typer.Exit(_REFUSED)
    _say(f"{what}: {_DONE[outcome]}" + (f"; {words}" if words else ""))


def _decimal(text: str, option: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        msg = f"{option} {text}: give a number"
        raise BadUse(msg) from error


def _now_ns() -> int:
    return time.time_ns()  # noqa: TID251 - the edge: when a person acted


def _say(line: str, *, error: bool = False) -> None:
    console = Console(stderr=error)
    console.print(line, markup=False, highlight=False, soft_wrap=True)
