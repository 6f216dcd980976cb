"""What the ledger amounts to: one champion, nothing from the future, the same answer each time."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deployments import ModelSwitch, Stage
from domain.errors import BadUse
from domain.nanos import HOUR_NS
from models.registry.acts import promote, record_validation, register, retire
from models.registry.ledger import Entry, history
from models.registry.rollback import roll_back
from models.registry.stages import (
    ANSWERING,
    TRANSITIONS,
    at,
    deployments,
    require_move,
    run_switches,
    schedule,
    state,
    switches_since,
)
from tests.models.registry.life import onward, raised
from tests.models.registry.made import HORIZON_NS, SCHEMA, START_NS, made, passed_report

FOREVER_NS = 2**62


def _known_ns(number: int) -> int:
    """When all that the artefact of a number was trained on was known."""
    return START_NS + (1 + number) * HOUR_NS + HORIZON_NS


def _stages(folder: Path) -> dict[str, Stage]:
    return {name: s.stage for name, s in state(history(folder)).standings.items()}


def _held(folder: Path, before_ns: int) -> list[tuple[str, Stage]]:
    found = deployments(history(folder), SCHEMA, HORIZON_NS, before_ns)
    return [(switch.artefact_id, switch.stage) for switch in found]


def test_the_table_of_transitions_is_all_there_is(tmp_path: Path) -> None:
    """Every pair of stages is allowed or refused with what is allowed instead."""
    way = [Stage.CANDIDATE, Stage.VALIDATED, Stage.SHADOW, Stage.CANARY, Stage.CHAMPION]
    allowed = {*pairwise(way), *((stage, Stage.RETIRED) for stage in way)}
    assert {(before, after) for before in Stage for after in TRANSITIONS[before]} == allowed
    one = raised(tmp_path, 0, Stage.CANDIDATE)
    standing = state(history(tmp_path)).standings[one]
    for after in Stage:
        if (Stage.CANDIDATE, after) in allowed:
            require_move(standing, after)
        else:
            with pytest.raises(BadUse, match=f"can become validated, retired, not {after}"):
                require_move(standing, after)


def test_an_artefact_goes_its_way_one_act_at_a_time(tmp_path: Path) -> None:
    """Each line says from where to where, who and why; the evidence stays with it."""
    one = raised(tmp_path, 0, Stage.CHAMPION, share=0.25)
    lines = history(tmp_path)
    assert [(line.act, line.from_stage, line.to_stage) for line in lines] == [
        ("enter", None, "candidate"),
        ("move", "candidate", "validated"),
        ("approve", "validated", "validated"),
        ("move", "validated", "shadow"),
        ("move", "shadow", "canary"),
        ("move", "canary", "champion"),
    ]
    assert [line.share for line in lines] == [1, 1, 1, 1, 0.25, 1]
    standing = state(lines).standings[one]
    assert (standing.stage, standing.approved_by) == (Stage.CHAMPION, "Grace")
    assert standing.evidence == lines[1].evidence
    assert len(standing.golden_sha256) == 64


def test_a_new_champion_retires_the_one_before(tmp_path: Path) -> None:
    """Of a slot, schema and horizon there is one; other slots keep theirs."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    other = raised(tmp_path, 0, Stage.CHAMPION, kind="forest")
    two = raised(tmp_path, 1, Stage.CHAMPION)
    assert _stages(tmp_path) == {
        one: Stage.RETIRED,
        other: Stage.CHAMPION,
        two: Stage.CHAMPION,
    }
    assert history(tmp_path)[-1].before_id == one


def test_a_replay_takes_what_has_not_seen_its_future(tmp_path: Path) -> None:
    """The data and one horizon must have passed, whatever the order of the promotions."""
    new = raised(tmp_path, 5, Stage.CHAMPION)
    old = raised(tmp_path, 2, Stage.CHAMPION)
    assert _held(tmp_path, _known_ns(2) - 1) == []
    assert _held(tmp_path, _known_ns(2)) == [(old, Stage.CHAMPION)]
    # The newest act decides among those that may be met: people chose the older model last.
    assert _held(tmp_path, _known_ns(5)) == [(old, Stage.CHAMPION)]
    roll_back(tmp_path, "xgboost", 99, "Ada", "the newer was better")
    assert _held(tmp_path, _known_ns(5) - 1) == [(old, Stage.CHAMPION)]
    assert _held(tmp_path, _known_ns(5)) == [(new, Stage.CHAMPION)]


