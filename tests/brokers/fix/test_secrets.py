"""The password is a canary: it is on the logon, and in no log, repr, error, event or file."""

import logging
import traceback
from pathlib import Path

import pytest

pytest.importorskip("quickfix")

from brokers.secret_file import SecretFile
from domain.errors import AifxError, BadUse
from tests.brokers.fix.rigs import PASSWORD, OpenRig, an_order, submit

NEXT = "kanarienvogel-the-second-2814"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """Put the password where a mounted secret is."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    path = folder / "password"
    path.write_text(PASSWORD + "\n")
    return path


def test_password_shows_nowhere_whatever_goes_wrong(
    open_rig: OpenRig, password_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Orders, a cut, a logon that is refused, a file that is gone, at DEBUG of every library."""
    caplog.set_level(logging.DEBUG)
    rig = open_rig(password_file=SecretFile(password_file, "the FIX password"))
    logon = rig.start()
    assert logon[554] == PASSWORD
    submit(rig, an_order())
    rig.peer.hang_up()
    rig.peer.log_on()
    rig.until(lambda: [link.up for link in rig.links()] == [True, False, True])
    rig.peer.hang_up()
    rig.venue.stop()

    waiting = rig.start_in_background()
    rig.peer.accept()
    rig.peer.send("5", [(58, "invalid credentials")])
    with pytest.raises(BadUse) as refused:
        waiting()
    password_file.unlink()
    with pytest.raises(AifxError) as gone:
        rig.config.open()

    said = [repr(rig.config), str(rig.config), repr(vars(rig.venue)), repr(rig.told), caplog.text]
    for error in (refused.value, gone.value):
        said += traceback.format_exception(error)
    said += [str(vars(record)) for record in caplog.records]
    assert "554=***" in caplog.text
    assert [text for text in said if PASSWORD in text] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []


def test_next_logon_carries_the_password_that_was_put_there(
    open_rig: OpenRig, password_file: Path
) -> None:
    """A session that stands goes on; nobody restarts anything."""
    rig = open_rig(password_file=SecretFile(password_file, "the FIX password"))
    assert rig.start()[554] == PASSWORD
    fresh = password_file.with_name("fresh")
    fresh.write_text(NEXT)
    fresh.rename(password_file)
    submit(rig, an_order())
    rig.peer.hang_up()

    assert rig.peer.log_on()[554] == NEXT


def test_logon_without_its_password_is_tried_again_with_it(
    open_rig: OpenRig, password_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is gone for a moment ends no process, and is said."""
    rig = open_rig(password_file=SecretFile(password_file, "the FIX password"))
    rig.start()
    password_file.rename(password_file.with_name("away"))
    rig.peer.hang_up()
    assert 554 not in rig.peer.accept()
    assert "FIX logon without its password" in caplog.text
    password_file.with_name("away").rename(password_file)
    rig.peer.hang_up()

    assert rig.peer.log_on()[554] == PASSWORD
    rig.until(lambda: rig.links()[-1].up)
