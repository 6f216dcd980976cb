"""``aifx control``: stop trading, let it go on, and see who has said so.

Exit code 0: it is in force; 1: refused; 2: bad use; 3: written, and not answered yet.
"""

import getpass
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

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
from jobs.control_lines import ControlLines
from jobs.options import DEFAULT_DATA, Data
from jobs.places import Place, find_places, run_dir_of

A = TypeVar("A", ControlLine, Place)

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
    str, typer.Option("--account", help="One account of the run, or at a broker; default: all.")
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
    lines = _lines(data, run, account)
    who = by or getpass.getuser()
    _ask(lines, ControlKind.KILL, TradingState.HALTED, who, role, reason, strategy)


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
        lines = _lines(data, run, account)
        _ask(lines, ControlKind.LOWER, to, by, role, reason, strategy)

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
    lines = _lines(data, run, account)
    _ask(_one(lines), ControlKind.RAISE, to.state, by, role, reason, strategy)


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
    lines = _lines(data, run, account)
    _ask(_one(lines), ControlKind.RELEASE, to.state, by, role, reason, strategy)


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
    folder = _only(find_places(data, run, account)).adjustments()
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
    outcome = None if answer is None else answer.outcome
    _leave(_tell(what, outcome, answer.words if answer else ""))


@control_app.command()
def status(run: Run = "", account: Account = "", data: Data = DEFAULT_DATA) -> None:
    """Show every trading state, by whom and why, who is ready, what waits, and where signals go."""
    # It loads what trades: a kill does not wait for that.
    from dataflows.routing import read_routes

    for line in _lines(data, run, account):
        _show(line.state())
    run_dir = run_dir_of(data, run)
    for route in [] if run_dir is None else read_routes(run_dir):
        whose = f"go to {route.account}" if route.account else "open nothing"
        _say(f"signals of {route.symbol} ({route.side}) {whose}: {route.why}")


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
    folders = [place.control() for place in find_places(data, run, account)]
    while True:
        for folder in folders:
            try:
                folder.beat(name, _now_ns())
            except OSError as error:
                msg = f"the heartbeat cannot be written to {folder.path}: {error.strerror}"
                raise BadUse(msg) from error
        if every_s is None:
            return
        time.sleep(every_s)


def _lines(data: Path, run: str, account: str) -> list[ControlLine]:
    return [ControlLine(one, _now_ns, PATIENCE_S) for one in find_places(data, run, account)]


def _one(lines: list[ControlLine]) -> list[ControlLine]:
    """Refuse to raise several accounts at once: who does so has looked at one."""
    return [_only(lines)]


def _only(accounts: list[A]) -> A:
    if len(accounts) > 1:
        names = ", ".join(one.account for one in accounts)
        msg = f"name the account that is meant with --account: {names}"
        raise BadUse(msg)
    return accounts[0]


def _ask(
    lines: list[ControlLine],
    kind: ControlKind,
    to: TradingState,
    by: str,
    role: str,
    reason: str,
    strategy: str,
) -> None:
    answers = ControlLines(lines).ask_all(
        kind, to, by=by, reason=reason, strategy=strategy, role=role
    )
    codes = []
    for line, answer in answers:
        whose = f" in {line.account}" if len(lines) > 1 else ""
        what = f"{kind} to {to} of {strategy or 'all orders'}{whose}, by {by}"
        outcome: str | None = None if answer is None else answer.outcome
        if outcome == "in_force" and kind is ControlKind.RELEASE and line.is_killed(strategy):
            outcome = "noted"
        codes.append(_tell(what, outcome, answer.words if answer else ""))
    _leave(max(codes))


def _tell(what: str, outcome: str | None, words: str = "") -> int:
    """Tell what became of a request; return the exit code for it."""
    if outcome is None:
        _say(f"{what}: {UNANSWERED}")
        return _UNANSWERED
    if outcome == "refused":
        _say(f"aifx: refused: {words}", error=True)
        return _REFUSED
    _say(f"{what}: {_DONE[outcome]}" + (f"; {words}" if words else ""))
    return 0


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)


def _show(found: dict[str, Any]) -> None:
    """Print the trading states of one account, and how ready it is."""
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
