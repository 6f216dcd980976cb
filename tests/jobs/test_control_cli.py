"""``aifx control``: what a person says, what becomes of it, and what the exit code tells."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brokers.kill_switch import KillSwitch
from config import plan as plans
from config.accounts import LEDGER_FILE, account_folder
from config.settings import settings_of, without_secrets
from domain.adjustments import PositionAdjustment
from domain.control import ControlKind, TradingState
from domain.nanos import SECOND_NS
from jobs import cli, control_cli
from jobs.control import ControlLine
from jobs.places import find_place, place_of
from sources.adjustment_folder import ADJUSTMENTS_FOLDER, AdjustmentFolder
from sources.control_folder import CONTROL_FOLDER, READINESS_FILE, ControlFolder
from tests.brokers.floor import ACCOUNT, START_NS, Engine, Floor, limit_order, plan_of
from trading.journal.journal import Journal
from trading.readiness import Cause, Readiness, Rung, Standing, ended
from trading.risk.control import Controls, ScopeState

Ended = tuple[int, str, str]
Run = Callable[..., Ended]

ADA = ("--by", "Ada", "--reason", "a test")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what ``aifx control ... --data FOLDER`` ends with: exit code, output, errors."""
    monkeypatch.setenv("COLUMNS", "200")

    def run_(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aifx", "control", *words, "--data", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_


def plan(data: Path, name: str, state: str = "running") -> Path:
    """Write the plan of a run; return its folder."""
    folder = data / "runs" / name
    plans.save(msgspec.structs.replace(plan_of(folder), state=state))
    return folder


class Desk:
    """What a run does with requests: its switch, and an engine that takes its turn."""

    def __init__(self, folder: ControlFolder) -> None:
        self.floor = Floor()
        self.engine = Engine()
        self.switch = KillSwitch(
            folder, self.floor.gateway, None, lambda: START_NS, lambda _: None, 0.005
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._turns)

    def _turns(self) -> None:
        while not self._over.wait(0.005):
            self.switch.settle(self.engine.put_in_force, lambda: self.engine.controls)

    @contextmanager
    def at_work(self, *, engine: bool = True) -> Iterator["Desk"]:
        """Keep it going, with or without its engine."""
        self.switch.start()
        if engine:
            self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            if engine:
                self._thread.join()
            self.switch.stop()
            self.floor.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return the desk of the one run that goes on."""
    folder = plan(tmp_path, "r1")
    with Desk(ControlFolder(folder / "control", ACCOUNT)).at_work() as desk:
        yield desk


def refused(ended: Ended, *words: str) -> None:
    """Check for bad use: one line, exit code 2."""
    code, _, errors = ended
    assert code == 2
    assert errors.startswith("aifx: ")
    assert errors.count("\n") == 1
    for word in words:
        assert word in errors


def test_a_kill_and_its_end_told_in_commands(run: Run, desk: Desk) -> None:
    """Killed by one, ended by two in two roles; each refusal says what is missing."""
    desk.floor.open(3)
    code, out, _ = run("kill", *ADA)
    assert code == 0
    assert out.startswith("kill to halted of all orders, by Ada: ")
    assert sorted(desk.floor.venue.cancels()) == ["s-0", "s-1", "s-2"]
    code, out, errors = run("resume", *ADA)
    assert (code, out) == (1, "")
    assert errors.startswith(
        "aifx: refused: it was killed by Ada (a test); two people in two roles"
    )
    assert errors.count("\n") == 1
    code, out, _ = run("release", *ADA, "--role", "trader")
    assert code == 0
    assert out.endswith("the kill stands until another person in another role releases it too\n")
    assert "killed" in run("status")[1]
    assert "Ada (trader)" in run("status")[1]
    code, _, errors = run("release", *ADA, "--role", "risk")
    assert code == 1
    assert "another person in another role must too" in errors
    code, out, _ = run("release", "--by", "Bob", "--reason", "agreed", "--role", "risk")
    assert (code, out) == (0, "release to active of all orders, by Bob: in force\n")
    assert desk.engine.controls.state() == TradingState.ACTIVE
    assert desk.floor.gateway.killed() is None


@pytest.mark.parametrize(
    ("command", "state"),
    [
        ("halt", TradingState.HALTED),
        ("cancel-only", TradingState.CANCEL_ONLY),
        ("reduce", TradingState.REDUCING),
    ],
)
def test_one_person_lowers_and_raises(
    run: Run, desk: Desk, command: str, state: TradingState
) -> None:
    """Of one strategy here; the account's state stays."""
    code, out, _ = run(command, *ADA, "--strategy", "edge-hold", "--role", "risk")
    assert (code, out) == (0, f"lower to {state} of edge-hold, by Ada: in force\n")
    (event,) = desk.engine.journal
    assert (event.kind, event.to, event.strategy, event.by, event.role, event.reason) == (
        ControlKind.LOWER,
        state,
        "edge-hold",
        "Ada",
        "risk",
        "a test",
    )
    assert desk.engine.controls.state() == TradingState.ACTIVE
    assert run("resume", *ADA, "--strategy", "edge-hold")[0] == 0
    assert desk.engine.controls.state("edge-hold") == TradingState.ACTIVE


def test_it_is_raised_by_a_step(run: Run, desk: Desk) -> None:
    """Exits first, then all."""
    assert run("halt", *ADA)[0] == 0
    code, out, _ = run("resume", *ADA, "--to", "reducing")
    assert (code, out) == (0, "raise to reducing of all orders, by Ada: in force\n")
    assert desk.engine.controls.state() == TradingState.REDUCING


def test_a_kill_counts_once_the_door_is_shut(run: Run, tmp_path: Path) -> None:
    """The engine hangs; the switch has acted, and the states say so already."""
    folder = plan(tmp_path, "r1")
    with Desk(ControlFolder(folder / "control", ACCOUNT)).at_work(engine=False) as desk:
        desk.floor.open(2, "edge-hold")
        code, out, _ = run("kill", *ADA, "--strategy", "edge-hold")
        assert code == 0
        assert out == (
            "kill to halted of edge-hold, by Ada: the door is shut, the journal follows; "
            "2 cancels handed to the venue\n"
        )
        shown = run("status")[1]
        assert "killed" in shown
        assert "waits for an answer: kill-" in shown


def test_a_misspelled_strategy_is_refused_with_those_that_there_are(
    run: Run, desk: Desk, tmp_path: Path
) -> None:
    """Whoever kills it would think that it is killed; also through the page."""
    for command in ("kill", "halt", "resume"):
        refused(
            run(command, *ADA, "--strategy", "egde-hold"), "no strategy 'egde-hold'", "edge-hold"
        )
    refused(run("release", *ADA, "--role", "risk", "--strategy", "egde-hold"), "no strategy")
    found = ControlLine(find_place(tmp_path, "", ""), lambda: START_NS).kill("Ada", "x", "egde")
    assert found["outcome"] == "refused"
    assert "it has edge-hold, and without a strategy all of them are meant" in found["words"]
    assert desk.engine.journal == []
    assert desk.floor.gateway.killed("egde-hold") is None


def test_strategies_are_known_from_journal_and_trading_states_while_nothing_runs(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an account at a broker, whatever run it was that traded them."""
    monkeypatch.setattr(control_cli, "PATIENCE_S", 0.0)
    folder = tmp_path / "accounts" / "oanda-001-1"
    folder.mkdir(parents=True)
    journal = Journal.open(f"sqlite:///{folder / LEDGER_FILE}", "001-1")
    journal.acquire("test", 1, 1_000)
    order = msgspec.structs.replace(limit_order("o-1", "carry"), account="001-1")
    journal.project(order)
    journal.commit()
    journal.close()
    states = Controls("001-1", {"old": ScopeState(TradingState.HALTED, reason="x", by="Ada")})
    ControlFolder(folder / CONTROL_FOLDER, "001-1").write_state(states)
    for known in ("carry", "old", "edge-hold"):
        assert run("kill", *ADA, "--account", "001-1", "--strategy", known)[0] == 3
    ended = run("kill", *ADA, "--account", "001-1", "--strategy", "cary")
    refused(ended, "no strategy 'cary'", "carry, edge-hold, old")


def test_a_kill_does_not_depend_on_a_ledger_that_can_be_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nobody can say that the name is wrong."""
    monkeypatch.setattr(control_cli, "PATIENCE_S", 0.0)
    folder = plan(tmp_path, "r1")
    (folder / LEDGER_FILE).write_bytes(b"no database")
    assert run("kill", *ADA, "--strategy", "anything")[0] == 3
    (event,) = ControlFolder(folder / CONTROL_FOLDER, ACCOUNT).new()
    assert event.strategy == "anything"


HELD = ("--symbol", "EUR/USD", "--units", "-10000", "--price", "1.0950")


def test_an_adjustment_is_told_what_became_of_it(run: Run, tmp_path: Path) -> None:
    """Booked, refused with the reason, or waiting for the next start."""
    folder = tmp_path / "accounts" / "oanda-001-1"
    folder.mkdir(parents=True)
    inbox = AdjustmentFolder(folder / ADJUSTMENTS_FOLDER, "001-1")
    over = threading.Event()
    answers = iter(["", "book and venue agree on EURUSD: there is nothing to adjust"])
    came: list[PositionAdjustment] = []

    def engine() -> None:
        while not over.wait(0.005):
            for request in inbox.waiting():
                came.append(request)
                inbox.done(request, next(answers))

    thread = threading.Thread(target=engine)
    thread.start()
    try:
        code, out, _ = run("adjust", *HELD, *ADA, "--account", "001-1")
        assert code == 0
        assert out.startswith("EURUSD adjusted by -10000 at 1.0950, by Ada: booked; ")
        code, out, errors = run("adjust", *HELD, *ADA, "--account", "001-1")
        assert (code, out) == (1, "")
        assert errors.startswith("aifx: refused: book and venue agree on EURUSD")
    finally:
        over.set()
        thread.join()
    assert [(o.symbol, o.units, o.price, o.by, o.reason, o.account) for o in came] == [
        ("EURUSD", Decimal(-10_000), Decimal("1.0950"), "Ada", "a test", "001-1")
    ] * 2


def test_an_adjustment_that_nobody_hears_waits(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every other word of a person."""
    monkeypatch.setattr(control_cli, "PATIENCE_S", 0.0)
    (tmp_path / "accounts" / "oanda-001-1").mkdir(parents=True)
    code, out, _ = run("adjust", *HELD, *ADA, "--account", "001-1")
    assert code == 3
    assert "nobody has answered yet" in out


def test_an_adjustment_that_cannot_be_meant_is_bad_use(run: Run, tmp_path: Path) -> None:
    """One line each; nothing is written."""
    (tmp_path / "accounts" / "oanda-001-1").mkdir(parents=True)
    at = ("--account", "001-1")
    refused(run("adjust", *HELD, *ADA[:3], " ", *at), "who and why")
    refused(run("adjust", *HELD[:2], "--units", "x", *HELD[4:], *ADA, *at), "--units x")
    refused(run("adjust", *HELD[:2], "--units", "0", *HELD[4:], *ADA, *at), "other than 0")
    refused(run("adjust", *HELD[:4], "--price", "-1", *ADA, *at), "above 0")
    refused(run("adjust", "--symbol", "USDEUR", *HELD[2:], *ADA, *at), "EURUSD")
    plan(tmp_path, "r1")
    refused(run("adjust", *HELD, *ADA), "is on paper")
    assert not list(tmp_path.glob("**/adjust-*"))


def test_what_nobody_hears_waits(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written, holds from the next start, and the exit code says that it does not yet."""
    monkeypatch.setattr(control_cli, "PATIENCE_S", 0.0)
    folder = plan(tmp_path, "r1", "stopped")
    code, out, _ = run("kill", *ADA, "--run", "r1")
    assert code == 3
    assert "nobody has answered yet: it holds from the next start" in out
    with Desk(ControlFolder(folder / "control", ACCOUNT)).at_work(engine=False) as desk:
        assert desk.floor.gateway.killed() == "a test"


def test_a_kill_needs_no_name(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes that of the login, and a plain reason; everything else wants both."""
    monkeypatch.setattr(control_cli, "PATIENCE_S", 0.0)
    monkeypatch.setenv("LOGNAME", "grace")
    folder = plan(tmp_path, "r1")
    assert run("kill")[0] == 3
    (event,) = ControlFolder(folder / "control", ACCOUNT).new()
    assert (event.by, event.reason) == ("grace", "killed from the command line")
    for command in ("halt", "reduce", "cancel-only", "resume", "release"):
        code, _, errors = run(command, "--reason", "x")
        assert code == 2
        assert "--by" in errors


def test_which_run_is_meant_is_never_guessed(run: Run, tmp_path: Path) -> None:
    """None, two, an unknown one: each is one line that says what there is."""
    refused(run("status"), "no run is going on", "there is none")
    plan(tmp_path, "old", "finished")
    refused(run("kill"), "no run is going on", "old")
    plan(tmp_path, "r1")
    plan(tmp_path, "r2")
    refused(run("kill"), "name one with --run: r1, r2")
    refused(run("kill", "--run", "r3"), "there is no run 'r3'", "old, r1, r2")
    refused(run("kill", "--run", "r1", "--account", "a"), "not both")
    refused(run("kill", "--account", "a"), "there is no account 'a'", "there is none")
    refused(run("kill", "--account", "../runs/r1"), "there is no account")
    assert not list(tmp_path.glob("**/kill*"))


def test_an_account_at_a_broker_has_a_folder_of_its_own(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named by its id, or by broker and id where two brokers have the same."""
    monkeypatch.setattr(control_cli, "PATIENCE_S", 0.0)
    folder = tmp_path / "accounts" / "oanda-001-1"
    folder.mkdir(parents=True)
    assert run("kill", *ADA, "--account", "001-1")[0] == 3
    (event,) = ControlFolder(folder / "control", "001-1").new()
    assert (event.account, event.by) == ("001-1", "Ada")
    (tmp_path / "accounts" / "ib-001-1").mkdir()
    both = "ib-001-1 and oanda-001-1 both are account '001-1'"
    refused(run("kill", *ADA, "--account", "001-1"), both)
    assert run("kill", *ADA, "--account", "oanda-001-1")[0] == 3
    assert len(ControlFolder(folder / "control", "001-1").new()) == 2


def test_a_run_at_a_broker_is_controlled_through_its_account(tmp_path: Path) -> None:
    """Through the very folder that the account listens to."""
    settings = settings_of({"broker": {"kind": "oanda", "account_id": "001-1"}})
    going_on = msgspec.structs.replace(
        plan_of(tmp_path / "runs" / "r1"), settings=without_secrets(settings)
    )
    folder = place_of(going_on).control()
    assert folder.path == account_folder(tmp_path, settings) / CONTROL_FOLDER
    assert folder.account == "001-1"


def test_an_old_plan_is_in_nobodys_way(run: Run, tmp_path: Path) -> None:
    """A run that this version cannot read is over; by its name it is told what is wrong."""
    plan(tmp_path, "r1")
    old = tmp_path / "runs" / "old"
    old.mkdir()
    (old / "plan.json").write_text("{}")
    assert run("status")[0] == 0
    refused(run("status", "--run", "old"), "is no readable run plan")


def test_a_beat_is_heard(run: Run, tmp_path: Path) -> None:
    """Under the name that the settings watch, unless another one is given."""
    folder = ControlFolder(plan(tmp_path, "r1") / "control", ACCOUNT)
    assert run("beat")[0] == 0
    assert run("beat", "desk-2")[0] == 0
    assert sorted(folder.beats()) == ["desk-2", "operator"]
    refused(run("beat", "../x"), "letters, digits")


def test_a_beat_goes_on_where_it_is_told_to(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every so many seconds, until it is stopped."""
    folder = ControlFolder(plan(tmp_path, "r1") / "control", ACCOUNT)
    beats: list[int] = []

    def sleep(seconds: float) -> None:
        assert seconds == 0.5
        beats.append(folder.beats()["operator"])
        if len(beats) == 3:
            raise SystemExit(130)

    monkeypatch.setattr(time, "sleep", sleep)
    assert run("beat", "--every", "0.5")[0] == 130
    assert beats == sorted(set(beats))


def test_a_folder_that_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    """In words, with its path."""
    (plan(tmp_path, "r1") / "control").write_text("not a folder")
    refused(run("kill"), "cannot be written to", "control")
    refused(run("beat"), "cannot be written to", "control")


def test_states_that_cannot_be_read_are_told(run: Run, tmp_path: Path) -> None:
    """The page gets the same words."""
    folder = ControlFolder(plan(tmp_path, "r1") / "control", ACCOUNT)
    folder.path.mkdir()
    (folder.path / "state.json").write_text("{")
    refused(run("status"), "state.json", "cannot be read")
    fault = ControlLine(find_place(tmp_path, "", ""), lambda: START_NS).state()["fault"]
    assert "cannot be read" in fault


def test_words_of_people_are_shown_as_they_are(run: Run, tmp_path: Path) -> None:
    """Nothing in them is a colour or a link."""
    folder = ControlFolder(plan(tmp_path, "r1") / "control", ACCOUNT)
    scope = ScopeState(TradingState.HALTED, reason="[red]see [link=x]this", by="Ada")
    folder.write_state(Controls(ACCOUNT, {"": scope}))
    assert "[red]see [link=x]this" in run("status")[1]


def test_the_command_line_and_the_page_tell_how_ready_an_account_is(
    run: Run, tmp_path: Path
) -> None:
    """Where it stands, since when and why; nothing that is too old, unreadable or another's."""
    path = plan(tmp_path, "r1") / "control"
    folder = ControlFolder(path, ACCOUNT)
    clock = [START_NS]
    place = find_place(tmp_path, "", "")._replace(at_broker=True)
    line = ControlLine(place, lambda: clock[0])
    assert "readiness" not in run("status")[1]
    never = line.readiness()
    assert never is not None
    assert (never["rung"], never["trades"]) == ("unknown", False)
    assert never["why"] == "the account has not been started yet"

    lost = Standing(Cause.LINK_DOWN, "the order link is down: ReadError", START_NS)
    folder.write_readiness(Readiness(Rung.CANCEL_ONLY, (lost,), START_NS), START_NS)
    since = "2024-03-05T12:00:00.000Z"
    assert line.readiness() == {
        "rung": "cancel_only",
        "trades": False,
        "since": since,
        "why": lost.words,
        "causes": [{"cause": "link_down", "words": lost.words, "since": since}],
    }
    assert folder.waiting() == []
    assert folder.new() == []
    clock[0] += 6 * SECOND_NS
    stale = line.readiness()
    assert stale is not None
    assert stale["why"] == f"the process of the account was last heard of {since}"
    out = run("status")[1]
    assert f"readiness: unknown: the process of the account was last heard of {since}" in out

    now_ns = time.time_ns()  # noqa: TID251 - the edge: the command has no other clock
    folder.write_readiness(Readiness(Rung.CANCEL_ONLY, (lost,), START_NS), now_ns)
    assert f"readiness, since {since}: cancel only: {lost.words}" in run("status")[1]
    folder.write_readiness(ended(START_NS, "stopped"), START_NS)
    over = line.readiness()
    assert over is not None
    assert (over["rung"], over["why"]) == (
        "halted",
        "the process of the account has ended: stopped",
    )
    other = ControlFolder(tmp_path / "other", "b")
    other.write_readiness(Readiness(Rung.READY, (), START_NS), START_NS)
    for bad in (b"{", (other.path / READINESS_FILE).read_bytes()):
        (path / READINESS_FILE).write_bytes(bad)
        unread = line.readiness()
        assert unread is not None
        assert (unread["rung"], unread["trades"]) == ("unknown", False)
        assert READINESS_FILE in unread["why"]


def test_the_page_reads_what_the_command_line_reads(tmp_path: Path) -> None:
    """States by journal, with kills that wait for it laid over; plain values, fit for JSON."""
    folder = ControlFolder(plan(tmp_path, "r1") / "control", ACCOUNT)
    line = ControlLine(find_place(tmp_path, "", ""), lambda: START_NS, patience_s=0.0)
    whole: dict[str, Any] = {
        "name": "",
        "state": "active",
        "killed": False,
        "by": "",
        "reason": "",
        "since": "",
        "said": [],
    }
    assert line.state() == {
        "account": ACCOUNT,
        "fault": "",
        "scopes": [whole],
        "waiting": [],
        "readiness": None,
    }
    found = line.kill("Ada", "fire", "edge-hold")
    assert found["outcome"] == "written"
    assert line.state()["scopes"] == [whole]
    (event,) = folder.new()
    folder.acted(event, "")
    killed = whole | {
        "name": "edge-hold",
        "state": "halted",
        "killed": True,
        "by": "Ada",
        "reason": "fire",
        "since": "2024-03-05T12:00:00.000Z",
    }
    assert line.state()["scopes"] == [whole, killed]
    assert msgspec.json.encode(line.state())
