"""The published figures as Markdown, put between two marks of a document."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.errors import BadUse
from jobs.evaluation.tables import POOLED

BEGIN, END = "<!-- evaluation:begin -->", "<!-- evaluation:end -->"

Cell = Mapping[str, Any]

_HEAD = (
    "| | signals | accuracy | 95 % | base rate | coverage | AUC | Brier | net pips |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)


def render(results: Mapping[str, Cell], details: Mapping[str, Any]) -> str:
    """Return the figures by pair, and what remains when the prices are looked at in other ways."""
    prices = details["breakdown"]["prices"]
    names = ", ".join(f"{bar['symbol']} ({bar['prices']})" for bar in details["bars"])
    span = f"{details['tested_from'][:10]} to {details['tested_to'][:10]}"
    pairs = "".join(_row(name, cell) for name, cell in results.items())
    looks = "".join(_row(name.replace("_", " "), cell) for name, cell in prices.items())
    alone = "".join(_row(name, cell) for name, cell in details["members"].items())
    trials = details["trials"]
    return (
        f"{names}; horizon {details['horizon']}; out of sample from {span}.\n\n"
        f"{_HEAD}{pairs}\n"
        f"What the prices are, all pairs:\n\n{_HEAD}{looks}\n"
        f"Members alone, each at the coverage of the ensemble:\n\n{_HEAD}{alone}\n"
        f"Of {trials['trials']} trials, by net pips a {trials['period']}: deflated Sharpe ratio "
        f"{trials['deflated_sharpe']['probability']:.3f}, probability of overfitting "
        f"{trials['overfitting']['probability']:.3f}.\n"
    )


def put(figures: str, path: Path) -> None:
    """Replace what stands between the marks of a document.

    Raises
    ------
    BadUse
        If the document cannot be read or has not both marks once.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise BadUse(msg) from error
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        msg = f"{path} needs the marks {BEGIN} and {END}, in this order, once each"
        raise BadUse(msg)
    before, _, rest = text.partition(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{figures}{END}{rest.partition(END)[2]}", encoding="utf-8")


def _row(name: str, cell: Cell) -> str:
    label = f"**{name}**" if name == POOLED else name
    if not cell["n"]:
        return f"| {label} | 0 | - | - | - | {_number('{:.2%}', cell['coverage'])} | - | - | - |\n"
    values = (
        f"{cell['n']:,}",
        f"{cell['accuracy']:.4f}",
        f"{cell['low']:.3f} to {cell['high']:.3f}",
        f"{cell['base_rate']:.4f}",
        f"{cell['coverage']:.2%}",
        f"{cell['auc']:.4f}",
        f"{cell['brier']:.5f}",
        _number("{:+.2f}", cell["expectancy_pips_net"]),
    )
    return f"| {label} | {' | '.join(values)} |\n"


def _number(form: str, value: float | None) -> str:
    return "-" if value is None else form.format(value)
