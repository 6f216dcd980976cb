"""The command line: ``aifx run | backtest | train | retrain | evaluate | models | doctor | ...``.

Every mistake of a caller ends in one line on stderr and exit code 2; nothing is half done.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from config import settings as config
from domain.errors import AifxError, BadUse
from jobs.control_cli import control_app
from jobs.evaluate_cli import evaluate
from jobs.models_cli import models_app
from jobs.options import (
    DEFAULT_DATA,
    ClickHouse,
    ConfigFile,
    Data,
    Symbols,
    names_in,
    settings_with,
)
from jobs.statement_cli import statement
from jobs.tca_cli import tca
from jobs.train_cli import retrain, train

app = typer.Typer(
    name="aifx",
    help="Forex quotes to signals to risk-checked paper orders, live and in replay.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
kafka_app = typer.Typer(help="A real Apache Kafka on this machine.", no_args_is_help=True)
app.add_typer(kafka_app, name="kafka")
app.add_typer(models_app, name="models")
app.add_typer(control_app, name="control")

Ticks = Annotated[
    Path | None, typer.Option("--ticks", help="Parquet file or folder; default: simulated ticks.")
]
From = Annotated[
    str | None, typer.Option("--from", help="First time (UTC), or simulated trade date.")
]
To = Annotated[
    str | None,
    typer.Option("--to", help="Time to stop before (UTC), or last simulated trade date."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the simulator.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the summary here as JSON.")]


@app.command()
def run(
    ticks: Ticks = None,
    symbols: Symbols = "",
    from_: From = None,
    to: To = None,
    seed: Seed = 7,
    speed: Annotated[
        str | None,
        typer.Option("--speed", help="Event seconds per second (1, 60, ...) or max."),
    ] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", min=0.1, help="End the feed after so many seconds.")
    ] = None,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="Leave at the end of the feed, also on a terminal.")
    ] = False,
    json: Json = None,
    kafka: Annotated[
        str, typer.Option("--kafka", help="HOST:PORT of a broker; default: embedded.")
    ] = "",
    clickhouse: ClickHouse = "",
    data: Data = DEFAULT_DATA,
    port: Annotated[int | None, typer.Option("--port", help="Port of the dashboard.")] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard/--no-dashboard", help="Serve the page.")
    ] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew even where an unfinished run could go on.")
    ] = False,
    broker: Annotated[
        str, typer.Option("--broker", help="paper, oanda, ib or fix; see the [broker] settings.")
    ] = "",
    confirm_live: Annotated[
        str, typer.Option("--confirm-live", help="Account id: yes, trade real money there.")
    ] = "",
    config_file: ConfigFile = None,
) -> None:
    """Run the platform: feed, Kafka, bars, models, signals, paper orders, ClickHouse, a page."""
    from jobs import feeds
    from jobs.run import RunOptions
    from jobs.run import run as run_all

    settings = settings_with(
        config_file, kafka=kafka, clickhouse=clickhouse, port=port, broker=broker
    )
    choice = feeds.choose(ticks, names_in(symbols), from_, to, seed, settings.models.training_days)
    options = RunOptions(
        choice=choice,
        speed=feeds.parse_speed(speed, simulated=ticks is None),
        data_dir=data,
        for_s=for_s,
        until_eof=until_eof,
        json_path=json,
        dashboard=dashboard,
        fresh=fresh,
        confirmed=confirm_live,
    )
    run_all(options, settings, Console())


@app.command()
def backtest(
    ticks: Ticks = None,
    symbols: Symbols = "",
    from_: From = None,
    to: To = None,
    seed: Seed = 7,
    json: Json = None,
    clickhouse: ClickHouse = "",
    data: Data = DEFAULT_DATA,
    config_file: ConfigFile = None,
) -> None:
    """Play a feed through the same graph, fused in one process, without Kafka."""
    from clickhouse.migrate import connect, migrate
    from config.plan import Plan
    from dataflows.context import models_of
    from domain.log import LogAddress
    from jobs import datadir, feeds, switches
    from jobs.backtest import backtest as backtest_all
    from jobs.models import models_for
    from jobs.report import print_table, write_json
    from jobs.routing import known_costs
    from jobs.worker import store_dsn

    settings = settings_with(config_file, clickhouse=clickhouse)
    console = Console()
    choice = feeds.choose(ticks, names_in(symbols), from_, to, seed, settings.models.training_days)
    with datadir.locked(data):
        plan = Plan(
            run="backtest",
            data_dir=str(data.resolve()),
            run_dir="",
            address=LogAddress("", "", 1),
            feed=choice.feed,
            feed_fingerprint=choice.fingerprint,
            speed=None,
            deployments=(),
            settings=config.without_secrets(settings),
        )
        client = connect(store_dsn(plan, settings), settings.clickhouse.database)
        try:
            migrate(client)
            deployments, notes = models_for(client, plan, choice, settings, console.print)
            costs = known_costs(client, settings)
        finally:
            client.close()
        known = switches.of_span(
            models_of(plan), settings, choice.first_ns, choice.last_ns, console.print
        )
        report = backtest_all(
            choice, settings, data.resolve(), deployments, notes, switches=known, costs=costs
        )
    print_table(report, console)
    if json is not None:
        write_json(report, json)


app.command("train")(train)
app.command("retrain")(retrain)
app.command("evaluate")(evaluate)
app.command("tca")(tca)
app.command("statement")(statement)


@app.command()
def calibrate(
    ticks: Annotated[Path, typer.Option("--ticks", help="Folder of recorded ticks.")],
    bars: Annotated[Path, typer.Option("--bars", help="Folder of recorded hourly bars.")],
    out: Annotated[Path, typer.Option("--out", help="Parameter file to write.")],
) -> None:
    """Fit the tick simulator on recorded ticks and bars."""
    from jobs.calibrate import calibrate as fit

    fit(ticks, bars, out, Console().print)


@app.command()
def doctor(data: Data = DEFAULT_DATA, config_file: ConfigFile = None) -> None:
    """Check everything that a run needs, and say what to do."""
    from jobs.doctor import examine

    settings = settings_with(config_file)
    table = Table(show_header=False)
    console = Console()
    ill = False
    for finding in examine(settings, data):
        ill = ill or (finding.needed and not finding.ok)
        mark = "[green]ok[/]" if finding.ok else "[red]no[/]" if finding.needed else "[yellow]-[/]"
        table.add_row(mark, finding.name, finding.words)
    console.print(table)
    if ill:
        raise typer.Exit(2)


@kafka_app.command("up")
def kafka_up(
    port: Annotated[int | None, typer.Option("--port", help="Port; default: a free one.")] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder for its data; default: gone at the end.")
    ] = None,
) -> None:
    """Run a real single-node Apache Kafka 4 in the foreground, until Ctrl-C."""
    from testkit import kafka

    try:
        code = kafka.serve(kafka.KafkaBroker(port=port, data_dir=keep))
    except kafka.BrokerError as error:
        raise BadUse(str(error)) from error
    raise typer.Exit(code)


def main() -> None:
    """Run the command line; a person's mistake is one line and exit code 2."""
    try:
        app()
    except AifxError as error:
        print(f"aifx: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
