"""The kill switch: heard whatever else stands still, kept over restarts, opened by the journal."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from brokers.gateway import Killed, KillReport
from brokers.kill_switch import KillSwitch
from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import Halt, Reject
from domain.nanos import MS_NS
from domain.order_events import EventKind, OrderEvent
from sources.control_folder import ControlFolder
from tests.brokers.floor import ACCOUNT, START_NS, Engine, Floor, eventually, limit_order
from trading.orders.state import OrderState
from trading.risk.control import control_event
from trading.risk.heartbeats import Heartbeats, Watched
from trading.venues import Cancel, Command, NotSent, Submit

NEVER_S = 3_600.0
"""Between two looks of a switch that a test makes look by itself."""


class Life:
    """One process: a gateway on a new venue, and the switch over a folder that outlives it.

    Parameters
    ----------
    folder
        Where the control folder is.
    engine
        With what the journal has from lives before.
    watched
        Whose heartbeats are watched.
    """

    def __init__(
        self, folder: Path, engine: Engine | None = None, watched: tuple[Watched, ...] = ()
    ) -> None:
        self.now_ns = START_NS
        self.said: list[str] = []
        self.floor = Floor()
        self.gateway = self.floor.gateway
        self.folder = ControlFolder(folder, ACCOUNT)
        self.asker = ControlFolder(folder, ACCOUNT)
        self.engine = engine or Engine()
        beats = Heartbeats(ACCOUNT, watched, START_NS) if watched else None
        self.switch = KillSwitch(
            self.folder, self.gateway, beats, lambda: self.now_ns, self.said.append, NEVER_S
        )

    def settle(self) -> None:
        """Let the engine take its turn."""
        self.switch.settle(self.engine.put_in_force, lambda: self.engine.controls)

    def outcome(self, event: ControlEvent) -> tuple[str, str]:
        """Return what the asker of a request reads."""
        answer = self.asker.answer(event)
        return ("", "") if answer is None else (answer.outcome, answer.words)

    def sends(self, strategy: str = "s") -> bool:
        """Say whether an order of a strategy gets through the door."""
        try:
            self.gateway.send(Submit(limit_order(f"probe-{time.monotonic_ns()}", strategy)))
        except Killed:
            return False
        return True

    def close(self) -> None:
        """End the process."""
        self.switch.stop()
        self.floor.close()


Begin = Callable[..., Life]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Return what begins a process, its switch started, on the one folder of the test."""
    lives: list[Life] = []

    def begin_(
        engine: Engine | None = None, watched: tuple[Watched, ...] = (), *, start: bool = True
    ) -> Life:
        life = Life(tmp_path / "control", engine, watched)
        lives.append(life)
        if start:
            life.switch.start()
        return life

    yield begin_
    for life in lives:
        life.close()


def ask(
    kind: ControlKind,
    to: TradingState,
    by: str = "Ada",
    role: str = "",
    strategy: str = "",
    at_ns: int = START_NS,
) -> ControlEvent:
    """Return a request."""
    return control_event(
        kind,
        to,
        account=ACCOUNT,
        by=by,
        role=role,
        reason="a test",
        ts_event_ns=at_ns,
        strategy=strategy,
    )


def kill(strategy: str = "", at_ns: int = START_NS) -> ControlEvent:
    """Return a kill."""
    return ask(ControlKind.KILL, TradingState.HALTED, strategy=strategy, at_ns=at_ns)


def release(by: str, role: str, strategy: str = "") -> ControlEvent:
    """Return one person's word for the end of a kill."""
    return ask(ControlKind.RELEASE, TradingState.ACTIVE, by, role, strategy, START_NS + 1)


# A kill, and who may end it.


def test_a_kill_acts_before_the_engine_has_heard_of_it(begin: Begin) -> None:
    """Door shut and all cancels out, though the engine stands still and says nothing."""
    life = begin()
    names = life.floor.open(200)
    event = kill()
    life.asker.put(event)
    life.switch.look()
    assert sorted(life.floor.venue.cancels()) == sorted(names)
    assert not life.sends()
    assert life.outcome(event) == ("acted", "200 cancels handed to the venue")
    assert life.engine.journal == []


def test_the_engine_journals_a_kill_once(begin: Begin) -> None:
    """It is then in force by the journal, and the states are there to be read."""
    life = begin()
    event = kill()
    life.asker.put(event)
    for _ in range(3):
        life.switch.look()
        life.settle()
    assert life.engine.journal == [event]
    assert life.outcome(event) == ("in_force", "")
    assert not life.sends()
    state = life.asker.state()
    assert state is not None
    assert state == life.engine.controls
    assert state.scope().killed


