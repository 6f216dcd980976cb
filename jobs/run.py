"""``aifx run``: one run from the feed to the store, with everything that a person sees of it."""

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console

from api.app import create_app
from api.control import Control
from api.server import Server
from api.terminal import TerminalView
from api.view import View
from clickhouse.connection import without_password
from clickhouse.migrate import connect, migrate
from clickhouse.runs import record_run
from config import plan as plans
from config.plan import Plan, SimulatedPlan, worker_names
from config.settings import Settings, secrets_of, without_secrets
from dataflows.context import deployed_models, models_of
from domain.errors import BadUse, Halt
from domain.log import LogAddress
from domain.topics import Topic
from jobs import datadir, feeds, results, switches
from jobs import kafka as kafka_jobs
from jobs.control import ControlLine
from jobs.feeds import FeedChoice
from jobs.live import confirm_live
from jobs.models import models_for
from jobs.places import place_of
from jobs.report import Report, print_table, write_json
from jobs.watch import Watcher
from jobs.worker import store_dsn
from jobs.workers import Workers

_LOOK_S = 0.2


@dataclass(frozen=True)
class RunOptions:
    """What a person asked for; see ``aifx run --help``.

    Attributes
    ----------
    choice, speed
        What to play, and how fast (event seconds per second; None: as fast as it goes).
    data_dir
        Where stores, models and runs are kept.
    for_s
        Wall seconds after which the feed ends; None for its own end.
    until_eof
        Leave at the end of the feed, also on a terminal.
    json_path
        Where to write the summary.
    dashboard
        Whether to serve the page.
    fresh
        Start anew, even where an unfinished run could go on.
    confirmed
        Account for which a person has said that real money may be traded; empty: ask.
    """

    choice: FeedChoice
    speed: float | None
    data_dir: Path
    for_s: float | None = None
    until_eof: bool = False
    json_path: Path | None = None
    dashboard: bool = True
    fresh: bool = False
    confirmed: str = ""


class _Stop:
    """Ctrl-C or SIGTERM, noted; a second one is not needed and not heard."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def run(options: RunOptions, settings: Settings, console: Console) -> Report:
    """Run it; return the report when it has ended or was stopped.

    Raises
    ------
    BadUse
        If something that a person can mend is in the way.
    Halt
        If a dataflow failed; what it had done is kept.
    """
    started = time.monotonic()
    confirm_live(settings, options.confirmed, console)
    stop = _Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    view = View()
    with ExitStack() as stack:
        server = _reserve_page(options, settings, view)
        stack.enter_context(datadir.locked(options.data_dir))
        bootstrap = settings.kafka.bootstrap
        embedded = not bootstrap
        if embedded:
            bootstrap = stack.enter_context(kafka_jobs.embedded_broker())
        else:
            kafka_jobs.check_reachable(bootstrap)
        plan, resumed = _plan(options, settings, bootstrap, embedded=embedded)
        notes = _prepare(plan, options, settings, console, resumed=resumed)
        plan = plans.read(Path(plan.run_dir))
        if resumed:
            console.print(f"going on with run {plan.run}")
        _announce(view, plan, options, settings, notes, embedded=embedded)
        if server is not None:
            line = ControlLine(place_of(plan), time.time_ns)  # noqa: TID251 - the edge
            hosts = frozenset({settings.dashboard.host.lower()})
            server.app = create_app(view, Control(line, secrets.token_urlsafe(32), hosts))
            server.start()
            stack.callback(server.stop)
            console.print(f"dashboard: {server.url}")
        names = worker_names(_trading_processes(plan, settings))
        workers = Workers(Path(plan.run_dir), _environment(settings), names)
        outcome = _play(plan, options, workers, view, stop, console, embedded=embedded)
        report = _report(plan, options, settings, outcome, notes, time.monotonic() - started)
        view.set_status("finished" if outcome.status == "finished" else "stopped")
        print_table(report, console)
        if options.json_path is not None:
            write_json(report, options.json_path)
        if server is not None and console.is_terminal and not (options.until_eof or stop.asked):
            console.print(f"the page stays at {server.url} until Ctrl-C")
            while not stop.asked:
                time.sleep(_LOOK_S)
        return report


@dataclass(frozen=True)
class _Outcome:
    status: str
    watcher: Watcher


def _reserve_page(options: RunOptions, settings: Settings, view: View) -> Server | None:
    if not options.dashboard:
        return None
    server = Server(create_app(view), settings.dashboard.host, settings.dashboard.port)
    server.reserve()
    return server


def _plan(
    options: RunOptions, settings: Settings, bootstrap: str, *, embedded: bool
) -> tuple[Plan, bool]:
    """Return the plan of an unfinished run to go on with, or of a new one."""
    name = datadir.new_run_name()
    partitions = settings.kafka.partitions
    fresh = Plan(
        run=name,
        data_dir=str(options.data_dir.resolve()),
        run_dir=str((options.data_dir / "runs" / name).resolve()),
        address=LogAddress(bootstrap, f"{name}.", partitions),
        feed=options.choice.feed,
        feed_fingerprint=options.choice.fingerprint,
        speed=options.speed,
        deployments=(),
        settings=without_secrets(settings),
        first_ns=options.choice.first_ns,
        embedded=embedded,
        store=without_password(settings.clickhouse.dsn.get_secret_value()),
    )
    if embedded:
        # The embedded log dies with its process: an earlier run cannot go on, this is a new one.
        for earlier in datadir.runs(options.data_dir):
            if earlier.embedded and earlier.state == "running":
                datadir.set_state(earlier, "lost")
        counted = kafka_jobs.touch_embedded_topics(bootstrap, fresh.address.prefix)
        return _with(fresh, partitions=counted), False
    if not options.fresh:
        found = datadir.resumable(options.data_dir, fresh)
        if found is not None:
            ticks = found.address.topic(Topic.TICKS)
            if kafka_jobs.partitions_of(bootstrap, ticks) is None:
                msg = f"run {found.run} cannot go on: its topic {ticks} is gone; pass --fresh"
                raise BadUse(msg)
            datadir.require_whole(found)
            # Speed is how a run is played, not what it is: the new one counts.
            found = msgspec.structs.replace(found, speed=options.speed)
            return datadir.set_state(found, "running"), True
    kafka_jobs.create_topics(fresh.address)
    return fresh, False


def _trading_processes(plan: Plan, settings: Settings) -> int:
    count, partitions = settings.engine.trading_processes, plan.address.partitions
    if count > partitions:
        msg = f"engine.trading_processes is {count}, and the log has {partitions} partitions"
        raise BadUse(msg)
    return count


def _with(plan: Plan, *, partitions: int) -> Plan:
    address = plan.address._replace(partitions=partitions)
    changed: Plan = msgspec.structs.replace(plan, address=address)
    return changed


def _prepare(
    plan: Plan, options: RunOptions, settings: Settings, console: Console, *, resumed: bool
) -> tuple[str, ...]:
    """Bring the store up to date, see to a model, and write the plan."""
    client = connect(store_dsn(plan, settings), settings.clickhouse.database)
    try:
        migrate(client)
        notes: list[str] = []
        if isinstance(plan.feed, SimulatedPlan):
            notes.append(feeds.NO_EDGE)
        if not resumed:
            known = switches.planned(models_of(plan), settings, plan.first_ns, console.print)
            deployments, why = models_for(client, plan, options.choice, settings, console.print)
            notes += why
            plan = msgspec.structs.replace(
                plan,
                deployments=deployments,
                schedule=known.schedule,
                ledger_lines=known.lines,
            )
            record_run(
                client,
                plan.run,
                {
                    "feed": options.choice.words,
                    "feed_fingerprint": plan.feed_fingerprint,
                    "symbols": list(plan.feed.symbols),
                    "settings": plan.settings,
                    "deployments": msgspec.to_builtins(deployments),
                    "schedule": msgspec.to_builtins(known.schedule),
                },
            )
            plans.save(plan)
        return tuple(notes)
    finally:
        client.close()


def _announce(
    view: View,
    plan: Plan,
    options: RunOptions,
    settings: Settings,
    notes: tuple[str, ...],
    *,
    embedded: bool,
) -> None:
    view.set_run(
        run_id=plan.run,
        feed=options.choice.words,
        speed="max" if options.speed is None else f"{options.speed:g}x",
        symbols=plan.feed.symbols,
        kafka=kafka_jobs.EMBEDDED if embedded else plan.address.bootstrap,
        clickhouse="server" if settings.clickhouse.dsn.get_secret_value() else "chDB",
        models=[
            f"{role} {name[:12]}"
            for role, name in deployed_models(settings, plan.deployments).items()
        ],
        notes=notes,
    )
    view.set_status("starting")


@contextmanager
def _started(workers: Workers) -> Iterator[None]:
    try:
        workers.start()
        yield
    finally:
        workers.kill()


def _environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the workers: with the secrets, which are in no file of the run."""
    return dict(os.environ) | secrets_of(settings)


