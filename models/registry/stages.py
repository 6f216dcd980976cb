"""What the ledger amounts to: who is in which stage, who traded when, what a run starts with.

All functions here are pure: entries in, answers out. An artefact goes forward one stage at a time::

    candidate -> validated -> shadow -> canary -> champion -> retired

and from any stage to ``retired``. A new champion retires the one before it; a rollback brings that
one back, which is the only way out of ``retired``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.deployments import IN_FLOW, SLOTS, ModelSwitch, Slot, Stage
from domain.errors import BadUse
from models.registry.ledger import Entry

TRANSITIONS: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.CANDIDATE: (Stage.VALIDATED, Stage.RETIRED),
    Stage.VALIDATED: (Stage.SHADOW, Stage.RETIRED),
    Stage.SHADOW: (Stage.CANARY, Stage.RETIRED),
    Stage.CANARY: (Stage.CHAMPION, Stage.RETIRED),
    Stage.CHAMPION: (Stage.RETIRED,),
    Stage.RETIRED: (),
}
"""Where a line of the ledger may take an artefact from each stage; all else is refused."""

ANSWERING = (Stage.CHAMPION, Stage.CANARY, Stage.SHADOW)
"""Stages in which an artefact answers, in the order in which a run learns of them."""

_END_OF_TIME_NS = 2**63 - 1

Place = tuple[Slot, str, int]
"""Slot, feature schema, horizon in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an artefact stands.

    Attributes
    ----------
    stage
        Its stage.
    entry
        The line that brought it there; for a champion that another displaced, the other's line.
    enter
        The line with which it became a candidate; its slot, schema, horizon and data are there.
    share
        Of the symbols, in (0, 1].
    evidence
        Digest of its validation report; empty before there is one.
    approved_by
        Who answered for it; empty where nobody has.
    golden_sha256
        Hash of its golden answers when it last began to answer; empty before.
    """

    stage: Stage
    entry: Entry
    enter: Entry
    share: float = 1.0
    evidence: str = ""
    approved_by: str = ""
    golden_sha256: str = ""

    @property
    def artefact_id(self) -> str:
        """Id of the artefact."""
        return self.enter.artefact_id

    @property
    def place(self) -> Place:
        """Slot, schema and horizon."""
        return self.enter.place

    @property
    def since_ns(self) -> int:
        """Event time from which it stands there."""
        return self.entry.effective_ns

    def switch(self) -> ModelSwitch:
        """Return what a run is told of it."""
        return ModelSwitch(self.enter.slot, self.artefact_id, self.stage, self.since_ns, self.share)


@dataclass(slots=True)
class Book:
    """All standings after some lines.

    Attributes
    ----------
    standings
        By artefact, in the order of their entering.
    displaced
        Of each place the champions that others displaced, the last one last: to roll back to.
    """

    standings: dict[str, Standing] = field(default_factory=dict)
    displaced: dict[Place, list[str]] = field(default_factory=dict)

    def holder(self, place: Place, stage: Stage) -> Standing | None:
        """Return who has a stage in a place; None if nobody has."""
        for standing in self.standings.values():
            if standing.stage is stage and standing.place == place:
                return standing
        return None

    def before(self, place: Place) -> Standing | None:
        """Return the last champion of a place that another displaced; None if there is none."""
        ids = self.displaced.get(place, [])
        return self.standings[ids[-1]] if ids else None


def state(entries: Iterable[Entry]) -> Book:
    """Return who is in which stage after all these lines."""
    book = Book()
    for entry in entries:
        _apply(book, entry)
    return book


def at(entries: Iterable[Entry], time_ns: int, known_ns: int | None = None) -> Book:
    """Return who was in which stage at an event time.

    Parameters
    ----------
    time_ns
        Event time: only lines that held by then count.
    known_ns
        Only lines that were written by then, by the clock of whoever acted: with ``time_ns`` here,
        the answer is what a live run of that time had. None counts lines of any date: what a
        replay of that time has that is begun now.
    """
    return state(
        entry
        for entry in entries
        if entry.effective_ns <= time_ns and (known_ns is None or entry.at_ns <= known_ns)
    )


def deployments(
    entries: Iterable[Entry],
    feature_schema: str,
    horizon_ns: int,
    before_ns: int,
    *,
    with_before: bool = False,
) -> tuple[ModelSwitch, ...]:
    """Return what holds when a run begins at an event time: of each slot champion, canary, shadow.

    No line holds before all that its artefact was trained on was known, so a replay never meets a
    model that has seen its future.

    Parameters
    ----------
    feature_schema, horizon_ns
        What the run computes, and how far ahead it asks; others are left out.
    before_ns
        First event time of the run.
    with_before
        Put the champion before the present one in front of it, as the one to roll back to.
    """
    book = at(entries, before_ns)
    switches: list[ModelSwitch] = []
    for slot in SLOTS:
        place = (slot, feature_schema, horizon_ns)
        before = book.before(place)
        if with_before and before is not None and book.holder(place, Stage.CHAMPION) is not None:
            switches.append(_as_champion(before))
        for stage in ANSWERING:
            switches += [
                standing.switch()
                for standing in book.standings.values()
                if standing.place == place and standing.stage is stage
            ]
    return tuple(switches)


def switches_since(
    entries: Sequence[Entry], used: int, feature_schema: str, horizon_ns: int
) -> list[ModelSwitch]:
    """Return the switches of the lines after the first ``used`` ones, for a run that goes on.

    A rollback gives two: the champion that leaves is retired, then the one before comes back.
    """
    book = state(entries[:used])
    switches: list[ModelSwitch] = []
    for entry in entries[used:]:
        known = book.standings.get(entry.artefact_id)
        was = None if known is None else known.stage
        _apply(book, entry)
        if (entry.feature_schema, entry.horizon_ns) != (feature_schema, horizon_ns):
            continue
        if entry.act == "rollback" and entry.before_id:
            switches.append(
                ModelSwitch(entry.slot, entry.before_id, Stage.RETIRED, entry.effective_ns)
            )
        moved = entry.act in {"move", "rollback"} and entry.to_stage in IN_FLOW
        # A run has never heard of a candidate that is retired.
        if moved and not (entry.to_stage is Stage.RETIRED and was not in ANSWERING):
            switches.append(book.standings[entry.artefact_id].switch())
    return switches


def run_switches(
    entries: Sequence[Entry],
    lines_at_start: int,
    feature_schema: str,
    horizon_ns: int,
    first_ns: int,
) -> list[ModelSwitch]:
    """Return every switch that a run meets after its start; the list only grows with the ledger.

    Parameters
    ----------
    lines_at_start
        How many lines the ledger had when the run was planned: those that hold later than its
        first event time wait for theirs.
    first_ns
        First event time of the run; what holds there is `deployments`' matter.
    """
    planned = schedule(
        entries[:lines_at_start], feature_schema, horizon_ns, first_ns, _END_OF_TIME_NS
    )
    return [*planned, *switches_since(entries, lines_at_start, feature_schema, horizon_ns)]


def schedule(
    entries: Sequence[Entry],
    feature_schema: str,
    horizon_ns: int,
    first_ns: int,
    until_ns: int,
) -> tuple[ModelSwitch, ...]:
    """Return the switches that a replay of a span meets, by effective time.

    Parameters
    ----------
    first_ns, until_ns
        The span's event times; what holds at ``first_ns`` is `deployments`' matter.

    Notes
    -----
    At each effective time the answer is that of `at`: a champion that was promoted earlier and
    holds later than another does not come back in its place.
    """
    times = sorted(
        {entry.effective_ns for entry in entries if first_ns < entry.effective_ns <= until_ns}
    )
    held = {s.artefact_id: s for s in deployments(entries, feature_schema, horizon_ns, first_ns)}
    switches: list[ModelSwitch] = []
    for time_ns in times:
        found = deployments(entries, feature_schema, horizon_ns, time_ns)
        now = {switch.artefact_id: switch for switch in found}
        new_champions = {
            s.slot for s in found if s.stage is Stage.CHAMPION and held.get(s.artefact_id) != s
        }
        for gone in held.values():
            # A champion that another displaces stays loaded as the one to roll back to.
            displaced = gone.stage is Stage.CHAMPION and gone.slot in new_champions
            if gone.artefact_id not in now and not displaced:
                switches.append(ModelSwitch(gone.slot, gone.artefact_id, Stage.RETIRED, time_ns))
        switches += [
            ModelSwitch(s.slot, s.artefact_id, s.stage, time_ns, s.share)
            for s in found
            if not _same(held.get(s.artefact_id), s)
        ]
        held = now
    return tuple(switches)


def require_move(standing: Standing, to: Stage) -> None:
    """Refuse a move that the table does not allow.

    Raises
    ------
    BadUse
        It names what is allowed.
    """
    allowed = TRANSITIONS[standing.stage]
    if to not in allowed:
        can = ", ".join(allowed) or "nothing (a rollback brings back a champion)"
        msg = (
            f"artefact {standing.artefact_id} is {standing.stage}: from there it can become {can}, "
            f"not {to}"
        )
        raise BadUse(msg)


def _as_champion(standing: Standing) -> ModelSwitch:
    """Return the switch of a champion before as if it still were, from when it was known."""
    enter = standing.enter
    return ModelSwitch(enter.slot, enter.artefact_id, Stage.CHAMPION, enter.known_ns)


def _same(before: ModelSwitch | None, now: ModelSwitch) -> bool:
    return before is not None and (before.stage, before.share) == (now.stage, now.share)


def _apply(book: Book, entry: Entry) -> None:
    if entry.act == "enter":
        book.standings[entry.artefact_id] = Standing(entry.to_stage, entry, entry)
        return
    known = book.standings.get(entry.artefact_id)
    if known is None:
        # Its earlier lines do not count at this time: nor does this one.
        return
    if entry.act == "approve":
        book.standings[entry.artefact_id] = replace(known, approved_by=entry.by)
        return
    place = known.place
    displaced = book.displaced.setdefault(place, [])
    if entry.artefact_id in displaced:
        displaced.remove(entry.artefact_id)
    champion = book.holder(place, Stage.CHAMPION)
    if entry.to_stage is Stage.CHAMPION and champion is not None:
        book.standings[champion.artefact_id] = replace(
            champion, stage=Stage.RETIRED, entry=entry, share=1.0
        )
        if entry.act == "move" and champion.artefact_id != entry.artefact_id:
            displaced.append(champion.artefact_id)
    book.standings[entry.artefact_id] = replace(
        known,
        stage=entry.to_stage,
        entry=entry,
        share=entry.share,
        evidence=entry.evidence or known.evidence,
        golden_sha256=entry.golden_sha256 or known.golden_sha256,
    )
