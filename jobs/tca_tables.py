"""Execution quality on a terminal: one row a group, then refused orders and remarkable fills."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from domain.nanos import MS_NS, iso
from domain.quality import QualityEvent
from trading.tca.agreement import Difference
from trading.tca.report import Group, Spread

SHOWN_EVENTS = 20
"""Remarkable fills in a table, the newest; the JSON has all of them."""

SHORT = 12
"""Characters of an id in a table."""

_RIGHT = frozenset({"records", "largest", "measured", "archive"})

Column = tuple[str, str, Callable[[Spread], float], str]

_LOOK: dict[str, Any] = {
    "title_justify": "left",
    "box": box.SIMPLE_HEAD,
    "padding": (0, 1, 0, 0),
    "pad_edge": False,
}

WIDTH = 110
"""Characters that a table of two keys needs."""

COSTS: tuple[Column, ...] = (
    ("slippage", "arrival_slippage_pips", lambda s: s.mean, "{:+.2f}"),
    ("p90", "arrival_slippage_pips", lambda s: s.p90, "{:+.2f}"),
    ("spread", "effective_spread_pips", lambda s: s.mean, "{:.2f}"),
    ("realised", "realised_spread_pips", lambda s: s.mean, "{:+.2f}"),
    ("shortfall", "shortfall_account", lambda s: s.total, "{:,.2f}"),
    ("bps", "shortfall_bps", lambda s: s.mean, "{:+.2f}"),
)
AFTER: tuple[Column, ...] = (
    ("quoted", "quoted_spread_pips", lambda s: s.mean, "{:.2f}"),
    ("delay", "delay_cost_pips", lambda s: s.mean, "{:+.2f}"),
    ("markout 1s", "markout_1s_pips", lambda s: s.mean, "{:+.2f}"),
    ("30s", "markout_30s_pips", lambda s: s.mean, "{:+.2f}"),
    ("1m", "markout_1m_pips", lambda s: s.mean, "{:+.2f}"),
    ("5m", "markout_5m_pips", lambda s: s.mean, "{:+.2f}"),
    ("ack ms", "send_to_ack_ns", lambda s: s.p50 / MS_NS, "{:,.1f}"),
    ("p99", "send_to_ack_ns", lambda s: s.p99 / MS_NS, "{:,.1f}"),
)
"""Columns: heading, measure, which figure of it, how it is written."""


COUNTS = ("fills", "filled", "refused")
"""Headings of `counts`."""


def counts(group: Group) -> list[str]:
    """Return how many there were, and what became of them."""
    refused = sum(rejects.count for rejects in group.rejects)
    return [
        f"{group.fills:,}",
        "-" if group.fill_ratio is None else f"{group.fill_ratio:.1%}",
        f"{refused / group.orders:.1%}" if group.orders else "-",
    ]


def figures(group: Group, columns: Sequence[Column]) -> list[str]:
    """Return some figures of a group as text, ``-`` where nothing is known."""
    found = [(group.measures.get(measure), pick, form) for _, measure, pick, form in columns]
    return ["-" if spread is None else form.format(pick(spread)) for spread, pick, form in found]


def cost_table(groups: Sequence[Group], title: str) -> Table:
    """Return one row a group: how much was done, and what it cost."""
    rows = [[*counts(group), *figures(group, COSTS)] for group in groups]
    return _table(groups, (*COUNTS, *(heading for heading, *_ in COSTS)), rows, title)


def after_table(groups: Sequence[Group]) -> Table:
    """Return one row a group: the way to the fill, and what the market did after it."""
    rows = [figures(group, AFTER) for group in groups]
    return _table(groups, [heading for heading, *_ in AFTER], rows, "before and after")


def _table(
    groups: Sequence[Group], headings: Sequence[str], rows: Sequence[Sequence[str]], title: str
) -> Table:
    table = Table(title=title, **_LOOK)
    for name in groups[0].key if groups else ():
        table.add_column(name, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    for group, row in zip(groups, rows, strict=True):
        table.add_row(*(escape(value) for value in group.key.values()), *row)
    return table


def reject_table(groups: Sequence[Group]) -> Table | None:
    """Return what was refused and where the market went then; None where nothing was."""
    if not any(group.rejects for group in groups):
        return None
    table = Table(title="refused orders", **_LOOK)
    for name in groups[0].key:
        table.add_column(name, no_wrap=True)
    table.add_column("reason")
    for heading in ("orders", "of all", "mean move 1s pips", "moved our way"):
        table.add_column(heading, justify="right")
    for group in groups:
        for one in group.rejects:
            mean, rate = one.mean_move_1s_pips, one.adverse_rate
            table.add_row(
                *(escape(value) for value in group.key.values()),
                escape(one.reason),
                f"{one.count:,}",
                f"{one.rate:.1%}",
                "-" if mean is None else f"{mean:+.2f}",
                "-" if rate is None else f"{rate:.0%}",
            )
    return table


def event_table(events: Sequence[QualityEvent]) -> Table | None:
    """Return the newest remarkable fills; None where there are none."""
    if not events:
        return None
    shown = events[-SHOWN_EVENTS:]
    of = f"the last {len(shown)} of {len(events)}" if len(shown) < len(events) else "all"
    table = Table(title=f"remarkable fills, {of}", **_LOOK)
    for heading in ("time", "symbol", "execution", "what", "measure", "value", "bound"):
        table.add_column(heading, no_wrap=True)
    for event in shown:
        table.add_row(
            iso(event.ts_event_ns),
            event.symbol,
            event.execution_id[:SHORT],
            event.code.value,
            event.measure,
            f"{event.value:g}",
            f"{event.bound:g}",
        )
    return table


def difference_table(differences: Sequence[Difference]) -> Table | None:
    """Return where records differ from what was measured, by field; None where none do."""
    if not differences:
        return None
    table = Table(title="differs from what was measured as it happened", **_LOOK)
    for heading in ("of", "field", "records", "largest", "where", "measured", "archive"):
        table.add_column(heading, justify="right" if heading in _RIGHT else "left", no_wrap=True)
    for one in differences:
        table.add_row(
            one.kind,
            one.field,
            f"{one.count:,}",
            "-" if one.largest is None else f"{one.largest:g}",
            escape(one.name[:SHORT]),
            escape(_value(one.measured)),
            escape(_value(one.computed)),
        )
    return table


def _value(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float | Decimal) else str(value)