def test_another_schema_or_horizon_is_not_met(tmp_path: Path) -> None:
    """A model is only for the rows and the question that it was trained on."""
    ours = raised(tmp_path, 0, Stage.CHAMPION)
    theirs = made(tmp_path, 1, feature_schema="schema-2").artefact_id
    onward(tmp_path, theirs, Stage.CANDIDATE, Stage.CHAMPION)
    lines = history(tmp_path)
    assert _held(tmp_path, FOREVER_NS) == [(ours, Stage.CHAMPION)]
    assert [s.artefact_id for s in deployments(lines, "schema-2", HORIZON_NS, FOREVER_NS)] == [
        theirs
    ]
    assert deployments(lines, SCHEMA, 2 * HORIZON_NS, FOREVER_NS) == ()


def test_a_run_starts_with_champion_canary_and_shadows(tmp_path: Path) -> None:
    """In this order, with the canary's share, and on demand the champion before in front."""
    first = raised(tmp_path, 0, Stage.CHAMPION)
    second = raised(tmp_path, 1, Stage.CHAMPION)
    shadow = raised(tmp_path, 2, Stage.SHADOW)
    canary = raised(tmp_path, 3, Stage.CANARY, share=0.4)
    raised(tmp_path, 4, Stage.VALIDATED)
    assert _held(tmp_path, FOREVER_NS) == [
        (second, Stage.CHAMPION),
        (canary, Stage.CANARY),
        (shadow, Stage.SHADOW),
    ]
    found = deployments(history(tmp_path), SCHEMA, HORIZON_NS, FOREVER_NS, with_before=True)
    assert found[0] == ModelSwitch("xgboost", first, Stage.CHAMPION, _known_ns(0))
    assert [switch.share for switch in found] == [1, 1, 0.4, 1]


def test_at_tells_live_and_replay_apart(tmp_path: Path) -> None:
    """A model that was promoted today for last week did not trade last week."""
    monday_ns, friday_ns = _known_ns(30), _known_ns(130)
    one, two = made(tmp_path, 0).artefact_id, made(tmp_path, 1).artefact_id
    for name, when_ns in ((one, monday_ns), (two, friday_ns)):
        register(tmp_path, name, when_ns, "Ada", "trained")
        record_validation(tmp_path, name, passed_report(tmp_path, name), when_ns, "Ada", "passed")
        promote(tmp_path, name, Stage.SHADOW, when_ns, "Ada", "a look at it")
    lines, wednesday_ns = history(tmp_path), _known_ns(80)
    live = at(lines, wednesday_ns, wednesday_ns).standings
    assert {name: s.stage for name, s in live.items()} == {one: Stage.SHADOW}
    replay = at(lines, wednesday_ns).standings
    assert {name: s.stage for name, s in replay.items()} == {
        one: Stage.SHADOW,
        two: Stage.SHADOW,
    }


