"""``aifx models``: which models there are, what they may do, and who has said so.

The registry loads the runtime of the models, so each command imports it for itself: ``aifx --help``
does not wait for it.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from domain.deployments import SLOTS, Stage
from domain.errors import BadUse
from domain.nanos import iso, parse_ns

if TYPE_CHECKING:
    from models.registry.ledger import Entry
    from models.registry.store import ModelStore

models_app = typer.Typer(
    help="The registry of trained models and their stages.", no_args_is_help=True
)

Data = Annotated[Path, typer.Option("--data", help="Folder of stores, models and runs.")]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Models of simulated feeds, not of recorded ones.")
]
Store = Annotated[
    str, typer.Option("--store", help="Folder or s3://bucket/prefix; default: models.store.")
]
Id = Annotated[str, typer.Argument(help="Id of an artefact, or its unique beginning.")]
By = Annotated[str, typer.Option("--by", help="Name of the person who answers for it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words.")]
Since = Annotated[
    str | None,
    typer.Option("--effective", help="Event time (UTC) from which it holds; default: at once."),
]

_DATA = Path(".aifx")


@models_app.command("list")
def list_(data: Data = _DATA, store: Store = "", simulated: Simulated = False) -> None:
    """List every artefact with its stage."""
    from jobs.models_tables import standings_table
    from models.registry.artefact import artefacts
    from models.registry.ledger import history
    from models.registry.stages import state

    place = open_models(data, store, simulated=simulated)
    book = state(history(place, _note))
    unknown = [found for found in artefacts(place) if found not in book.standings]
    Console().print(standings_table(book, unknown))


@models_app.command()
def show(artefact: Id, data: Data = _DATA, store: Store = "", simulated: Simulated = False) -> None:
    """Load an artefact, prove it, and show what it says of itself."""
    from jobs.models_tables import artefact_table, gates_table
    from models.registry.artefact import load
    from models.registry.ledger import history
    from models.registry.report import read_report
    from models.registry.stages import state
    from models.serving import golden_sha256

    place = open_models(data, store, simulated=simulated)
    artefact_id = _resolve(place, artefact)
    found, session = load(place, artefact_id)
    standing = state(history(place, _note)).standings.get(artefact_id)
    stage = "not in the ledger" if standing is None else str(standing.stage)
    console = Console()
    console.print(artefact_table(found, stage, golden_sha256(found.manifest, session)))
    if standing is not None and standing.evidence:
        console.print(gates_table(read_report(place, standing.evidence).gates))


@models_app.command()
def ledger(data: Data = _DATA, store: Store = "", simulated: Simulated = False) -> None:
    """Show every act, oldest first; the chain of digests is checked."""
    from jobs.models_tables import acts_table
    from models.registry.ledger import history

    Console().print(acts_table(history(open_models(data, store, simulated=simulated), _note)))


@models_app.command("at")
def at_(
    moment: Annotated[str, typer.Argument(metavar="TIME", help="ISO 8601, UTC.")],
    run: Annotated[
        str, typer.Option("--run", help="An archived run: who took part in its decisions then.")
    ] = "",
    data: Data = _DATA,
    store: Store = "",
    simulated: Simulated = False,
) -> None:
    """Say who traded at an event time: in a live run then, in a replay begun now, or in a run."""
    from jobs.models_tables import answering_table
    from models.registry.ledger import history
    from models.registry.stages import at

    time_ns = _time(moment, "TIME")
    if run:
        _show_voters(data, run, time_ns)
        return
    entries = history(open_models(data, store, simulated=simulated), _note)
    Console().print(answering_table(at(entries, time_ns, time_ns), at(entries, time_ns)))


@models_app.command()
def validate(
    artefact: Id,
    by: By,
    reason: Reason = "validated",
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            help="Parquet file of answers to unseen rows; default: what training kept.",
        ),
    ] = None,
    ticks: Annotated[
        Path | None,
        typer.Option(
            "--ticks",
            help="Recorded ticks to look for look-ahead in; half a day or more. "
            "Default with --simulated: the simulator's.",
        ),
    ] = None,
    symbols: Annotated[
        str, typer.Option("--symbols", help="Of these ticks, comma-separated; default: all.")
    ] = "",
    from_: Annotated[str | None, typer.Option("--from", help="First time of these (UTC).")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Time to stop before (UTC).")] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="TOML settings; default: aifx.toml, if there.")
    ] = None,
    data: Data = _DATA,
    store: Store = "",
    simulated: Simulated = False,
) -> None:
    """Run every gate; a candidate that passes all becomes validated."""
    from jobs.evidence import stored_evidence
    from jobs.lookahead import detector, simulated_detector
    from jobs.models_tables import gates_table
    from jobs.validate import parquet_evidence, validate_artefact

    place = open_models(data, store, simulated=simulated)
    artefact_id = _resolve(place, artefact)
    look = simulated_detector(config_file) if simulated else None
    if ticks is not None:
        look = detector(ticks, symbols, from_, to, config_file)
    kept = stored_evidence(place, look) if evidence is None else parquet_evidence(evidence, look)
    found = validate_artefact(
        place,
        artefact_id,
        kept,
        at_ns=_now_ns(),
        by=by,
        reason=reason,
        say=_note,
    )
    Console().print(gates_table(found.report.gates))
    if found.entry is None:
        msg = (
            f"artefact {artefact_id} stays a candidate: refused by "
            f"{', '.join(found.report.failed)} (report {found.digest})"
        )
        raise BadUse(msg)
    _say(f"{artefact_id} is validated, report {found.digest}")


@models_app.command()
def approve(
    artefact: Id,
    by: By,
    reason: Reason,
    data: Data = _DATA,
    store: Store = "",
    simulated: Simulated = False,
) -> None:
    """Answer for an artefact by name, so that it may become canary and champion."""
    from models.registry.acts import approve as approve_

    place = open_models(data, store, simulated=simulated)
    _tell(approve_(place, _resolve(place, artefact), _now_ns(), by, reason, _note))


@models_app.command()
def promote(
    artefact: Id,
    to: Annotated[Stage, typer.Option("--to", help="The next stage.")],
    by: By,
    reason: Reason,
    share: Annotated[
        float, typer.Option("--share", help="Of the symbols, for a canary; above 0, at most 1.")
    ] = 1.0,
    effective: Since = None,
    data: Data = _DATA,
    store: Store = "",
    simulated: Simulated = False,
) -> None:
    """Take an artefact one stage on: shadow, canary, champion."""
    from models.registry.acts import promote as promote_

    place = open_models(data, store, simulated=simulated)
    entry = promote_(
        place,
        _resolve(place, artefact),
        to,
        _now_ns(),
        by,
        reason,
        share=share,
        effective_ns=_optional_time(effective),
        say=_note,
    )
    _tell(entry)


@models_app.command()
def rollback(
    slot: Annotated[str, typer.Argument(help=f"One of {', '.join(SLOTS)}.")],
    by: By,
    reason: Reason,
    effective: Since = None,
    data: Data = _DATA,
    store: Store = "",
    simulated: Simulated = False,
) -> None:
    """Bring the champion before back, proven to answer as it did; the present one is retired."""
    from models.registry.rollback import roll_back

    named = [known for known in SLOTS if known == slot]
    if not named:
        msg = f"there is no slot {slot!r}: give one of {', '.join(SLOTS)}"
        raise BadUse(msg)
    place = open_models(data, store, simulated=simulated)
    since_ns = _optional_time(effective)
    switch = roll_back(place, named[0], _now_ns(), by, reason, effective_ns=since_ns, say=_note)
    _say(f"{switch.artefact_id} is champion of {slot} again, from {iso(switch.effective_ns)}")


@models_app.command()
def retire(
    artefact: Id,
    by: By,
    reason: Reason,
    effective: Since = None,
    data: Data = _DATA,
    store: Store = "",
    simulated: Simulated = False,
) -> None:
    """Take an artefact out of service; where it was champion, its slot abstains."""
    from models.registry.acts import retire as retire_

    place = open_models(data, store, simulated=simulated)
    artefact_id = _resolve(place, artefact)
    since_ns = _optional_time(effective)
    _tell(retire_(place, artefact_id, _now_ns(), by, reason, effective_ns=since_ns, say=_note))


@models_app.command()
def export(
    artefact: Id,
    to: Annotated[str, typer.Option("--to", help="Folder or s3://bucket/prefix.")],
    data: Data = _DATA,
    store: Store = "",
    simulated: Simulated = False,
) -> None:
    """Copy a proven artefact and enter it elsewhere as a candidate; its stage here stays."""
    from models.registry.acts import register
    from models.registry.artefact import load, read, save
    from models.registry.cache import open_store

    place, target = open_models(data, store, simulated=simulated), open_store(to)
    artefact_id = _resolve(place, artefact)
    load(place, artefact_id)
    found, model = read(place, artefact_id)
    save(target, found.manifest, model)
    register(target, artefact_id, _now_ns(), "aifx models export", f"from {place.url}", _note)
    _say(f"{artefact_id} is a candidate in {target.url}")


def _show_voters(data: Path, run: str, time_ns: int) -> None:
    """Show who took part in the decisions of a run: the answer to the second."""
    from clickhouse.migrate import connect, migrate
    from clickhouse.results import voters_at
    from config.settings import load
    from jobs import datadir
    from jobs.models_tables import voters_table

    settings = load()
    dsn = settings.clickhouse.dsn.get_secret_value() or f"chdb://{data.resolve() / 'clickhouse'}"
    with datadir.locked(data):
        client = connect(dsn, settings.clickhouse.database)
        try:
            migrate(client)
            found = voters_at(client, run, time_ns)
        finally:
            client.close()
    if not found:
        msg = f"the archive holds no decision of run {run!r} at or before {iso(time_ns)}"
        raise BadUse(msg)
    Console().print(voters_table(found))


def open_models(
    data: Path, store: str, *, simulated: bool, config_file: Path | None = None
) -> "ModelStore":
    """Return the store of the models of one kind of feed.

    Parameters
    ----------
    data
        The data folder.
    store
        Address of another place; empty for that of the settings.
    simulated
        Whether the models of simulated feeds are meant.
    config_file
        Where the settings are; None for ``aifx.toml``, if there.
    """
    from config.settings import load
    from dataflows.context import open_models as open_configured
    from models.registry.cache import open_store

    if store:
        return open_store(store, data / "models" / "cache")
    return open_configured(load(config_file), str(data.resolve()), simulated=simulated)


def _resolve(store: "ModelStore", text: str) -> str:
    """Return the id that begins with a text."""
    from models.registry.artefact import artefacts
    from models.registry.ledger import history

    known = {entry.artefact_id for entry in history(store, _note)} | set(artefacts(store))
    found = sorted(artefact_id for artefact_id in known if text and artefact_id.startswith(text))
    if len(found) != 1:
        what = "no artefact begins" if not found else f"{len(found)} artefacts begin"
        msg = f"{what} with {text!r} in {store.url}: aifx models list shows them"
        raise BadUse(msg)
    return found[0]


def _time(text: str, option: str) -> int:
    try:
        return parse_ns(text)
    except ValueError as error:
        msg = f"{option} {text}: give an ISO 8601 date or time in UTC"
        raise BadUse(msg) from error


def _optional_time(text: str | None) -> int | None:
    return None if text is None else _time(text, "--effective")


def _now_ns() -> int:
    return time.time_ns()  # noqa: TID251 - the edge: when a person acted


def _tell(entry: "Entry") -> None:
    what = "approved" if entry.act == "approve" else entry.to_stage
    since = "" if entry.act == "approve" else f", from {iso(entry.effective_ns)}"
    _say(f"{entry.artefact_id} of slot {entry.slot} is {what}{since}, by {entry.by}")


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _note(line: str) -> None:
    Console(stderr=True).print(line, markup=False, highlight=False, soft_wrap=True)