def test_a_kill_ends_with_the_word_of_two_people_in_two_roles(begin: Begin) -> None:
    """One is not enough, the same one twice is not, and a raise is not."""
    life = begin()
    words = [
        (kill(), "in_force", False),
        (ask(ControlKind.RAISE, TradingState.ACTIVE), "refused", False),
        (release("Ada", "trader"), "in_force", False),
        (release("Ada", "risk"), "refused", False),
        (release("Bob", "trader"), "refused", False),
        (release("Bob", "risk"), "in_force", True),
    ]
    for event, outcome, sends in words:
        life.asker.put(event)
        life.switch.look()
        life.settle()
        assert life.outcome(event)[0] == outcome, event
        assert life.sends() is sends, event
    assert "two people in two roles" in life.outcome(words[1][0])[1]


def test_a_kill_of_one_strategy_leaves_the_others_alone(begin: Begin) -> None:
    """Only its orders are canceled, only its orders are held back, and only it is released."""
    life = begin()
    mine, others = life.floor.open(3, "a"), life.floor.open(3, "b")
    life.asker.put(kill("a"))
    life.switch.look()
    life.settle()
    assert sorted(life.floor.venue.cancels()) == sorted(mine)
    assert (life.sends("a"), life.sends("b")) == (False, True)
    life.asker.put(release("Ada", "trader", "a"))
    life.asker.put(release("Bob", "risk", "a"))
    life.switch.look()
    life.settle()
    assert life.sends("a")
    assert set(others).isdisjoint(life.floor.venue.cancels())


def test_a_halt_is_the_engines_matter(begin: Begin) -> None:
    """It passes the switch without a touch of the door: exits are judged by the gate."""
    life = begin()
    life.floor.open(3)
    event = ask(ControlKind.LOWER, TradingState.HALTED)
    life.asker.put(event)
    life.switch.look()
    assert life.switch.take() == [event]
    assert life.sends()
    assert life.floor.venue.cancels() == []


# Races between a kill and a release.


def test_a_release_that_knew_nothing_of_a_new_kill_does_not_open_the_door(begin: Begin) -> None:
    """The engine journals the end of the first kill while the second one is already heard."""
    life = begin()
    life.asker.put(kill())
    life.switch.look()
    life.settle()
    for event in (release("Ada", "trader"), release("Bob", "risk")):
        life.engine.put_in_force(event)
    second = kill(at_ns=START_NS + 5)
    life.asker.put(second)
    life.switch.look()
    life.switch._in_force(life.engine.controls)
    assert not life.engine.controls.scope().killed
    assert not life.sends()
    life.settle()
    assert life.engine.journal[-1] == second
    assert not life.sends()


def test_a_door_that_somebody_opened_is_shut_again(begin: Begin) -> None:
    """At the next look, for as long as a kill is heard or journaled."""
    life = begin()
    life.asker.put(kill())
    life.switch.look()
    life.gateway.release()
    life.switch.look()
    assert not life.sends()
    life.settle()
    life.gateway.release()
    life.switch.look()
    assert not life.sends()


# Restarts.


def test_a_kill_that_nobody_journaled_holds_after_a_restart(begin: Begin) -> None:
    """The new process refuses to send before it has read any ledger."""
    first = begin()
    event = kill()
    first.asker.put(event)
    first.switch.look()
    first.close()
    second = begin()
    assert not second.sends()
    second.settle()
    assert second.engine.journal == [event]
    assert second.outcome(event) == ("in_force", "")


def test_a_kill_that_was_put_in_while_nothing_ran_holds_from_the_start(begin: Begin) -> None:
    """Requests wait for the process."""
    (life := begin(start=False)).asker.put(kill())
    life.switch.start()
    assert not life.sends()


def test_a_kill_that_was_journaled_holds_after_a_restart(begin: Begin) -> None:
    """By the states as they were written, and then by the journal; adopted orders are canceled."""
    first = begin()
    first.asker.put(kill())
    first.switch.look()
    first.settle()
    first.close()
    second = begin(Engine(tuple(first.engine.journal)))
    assert not second.sends()
    second.gateway.adopt([OrderState(limit_order("left-over"))])
    second.settle()
    assert second.floor.venue.cancels() == ["left-over"]
    assert second.engine.journal == first.engine.journal
    assert not second.sends()


