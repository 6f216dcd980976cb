"""The control folder: nothing that was asked for is lost, and a kill needs no good handwriting."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import BadUse, Corrupt
from sources.control_folder import ControlFolder
from trading.risk.control import Controls, control_event

NOW_NS = 1_700_000_000_000_000_000


def request(
    kind: ControlKind = ControlKind.LOWER,
    to: TradingState = TradingState.REDUCING,
    at_ns: int = NOW_NS,
    account: str = "acc",
    reason: str = "because",
    strategy: str = "",
) -> ControlEvent:
    """Return a request of Ada's."""
    return control_event(
        kind, to, account=account, by="Ada", reason=reason, ts_event_ns=at_ns, strategy=strategy
    )


def kill(at_ns: int = NOW_NS, account: str = "acc", strategy: str = "") -> ControlEvent:
    """Return a kill of Ada's."""
    return request(ControlKind.KILL, TradingState.HALTED, at_ns, account, strategy=strategy)


@pytest.fixture
def folder(tmp_path: Path) -> ControlFolder:
    """Return the folder of account ``acc``; nothing has been put in."""
    return ControlFolder(tmp_path / "control", "acc")


def other(folder: ControlFolder) -> ControlFolder:
    """Return the same folder, as another process sees it."""
    return ControlFolder(folder.path, folder.account)


def drop(folder: ControlFolder, name: str, data: bytes, changed_ns: int = NOW_NS) -> Path:
    """Put a file in by hand."""
    folder.path.mkdir(exist_ok=True)
    path = folder.path / name
    path.write_bytes(data)
    os.utime(path, ns=(changed_ns, changed_ns))
    return path


def test_requests_come_once_and_by_their_time(folder: ControlFolder) -> None:
    """Whatever their kind and whenever they were put in."""
    late, early = request(at_ns=NOW_NS + 1), kill(at_ns=NOW_NS)
    for event in (late, early):
        other(folder).put(event)
    assert folder.new() == [early, late]
    assert folder.new() == []


def test_a_folder_that_nobody_has_made_is_empty(folder: ControlFolder) -> None:
    """Looking makes nothing and fails at nothing."""
    assert folder.new() == []
    assert folder.waiting() == []
    assert folder.held() == []
    assert folder.beats() == {}
    assert folder.state() is None
    assert not folder.path.exists()


def test_a_request_without_an_answer_comes_again_after_a_restart(folder: ControlFolder) -> None:
    """It goes away only with its answer."""
    event = kill()
    folder.put(event)
    assert folder.new() == [event]
    folder.acted(event, "3 cancels")
    assert other(folder).new() == [event]
    assert other(folder).held() == [event]
    folder.done(event)
    assert folder.waiting() == []
    assert folder.held() == []
    assert other(folder).new() == []


def test_the_last_word_is_the_answer(folder: ControlFolder) -> None:
    """First nothing, then what was done at the door, then that it is in force."""
    event = kill()
    folder.put(event)
    assert other(folder).answer(event) is None
    folder.new()
    folder.acted(event, "3 cancels")
    acted = other(folder).answer(event)
    assert acted is not None
    assert (acted.outcome, acted.words) == ("acted", "3 cancels")
    folder.done(event)
    done = other(folder).answer(event)
    assert done is not None
    assert (done.outcome, done.words, done.event) == ("in_force", "", event)


def test_a_refusal_says_why(folder: ControlFolder) -> None:
    """And what was refused."""
    event = request(ControlKind.RAISE, TradingState.ACTIVE)
    folder.put(event)
    folder.new()
    folder.done(event, "it was killed")
    answer = folder.answer(event)
    assert answer is not None
    assert (answer.outcome, answer.words, answer.event) == ("refused", "it was killed", event)
    assert folder.waiting() == []


def test_a_crash_between_an_answer_and_its_end_asks_nothing_twice(folder: ControlFolder) -> None:
    """The request lies there still, and is taken away unasked."""
    event = kill()
    folder.put(event)
    (file,) = folder.waiting()
    data = (folder.path / file).read_bytes()
    folder.new()
    folder.done(event)
    (folder.path / file).write_bytes(data)
    folder.acted(event, "")
    assert other(folder).new() == []
    assert folder.waiting() == []
    assert folder.held() == []


