"""Plots of an evaluation, as SVG text for the page."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, ACCENT, WARM, GRID = "#1f2933", "#7b8794", "#1d6fb8", "#c8553d", "#e4e7eb"

MIN_SHOWN = 20
"""Signals below which a point would only be its interval."""

_STYLE: Any = {
    "svg.hashsalt": "aifx",  # without it every drawing has other ids, and other bytes
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
}


def accuracy_by(cells: Mapping[str, Mapping[str, Any]], floor: float, title: str) -> str:
    """Draw accuracy with its interval for each cell, the base rate beside it."""
    shown = {name: cell for name, cell in cells.items() if cell["n"] >= MIN_SHOWN}
    with mpl.rc_context(_STYLE):
        figure, axes = _new(max(4.2, 0.62 * len(shown) + 1.4), 3.1, title)
        for at, cell in enumerate(shown.values()):
            low, high = cell["accuracy"] - cell["low"], cell["high"] - cell["accuracy"]
            axes.errorbar(at, cell["accuracy"], yerr=[[low], [high]], fmt="o", color=ACCENT, lw=1.4)
            axes.plot([at - 0.28, at + 0.28], [cell["base_rate"]] * 2, color=WARM, lw=1.6)
            axes.annotate(
                f"{cell['n']:,}",
                (at, 0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                color=MUTED,
                fontsize=7,
            )
        axes.axhline(floor, color=MUTED, lw=0.9, ls="--")
        axes.set_xticks(range(len(shown)), list(shown), rotation=30 if len(shown) > 5 else 0)
        axes.set_ylabel("directional accuracy")
        return _svg(figure)


def coverage(curves: Mapping[str, Mapping[str, Any]], floor: float) -> str:
    """Draw accuracy against the share of bars that is answered."""
    with mpl.rc_context(_STYLE):
        figure, axes = _new(5.2, 3.1, "Accuracy against coverage")
        for (name, curve), colour in zip(curves.items(), (ACCENT, WARM), strict=False):
            if not curve:
                continue
            points = curve["coverage"]
            axes.plot(
                points["coverage"],
                points["accuracy"],
                "o-",
                color=colour,
                ms=3,
                label=name.replace("_", " "),
            )
            axes.fill_between(
                points["coverage"], points["low"], points["high"], color=colour, alpha=0.15, lw=0
            )
        axes.axhline(floor, color=MUTED, lw=0.9, ls="--")
        axes.set_xscale("log")
        axes.set_xlabel("share of bars answered, the most confident first")
        axes.set_ylabel("directional accuracy")
        axes.legend(frameon=False)
        return _svg(figure)


def calibration(curves: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw what happened against what was said."""
    with mpl.rc_context(_STYLE):
        figure, axes = _new(3.6, 3.1, "Calibration")
        for (name, curve), colour in zip(curves.items(), (ACCENT, WARM), strict=False):
            if curve:
                points = curve["calibration"]
                axes.plot(
                    points["p_up"],
                    points["share_up"],
                    "o-",
                    color=colour,
                    ms=3,
                    lw=1,
                    label=f"{name.replace('_', ' ')}, error {points['error']:.4f}",
                )
        low, high = axes.get_xlim()
        axes.plot([low, high], [low, high], color=MUTED, lw=0.9, ls="--")
        axes.set_xlabel("probability of a higher mid")
        axes.set_ylabel("share that was higher")
        axes.legend(frameon=False, fontsize=7)
        return _svg(figure)


def bars(names: Sequence[str], values: Sequence[float], spread: Sequence[float], title: str) -> str:
    """Draw horizontal bars, the largest on top."""
    with mpl.rc_context(_STYLE):
        figure, axes = _new(5.2, 0.22 * len(names) + 1.0, title)
        at = range(len(names))
        axes.barh(at, values, xerr=spread, color=ACCENT, ecolor=MUTED, height=0.62)
        axes.set_yticks(at, names)
        axes.invert_yaxis()
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel("log loss that is lost without it, nats")
        return _svg(figure)


def equity(net_pips: Sequence[float], period: str, first: str) -> str:
    """Draw the running sum of the net pips of each period from the date ``first`` on."""
    with mpl.rc_context(_STYLE):
        figure, axes = _new(5.2, 2.6, f"Net pips of all signals, summed by {period}")
        days = {"month": 30.44, "week": 7.0, "day": 1.0}[period] * np.arange(len(net_pips))
        start = np.datetime64(first[:10], "D")
        axes.plot(start + days.astype(np.int64), np.cumsum(net_pips), color=ACCENT)
        axes.axhline(0, color=MUTED, lw=0.9)
        dates: Any = mpl.dates
        ticks = dates.AutoDateLocator(maxticks=7)
        axes.xaxis.set_major_locator(ticks)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(ticks))
        axes.set_ylabel("pips after spread and slippage")
        return _svg(figure)


def _new(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    return figure, axes


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    # What the library says about itself is of no use on the page.
    return re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
