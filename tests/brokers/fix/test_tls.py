"""A session over TLS: whom it trusts, whom it does not, and that it is a session like any other."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("quickfix")

from brokers.fix.tls import LOOPBACK, Tls
from domain.errors import BadUse, Retry
from domain.order_events import EventKind
from testkit.venues.fix.certificates import Authority
from testkit.venues.fix.scripted import ScriptedCounterparty
from testkit.venues.fix.tls_front import TlsFront
from tests.brokers.fix.rigs import PASSWORD, OpenRig, Rig, an_order, fill, report, submit

Encrypted = Callable[..., tuple[Rig, TlsFront]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make an authority."""
    return Authority(tmp_path)


@pytest.fixture
def encrypted(open_rig: OpenRig, authority: Authority) -> Iterator[Encrypted]:
    """Make a rig whose counterparty is behind TLS, with a certificate for a name."""
    fronts: list[TlsFront] = []

    def make(
        tls: Tls, name: str = LOOPBACK, client_ca_file: Path | None = None, **changes: object
    ) -> tuple[Rig, TlsFront]:
        peer = ScriptedCounterparty()
        front = TlsFront(peer.port, authority.issue(name), client_ca_file)
        fronts.append(front)
        return open_rig(peer, **{"port": front.port, "tls": tls, **changes}), front

    yield make
    for front in fronts:
        front.close()


def test_orders_and_the_password_travel_encrypted(
    encrypted: Encrypted, authority: Authority
) -> None:
    """Whatever arrives has come through TLS, and the session knows no difference."""
    rig, front = encrypted(Tls(authority.ca_file))
    logon = rig.start()
    order = an_order()
    submit(rig, order)
    rig.peer.send("8", report(order, "0", "0"))
    rig.peer.send("8", fill(order, "X1", 10_000, 10_000, status="2"))

    assert rig.until_told(EventKind.FILL).execution_id == "X1"
    assert logon[554] == PASSWORD
    assert len(front.carried) == 1
    assert PASSWORD.encode() in front.carried[0]


def test_counterparty_of_an_unknown_authority_is_refused_at_once(
    encrypted: Encrypted, tmp_path: Path
) -> None:
    """No logon leaves, and the message says what to look at."""
    rig, front = encrypted(Tls(Authority(tmp_path, "another").ca_file))

    with pytest.raises(BadUse, match=r"is not who it should be: .*broker\.tls_ca_file"):
        rig.venue.start(rig.told.append)
    assert front.carried == []


def test_system_trusts_no_authority_of_ours(encrypted: Encrypted) -> None:
    """Without a file the certificates of the system decide."""
    rig, _ = encrypted(Tls())

    with pytest.raises(BadUse, match="is not who it should be"):
        rig.venue.start(rig.told.append)


def test_name_on_the_certificate_must_be_that_of_the_counterparty(
    encrypted: Encrypted, authority: Authority
) -> None:
    """By default the host that is dialled; another one where it is told."""
    wrong, _ = encrypted(Tls(authority.ca_file), name="fix.broker.example")
    with pytest.raises(BadUse, match="is not who it should be"):
        wrong.venue.start(wrong.told.append)

    told = Tls(authority.ca_file, server_name="fix.broker.example")
    rig, _ = encrypted(told, name="fix.broker.example")
    assert rig.start()[49] == "AIFX"


def test_counterparty_may_ask_for_our_certificate(
    encrypted: Encrypted, authority: Authority, tmp_path: Path
) -> None:
    """With it there is a session, without it there is none."""
    clients = Authority(tmp_path, "clients")
    ours = Tls(authority.ca_file, certificate_file=clients.issue("aifx.example"))
    rig, _ = encrypted(ours, client_ca_file=clients.ca_file)
    rig.start()
    rig.peer.hang_up()
    rig.venue.stop()

    nameless, front = encrypted(
        Tls(authority.ca_file), client_ca_file=clients.ca_file, logon_timeout_s=1.0
    )
    with pytest.raises(Retry, match="no FIX logon"):
        nameless.venue.start(nameless.told.append)
    assert front.carried == []


def test_counterparty_that_is_not_there_is_worth_another_try(
    encrypted: Encrypted, authority: Authority
) -> None:
    """The reason is in the message."""
    port = _free_port()
    rig, _ = encrypted(Tls(authority.ca_file), port=port, logon_timeout_s=1.0)

    with pytest.raises(Retry, match=rf"in time; .*:{port} cannot be reached over TLS"):
        rig.venue.start(rig.told.append)


def test_line_that_is_cut_comes_back_over_tls(encrypted: Encrypted, authority: Authority) -> None:
    """What was under way is in doubt, asked for, and nothing is sent twice."""
    rig, front = encrypted(Tls(authority.ca_file))
    rig.start()
    order = an_order()
    submit(rig, order)
    front.cut()
    rig.until_told(EventKind.SEND_UNKNOWN)

    rig.peer.log_on()
    asked = rig.peer.expect("H")
    assert asked[11] == order.client_order_id
    assert [link.up for link in rig.links()] == [True, False, True]
    assert [message[35] for message in rig.peer.received].count("D") == 1
    assert len(front.carried) == 2


def test_nobody_else_speaks_through_the_tunnel(encrypted: Encrypted, authority: Authority) -> None:
    """A second connection is closed at once, and after the end nobody listens."""
    rig, front = encrypted(Tls(authority.ca_file))
    rig.start()
    tunnel = rig.venue._link._tunnel  # type: ignore[union-attr]
    assert tunnel is not None
    with socket.create_connection((LOOPBACK, tunnel.port)) as other:
        other.settimeout(5.0)
        assert other.recv(1) == b""
    assert len(front.carried) == 1
    submit(rig, an_order())

    rig.peer.hang_up()
    rig.venue.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, tunnel.port))


def test_files_that_cannot_be_used_are_a_bad_use(
    encrypted: Encrypted, authority: Authority, tmp_path: Path
) -> None:
    """A missing one, one that is none, and a key that would ask for a passphrase."""
    (tmp_path / "words.pem").write_text("no certificate")
    for wrong in (
        Tls(tmp_path / "missing.pem"),
        Tls(tmp_path / "words.pem"),
        Tls(authority.ca_file, certificate_file=authority.issue("locked", b"secret")),
    ):
        rig, _ = encrypted(wrong)
        with pytest.raises(BadUse, match="the files of TLS cannot be used"):
            rig.venue.start(rig.told.append)


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])
