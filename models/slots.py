"""Who is in which slot of one symbol, and since when: switches that wait, take effect, are undone.

A switch holds for the first bar at or after its ``effective_ns``, wherever the log was cut. In a
slot stand at most one champion, the champion before it (to go back to), one canary, and any
shadows. Nothing here asks a model: this is bookkeeping alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import msgspec

from domain.deployments import IN_FLOW, ModelEvent, ModelSwitch, Slot, Stage
from domain.errors import BadUse
from domain.ids import digest
from domain.nanos import iso
from models.contract import State, reading

STATE_VERSION = 1
_OWNER = "slots"

Station = Literal["champion", "canary", "shadow", "before"]
"""Where a model stands in its slot."""


class Watcher(NamedTuple):
    """A model that answers beside the one that decides, and from which nothing follows."""

    station: Station
    model_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """One slot of one symbol; ids of artefacts, empty for none.

    Attributes
    ----------
    champion, before
        Who is champion, and who was before it and is there to go back to.
    canary, in_share
        Who answers in the champion's place for its share of the symbols, and whether this symbol is
        one of these.
    shadows
        Who answers without consequence, the oldest first.
    """

    champion: str = ""
    before: str = ""
    canary: str = ""
    in_share: bool = False
    shadows: tuple[str, ...] = ()

    @property
    def decides(self) -> str:
        """Whose answer takes part in the ensemble; empty where nobody's does."""
        return self.canary if self.canary and self.in_share else self.champion

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """All others, but for the champion before: that one answers only while it is compared."""
        found: list[Watcher] = []
        if self.canary:
            aside = ("champion", self.champion) if self.in_share else ("canary", self.canary)
            found.append(Watcher(*aside))  # type: ignore[arg-type] # a literal, through a tuple
        found += [Watcher("shadow", name) for name in self.shadows]
        return tuple(one for one in found if one.model_id)

    @property
    def loaded(self) -> tuple[str, ...]:
        """Everybody who must be ready to answer."""
        everybody = (self.champion, self.before, self.canary, *self.shadows)
        return tuple(name for name in dict.fromkeys(everybody) if name)

    def without(self, model_id: str) -> "Place":
        """Return the place without a model; the champion before steps in for a champion."""
        left = replace(self, shadows=tuple(name for name in self.shadows if name != model_id))
        if left.before == model_id:
            left = replace(left, before="")
        if left.canary == model_id:
            left = replace(left, canary="", in_share=False)
        if left.champion == model_id:
            left = replace(left, champion=left.before, before="")
        return left

    def switched(self, switch: ModelSwitch, *, in_share: bool) -> "Place":
        """Return the place after a switch."""
        name = switch.artefact_id
        left = replace(self, shadows=tuple(one for one in self.shadows if one != name))
        match switch.stage:
            case Stage.CHAMPION:
                # Back to the one before is no new champion: the other is not to be gone back to.
                before = "" if name == left.before else left.champion
                if name == left.champion:
                    before = left.before
                left = replace(left, champion=name, before=before)
                return replace(left, canary="", in_share=False) if left.canary == name else left
            case Stage.CANARY:
                return replace(left, canary=name, in_share=in_share)
            case Stage.SHADOW:
                return replace(left, shadows=(*left.shadows, name))
            case _:
                # A person has retired it: nobody steps in whom no switch has named.
                gone = replace(left, champion="") if left.champion == name else left
                return gone.without(name)


def in_share(artefact_id: str, symbol: str, share: float) -> bool:
    """Say whether a symbol is among the share of the symbols that a canary answers for.

    By a hash of both, so that each canary has other symbols, and each process knows its own.
    """
    return int(digest("canary", artefact_id, symbol), 16) / 2.0**128 < share


def check(switch: ModelSwitch) -> None:
    """Refuse a switch that no run can follow.

    Raises
    ------
    BadUse
        If its stage means nothing to a run, or its share is none.
    """
    if switch.stage not in IN_FLOW or not 0 < switch.share <= 1:
        msg = (
            f"a run takes switches to {', '.join(sorted(IN_FLOW))} with a share in (0, 1], "
            f"not {switch}"
        )
        raise BadUse(msg)


