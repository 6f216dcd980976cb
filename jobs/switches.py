"""What the promotion ledger holds for a run: switches of models, those known and those to come."""

from collections.abc import Sequence
from typing import NamedTuple

from config.plan import Plan
from config.settings import Settings
from dataflows.context import label_rule, slots_of
from domain.deployments import ModelSwitch
from domain.errors import Corrupt
from features.spec import SCHEMA
from models.registry.ledger import Entry, history, parse
from models.registry.stages import run_switches, schedule
from models.registry.store import LEDGER, ModelStore, Say


class Planned(NamedTuple):
    """What a new run knows of the ledger.

    Attributes
    ----------
    lines
        How many lines it has.
    schedule
        Switches that hold later than the run begins.
    """

    lines: int
    schedule: tuple[ModelSwitch, ...]


def planned(store: ModelStore, settings: Settings, first_ns: int, say: Say) -> Planned:
    """Read what a run that begins at ``first_ns`` is planned with.

    It is to be asked before who stands at the beginning is looked up. A line that comes in between
    is then met twice, which changes nothing; the other way round it would be lost.

    Raises
    ------
    Corrupt
        If the ledger fails its check.
    """
    if not slots_of(settings):
        return Planned(0, ())
    entries = history(store, say)
    horizon_ns = label_rule(settings).horizon_ns
    known = run_switches(entries, len(entries), SCHEMA, horizon_ns, first_ns)
    return Planned(len(entries), tuple(known))


def of_span(
    store: ModelStore, settings: Settings, first_ns: int, last_ns: int | None, say: Say
) -> tuple[ModelSwitch, ...]:
    """Return the switches that a replay of a span meets.

    Parameters
    ----------
    first_ns, last_ns
        Event times of the span; what holds at the first is known otherwise. None: without an end.

    Raises
    ------
    Corrupt
        If the ledger fails its check.
    """
    if not slots_of(settings):
        return ()
    until_ns = 2**63 - 1 if last_ns is None else last_ns
    horizon_ns = label_rule(settings).horizon_ns
    return schedule(history(store, say), SCHEMA, horizon_ns, first_ns, until_ns)


class LedgerReader:
    """Reads the ledger again and again for a run that goes on; see `sources.switches.LedgerRead`.

    A look at a ledger that has not changed compares its bytes and no more.

    Parameters
    ----------
    store
        Where the ledger is.
    plan
        The run, with what it has begun with.
    settings
        Its settings.
    """

    def __init__(self, store: ModelStore, plan: Plan, settings: Settings) -> None:
        self._store = store
        self._lines_at_start = plan.ledger_lines
        self._first_ns = plan.first_ns
        self._horizon_ns = label_rule(settings).horizon_ns
        self._lines: list[bytes] = []
        self._switches: list[ModelSwitch] | None = None

    def __call__(self, taken: int) -> Sequence[ModelSwitch]:
        """Return the switches behind the first ``taken`` ones.

        Raises
        ------
        AifxError
            If the ledger cannot be read, fails its check, or is not the one that the run knows.
        """
        # A torn last line is one that somebody is writing: the next look finds it whole.
        lines = self._store.lines(lambda _: None)
        if self._switches is None or lines != self._lines:
            self._switches = self._read(lines)
            self._lines = lines
        return self._switches[taken:]

    def _read(self, lines: list[bytes]) -> list[ModelSwitch]:
        least = max(self._lines_at_start, len(self._lines))
        if len(lines) < least or lines[: len(self._lines)] != self._lines:
            msg = (
                f"{self._store.url}: {LEDGER} is not the one that this run knows: it had {least} "
                f"lines, and has {len(lines)}"
            )
            raise Corrupt(msg)
        entries: list[Entry] = parse(lines)
        return run_switches(entries, self._lines_at_start, SCHEMA, self._horizon_ns, self._first_ns)
