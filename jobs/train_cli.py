"""``aifx train`` and ``aifx retrain``: from archived rows to candidates, and no further.

What trains is heavy, so each command imports it for itself: ``aifx --help`` does not wait for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from domain.deployments import SLOTS, Slot
from domain.errors import BadUse
from jobs.models_cli import Simulated, Store, open_models
from jobs.options import (
    DEFAULT_DATA,
    ClickHouse,
    ConfigFile,
    Data,
    Symbols,
    names_in,
    settings_with,
    time_in,
)

if TYPE_CHECKING:
    from jobs.training_data import LabelName

Kinds = Annotated[
    str, typer.Option("--kinds", help=f"Comma-separated, of {', '.join(SLOTS)}; default: all.")
]

_END_OF_TIME_NS = 2**63 - 1


def train(
    runs: Annotated[
        str, typer.Option("--runs", help="Archived runs to learn from, comma-separated.")
    ] = "",
    features: Annotated[
        list[Path] | None,
        typer.Option("--features", help="Parquet file to learn from instead; may be repeated."),
    ] = None,
    kinds: Kinds = "",
    label: Annotated[
        str, typer.Option("--label", help="sign, triple-barrier or sign-after-costs.")
    ] = "sign",
    symbols: Symbols = "",
    before: Annotated[
        str | None, typer.Option("--before", help="Only features from before this time (UTC).")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write the rows to this Parquet file, and train nothing."),
    ] = None,
    simulated: Simulated = False,
    store: Store = "",
    clickhouse: ClickHouse = "",
    data: Data = DEFAULT_DATA,
    config_file: ConfigFile = None,
) -> None:
    """Train models, report walk-forward figures, and enter them as candidates."""
    from jobs import training_data
    from jobs.archive_access import archive
    from jobs.train import candidates, label_config, learners_of, walk_config

    if bool(names_in(runs)) == bool(features):
        msg = "give rows to learn from: either --runs RUN,... or --features FILE"
        raise BadUse(msg)
    settings = settings_with(config_file, clickhouse=clickhouse)
    before_ns = _END_OF_TIME_NS if before is None else time_in(before, "--before")
    config = label_config(settings, _label(label))
    # Now, not after minutes of reading.
    learners = None if export is not None else learners_of(_kinds(kinds))
    if features:
        named = _symbols(symbols) if symbols else ()
        rows = training_data.from_files(features, named, before_ns)
    else:
        with archive(settings, data) as client:
            rows = training_data.from_archive(client, names_in(runs), _symbols(symbols), before_ns)
    if export is not None:
        training_data.export(rows, export)
        _say(f"{export}: {len(rows.data.ts_ns):,} rows of {', '.join(rows.data.symbols)}")
    if learners is not None:
        place = open_models(data, store, simulated=simulated, config_file=config_file)
        candidates(rows, config, learners, walk_config(settings), place, {}, _say)


def retrain(
    runs: Annotated[
        str, typer.Option("--runs", help="Archived runs; default: all of this kind of feed.")
    ] = "",
    kinds: Kinds = "",
    symbols: Symbols = "",
    force: Annotated[
        str | None, typer.Option("--force", help="Train whatever the triggers say; why, in words.")
    ] = None,
    simulated: Simulated = False,
    store: Store = "",
    clickhouse: ClickHouse = "",
    data: Data = DEFAULT_DATA,
    config_file: ConfigFile = None,
) -> None:
    """Train anew where a champion is missing, old, drifting or poor; enter candidates."""
    from jobs.archive_access import archive
    from jobs.retrain import retrain as retrain_
    from jobs.retrain import runs_of

    settings = settings_with(config_file, clickhouse=clickhouse)
    chosen, named = _kinds(kinds), _symbols(symbols)
    place = open_models(data, store, simulated=simulated, config_file=config_file)
    with archive(settings, data) as client:
        found = names_in(runs) or runs_of(data, simulated=simulated)
        made = retrain_(client, found, named, settings, place, chosen, _say, force=force)
    if not made:
        _say("nothing calls for training: nothing was trained")


def _kinds(text: str) -> tuple[Slot, ...]:
    given = names_in(text) or list(SLOTS)
    unknown = sorted(set(given) - set(SLOTS))
    if unknown:
        msg = f"--kinds {text}: there is no {', '.join(unknown)}; give some of {', '.join(SLOTS)}"
        raise BadUse(msg)
    return tuple(slot for slot in SLOTS if slot in given)


def _label(text: str) -> "LabelName":
    from jobs.training_data import LABELS

    for name in LABELS:
        if name == text:
            return name
    msg = f"--label {text}: give one of {', '.join(LABELS)}"
    raise BadUse(msg)


def _symbols(text: str) -> tuple[str, ...]:
    from domain.instruments import INSTRUMENTS, instrument

    return tuple(instrument(name).symbol for name in names_in(text)) or tuple(sorted(INSTRUMENTS))


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)