class Slots:
    """The slots of one symbol.

    Parameters
    ----------
    symbol
        Whose decisions they are for.
    slots
        Slots that take part in the ensemble; switches of others are not read.
    deployments
        Who is in them at the start.
    golden
        Returns the hash of a model's golden answers, for events.
    resume_state
        A snapshot to go on from, or None: then ``deployments`` is not read.

    Raises
    ------
    Corrupt
        If the snapshot has an unknown version or is not whole.
    """

    def __init__(
        self,
        symbol: str,
        slots: Sequence[Slot],
        deployments: Iterable[ModelSwitch],
        golden: Callable[[str], str],
        resume_state: State | None,
    ) -> None:
        self._symbol = symbol
        self._golden = golden
        self._waiting: list[ModelSwitch] = []
        self.places: dict[Slot, Place] = {slot: Place() for slot in slots}
        if resume_state is None:
            for switch in deployments:
                if switch.slot in self.places:
                    self._switch(switch)
            return
        with reading(resume_state, STATE_VERSION, _OWNER, "slots"):
            self._waiting = [
                msgspec.convert(stored, ModelSwitch) for stored in resume_state["waiting"]
            ]
            for slot in self.places:
                champion, before, canary, inside, shadows = resume_state["places"][slot]
                self.places[slot] = Place(champion, before, canary, inside, tuple(shadows))

    @property
    def next_ns(self) -> int | None:
        """When the next waiting switch takes effect; None where none waits."""
        return self._waiting[0].effective_ns if self._waiting else None

    @property
    def waiting(self) -> tuple[ModelSwitch, ...]:
        """Switches that have not taken effect yet, the next one first."""
        return tuple(self._waiting)

    def schedule(self, switches: Iterable[ModelSwitch]) -> list[ModelSwitch]:
        """Let switches wait for their time; return those that concern a slot of this run.

        Other stages concern the registry alone, other slots other runs. Of two with one time, the
        one that came later in the log holds later.
        """
        mine = [one for one in switches if one.slot in self.places and one.stage in IN_FLOW]
        self._waiting = sorted([*self._waiting, *mine], key=lambda one: one.effective_ns)
        return mine

    def due(self, ts_ns: int) -> list[ModelSwitch]:
        """Take out the switches that take effect at or before a bar, oldest first."""
        count = sum(switch.effective_ns <= ts_ns for switch in self._waiting)
        due, self._waiting = self._waiting[:count], self._waiting[count:]
        return due

    def switch(self, switch: ModelSwitch, ts_ns: int) -> ModelEvent:
        """Let a switch take effect at a bar."""
        before = self.places[switch.slot].decides
        self._switch(switch)
        now = self.places[switch.slot].decides
        inside = self.places[switch.slot].in_share
        reason = f"effective {iso(switch.effective_ns)}"
        if switch.stage is Stage.CANARY:
            reason += f", share {switch.share:g}, {'for' if inside else 'not for'} this symbol"
        # Where who decides has not changed, the event still names whom the switch was about.
        retired = switch.stage is Stage.RETIRED and before == switch.artefact_id
        named = now if retired else switch.artefact_id
        return ModelEvent(
            symbol=self._symbol,
            ts_event_ns=ts_ns,
            kind="switch",
            slot=switch.slot,
            artefact_id=named,
            before_id=before if before != named else "",
            stage=switch.stage.value,
            reason=reason,
            golden_sha256=self._golden(named) if named else "",
        )

    def refused(self, switch: ModelSwitch, ts_ns: int, reason: str) -> ModelEvent:
        """Say that a switch has changed nothing: who decides goes on deciding."""
        now = self.places[switch.slot].decides
        return ModelEvent(
            symbol=self._symbol,
            ts_event_ns=ts_ns,
            kind="rollback",
            slot=switch.slot,
            artefact_id=now,
            before_id=switch.artefact_id,
            stage=Stage.CHAMPION.value if now else "",
            reason=f"switch to {switch.stage.value} refused: {reason}",
            golden_sha256=self._golden(now) if now else "",
        )

    def roll_back(self, slot: Slot, model_id: str, ts_ns: int, reason: str) -> ModelEvent:
        """Take a model out of its slot, back to the last champion, and say so."""
        place = self.places[slot].without(model_id)
        self.places[slot] = place
        return ModelEvent(
            symbol=self._symbol,
            ts_event_ns=ts_ns,
            kind="rollback",
            slot=slot,
            artefact_id=place.decides,
            before_id=model_id,
            stage=Stage.CHAMPION.value if place.decides else "",
            reason=reason if place.decides else f"{reason}; the slot is empty now",
            golden_sha256=self._golden(place.decides) if place.decides else "",
        )

    def snapshot(self) -> dict[str, Any]:
        """Return who stands where and what waits as a plain mapping."""
        return {
            "v": STATE_VERSION,
            "owner": _OWNER,
            "waiting": [msgspec.to_builtins(switch) for switch in self._waiting],
            "places": {
                slot: [one.champion, one.before, one.canary, one.in_share, list(one.shadows)]
                for slot, one in self.places.items()
            },
        }

    def _switch(self, switch: ModelSwitch) -> None:
        check(switch)
        inside = switch.stage is Stage.CANARY and in_share(
            switch.artefact_id, self._symbol, switch.share
        )
        self.places[switch.slot] = self.places[switch.slot].switched(switch, in_share=inside)
