"""Who stands where in a slot: switches as a table, their time, rollbacks, and the state."""

import json
from typing import Any

import pytest

from domain.deployments import ModelEvent, ModelSwitch, Slot, Stage
from domain.errors import BadUse, Corrupt
from models.slots import Place, Slots, Watcher, in_share

_SINCE = "effective 1970-01-01T00:00:00.000Z"
SLOT: Slot = "forest"


def _switch(words: str, effective_ns: int = 0) -> ModelSwitch:
    """Read ``champion A`` or ``canary B 0.25``."""
    stage, name, *share = words.split()
    return ModelSwitch(SLOT, name, Stage(stage), effective_ns, float(*share) if share else 1.0)


def _slots(*words: str, state: Any = None, symbol: str = "EURUSD") -> Slots:
    return Slots(symbol, [SLOT], map(_switch, words), lambda name: f"golden {name}", state)


@pytest.mark.parametrize(
    ("switches", "place"),
    [
        ([], Place()),
        (["champion A"], Place("A")),
        (["champion A", "champion B"], Place("B", "A")),
        (["champion A", "champion B", "champion C"], Place("C", "B")),
        (["champion A", "champion A"], Place("A")),
        (["champion A", "champion B", "champion B"], Place("B", "A")),
        (["champion A", "champion B", "champion A"], Place("A")),
        (["champion A", "canary B"], Place("A", "", "B", True)),
        (["champion A", "canary B", "canary C"], Place("A", "", "C", True)),
        (["champion A", "canary B", "champion B"], Place("B", "A")),
        (["champion A", "canary B", "champion C"], Place("C", "A", "B", True)),
        (["champion A", "shadow B", "shadow C"], Place("A", shadows=("B", "C"))),
        (["champion A", "shadow B", "canary B"], Place("A", "", "B", True)),
        (["champion A", "shadow B", "champion B"], Place("B", "A")),
        (["shadow B"], Place(shadows=("B",))),
        (["champion A", "champion B", "retired B"], Place("", "A")),
        (["champion A", "champion B", "retired A"], Place("B")),
        (["champion A", "champion B", "retired B", "champion A"], Place("A")),
        (["champion A", "canary B", "retired B"], Place("A")),
        (["champion A", "shadow B", "retired B"], Place("A")),
        (["champion A", "retired C"], Place("A")),
    ],
)
def test_a_switch_moves_models(switches: list[str], place: Place) -> None:
    """Each stage has its place, and who was champion before is there to go back to."""
    assert _slots(*switches).places[SLOT] == place


@pytest.mark.parametrize(
    ("place", "decides", "watchers"),
    [
        (Place(), "", []),
        (Place("A"), "A", []),
        (Place("A", "B"), "A", []),
        (Place("A", "", "C", True), "C", [("champion", "A")]),
        (Place("A", "", "C", False), "A", [("canary", "C")]),
        (Place("", "", "C", False), "", [("canary", "C")]),
        (Place("", "", "C", True), "C", []),
        (Place("A", shadows=("D", "E")), "A", [("shadow", "D"), ("shadow", "E")]),
    ],
)
def test_who_decides_and_who_watches(
    place: Place, decides: str, watchers: list[tuple[Any, str]]
) -> None:
    """The canary decides for its share, and the champion then watches."""
    assert place.decides == decides
    assert place.watchers == tuple(Watcher(*one) for one in watchers)


@pytest.mark.parametrize(
    ("switches", "gone", "place"),
    [
        (["champion A", "champion B"], "B", Place("A")),
        (["champion A"], "A", Place()),
        (["champion A", "canary B"], "B", Place("A")),
        (["champion A", "champion B", "canary C"], "B", Place("A", "", "C", True)),
        (["champion A", "shadow B"], "B", Place("A")),
        (["champion A", "champion B"], "A", Place("B")),
    ],
)
def test_a_rollback_goes_to_the_last_champion(switches: list[str], gone: str, place: Place) -> None:
    """And to nobody where there is none; the event proves who answers now."""
    slots = _slots(*switches)
    event = slots.roll_back(SLOT, gone, 9, "because")
    assert slots.places[SLOT] == place
    now = place.decides
    assert event == ModelEvent(
        "EURUSD", 9, "rollback", SLOT, now, gone, "champion" if now else "",
        "because" if now else "because; the slot is empty now", f"golden {now}" if now else "",
    )  # fmt: skip


