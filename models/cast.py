"""The trained models of one symbol on the stage: who decides, who watches, who has to leave.

It ties together who stands where (`models.slots`), what they say (`models.served`) and who is
compared (`models.trials`). Whatever goes wrong with a model becomes an event and a step back to the
last champion; it never becomes an error of the flow.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from domain.deployments import ModelEvent, ModelSwitch, Slot, Stage
from domain.nanos import DAY_NS
from models.ensemble import Member
from models.labels.delayed import DelayedLabels
from models.served import Load, Served
from models.slots import Slots
from models.trials import Pair, Trials, TrialsConfig, Verdict
from models.views import Asked

_NEVER_NS = 2**63 - 1


class CastConfig(Protocol):
    """What of `models.prediction.PredictionConfig` is read here."""

    @property
    def labels(self) -> DelayedLabels:
        """When labels are known."""

    @property
    def feature_schema(self) -> str:
        """Schema of the rows."""

    @property
    def n_features(self) -> int:
        """Values of a row."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Places that take part."""

    @property
    def deployments(self) -> tuple[ModelSwitch, ...]:
        """Who is in them at the start."""

    @property
    def load(self) -> Load:
        """Loads a model by id."""

    @property
    def trials(self) -> TrialsConfig:
        """How challengers are judged."""

    @property
    def max_age_ns(self) -> int:
        """When a model is too old; 0: never."""


class _Line(NamedTuple):
    """One model that is asked: its slot, the name of its records, its answers from ``first`` on."""

    slot: Slot
    name: str
    model_id: str
    p_up: list[float]


class _Scene(NamedTuple):
    """Who is asked about the rows of now, until something changes.

    Attributes
    ----------
    deciders, watchers
        Those whose answers count, and the others, slot by slot.
    fails_row
        First row of the batch at which one of them has failed.
    stale_ns
        First event time at which one who decides is too old.
    """

    deciders: list[_Line]
    watchers: list[_Line]
    fails_row: int
    stale_ns: int


