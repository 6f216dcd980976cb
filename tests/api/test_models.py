"""What a page says of the models of a run."""

import msgspec
import pytest

from api.models import MAX_EVENTS, ModelsBoard
from api.wording import event_reason, event_words, reason_words
from domain.deployments import ModelEvent
from domain.predictions import Signal, Vote

OLD, NEW = "a" * 32, "b" * 32


def signal(minute: int, symbol: str, *votes: Vote, reason: str = "no_edge") -> Signal:
    """Return the decision of a minute with these votes."""
    at_ns = minute * 60_000_000_000
    return Signal(
        f"{symbol}{minute}", symbol, at_ns, at_ns, "m", "edge-hold", "flat", True, 0.0, 0.5,
        1.0, 1.1, reason, votes=votes,
    )  # fmt: skip


def event(
    minute: int,
    symbol: str,
    kind: str = "switch",
    artefact: str = NEW,
    before: str = OLD,
    stage: str = "champion",
    slot: str = "xgboost",
) -> ModelEvent:
    """Return what became of a model."""
    return ModelEvent(
        symbol, minute * 60_000_000_000, kind, slot, artefact, before, stage, "why"  # type: ignore[arg-type]
    )  # fmt: skip


def test_members_are_those_of_the_newest_votes() -> None:
    """One row for each model that a symbol asks, in the order of roles, with its mean weight."""
    board = ModelsBoard()
    online = Vote("online", "o", 0.5, 0.25)
    board.apply_signal(signal(1, "EURUSD", online, Vote("xgboost", OLD, 0.6, 0.75)))
    board.apply_signal(signal(1, "USDJPY", online, Vote("xgboost", OLD, 0.6, 0.75)))
    board.apply_signal(
        signal(2, "USDJPY", Vote("online", "o", 0.5, 0.75), Vote("xgboost", NEW, 0.4, 0.25))
    )
    assert board.snapshot()["members"] == [
        {"role": "online", "id": "o", "symbols": 2, "weight": 0.5},
        {"role": "xgboost", "id": OLD, "symbols": 1, "weight": 0.75},
        {"role": "xgboost", "id": NEW, "symbols": 1, "weight": 0.25},
    ]
    assert board.snapshot()["of"] == 2


def test_a_minute_without_votes_changes_no_member() -> None:
    """Where no bar closed nobody was asked: those of the last bar still decide."""
    board = ModelsBoard()
    assert board.apply_signal(signal(1, "EURUSD", Vote("online", "o", 0.5, 1.0)))
    assert board.apply_signal(signal(2, "EURUSD", reason="no_bar"))
    assert [row["id"] for row in board.snapshot()["members"]] == ["o"]


def test_a_signal_that_is_not_newer_changes_nothing() -> None:
    """A record that is read twice, or late, is not what holds now."""
    board = ModelsBoard()
    board.apply_signal(signal(2, "EURUSD", Vote("online", "o", 0.5, 1.0)))
    assert not board.apply_signal(signal(2, "EURUSD", Vote("online", "p", 0.5, 1.0)))
    assert not board.apply_signal(signal(1, "EURUSD", Vote("online", "p", 0.5, 1.0)))
    assert board.snapshot()["members"][0]["id"] == "o"


def test_a_closed_gate_is_that_of_the_newest_signal() -> None:
    """A symbol stands among the closed ones until a signal says otherwise."""
    board = ModelsBoard()
    board.apply_signal(signal(1, "USDJPY", reason="accuracy_below_floor"))
    board.apply_signal(signal(1, "EURUSD", reason="accuracy_below_floor"))
    assert board.snapshot()["closed"] == ["EURUSD", "USDJPY"]
    board.apply_signal(signal(2, "USDJPY", reason="edge"))
    assert board.snapshot()["closed"] == ["EURUSD"]


def test_the_same_event_of_several_symbols_is_one_row() -> None:
    """A switch is told once with all its symbols; events come newest first."""
    board = ModelsBoard()
    for symbol in ("USDJPY", "EURUSD"):
        assert board.apply_event(event(1, symbol))
    assert not board.apply_event(event(1, "EURUSD"))
    board.apply_event(event(2, "EURUSD", "rollback", OLD, NEW))
    rows = board.snapshot()["events"]
    assert [(row["kind"], row["symbols"]) for row in rows] == [
        ("rollback", ["EURUSD"]),
        ("switch", ["EURUSD", "USDJPY"]),
    ]


def test_events_are_bounded() -> None:
    """However many there are, the last few are kept."""
    board = ModelsBoard()
    for minute in range(MAX_EVENTS + 10):
        board.apply_event(event(minute, "EURUSD"))
    rows = board.snapshot()["events"]
    assert (len(rows), rows[-1]["t"]) == (MAX_EVENTS, 600_000)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (event(1, "EURUSD"), "bbbbbbbbbbbb is champion"),
        (event(1, "EURUSD", stage="canary"), "bbbbbbbbbbbb is canary"),
        (
            event(1, "EURUSD", artefact="", stage="retired"),
            "aaaaaaaaaaaa is retired, nobody decides",
        ),
        (
            event(1, "EURUSD", before="", stage="retired"),
            "a watcher is retired, bbbbbbbbbbbb decides",
        ),
        (
            event(1, "EURUSD", "rollback", OLD, NEW),
            "bbbbbbbbbbbb leaves, back to aaaaaaaaaaaa",
        ),
        (event(1, "EURUSD", "rollback", "", NEW), "bbbbbbbbbbbb leaves, nobody decides"),
        (event(1, "EURUSD", "difference"), "bbbbbbbbbbbb compared with aaaaaaaaaaaa"),
        (event(1, "EURUSD", "drift", "", "", slot="ensemble"), "the error has moved"),
        (event(1, "EURUSD", "drift", "", "", slot=""), "a feature has moved"),
        (event(1, "EURUSD", "gate", "", ""), "accuracy gate"),
    ],
)
def test_an_event_in_words(told: ModelEvent, words: str) -> None:
    """Each kind says who answers now and who does not."""
    assert event_words(told) == words


def test_the_time_of_a_switch_is_a_time() -> None:
    """Nanoseconds are for machines; other words of a reason stay as they are."""
    told = msgspec.structs.replace(
        event(1, "EURUSD"), reason="effective 1715688660000000000, share 0.25, for this symbol"
    )
    assert event_reason(told) == "effective 2024-05-14T12:11:00.000Z, share 0.25, for this symbol"
    assert event_reason(event(1, "EURUSD")) == "why"


def test_a_reason_in_words() -> None:
    """A known code is a sentence, another one is its own words."""
    assert reason_words("no_agreement") == "edge, members disagree"
    assert reason_words("some_new_code") == "some new code"
