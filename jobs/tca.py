"""The costs of a run as tables, and as the parameters of a paper venue."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec
from rich.console import Console

from domain.errors import BadUse
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
from jobs.options import names_in
from jobs.tca_tables import (
    WIDTH,
    after_table,
    cost_table,
    difference_table,
    event_table,
    reject_table,
)
from trading.tca.agreement import Agreement
from trading.tca.fit import Fit, fit
from trading.tca.report import Group, Key

_KEYS: tuple[Key, ...] = get_args(Key)


class Costs(msgspec.Struct, frozen=True):
    """What ``--json`` writes.

    Attributes
    ----------
    by
        What the records are grouped by.
    groups, events
        The groups, and all remarkable fills.
    agreement
        Of what the archive says with what was measured as it happened; None where it was not asked
        for, or nothing was measured.
    """

    run: str
    by: tuple[str, ...]
    groups: list[Group]
    events: list[QualityEvent]
    agreement: Agreement | None = None


def keys_in(text: str) -> tuple[Key, ...]:
    """Return what records are to be grouped by.

    Raises
    ------
    BadUse
        If a name is no key, or there is none.
    """
    names = names_in(text)
    unknown = [name for name in names if name not in _KEYS]
    if unknown or not names:
        what = ", ".join(unknown) or "nothing"
        msg = f"--by {text}: cannot group by {what}; give some of {', '.join(_KEYS)}"
        raise BadUse(msg)
    return tuple(key for name in dict.fromkeys(names) for key in _KEYS if key == name)


def write_fit(path: Path, fills: Sequence[ExecutionQuality], orders: Sequence[OrderQuality]) -> Fit:
    """Write the fitted parameters of the paper venue as the file of ``paper.parameters``.

    Raises
    ------
    BadUse
        If the records say nothing of the venue, or the file cannot be written.
    """
    found = fit(fills, orders)
    if not found.settings:
        msg = "no sent order is measured: there is nothing to fit the paper venue to"
        raise BadUse(msg)
    try:
        path.write_text(json.dumps(found.settings, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"--fit {path} cannot be written: {error.strerror}"
        raise BadUse(msg) from error
    return found


def show(costs: Costs) -> None:
    """Print the costs for a person."""
    # Figures are never cut off: in a narrow terminal the lines go on in the next one.
    console = Console(width=max(Console().width, WIDTH))
    title = f"{costs.run}: execution quality by {', '.join(costs.by)}, pips"
    console.print(cost_table(costs.groups, title))
    console.print(after_table(costs.groups))
    for table in (reject_table(costs.groups), event_table(costs.events)):
        if table is not None:
            console.print(table)
    stale = sum(group.stale_benchmarks for group in costs.groups)
    if stale:
        console.print(f"{stale:,} benchmarks were missing or too old, and are in no figure")
    if costs.agreement is not None:
        show_agreement(console, costs.agreement)


def show_agreement(console: Console, agreement: Agreement) -> None:
    """Print whether the archive says what was measured as it happened, and where it does not."""
    table = difference_table(agreement.differences)
    if table is not None:
        console.print(table)
    for only, names in (
        ("as it happened", agreement.measured_alone),
        ("from the archive", agreement.computed_alone),
    ):
        if names:
            line = f"{len(names):,} records only {only}, the first is {names[0]}"
            console.print(line, markup=False, highlight=False)
    equal = f"{agreement.differing:,} differ" if agreement.differing else "all are equal"
    line = f"{agreement.compared:,} records as it happened and from the archive: {equal}"
    if agreement.at_end:
        line += f"; {agreement.at_end:,} at the end of the log cannot be held against each other"
    console.print(line)


def fit_words(found: Fit, path: Path) -> str:
    """Return what a fit rests on, and how it is used, in one line."""
    evidence = found.evidence
    return (
        f"{path}: {', '.join(found.settings)} from {evidence['orders']:,} orders and "
        f"{evidence['fills']:,} fills; use it with paper.parameters = {str(path)!r}"
    )