def test_a_kill_of_the_journal_holds_though_no_file_says_so(begin: Begin) -> None:
    """A folder that was lost changes nothing about the journal."""
    life = begin(Engine((kill(),)))
    assert life.sends()
    life.settle()
    assert not life.sends()


def test_two_stores_that_disagree_halt_the_account(begin: Begin) -> None:
    """The states that were shown say killed, and the journal knows of nothing."""
    first = begin()
    first.asker.put(kill())
    first.switch.look()
    first.settle()
    first.close()
    second = begin()
    assert not second.sends()
    second.settle()
    (event,) = second.engine.journal
    assert (event.kind, event.to, event.by) == (
        ControlKind.LOWER,
        TradingState.HALTED,
        "system:stores",
    )
    assert "account active and halted" in event.reason


def test_states_that_cannot_be_read_kill(begin: Begin) -> None:
    """Nobody can say what was in force: the door stays shut until two people have looked."""
    life = begin(start=False)
    life.folder.path.mkdir()
    (life.folder.path / "state.json").write_text("{")
    life.switch.start()
    assert not life.sends()
    life.settle()
    (event,) = life.engine.journal
    assert event.cancels
    assert event.by == "system:kill_switch"
    assert "cannot be read" in event.reason
    assert life.asker.state() == life.engine.controls


# Silence.

OPERATOR = Watched("operator", 100 * MS_NS)


def test_silence_kills_and_is_kept(begin: Begin) -> None:
    """After three intervals; the kill is in the folder before anything is done."""
    life = begin(watched=(OPERATOR,))
    life.floor.open(2)
    life.now_ns += 299 * MS_NS
    life.switch.look()
    assert life.sends()
    seen: list[list[str]] = []
    life.floor.venue.before_send = lambda _: seen.append(life.asker.waiting())
    life.now_ns += MS_NS
    life.switch.look()
    assert not life.sends()
    assert all(names[0].startswith("kill-") for names in seen)
    assert len(seen) == 3
    life.settle()
    (event,) = life.engine.journal
    assert event.by == "system:heartbeats"
    assert event.reason.startswith("no heartbeat of operator for 300 ms")


def test_beats_of_files_and_of_this_process_keep_it_going(begin: Begin) -> None:
    """Either kind; a name that nobody watches is told once and counts for nobody."""
    life = begin(watched=(OPERATOR, Watched("log", 100 * MS_NS)))
    for _ in range(10):
        life.now_ns += 200 * MS_NS
        life.asker.beat("operator", life.now_ns)
        life.asker.beat("opreator", life.now_ns)
        life.switch.beat("log")
        life.switch.look()
    assert life.sends()
    assert life.said == ["nobody watches the heartbeat 'opreator'; watched are ['log', 'operator']"]


def test_a_beat_from_the_future_counts_for_now_only(begin: Begin) -> None:
    """A sender whose clock is a day ahead falls silent like any other."""
    life = begin(watched=(OPERATOR,))
    life.asker.beat("operator", START_NS + 86_400_000 * MS_NS)
    life.switch.look()
    life.now_ns += 299 * MS_NS
    life.switch.look()
    assert life.sends()
    life.now_ns += MS_NS
    life.switch.look()
    assert not life.sends()