def test_a_retired_champion_leaves_the_slot_empty(tmp_path: Path) -> None:
    """Nobody steps in by himself, and from an effective time on only."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    retire(tmp_path, one, 99, "Ada", "no longer right", effective_ns=_known_ns(7))
    assert _held(tmp_path, _known_ns(7) - 1) == [(one, Stage.CHAMPION)]
    assert _held(tmp_path, _known_ns(7)) == []


def test_a_run_hears_of_every_act_that_concerns_it(tmp_path: Path) -> None:
    """Stages that answer, and their end; a rollback retires one and brings back the other."""
    one = raised(tmp_path, 0, Stage.CHAMPION)
    used = len(history(tmp_path))
    candidate = raised(tmp_path, 3, Stage.CANDIDATE)
    retire(tmp_path, candidate, 98, "Ada", "no use")
    two = raised(tmp_path, 1, Stage.CHAMPION, share=0.5)
    roll_back(tmp_path, "xgboost", 99, "Ada", "worse")
    switches = switches_since(history(tmp_path), used, SCHEMA, HORIZON_NS)
    assert [(s.artefact_id, s.stage, s.share) for s in switches] == [
        (two, Stage.SHADOW, 1),
        (two, Stage.CANARY, 0.5),
        (two, Stage.CHAMPION, 1),
        (two, Stage.RETIRED, 1),
        (one, Stage.CHAMPION, 1),
    ]
    assert switches_since(history(tmp_path), used, "schema-2", HORIZON_NS) == []


def test_a_replay_meets_its_switches_by_effective_time(tmp_path: Path) -> None:
    """A champion that was promoted earlier but holds later than another does not come back."""
    late = raised(tmp_path, 0, Stage.CHAMPION, effective_ns=_known_ns(9))
    early = raised(tmp_path, 1, Stage.CHAMPION, effective_ns=_known_ns(4))
    lines = history(tmp_path)
    found = schedule(lines, SCHEMA, HORIZON_NS, _known_ns(3), FOREVER_NS)
    champions = [s for s in found if s.stage is Stage.CHAMPION]
    assert champions == [ModelSwitch("xgboost", early, Stage.CHAMPION, _known_ns(4))]
    # Until then it was the canary; now nobody needs it.
    assert found[-1] == ModelSwitch("xgboost", late, Stage.RETIRED, _known_ns(9))
    assert (late, Stage.CHAMPION) not in _held(tmp_path, FOREVER_NS)


def test_the_switches_of_a_run_only_grow(tmp_path: Path) -> None:
    """What was given once stays where it was, so a run may count what it has taken."""
    raised(tmp_path, 0, Stage.CHAMPION, effective_ns=_known_ns(9))
    at_start = len(history(tmp_path))
    raised(tmp_path, 1, Stage.CHAMPION)
    roll_back(tmp_path, "xgboost", 99, "Ada", "worse")
    lines = history(tmp_path)
    given = [
        run_switches(lines[:length], at_start, SCHEMA, HORIZON_NS, _known_ns(3))
        for length in range(at_start, len(lines) + 1)
    ]
    assert given[0][-1].effective_ns == _known_ns(9)
    for shorter, longer in pairwise(given):
        assert longer[: len(shorter)] == shorter


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    """Write a ledger of promotions in a shuffled order of data, with rollbacks and retirements."""
    folder = tmp_path_factory.mktemp("many")
    for number in [3, 0, 7, 1, 9, 2]:
        one = raised(folder, number, Stage.CHAMPION)
        if number in {7, 2}:
            roll_back(folder, "xgboost", 50 + number, "Ada", "worse")
        if number == 9:
            retire(folder, one, 60, "Ada", "no longer right", effective_ns=_known_ns(10))
    raised(folder, 4, Stage.CANARY, share=0.5)
    raised(folder, 5, Stage.SHADOW)
    return history(folder)


@given(minutes=st.integers(-60, 800))
def test_nothing_is_ever_met_from_the_future(many: list[Entry], minutes: int) -> None:
    """At any moment every model's data has ended before it, and a place has one champion."""
    before_ns = START_NS + minutes * HORIZON_NS
    known = {entry.artefact_id: entry.known_ns for entry in many}
    found = deployments(many, SCHEMA, HORIZON_NS, before_ns, with_before=True)
    assert all(known[switch.artefact_id] <= before_ns for switch in found)
    held = deployments(many, SCHEMA, HORIZON_NS, before_ns)
    assert sum(switch.stage is Stage.CHAMPION for switch in held) <= 1
    assert sum(switch.stage is Stage.CANARY for switch in held) <= 1


@given(first=st.integers(0, 700), length=st.integers(0, 700))
def test_a_schedule_leads_from_what_holds_to_what_holds(
    many: list[Entry], first: int, length: int
) -> None:
    """The start and the switches of a span give what a run has that begins at its end."""
    first_ns = START_NS + first * HORIZON_NS
    until_ns = first_ns + length * HORIZON_NS
    held: dict[str, tuple[Stage, float]] = {}
    start = deployments(many, SCHEMA, HORIZON_NS, first_ns)
    met = schedule(many, SCHEMA, HORIZON_NS, first_ns, until_ns)
    assert [s.effective_ns for s in met] == sorted(s.effective_ns for s in met)
    for switch in (*start, *met):
        if switch.stage is Stage.CHAMPION:
            held = {name: as_ for name, as_ in held.items() if as_[0] is not Stage.CHAMPION}
        held[switch.artefact_id] = (switch.stage, switch.share)
        if switch.stage not in ANSWERING:
            held.pop(switch.artefact_id)
    end = deployments(many, SCHEMA, HORIZON_NS, until_ns)
    assert held == {s.artefact_id: (s.stage, s.share) for s in end}


def test_entries_survive_json(many: list[Entry]) -> None:
    """A line is data: it reads back equal, and names its version."""
    for entry in many:
        raw = msgspec.json.encode(entry)
        assert msgspec.json.decode(raw, type=Entry) == entry
        assert msgspec.json.decode(raw)["v"] == 2