def test_a_switch_waits_for_its_time() -> None:
    """It is due at the first bar at or after it; of two with one time the later one holds later."""
    slots = _slots("champion A")
    slots.schedule([_switch("champion C", 20), _switch("champion B", 10)])
    slots.schedule([_switch("champion D", 20)])
    assert slots.next_ns == 10
    assert slots.due(9) == []
    assert [one.artefact_id for one in slots.due(10)] == ["B"]
    assert slots.next_ns == 20
    assert [one.artefact_id for one in slots.due(25)] == ["C", "D"]
    assert slots.next_ns is None
    assert slots.due(99) == []


def test_switches_that_are_none_of_this_run_are_passed_over() -> None:
    """Another slot has no weight here, and a candidate concerns the registry alone."""
    slots = _slots()
    other = ModelSwitch("lstm", "A", Stage.CHAMPION, 5)
    assert slots.schedule([other, _switch("validated B", 5)]) == []
    assert slots.next_ns is None


def test_the_event_of_a_switch_names_who_and_since_when() -> None:
    """Who answers from now on, who did before, and the hash of golden answers."""
    slots = _slots("champion A")
    event = slots.switch(_switch("champion B", 10), 60)
    assert event == ModelEvent(
        "EURUSD", 60, "switch", SLOT, "B", "A", "champion", _SINCE, "golden B"
    )
    event = slots.switch(_switch("canary C 0.000001", 10), 60)
    assert (event.artefact_id, event.before_id, event.stage) == ("C", "B", "canary")
    assert event.reason == f"{_SINCE}, share 1e-06, not for this symbol"
    event = slots.switch(_switch("retired B", 10), 60)
    assert (event.artefact_id, event.before_id, event.golden_sha256) == ("", "B", "")
    refused = slots.refused(_switch("champion D", 10), 60, "torn")
    assert (refused.kind, refused.artefact_id, refused.before_id) == ("rollback", "", "D")
    assert refused.reason == "switch to champion refused: torn"


def test_the_share_of_a_canary_is_a_share_of_the_symbols() -> None:
    """By a hash of model and symbol: always the same ones, other ones for another canary."""
    symbols = [f"PAIR{at}" for at in range(2_000)]
    for share in (0.1, 0.5, 1.0):
        inside = [in_share("canary", symbol, share) for symbol in symbols]
        assert sum(inside) / 2_000 == pytest.approx(share, abs=0.03)
        assert inside == [in_share("canary", symbol, share) for symbol in symbols]
    half = {symbol for symbol in symbols if in_share("a", symbol, 0.5)}
    # A larger share keeps those of the smaller one.
    assert half <= {symbol for symbol in symbols if in_share("a", symbol, 0.7)}
    assert half != {symbol for symbol in symbols if in_share("b", symbol, 0.5)}


def test_a_canary_answers_for_its_symbols_alone() -> None:
    """Two symbols of one run: in the share of the one, not of the other."""
    symbols = [f"PAIR{at}" for at in range(40)]
    for symbol in symbols:
        place = _slots("champion A", "canary B 0.5", symbol=symbol).places[SLOT]
        assert place.decides == ("B" if in_share("B", symbol, 0.5) else "A")


def test_it_resumes_anywhere() -> None:
    """Places, waiting switches and their order come back through text."""
    slots = _slots("champion A", "champion B", "canary C 0.5", "shadow D")
    slots.schedule([_switch("champion F", 20), _switch("canary E 0.25", 10)])
    state = json.loads(json.dumps(slots.snapshot()))
    again = _slots("champion X", state=state)
    assert again.places == slots.places
    assert again.waiting == slots.waiting
    assert again.snapshot() == slots.snapshot()


@pytest.mark.parametrize("words", ["candidate A", "validated A", "canary A 0", "canary A 1.5"])
def test_what_no_run_can_follow_is_refused_at_the_start(words: str) -> None:
    """A plan that names it was made by something else."""
    with pytest.raises(BadUse, match="a run takes switches to"):
        _slots(words)


@pytest.mark.parametrize("change", [{"v": 2}, {"owner": "x"}, {"places": {}}, {"waiting": [{}]}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Who trades is not guessed."""
    with pytest.raises(Corrupt, match="slots"):
        _slots(state={**_slots("champion A").snapshot(), **change})


def test_a_watcher_that_is_retired_is_named_itself() -> None:
    """The event names the shadow that has left, beside the champion that goes on deciding."""
    slots = _slots("champion A", "shadow B")
    event = slots.switch(_switch("retired B", 10), 60)
    assert (event.artefact_id, event.before_id, event.stage) == ("B", "A", "retired")
    event = slots.switch(_switch("retired A", 10), 60)
    assert (event.artefact_id, event.before_id, event.stage) == ("", "A", "retired")