def test_silence_kills_though_the_disk_is_full(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be kept is carried out all the same, and the engine hears of it."""
    life = begin(watched=(OPERATOR,))
    monkeypatch.setattr(life.folder, "_write", _no_space)
    life.now_ns += 300 * MS_NS
    life.switch.look()
    assert not life.sends()
    assert "could not be kept" in life.said[0]
    (event,) = life.switch.take()
    assert event.by == "system:heartbeats"


def _no_space(_path: Path, _data: bytes) -> None:
    raise OSError(28, "No space left on device")


# When the switch itself is in trouble.


def test_a_switch_that_fails_kills_once(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, goes on looking, and hears again when the trouble is over."""
    life = begin()
    life.floor.open(2)
    new = life.folder.new
    monkeypatch.setattr(life.folder, "new", _broken)
    for _ in range(5):
        life.switch.look()
    assert life.switch.failure == "the kill switch itself failed: OSError('the disk is gone')"
    assert life.said == [life.switch.failure]
    assert len(life.floor.venue.cancels()) == 2
    assert not life.sends()
    monkeypatch.setattr(life.folder, "new", new)
    life.switch.look()
    assert life.switch.failure == ""
    life.settle()
    (event,) = life.engine.journal
    assert (event.by, event.reason) == (
        "system:kill_switch",
        "the kill switch itself failed: OSError('the disk is gone')",
    )
    assert not life.sends()


def _broken() -> list[ControlEvent]:
    msg = "the disk is gone"
    raise OSError(msg)


def test_cancels_that_could_not_be_sent_are_tried_again(begin: Begin) -> None:
    """About once a second, until the venue has taken them."""
    life = begin()
    names = life.floor.open(2)
    tries: list[str] = []

    def cut(command: Command) -> None:
        tries.append(command.order.client_order_id)
        msg = "the link is cut"
        raise NotSent(msg)

    life.floor.venue.before_send = cut
    event = kill()
    life.asker.put(event)
    life.switch.look()
    assert life.outcome(event) == (
        "acted",
        "0 cancels handed to the venue, 2 could not be sent",
    )
    for _ in range(48):
        life.switch.look()
    assert sorted(tries) == names
    life.floor.venue.before_send = lambda _: None
    life.switch.look()
    life.switch.look()
    assert sorted(life.floor.venue.cancels()) == names
    for _ in range(300):
        life.switch.look()
    assert len(life.floor.venue.cancels()) == 2


def test_a_venue_that_refuses_cancels_is_asked_less_and_less_often(begin: Begin) -> None:
    """After one second, two more, four more: an order that stays open is not given up."""
    life = begin()
    (name,) = life.floor.open(1)
    life.asker.put(kill())
    asked_at = []
    for look in range(400):
        known = len(life.floor.venue.cancels())
        life.switch.look()
        if len(life.floor.venue.cancels()) > known:
            asked_at.append(look)
            refusal = OrderEvent(EventKind.CANCEL_REJECT, name, START_NS, START_NS)
            life.gateway._take(refusal)
    assert asked_at[0] == 0
    pauses = [later - earlier for earlier, later in pairwise(asked_at)]
    assert pauses == pytest.approx([50, 50, 100, 200], abs=1)


def test_what_is_no_request_is_said(begin: Begin) -> None:
    """A person hears of the file that was put aside."""
    life = begin()
    life.folder.path.mkdir()
    (life.folder.path / "note").write_text("hello")
    life.switch.look()
    (words,) = life.said
    assert words.startswith("control request note is refused: JSON is malformed")
    assert life.sends()


def test_answers_that_cannot_be_written_stop_the_engine(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would know what is in force."""
    life = begin()
    life.asker.put(ask(ControlKind.LOWER, TradingState.REDUCING))
    life.switch.look()
    monkeypatch.setattr(life.folder, "_write", _no_space)
    with pytest.raises(Halt, match="cannot be written"):
        life.settle()


def test_nothing_is_sent_without_the_watch(begin: Begin) -> None:
    """Before it has started, and after it was stopped."""
    life = begin(start=False)
    with pytest.raises(Halt, match="not running"):
        life.switch.check()
    life.switch.start()
    life.switch.check()
    life.switch.stop()
    with pytest.raises(Halt, match="not running"):
        life.switch.check()


def test_an_engine_that_refuses_a_kill_opens_the_door(begin: Begin) -> None:
    """Its word is final in both directions."""
    life = begin()
    event = kill()
    life.asker.put(event)
    life.switch.look()

    def refuse(_: ControlEvent) -> None:
        msg = "not here"
        raise Reject(msg)

    life.switch.settle(refuse, lambda: life.engine.controls)
    assert life.outcome(event) == ("refused", "not here")
    assert life.sends()


# The thread.


def test_the_thread_hears_while_another_is_stuck_on_its_way_to_the_log(begin: Begin) -> None:
    """A thread that holds nothing of the door may hang for ever."""
    life = begin(start=False)
    life.switch._interval_s = 0.005
    life.floor.open(10)
    life.switch.start()
    hangs, over = threading.Event(), threading.Event()

    def engine() -> None:
        life.settle()
        hangs.set()
        over.wait(10)

    thread = threading.Thread(target=engine)
    thread.start()
    assert hangs.wait(5)
    event = kill()
    life.asker.put(event)
    eventually(lambda: life.outcome(event) == ("acted", "10 cancels handed to the venue"))
    assert not life.sends()
    over.set()
    thread.join(5)

    def is_in_force() -> bool:
        life.settle()
        return life.outcome(event) == ("in_force", "")

    eventually(is_in_force)


def test_a_report_counts_what_was_done() -> None:
    """The words that a person reads are those of the gateway's report."""
    floor = Floor()
    floor.open(2)
    report = floor.gateway.kill("x")
    assert report == KillReport(canceled=("s-0", "s-1"), failed=())
    assert all(isinstance(command, Cancel) for _, command in floor.venue.came[2:])
    floor.close()