class Cast:
    """The trained models of one symbol.

    Parameters
    ----------
    config
        Of the run.
    symbol
        Whose decisions they are for.
    state
        Parts of a snapshot by the names in ``PARTS``; each None for a new start.

    Raises
    ------
    BadUse, Corrupt
        If a model cannot be loaded or fits other rows, or the state does not fit.
    """

    PARTS = ("slots", "served", "trials")

    def __init__(self, config: CastConfig, symbol: str, state: Mapping[str, Any]) -> None:
        self._symbol = symbol
        self._max_age_ns = config.max_age_ns
        self._served = Served(
            config.load,
            config.feature_schema,
            config.n_features,
            config.labels.horizon_ns,
            state["served"],
        )
        self._slots = Slots(
            symbol, config.slots, config.deployments, self._served.golden, state["slots"]
        )
        self._trials: Trials = config.trials.build(state["trials"])
        self._events: list[ModelEvent] = []
        self._scene: _Scene | None = None
        self._first = 0
        for place in self._slots.places.values():
            for model_id in place.loaded:
                self._served.load(model_id)
            if state["served"] is None:
                self._served.keep_windows(place.loaded)
        for switch in self._slots.waiting:
            self._served.why_not(switch.artefact_id)
        self._compare()

    def schedule(self, switches: Sequence[ModelSwitch]) -> None:
        """Let switches wait for their time, and load their models."""
        for switch in self._slots.schedule(switches):
            if switch.stage is not Stage.RETIRED:
                # Asked again when it takes effect: that is when the answer has consequences.
                self._served.why_not(switch.artefact_id)

    def deciding(self) -> list[tuple[Slot, str]]:
        """Return who decides in each slot that is not empty."""
        places = self._slots.places.items()
        return [(slot, place.decides) for slot, place in places if place.decides]

    def begin(self, asked: Asked, start: int) -> int:
        """Let what is due at a row take effect; return the row before which no other is due.

        Parameters
        ----------
        asked
            Rows of a batch.
        start
            The first that has not been gone through.
        """
        for switch in self._slots.due(int(asked.ts_ns[start])):
            self._take_effect(switch, int(asked.ts_ns[start]))
        stop = int(asked.ts_ns.size)
        if self._slots.next_ns is not None:
            stop = int(asked.ts_ns.searchsorted(self._slots.next_ns, side="left"))
        part = slice(start, stop)
        self._served.begin(asked.ts_ns[part], asked.x[part], asked.ready[part])
        self._first = start
        self._scene = None
        return stop

    def leave(self, ts_ns: int, row: int) -> bool:
        """Take out who has failed at a row or is too old for it; say whether somebody has left."""
        changed = False
        scene = self._now()
        while row >= scene.fails_row or ts_ns >= scene.stale_ns:
            slot, model_id, reason = self._culprit(scene, ts_ns, row)
            self._roll_back(slot, model_id, ts_ns, reason)
            changed = True
            scene = self._now()
        return changed

    def deciders(self, row: int) -> list[Member]:
        """Return the answers that count at a row, in the order of the slots."""
        at = row - self._first
        return [Member(one.slot, one.model_id, one.p_up[at]) for one in self._now().deciders]

    def watched(self, row: int) -> list[tuple[str, str, float | None]]:
        """Return name, model and answer of those who only watch at a row."""
        at = row - self._first
        return [
            (one.name, one.model_id, None if one.p_up[at] != one.p_up[at] else one.p_up[at])
            for one in self._now().watchers
        ]

    def learn(self, answers: Mapping[str, float], y: int, ts_ns: int, row: int) -> bool:
        """Judge the answers to an earlier bar; say whether somebody has left by it."""
        ended = self._trials.learn(answers, y)
        changed = False
        for verdict in ended:
            changed |= self._end(verdict, ts_ns)
        if ended:
            # The one before is asked only while it is compared.
            self._scene = None
            changed |= self.leave(ts_ns, row)
        return changed

    def drifted(self, ts_ns: int, row: int, reason: str) -> bool:
        """Take out who decides and is still on trial, for the error has risen; say whether any."""
        changed = False
        for slot, place in list(self._slots.places.items()):
            young = place.canary if place.canary and place.in_share else place.champion
            against = place.champion if young == place.canary else place.before
            if against and young and self._trials.running(Pair(slot, against, young)):
                self._roll_back(slot, young, ts_ns, f"drift while on trial: {reason}")
                changed = True
        return (changed and self.leave(ts_ns, row)) or changed

    def take_events(self) -> list[ModelEvent]:
        """Return what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def snapshot(self) -> dict[str, Any]:
        """Return the state by the names in ``PARTS``."""
        return {
            "slots": self._slots.snapshot(),
            "served": self._served.snapshot(),
            "trials": self._trials.snapshot(),
        }

    def _take_effect(self, switch: ModelSwitch, ts_ns: int) -> None:
        retired = switch.stage is Stage.RETIRED
        why_not = "" if retired else self._served.why_not(switch.artefact_id)
        if why_not:
            self._events.append(self._slots.refused(switch, ts_ns, why_not))
            return
        self._events.append(self._slots.switch(switch, ts_ns))
        self._served.keep_windows(self._slots.places[switch.slot].loaded)
        self._trials.renew(switch.artefact_id)
        self._compare()

    def _end(self, verdict: Verdict, ts_ns: int) -> bool:
        slot, a, b = verdict.pair
        place = self._slots.places[slot]
        if verdict.decision == "worse" and place.decides == b:
            self._roll_back(slot, b, ts_ns, verdict.reason)
            return True
        stage = Stage.CHAMPION if b == place.champion else Stage.SHADOW
        self._events.append(
            ModelEvent(
                symbol=self._symbol,
                ts_event_ns=ts_ns,
                kind="difference",
                slot=slot,
                artefact_id=b,
                before_id=a,
                stage=(Stage.CANARY if b == place.canary else stage).value,
                reason=verdict.reason,
                golden_sha256=self._served.golden(b),
            )
        )
        return False

    def _roll_back(self, slot: Slot, model_id: str, ts_ns: int, reason: str) -> None:
        self._events.append(self._slots.roll_back(slot, model_id, ts_ns, reason))
        self._compare()

    def _compare(self) -> None:
        """Bring trials and scene in line with who stands where."""
        pairs: list[Pair] = []
        for slot, place in self._slots.places.items():
            if not place.champion:
                continue
            rivals = [one for one in (place.canary, *place.shadows) if one]
            pairs += [Pair(slot, place.champion, one) for one in rivals if one != place.champion]
            if place.before:
                pairs.append(Pair(slot, place.before, place.champion))
        self._trials.keep(pairs)
        self._scene = None

    def _now(self) -> _Scene:
        if self._scene is None:
            self._scene = self._set()
        return self._scene

    def _set(self) -> _Scene:
        deciders: list[_Line] = []
        watchers: list[_Line] = []
        fails, stale_ns = _NEVER_NS, _NEVER_NS
        for slot, place in self._slots.places.items():
            asked = [("", place.decides)] if place.decides else []
            asked += [(f"@{one.station}", one.model_id) for one in place.watchers]
            if place.before and self._trials.running(Pair(slot, place.before, place.champion)):
                asked.append(("@before", place.before))
            for suffix, model_id in asked:
                answered = self._served.answers(model_id)
                line = _Line(slot, slot + suffix, model_id, answered.p_up.tolist())
                (watchers if suffix else deciders).append(line)
                if answered.reason:
                    fails = min(fails, self._first + answered.failed_row)
            if place.decides and self._max_age_ns:
                end_ns = self._served.data_last_ns(place.decides) + self._max_age_ns
                stale_ns = min(stale_ns, end_ns)
        return _Scene(deciders, watchers, fails, stale_ns)

    def _culprit(self, scene: _Scene, ts_ns: int, row: int) -> tuple[Slot, str, str]:
        for one in (*scene.deciders, *scene.watchers):
            answered = self._served.answers(one.model_id)
            if answered.reason and row >= self._first + answered.failed_row:
                return one.slot, one.model_id, answered.reason
        oldest = min(scene.deciders, key=lambda one: self._served.data_last_ns(one.model_id))
        days = (ts_ns - self._served.data_last_ns(oldest.model_id)) / DAY_NS
        reason = f"stale: its data ends {days:.1f} days before this bar"
        return oldest.slot, oldest.model_id, reason
