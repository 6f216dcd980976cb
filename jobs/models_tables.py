"""What ``aifx models`` shows: artefacts, acts, who traded, what the gates have found."""

from collections.abc import Iterable, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from clickhouse.results import Voters
from domain.deployments import SLOTS, Stage
from domain.nanos import SECOND_NS, iso
from models.registry.artefact import Artefact
from models.registry.ledger import Entry
from models.registry.report import GateResult
from models.registry.stages import ANSWERING, Book, Standing

SHORT = 12
"""Digits of an id in a table: a unique beginning is enough to name an artefact."""

_WHOLE = frozenset({"artefact", "slot", "stage", "gate", "in", "act"})
"""Columns that are not broken over lines."""


def standings_table(book: Book, unknown: Iterable[str]) -> Table:
    """Return every artefact with its stage; ``unknown`` are those that the ledger does not know."""
    table = _table("artefact", "slot", "stage", "share", "since", "approved by", "data until")
    for standing in book.standings.values():
        table.add_row(
            standing.artefact_id[:SHORT],
            standing.enter.slot,
            standing.stage,
            _share(standing),
            iso(standing.since_ns),
            escape(standing.approved_by),
            iso(standing.enter.data_last_ns),
        )
    for artefact_id in unknown:
        table.add_row(artefact_id[:SHORT], "", "not in the ledger", "", "", "", "")
    return table


def artefact_table(artefact: Artefact, stage: str, golden_sha256: str) -> Table:
    """Return what an artefact says of itself."""
    manifest = artefact.manifest
    rows = {
        "artefact": artefact.artefact_id,
        "stage": stage,
        "slot": manifest.kind,
        "reads": f"{manifest.window} x {len(manifest.feature_names)} features, schema "
        f"{manifest.feature_schema}",
        "horizon": f"{manifest.horizon_ns / SECOND_NS:g} s",
        "label": str(manifest.label),
        "data": f"{iso(manifest.data_first_ns)} to {iso(manifest.data_last_ns)}, "
        f"{manifest.rows:,} rows of {', '.join(manifest.symbols)}",
        "data sha256": manifest.data_sha256,
        "code": manifest.code_version,
        "seeds": str(manifest.seeds),
        "calibration": str(manifest.calibration),
        "model sha256": manifest.model_sha256,
        "golden sha256": golden_sha256,
    }
    table = Table(show_header=False)
    for name, words in rows.items():
        table.add_row(name, escape(words))
    return table


def acts_table(entries: Iterable[Entry]) -> Table:
    """Return every act, oldest first."""
    table = _table("when", "who", "act", "artefact", "from", "to", "holds from", "why")
    for entry in entries:
        table.add_row(
            iso(entry.at_ns),
            escape(entry.by),
            entry.act,
            entry.artefact_id[:SHORT],
            entry.from_stage or "",
            entry.to_stage,
            iso(entry.effective_ns),
            escape(entry.reason),
        )
    return table


def answering_table(live: Book, replay: Book) -> Table:
    """Return who answers: in a live run of a time, and in a replay of it begun now."""
    parts: Mapping[str, Sequence[Standing]] = {
        "live": _answering(live),
        "replay": _answering(replay),
    }
    switches = [[standing.switch() for standing in part] for part in parts.values()]
    if switches[0] == switches[1]:
        parts = {"live, replay": parts["live"]}
    table = _table("in", "slot", "stage", "share", "artefact", "since", "approved by")
    for name, standings in parts.items():
        for standing in standings:
            table.add_row(
                name,
                standing.enter.slot,
                standing.stage,
                _share(standing),
                standing.artefact_id[:SHORT],
                iso(standing.since_ns),
                escape(standing.approved_by),
            )
        if not standings:
            table.add_row(name, "none", "", "", "", "", "")
    return table


def voters_table(found: Iterable[Voters]) -> Table:
    """Return who took part in decisions of a run, by symbol."""
    table = _table("symbol", "decided at", "slot", "artefact")
    for one in found:
        for role, model_id in one.members:
            table.add_row(one.symbol, iso(one.ts_event_ns), role, model_id[:SHORT])
    return table


def gates_table(gates: Iterable[GateResult]) -> Table:
    """Return the results of a validation."""
    table = _table("gate", "", "what was found")
    for gate in gates:
        mark = "[green]ok[/]" if gate.ok else "[red]no[/]"
        table.add_row(gate.name, mark, escape(gate.words))
    return table


def _answering(book: Book) -> list[Standing]:
    order = {stage: rank for rank, stage in enumerate(ANSWERING)}
    found = [standing for standing in book.standings.values() if standing.stage in order]
    return sorted(found, key=lambda s: (SLOTS.index(s.enter.slot), order[s.stage]))


def _share(standing: Standing) -> str:
    return f"{standing.share:g}" if standing.stage is Stage.CANARY else ""


def _table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        table.add_column(column, no_wrap=column in _WHOLE)
    return table