@pytest.mark.parametrize("name", ["KILL", "kill", "Kill-now.txt"])
def test_an_empty_kill_file_kills(folder: ControlFolder, name: str) -> None:
    """A touch is enough, and it is the same kill however often it is read."""
    drop(folder, name, b"")
    (event,) = folder.new()
    assert event.kind == ControlKind.KILL
    assert (event.account, event.strategy, event.to) == ("acc", "", TradingState.HALTED)
    assert (event.by, event.ts_event_ns) == ("system:control_folder", NOW_NS)
    assert event.reason == f"the file {name} was put in"
    assert other(folder).new() == [event]
    folder.done(event)
    assert not (folder.path / name).exists()


def test_a_kill_file_that_was_answered_can_be_put_in_again(folder: ControlFolder) -> None:
    """Under the same name, by the same process."""
    drop(folder, "KILL", b"")
    (first,) = folder.new()
    folder.done(first)
    drop(folder, "KILL", b"", NOW_NS + 1)
    (second,) = folder.new()
    assert second.ts_event_ns == NOW_NS + 1
    assert second.control_id != first.control_id


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\0\xff", "JSON is malformed"),
        (b"stop, please", "JSON is malformed"),
        (b'{"kind": "kill"}', "missing required field"),
        (b"x" * 70_000, "it has 70000 bytes"),
        (msgspec.json.encode(request()), "asks for lower"),
    ],
)
def test_a_kill_file_that_cannot_be_read_kills(
    folder: ControlFolder, data: bytes, why: str
) -> None:
    """Who presses the switch need not spell."""
    drop(folder, "kill-it", data)
    (event,) = folder.new()
    assert event.cancels
    assert event.reason.startswith(("unreadable kill file kill-it: ", "kill file kill-it "))
    assert why in event.reason


def test_a_kill_that_is_no_plain_file_kills_and_holds_nobody_up(folder: ControlFolder) -> None:
    """Neither a pipe that nobody writes to nor a folder nor a dangling link."""
    folder.path.mkdir()
    os.mkfifo(folder.path / "kill-pipe")
    (folder.path / "kill-folder").mkdir()
    (folder.path / "kill-link").symlink_to("nowhere")
    reasons = sorted(event.reason for event in folder.new())
    assert reasons == [
        f"unreadable kill file kill-{what}: it is no plain file"
        for what in ("folder", "link", "pipe")
    ]


def test_a_kill_of_strange_fields_is_mended(folder: ControlFolder) -> None:
    """Another account, nobody's name, no reason, a wrong id: it is a kill of this account."""
    wild = msgspec.structs.replace(kill(strategy="s"), account="zzz", by=" ", reason="")
    other(folder).put(wild)
    (event,) = folder.new()
    assert event == control_event(
        ControlKind.KILL,
        TradingState.HALTED,
        account="acc",
        strategy="s",
        by="system:control_folder",
        reason="no reason was given",
        ts_event_ns=NOW_NS,
    )
    assert Controls("acc").apply(event).scope("s").killed


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("note.txt", b"hello", "JSON is malformed"),
        ("raise.json", b"{}", "missing required field"),
        ("other", msgspec.json.encode(request(account="zzz")), "it is about account zzz"),
        (
            "forged",
            msgspec.json.encode(msgspec.structs.replace(request(), by="Bob")),
            "its control_id does not follow",
        ),
        (
            "far",
            msgspec.json.encode(request()).replace(str(NOW_NS).encode(), str(1 << 70).encode()),
            "",
        ),
        ("past", msgspec.json.encode(request(at_ns=-1)), "ts_event_ns -1 is no time"),
    ],
)
def test_what_is_no_request_is_set_aside_with_the_reason(
    folder: ControlFolder, name: str, data: bytes, why: str
) -> None:
    """It is kept, said once, and in nobody's way."""
    drop(folder, name, data)
    good = request()
    folder.put(good)
    assert folder.new() == [good]
    (complaint,) = folder.complaints()
    assert complaint.startswith(f"control request {name} is refused: ")
    assert why in complaint
    assert folder.complaints() == []
    refused = folder.path / "refused"
    assert (refused / name).read_bytes() == data
    assert why in (refused / f"{name}.why").read_text()
    assert not (folder.path / name).exists()


