"""Execution quality as one HTML file that needs nothing else: a table and two plots."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

import numpy as np

from domain.quality import HORIZONS_NS, ExecutionQuality
from jobs.tca_tables import AFTER, COSTS, COUNTS, counts, figures
from trading.tca.report import Group, Key

MOST_LINES = 8
"""Groups with a line of their own, those with the most fills: more cannot be told apart."""

BINS = 40
_WIDTH, _HEIGHT = 520, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 16, 36
_COLOURS = (
    "#2f6f9f", "#c8553d", "#3c8d5a", "#8a5fa8", "#b98a2f", "#4a9aa5", "#a8436f", "#6b7280",
)  # fmt: skip

_CSS = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;color:#1f2933;margin:0;background:#f5f7fa}
main{max-width:1280px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:24px;margin:0 0 2px}h2{font-size:16px;margin:0 0 6px}
p{max-width:80ch;color:#52606d}
table{border-collapse:collapse;background:#fff;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:5px 9px;border-bottom:1px solid #e4e7eb;text-align:right}
td.key,th.key{text-align:left}th{color:#616e7c;font-weight:600}
.scroll{overflow-x:auto;margin:18px 0}
.plots{display:flex;flex-wrap:wrap;gap:16px}
.card{background:#fff;border:1px solid #e4e7eb;border-radius:8px;padding:12px 14px}
.card svg{display:block;max-width:100%;height:auto}
.legend{font-size:12.5px;display:flex;flex-wrap:wrap;gap:4px 14px;margin-top:6px}
.legend i{display:inline-block;width:12px;height:3px;margin-right:5px;vertical-align:middle}
"""


def render(
    run: str, by: Sequence[Key], groups: Sequence[Group], fills: Sequence[ExecutionQuality]
) -> str:
    """Return the page of a report.

    Parameters
    ----------
    run, by
        What was measured, and by what it is grouped.
    groups, fills
        The report, and the fills that it is made of.
    """
    words = (
        f"{len(fills):,} fills by {', '.join(by)}. Pips but for shortfall (account currency), bps "
        "and ms. Costs above 0 were paid; markouts above 0 went our way. Means of pips are "
        "weighted with the units."
    )
    lines = sorted(groups, key=lambda group: -group.fills)[:MOST_LINES]
    parts = [
        f"<h1>Execution quality of {escape(run)}</h1>",
        f"<p>{escape(words)}</p>",
        f'<div class="scroll">{_table(by, groups)}</div>',
        '<div class="plots">',
        _card("Markout after the fill, pips", _markouts(lines), _legend(lines)),
        _card("Slippage against the mid at the decision, pips", _slippage(fills), ""),
        "</div>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Execution quality of {escape(run)}</title><style>{_CSS}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _table(by: Sequence[Key], groups: Sequence[Group]) -> str:
    keys = "".join(f'<th class="key">{escape(key)}</th>' for key in by)
    columns = (*COSTS, *AFTER)
    headings = (*COUNTS, *(heading for heading, *_ in columns))
    heads = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    rows = []
    for group in groups:
        names = "".join(f'<td class="key">{escape(value)}</td>' for value in group.key.values())
        texts = (*counts(group), *figures(group, columns))
        rows.append(f"<tr>{names}{''.join(f'<td>{escape(text)}</td>' for text in texts)}</tr>")
    return f"<table><tr>{keys}{heads}</tr>{''.join(rows)}</table>"


def _card(title: str, plot: str, legend: str) -> str:
    return f'<div class="card"><h2>{escape(title)}</h2>{plot}{legend}</div>'


def _legend(groups: Sequence[Group]) -> str:
    items = [
        f'<span><i style="background:{colour}"></i>{escape(" ".join(group.key.values()))} '
        f"({group.fills:,})</span>"
        for group, colour in zip(groups, _COLOURS, strict=False)
    ]
    return f'<div class="legend">{"".join(items)}</div>'


def _markouts(groups: Sequence[Group]) -> str:
    names = list(HORIZONS_NS)
    lines = [
        [
            (at, group.measures[f"markout_{name}_pips"].mean)
            for at, name in enumerate(names)
            if f"markout_{name}_pips" in group.measures
        ]
        for group in groups
    ]
    low, high = _bounds([value for line in lines for _, value in line])
    drawn = [_grid(low, high, list(enumerate(names)), -0.5, len(names) - 0.5)]
    for line, colour in zip(lines, _COLOURS, strict=False):
        spots = [(_x(at, -0.5, len(names) - 0.5), _y(value, low, high)) for at, value in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
    return _svg(drawn)


def _slippage(fills: Sequence[ExecutionQuality]) -> str:
    known = [f.arrival_slippage_pips for f in fills if f.arrival_slippage_pips is not None]
    if not known:
        return "<p>No fill has a benchmark at its decision.</p>"
    # The few beyond stand in the outermost bars: they would squeeze all others into one.
    first, last = (float(q) for q in np.quantile(known, [0.005, 0.995]))
    if first == last:
        first, last = first - 1, last + 1
    counts, edges = np.histogram(np.clip(known, first, last), bins=BINS, range=(first, last))
    high = float(counts.max())
    ticks = [(float(value), f"{value:+.1f}") for value in np.linspace(first, last, 7)]
    drawn = [_grid(0.0, high, ticks, first, last)]
    for count, left, right in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        x, width = _x(left, first, last), _x(right, first, last) - _x(left, first, last)
        y = _y(count, 0.0, high)
        colour = _COLOURS[1] if left + right > 0 else _COLOURS[2]
        drawn.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 1, 1):.1f}" '
            f'height="{_HEIGHT - _BOTTOM - y:.1f}" fill="{colour}"/>'
        )
    return _svg(drawn)


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return bounds with 0 within and some air."""
    low, high = min([0.0, *values]), max([0.0, *values])
    air = 0.08 * (high - low) or 1.0
    return low - air, high + air


def _x(value: float, first: float, last: float) -> float:
    return _LEFT + (value - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, low: float, high: float) -> float:
    return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def _round_ticks(low: float, high: float) -> list[float]:
    """Return a few round values within bounds."""
    raw = (high - low) / 4
    scale = 10.0 ** floor(log10(raw))
    step = next(n * scale for n in (1, 2, 5, 10) if n * scale >= raw)
    return [round(n * step, 12) for n in range(ceil(low / step), floor(high / step) + 1)]


def _grid(
    low: float, high: float, ticks: Sequence[tuple[float, str]], first: float, last: float
) -> str:
    drawn = []
    for value in _round_ticks(low, high):
        y = _y(value, low, high)
        drawn.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="#e4e7eb"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{value:g}</text>"
        )
    if low < 0 < high:
        y = _y(0.0, low, high)
        drawn.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            'stroke="#9aa5b1" stroke-dasharray="4 3"/>'
        )
    for value, name in ticks:
        x = _x(value, first, last)
        drawn.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
            f"{escape(name)}</text>"
        )
    return "".join(drawn)


def _svg(drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-size="11" fill="#52606d" role="img">'
        f"{''.join(drawn)}</svg>"
    )