def _play(
    plan: Plan,
    options: RunOptions,
    workers: Workers,
    view: View,
    stop: _Stop,
    console: Console,
    *,
    embedded: bool,
) -> _Outcome:
    choice = options.choice
    span = None if choice.last_ns is None else (choice.first_ns, choice.last_ns)
    watcher = Watcher(plan.address, view, span, choice.rows)
    began = time.monotonic()
    status = "finished"
    ending = False
    with _started(workers), TerminalView(view, console) as terminal:
        watcher.start()
        try:
            view.set_status("running")
            while workers.running():
                workers.check()
                terminal.refresh()
                time.sleep(_LOOK_S)
                timed_out = options.for_s is not None and time.monotonic() - began > options.for_s
                if ending or not (stop.asked or timed_out):
                    continue
                ending = True
                if stop.asked and not embedded:
                    status = "stopped"
                    workers.stop()
                else:
                    # What the embedded log holds would be lost with it: let it run dry.
                    status = "stopped" if stop.asked else "finished"
                    workers.drain()
            workers.check()
        except Halt as error:
            view.set_status("failed", str(error))
            workers.stop()
            datadir.set_state(plan, "lost" if embedded else "stopped")
            raise
        finally:
            watcher.stop()
        terminal.refresh()
    resumable = status == "stopped" and not embedded
    datadir.set_state(plan, "stopped" if resumable else "finished")
    return _Outcome(status, watcher)


def _report(
    plan: Plan,
    options: RunOptions,
    settings: Settings,
    outcome: _Outcome,
    notes: tuple[str, ...],
    wall_s: float,
) -> Report:
    client = connect(store_dsn(plan, settings), settings.clickhouse.database)
    try:
        return results.from_store(
            client,
            plan,
            settings,
            feed=options.choice.words,
            status=outcome.status,
            models=deployed_models(settings, plan.deployments),
            notes=notes,
            ticks_in=outcome.watcher.counter("ingest", "ticks_in"),
            latency_ms=outcome.watcher.latency_ms(),
            replayed=outcome.watcher.total("replayed"),
            wall_s=wall_s,
        )
    finally:
        client.close()