def test_a_name_that_is_no_text_can_still_be_told(folder: ControlFolder) -> None:
    """Bytes that are no UTF-8 are shown as question marks."""
    folder.path.mkdir()
    (folder.path / os.fsdecode(b"kill\xff")).touch()
    (folder.path / os.fsdecode(b"note\xff")).touch()
    assert folder.waiting() == ["kill?", "note?"]
    (event,) = folder.new()
    assert event.reason == "the file kill? was put in"
    assert folder.complaints()[0].startswith("control request note? is refused: ")


def test_a_file_that_is_being_written_is_not_seen(folder: ControlFolder) -> None:
    """A name that begins with a dot is no request: that is how a part of one is called."""
    drop(folder, ".kill-part.json.123", b'{"kind"')
    assert folder.new() == []
    assert folder.waiting() == []


def test_beats_are_the_times_of_files(folder: ControlFolder) -> None:
    """A later beat takes the place of the one before; a touch is a beat too."""
    folder.beat("operator", NOW_NS)
    folder.beat("log", NOW_NS + 7)
    folder.beat("operator", NOW_NS + 123)
    assert folder.beats() == {"operator": NOW_NS + 123, "log": NOW_NS + 7}
    os.utime(folder.path / "beats" / "log", ns=(0, NOW_NS + 99))
    assert other(folder).beats()["log"] == NOW_NS + 99


@pytest.mark.parametrize("name", ["", "../KILL", "a/b", "a.b"])
def test_a_beat_has_a_plain_name(folder: ControlFolder, name: str) -> None:
    """No beat becomes a file elsewhere."""
    with pytest.raises(BadUse, match="letters, digits"):
        folder.beat(name, NOW_NS)


def test_states_survive(folder: ControlFolder) -> None:
    """What was written is what is read, by another process too."""
    controls = Controls("acc").apply(kill(strategy="s")).apply(request())
    folder.write_state(controls)
    assert other(folder).state() == controls
    assert folder.new() == []


@pytest.mark.parametrize("data", [b"", b"{", b'{"v":1}', b'{"v":9,"controls":{"account":"acc"}}'])
def test_states_that_cannot_be_trusted_are_not_read(folder: ControlFolder, data: bytes) -> None:
    """Broken, cut, or of another version."""
    drop(folder, "state.json", data)
    with pytest.raises(Corrupt, match=r"state\.json"):
        folder.state()


def test_states_of_another_account_are_not_read(folder: ControlFolder) -> None:
    """A folder that was copied is not this account's."""
    ControlFolder(folder.path, "zzz").write_state(Controls("zzz"))
    with pytest.raises(Corrupt, match="version 1 of account zzz; this is version 1 of acc"):
        folder.state()


def test_a_request_is_plain_json(folder: ControlFolder) -> None:
    """A person can read it, and its name says what it is."""
    event = kill()
    folder.put(event)
    (name,) = folder.waiting()
    assert name == f"kill-{NOW_NS:019d}-{event.control_id}.json"
    assert json.loads((folder.path / name).read_text())["by"] == "Ada"


def test_looking_into_an_empty_folder_is_one_look(
    folder: ControlFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look many times a second must not be felt: one list of names, and no file is opened."""
    event = request()
    folder.put(event)
    folder.new()
    folder.done(event)
    folder.write_state(Controls("acc"))
    folder.beat("operator", NOW_NS)
    looks: list[object] = []
    scandir = os.scandir

    def counted(path: Path) -> object:
        looks.append(path)
        return scandir(path)

    def opened(path: Path) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr(os, "scandir", counted)
    monkeypatch.setattr(Path, "read_bytes", opened)
    assert folder.new() == []
    assert looks == [folder.path]
