"""``aifx evaluate``: how right the default ensemble is on recorded bars that it has not seen."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from domain.errors import BadUse

Bars = Annotated[
    list[Path] | None,
    typer.Option("--bars", help="Parquet files of bars, or folders; more may follow as arguments."),
]
More = Annotated[list[Path] | None, typer.Argument(help="More files of bars.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for results.json, details.json, page.")]
Horizon = Annotated[
    int, typer.Option("--horizon-bars", min=1, help="How many bars ahead the answer lies.")
]
Coverage = Annotated[
    float, typer.Option("--coverage", help="Share of earlier answers that were signals, in (0, 1].")
]
Floor = Annotated[
    float, typer.Option("--floor", help="Accuracy that these must have had, in [0.5, 1).")
]
Ticks = Annotated[
    Path | None,
    typer.Option("--ticks", help="Folder of ticks instead: the minutes of a run."),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Only the table: nothing that trains the models again.")
]
Into = Annotated[
    Path | None,
    typer.Option("--into", help="Markdown document whose marked part takes the figures."),
]
Spread = Annotated[
    float, typer.Option("--assumed-spread-pips", min=0.0, help="Where a file has the bid alone.")
]
Slippage = Annotated[
    float, typer.Option("--slippage-pips", min=0.0, help="Of each of the two orders.")
]


def evaluate(
    bars: Bars = None,
    more: More = None,
    ticks: Ticks = None,
    out: Out = Path("evaluation"),
    horizon_bars: Horizon = 1,
    coverage: Coverage = 0.01,
    floor: Floor = 0.58,
    assumed_spread_pips: Spread = 1.5,
    slippage_pips: Slippage = 0.1,
    quick: Quick = False,
    into: Into = None,
) -> None:
    """Walk forward over recorded bars with the default ensemble, and report what was right."""
    files = [*(bars or []), *(more or [])]
    if bool(files) == (ticks is not None):
        msg = "give bars or ticks to evaluate on: aifx evaluate --bars FILE..., or --ticks FOLDER"
        raise BadUse(msg)
    try:
        from jobs.evaluation.markdown import put, render
        from jobs.evaluation.minutes import MINUTES, evaluate_ticks
        from jobs.evaluation.page import write_page
        from jobs.evaluation.run import EvaluationConfig, evaluate, write
        from jobs.evaluation.selection import SelectionConfig
        from jobs.evaluation.tape import TapeConfig
    except ImportError as error:
        msg = f"evaluation needs the extra packages ({error.name}): pip install 'aifx[train]'"
        raise BadUse(msg) from error
    from config import settings
    from sources.recorded_bars import read_bars

    console = Console()
    config = EvaluationConfig(
        tape=TapeConfig(horizon_bars, assumed_spread_pips, slippage_pips),
        selection=SelectionConfig(coverage, floor),
        quick=quick,
    )
    if ticks is not None:
        days = replace(MINUTES, tape=config.tape, selection=config.selection)
        found = evaluate_ticks(ticks, settings.load(None), days, console.print)
    else:
        found = evaluate(read_bars(files), config, console.print)
    results, _ = write(found, out)
    page = write_page(found["results"], found["details"], out)
    if into is not None:
        put(render(found["results"], found["details"]), into)
    console.print(_table(found["results"]))
    console.print(f"{results} and {page}, in {found['details']['seconds']:,.0f} s")


def _table(results: dict[str, dict[str, float | None]]) -> Table:
    table = Table(title="signals out of sample", title_justify="left")
    for name in ("", "n", "accuracy", "low", "high", "base rate", "coverage", "net pips"):
        table.add_column(name, justify="right" if name else "left")
    for symbol, cell in results.items():
        shown = [
            f"{cell['n']:,}",
            *(_figure(cell[key]) for key in ("accuracy", "low", "high", "base_rate", "coverage")),
            _figure(cell["expectancy_pips_net"]),
        ]
        table.add_row(symbol, *shown)
    return table


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
