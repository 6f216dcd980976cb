"""``aifx tca``: what the fills and orders of a run cost against the market."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from domain.errors import BadUse
from jobs.options import DEFAULT_DATA, ClickHouse, ConfigFile, Data, settings_with

Run = Annotated[str, typer.Option("--run", help="Name of an archived run; default: the newest.")]
By = Annotated[
    str, typer.Option("--by", help="Comma-separated: symbol, session, venue, algorithm, hour, ...")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write it to standard output as JSON.")]
FitTo = Annotated[
    Path | None, typer.Option("--fit", help="Write parameters of the paper venue to this file.")
]
Html = Annotated[Path | None, typer.Option("--html", help="Write a page with plots here.")]
Recompute = Annotated[
    bool,
    typer.Option("--recompute", help="Measure it from the archive, and compare with the stream."),
]


def tca(
    run: Run = "",
    by: By = "symbol",
    recompute: Recompute = False,
    as_json: AsJson = False,
    fit_to: FitTo = None,
    html: Html = None,
    clickhouse: ClickHouse = "",
    data: Data = DEFAULT_DATA,
    config_file: ConfigFile = None,
) -> None:
    """Show what the fills and orders of a run cost, by pair, session, venue, size or hour."""
    from clickhouse import quality
    from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
    from jobs import tca as costing
    from jobs.archive_access import archive, plan_of
    from jobs.tca_recompute import Recomputed
    from jobs.tca_recompute import recompute as measured_again
    from trading.tca.report import report

    keys = costing.keys_in(by)
    settings = settings_with(config_file, clickhouse=clickhouse)
    name = run or plan_of(data, "").run
    with archive(settings, data) as client:
        found = (
            measured_again(client, name)
            if recompute
            else Recomputed(quality.records(client, name), None)
        )
    fills = [one for one in found.records if isinstance(one, ExecutionQuality)]
    orders = [one for one in found.records if isinstance(one, OrderQuality)]
    events = [one for one in found.records if isinstance(one, QualityEvent)]
    if not fills and not orders:
        msg = f"run {name} has no measured fill or order: it has not traded" + (
            "" if recompute else ", or was run with execution.quality = false: give --recompute"
        )
        raise BadUse(msg)
    busted = {(e.account, e.execution_id) for e in events if e.code == "busted"}
    fills = [fill for fill in fills if (fill.account, fill.execution_id) not in busted]
    costs = costing.Costs(name, keys, report(fills, orders, keys), events, found.agreement)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(costs)).decode())
    else:
        costing.show(costs)
        if recompute and found.agreement is None:
            print("nothing was measured as it happened (execution.quality = false) to compare with")
    if fit_to is not None:
        line = costing.fit_words(costing.write_fit(fit_to, fills, orders), fit_to)
        Console(stderr=as_json).print(line, markup=False, highlight=False, soft_wrap=True)
    if html is not None:
        from jobs.tca_page import render

        try:
            html.write_text(render(costs.run, keys, costs.groups, fills), encoding="utf-8")
        except OSError as error:
            msg = f"--html {html} cannot be written: {error.strerror}"
            raise BadUse(msg) from error
    if found.agreement is not None and not found.agreement.holds:
        raise typer.Exit(1)
