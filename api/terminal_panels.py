"""Panels of the terminal screen, each a pure function of a snapshot."""

from typing import Any

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from api.wording import money, rows_done, span
from domain.nanos import MS_NS, iso

_STATUS_STYLE = {
    "starting": "yellow",
    "running": "green",
    "finished": "cyan",
    "stopped": "yellow",
    "failed": "bold red",
}
_ARROW = {"up": ("▲", "green"), "down": ("▼", "red"), "same": ("·", "dim")}
_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH = 24
_QUIET_S = 5.0
"""Seconds without a record after which a running feed is called quiet."""

_WIDE = 100
"""Columns from which panels stand side by side."""


def screen(state: dict[str, Any], size: ConsoleDimensions) -> RenderableType:
    """Return everything, laid out for a terminal of this size."""
    figures = [counters(state), rejects(state), latency(state), account(state)]
    if size.width >= _WIDE:
        grid = Table.grid(expand=True)
        for ratio in (3, 2, 4, 3):
            grid.add_column(ratio=ratio)
        grid.add_row(*figures)
        return Group(head(state), progress(state), prices(state), grid)
    return Group(head(state), progress(state), prices(state), *figures)


def head(state: dict[str, Any]) -> RenderableType:
    """Say what runs, how it stands, and at which event time."""
    run, event_ms = state["run"], state["progress"]["event_ms"]
    waiting = run["status"] == "running" and state["idle_s"] > _QUIET_S
    quiet = f"no record for {state['idle_s']:.0f} s  " if waiting else ""
    line = Text.assemble(
        ("AIFX ", "bold"),
        (f"● {run['status']} ", _STATUS_STYLE.get(run["status"], "")),
        (f"{run['text']}  ", ""),
        (f"{iso(event_ms * MS_NS)}  " if event_ms is not None else "", "bold"),
        (quiet, "yellow"),
        ("  ".join(part for part in (run["feed"], run["speed"], run["run_id"]) if part), "dim"),
    )
    notes = [Text(f"i {note}", style="yellow") for note in run["notes"]]
    return Group(line, *notes)


def progress(state: dict[str, Any]) -> RenderableType:
    """Return a bar with rows, rate and time to go; no bar where the end is unknown."""
    now = state["progress"]
    words = rows_done(now)
    if now["rate_per_s"] is not None:
        words += f"  {now['rate_per_s']:,.0f} rows/s"
    if now["eta_s"] is not None:
        words += f"  {span(now['eta_s'])} left"
    if now["fraction"] is None:
        return Text(words)
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(ProgressBar(total=1.0, completed=now["fraction"]), Text(words))
    return grid


def prices(state: dict[str, Any]) -> RenderableType:
    """Return one line per symbol: quote, spread, change and a small line of mids."""
    table = _table("Symbol", ">Bid", ">Ask", ">Spread", ">Change", "Last bars")
    for tile in state["prices"]:
        arrow, style = _ARROW[tile["direction"]]
        digits, change = tile["digits"], tile["change_pips"]
        table.add_row(
            tile["name"],
            Text(f"{arrow} {tile['bid']:.{digits}f}", style),
            f"{tile['ask']:.{digits}f}",
            f"{tile['spread_pips']:.1f}",
            Text(f"{change:+.1f}", "green" if change > 0 else "red" if change < 0 else "dim"),
            sparkline(tile["spark"]),
        )
    return _panel("Prices (pips)", table, "waiting for the first bar")


def sparkline(mids: list[float]) -> str:
    """Draw the last mids with eight heights; a flat line where nothing moved."""
    shown = mids[-_SPARK_WIDTH:]
    low, high = min(shown), max(shown)
    if high == low:
        return _BLOCKS[0] * len(shown)
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((mid - low) / (high - low) * top)] for mid in shown)


def counters(state: dict[str, Any]) -> RenderableType:
    """Return the totals that are no rejects."""
    table = _table("Counter", ">Total")
    for name, total in state["counters"]["totals"].items():
        if not name.startswith("rejected."):
            table.add_row(name, f"{total:,}")
    return _panel("Counters", table, "no report yet")


def rejects(state: dict[str, Any]) -> RenderableType:
    """Return how many ticks were rejected, by reason."""
    table = _table("Reason", ">Ticks")
    for row in state["counters"]["rejects"]:
        table.add_row(row["reason"], f"{row['count']:,}")
    return _panel("Rejects", table, "none")


def latency(state: dict[str, Any]) -> RenderableType:
    """Return p50 and p99 by hop; a p99 over its budget is marked with a word and a colour."""
    table = _table("Hop", ">p50 ms", ">p99 ms", "Budget")
    for row in state["latency"]:
        mark = Text("")
        if row["within"] is not None:
            over = f"over {row['budget_ms']:g}"
            mark = Text("ok", "green") if row["within"] else Text(over, "bold red")
        table.add_row(row["hop"], _ms(row["p50_ms"]), _ms(row["p99_ms"]), mark)
    return _panel("Latency", table, "no measurement yet")


def account(state: dict[str, Any]) -> RenderableType:
    """Return equity, realised, unrealised and the largest fall of each account."""
    table = _table("Account", ">Amount")
    for curve in state["equity"]:
        for label, key in (
            ("Equity", "equity"),
            ("Realised", "realised"),
            ("Unrealised", "unrealised"),
            ("Max drawdown", "max_drawdown"),
        ):
            table.add_row(label, money(curve[key]))
    return _panel("Account", table, "no mark yet")


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(*columns: str) -> Table:
    """Return a table without lines; a heading that starts with ``>`` is of a right-hand column."""
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    for column in columns:
        right = column.startswith(">")
        table.add_column(
            column.removeprefix(">"), justify="right" if right else "left", no_wrap=True
        )
    return table


def _panel(title: str, table: Table, empty: str) -> Panel:
    body: RenderableType = table if table.row_count else Text(empty, style="dim")
    return Panel(body, title=title, title_align="left", border_style="dim")
