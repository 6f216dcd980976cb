"""The token is a canary: after everything that can go wrong, it is in no log, repr or error."""

import logging
import traceback
from pathlib import Path

import pytest

from brokers.oanda.config import OandaConfig
from brokers.oanda.credentials import BearerAuth, Token
from brokers.oanda.rest import RestClient
from domain.errors import AifxError, BadUse
from domain.order_events import EventKind
from testkit.venues.oanda.server import ACCOUNT
from tests.brokers.oanda.rig import CANARY, OandaRig

BAD_TOKENS = [f"{CANARY} two words", f"{CANARY}\x00", f"{CANARY}\nInjected: header", f"{CANARY}é"]


def test_the_canary_sings_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """At DEBUG of every library, through orders, faults, refusals, cuts and a stop."""
    caplog.set_level(logging.DEBUG)
    rig = OandaRig(tmp_path).start()
    said: list[str] = []
    try:
        rig.wait(rig.send(rig.order()), EventKind.FILL)
        for fault in ("drop_replies", "server_errors", "rate_limits", "garble_replies"):
            setattr(rig.server.faults, fault, 1)
            rig.answered(rig.send(rig.order()))
        rig.server.restart()
        rig.until(lambda: rig.links()[-1].up and len(rig.links()) > 1)
        said += [repr(rig.config()), repr(rig.venue), str(rig.config()), repr(rig.heard)]
        rig.token.write_text("wrong-" + CANARY[:6], encoding="ascii")
        with pytest.raises(AifxError) as refused:
            rig.new_venue().start(rig.heard.append)
        said += traceback.format_exception(refused.value)
        rig.token.write_text(CANARY, encoding="ascii")
        rig.server.stop()
        with pytest.raises(AifxError) as away:
            rig.new_venue(read_attempts=1).start(rig.heard.append)
        said += traceback.format_exception(away.value)
    finally:
        rig.close()
    out, err = capfd.readouterr()
    said += [out, err, caplog.text, *(str(vars(record)) for record in caplog.records)]
    assert len(caplog.records) > 50
    assert [text for text in said if CANARY in text] == []


@pytest.mark.parametrize("token", BAD_TOKENS)
def test_a_token_that_no_header_can_carry_is_not_quoted(tmp_path: Path, token: str) -> None:
    """The HTTP library would quote it in its error; it never gets that far."""
    path = tmp_path / "token"
    path.write_text(token, encoding="utf-8")
    with pytest.raises(BadUse) as refused:
        Token(path=path).read()
    assert CANARY not in "".join(traceback.format_exception(refused.value))


def test_no_public_object_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr nor str nor the state of any object that holds it."""
    monkeypatch.setenv("OANDA_TEST_TOKEN", CANARY)
    token = Token("OANDA_TEST_TOKEN")
    config = OandaConfig(ACCOUNT, frozenset({ACCOUNT}), token)
    assert token.read().get_secret_value() == CANARY
    for thing in (token, config, BearerAuth(token), RestClient(config, print, print)):
        assert CANARY not in repr(thing)
        assert CANARY not in str(thing)
        assert CANARY not in repr(vars(thing))
    assert CANARY not in repr(token.read())


def test_a_token_that_changes_in_its_file_is_used_from_the_next_request_on(rig: OandaRig) -> None:
    """Rotation needs no restart."""
    path = rig.token
    token = Token(path=path)
    assert token.read().get_secret_value() == CANARY
    path.write_text("the-next-token", encoding="ascii")
    assert token.read().get_secret_value() == "the-next-token"
    order = rig.send(rig.order())
    refused = rig.wait(order, EventKind.REJECT)
    assert refused.reason == "not_authorised"
    path.write_text(CANARY, encoding="ascii")
    rig.wait(rig.send(rig.order()), EventKind.FILL)


def test_a_token_that_is_gone_is_a_certain_refusal(rig: OandaRig) -> None:
    """No request leaves without one."""
    rig.token.unlink()
    order = rig.send(rig.order())
    assert rig.wait(order, EventKind.REJECT).reason == "not_authorised"
    assert rig.server.submits == []


def test_a_token_comes_from_one_place(tmp_path: Path) -> None:
    """Both or neither is a mistake."""
    with pytest.raises(BadUse):
        Token()
    with pytest.raises(BadUse):
        Token("SOMEWHERE", tmp_path / "token")
    with pytest.raises(BadUse, match="NOT_SET_ANYWHERE"):
        Token("NOT_SET_ANYWHERE").read()
