"""What a run has come to: figures from the store or from a fused run, as JSON and as a table."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from domain.nanos import MINUTE_NS
from models.evaluation.accuracy import accuracy, later_mid


class AccuracyFigures(msgspec.Struct, frozen=True):
    """Directional accuracy of the ensemble on mids it had not seen.

    ``low`` and ``high`` bound it at 95 %, with overlapping labels counted once; ``base_rate`` is
    what always naming the more frequent direction would have reached.
    """

    value: float | None
    low: float | None
    high: float | None
    base_rate: float | None
    n: int


class Hop(msgspec.Struct, frozen=True):
    """Latency of one hop in milliseconds."""

    p50: float
    p99: float


class PnlDetail(msgspec.Struct, frozen=True):
    """Profit in account currency; None where a conversion rate is missing."""

    account: str
    currency: str
    realised: Decimal | None
    unrealised: Decimal | None
    equity: Decimal | None


class AccountFigures(msgspec.Struct, frozen=True):
    """What one of several accounts of a run has come to; money as in `PnlDetail`.

    ``orders``, ``orders_denied`` and ``fills`` count as those of the run.
    """

    account: str
    currency: str
    realised: Decimal | None
    unrealised: Decimal | None
    equity: Decimal | None
    orders: int
    orders_denied: int
    fills: int


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """The summary of one run; ``docs/summary.md`` explains every key."""

    run: str
    status: str
    feed: str
    symbols: tuple[str, ...]
    models: dict[str, str]
    notes: tuple[str, ...]
    ticks_in: int
    ticks_archived: int
    ticks_rejected: dict[str, int]
    bars: dict[str, int]
    signals: int
    orders: int
    orders_denied: dict[str, int]
    fills: int
    pnl: float | None
    pnl_detail: PnlDetail | None
    accuracy: AccuracyFigures
    latency_ms: dict[str, Hop]
    rows: dict[str, int]
    replayed: int
    sha256: dict[str, str]
    wall_s: float
    accounts: tuple[AccountFigures, ...] = ()
    """Where a run has several."""


def accuracy_figures(
    ts_ns: NDArray[np.int64],
    symbol: NDArray[Any],
    p_up: NDArray[np.float64],
    mid: NDArray[np.float64],
    horizon_ns: int,
    tolerance_ns: int,
) -> AccuracyFigures:
    """Judge predictions by the mids that came one horizon later.

    Parameters
    ----------
    ts_ns, symbol, p_up, mid
        One row per bar close, in time order within a symbol; ``p_up`` NaN where there was no view.
    horizon_ns, tolerance_ns
        The label rule, as the models learn by it.
    """
    names = np.unique(symbol.astype(str))
    later = np.full(ts_ns.size, np.nan)
    for name in names:
        mine = symbol.astype(str) == name
        later[mine] = later_mid(ts_ns[mine], mid[mine], horizon_ns, tolerance_ns)
    # Pairs share currencies: a moment counts once, however many symbols answer at it.
    spacing_ns = max(1, MINUTE_NS // max(1, names.size))
    known = np.isfinite(p_up) & np.isfinite(later)
    figures = accuracy(p_up[known], mid[known], later[known], horizon_ns, spacing_ns)
    return AccuracyFigures(figures.value, figures.low, figures.high, figures.base_rate, figures.n)


def write_json(report: Report, path: Path) -> None:
    """Write the report as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def print_table(report: Report, console: Console) -> None:
    """Print the report for a person."""
    table = Table(title=f"{report.feed} · {report.status}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in _lines(report):
        table.add_row(name, value)
    console.print(table)
    for note in report.notes:
        console.print(f"[yellow]note[/] {note}")


def _lines(report: Report) -> list[tuple[str, str]]:
    rejected = sum(report.ticks_rejected.values())
    denied = sum(report.orders_denied.values())
    figures = report.accuracy
    lines = [
        ("run", report.run),
        ("symbols", " ".join(report.symbols)),
        ("models", _joined(report.models)),
        ("ticks in", f"{report.ticks_in:,}"),
        ("  archived", f"{report.ticks_archived:,}"),
        ("  rejected", f"{rejected:,}  {_joined(report.ticks_rejected)}"),
        ("bars", _joined(report.bars)),
        ("signals", f"{report.signals:,}"),
        ("orders", f"{report.orders:,} sent, {denied:,} denied  {_joined(report.orders_denied)}"),
        ("fills", f"{report.fills:,}"),
        ("P&L", _pnl(report.pnl_detail)),
        *((f"  {one.account}", _account(one)) for one in report.accounts),
        ("accuracy", _accuracy(figures)),
    ]
    for hop, latency in sorted(report.latency_ms.items()):
        lines.append((f"latency {hop}", f"p50 {latency.p50:,.2f} ms   p99 {latency.p99:,.2f} ms"))
    if report.rows:
        lines.append(("rows in ClickHouse", _joined(report.rows)))
    lines.append(("replayed records", f"{report.replayed:,}"))
    lines += [(f"sha256 {name}", value) for name, value in report.sha256.items()]
    lines.append(("took", f"{report.wall_s:,.1f} s"))
    return lines


def _joined(figures: Mapping[str, int | str]) -> str:
    return "  ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value[:12]}"
        for name, value in figures.items()
    )


def _account(one: AccountFigures) -> str:
    detail = PnlDetail(one.account, one.currency, one.realised, one.unrealised, one.equity)
    done = f"{one.orders:,} sent, {one.orders_denied:,} denied, {one.fills:,} fills"
    return f"{done}; {_pnl(detail)}"


def _pnl(detail: PnlDetail | None) -> str:
    if detail is None:
        return "no mark of the account yet"

    def money(value: Decimal | None) -> str:
        return "unavailable" if value is None else f"{value:,.2f}"

    return (
        f"{money(detail.realised)} realised, {money(detail.unrealised)} open, "
        f"equity {money(detail.equity)} {detail.currency}"
    )


def _accuracy(figures: AccuracyFigures) -> str:
    if figures.value is None or figures.low is None or figures.high is None:
        return "no prediction has met its horizon yet"
    verdict = (
        "above the base rate"
        if figures.base_rate is not None and figures.low > figures.base_rate
        else "not above the base rate"
    )
    return (
        f"{figures.value:.4f} in [{figures.low:.4f}, {figures.high:.4f}] over {figures.n:,} "
        f"predictions, base rate {figures.base_rate:.4f}: {verdict}"
    )
