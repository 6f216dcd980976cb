"""A token that is changed while orders flow: no order fails, and nobody restarts anything."""

import os
from pathlib import Path

import pytest

from brokers.oanda.credentials import Token
from domain.errors import BadUse
from domain.order_events import EventKind
from tests.brokers.oanda.rig import CANARY, OandaRig

NEXT = "rotated-51c2d8e07b"


def _put(path: Path, token: str) -> None:
    """Put a token in place of another as a mounted secret is: by a rename."""
    fresh = path.with_name("fresh")
    fresh.write_text(token, encoding="ascii")
    fresh.rename(path)


def _outcomes(rig: OandaRig, count: int) -> set[EventKind]:
    """Send orders one after the other, and return what answered them."""
    kinds: set[EventKind] = set()
    for _ in range(count):
        order = rig.send(rig.order())
        rig.wait(order, EventKind.FILL)
        kinds |= set(rig.kinds(order))
    return kinds


def test_no_order_fails_while_the_token_rotates(rig: OandaRig) -> None:
    """Both hold for a while, then the old one is revoked and the streams have to come back."""
    before = _outcomes(rig, 3)
    rig.server.gate.tokens.add(NEXT)
    _put(rig.token, NEXT)
    between = _outcomes(rig, 3)
    rig.server.gate.tokens.discard(CANARY)
    after = _outcomes(rig, 3)
    rig.server.disconnect()
    rig.until(lambda: [link.up for link in rig.links()] == [True, False, True])
    once_more = _outcomes(rig, 3)

    assert before | between | after | once_more == {EventKind.ACK, EventKind.FILL}
    assert len(rig.server.submits) == 12
    assert rig.venue.snapshot(None, 5).complete


def test_the_next_request_carries_the_new_token(rig: OandaRig) -> None:
    """Even where the old one is worth nothing from the same moment on."""
    rig.server.gate.tokens = {NEXT}
    _put(rig.token, NEXT)

    assert _outcomes(rig, 1) == {EventKind.ACK, EventKind.FILL}


def test_a_stream_whose_token_was_revoked_comes_back_with_the_next(rig: OandaRig) -> None:
    """It is refused for as long as the file holds the old one, and tries again."""
    rig.server.gate.tokens = {NEXT}
    rig.server.disconnect()
    rig.until(lambda: [link.up for link in rig.links()] == [True, False])
    _put(rig.token, NEXT)
    rig.until(lambda: rig.links()[-1].up)

    assert _outcomes(rig, 1) == {EventKind.ACK, EventKind.FILL}


def test_the_old_token_is_kept_nowhere(tmp_path: Path) -> None:
    """A file of the same size and time is another file all the same."""
    path = tmp_path / "token"
    path.write_text("a" * 20)
    token = Token(path=path)
    assert token.read().get_secret_value() == "a" * 20
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    fresh = tmp_path / "fresh"
    fresh.write_text("b" * 20)
    os.utime(fresh, ns=times)
    fresh.rename(path)

    assert token.read().get_secret_value() == "b" * 20
    kept = [getattr(token._file, name) for name in vars(token._file)]
    held = [one.get_secret_value() for one in kept if hasattr(one, "get_secret_value")]
    assert held == ["b" * 20]


def test_a_file_that_is_emptied_is_no_token(tmp_path: Path) -> None:
    """The one that stood there before is not used on the quiet."""
    path = tmp_path / "token"
    path.write_text(CANARY)
    token = Token(path=path)
    token.read()
    path.write_text("")
    with pytest.raises(BadUse, match="no OANDA token"):
        token.read()
