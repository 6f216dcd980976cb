"""What opens an account is nowhere: not on disk, not in a log, not in an error, not in a record."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from brokers.oanda.venue import OandaVenue
from config.settings import without_secrets
from dataflows.live_account import open_live_account
from domain.errors import AifxError
from testkit.faults.proxy import TcpProxy
from testkit.venues.following import MarketFollower
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from tests.contracts.venues.rig import make_case
from tests.proofs.conftest import Aifx
from tests.proofs.live.scene import (
    SYMBOL,
    Life,
    Where,
    clock,
    oanda_scene,
    order_of,
    quick_venue,
)

CANARY = "canary-4f1d7c0ffee-never-show"
FIX_PASSWORD = "conformance"  # noqa: S105 - what the case of FIX logs on with

DAY = ("--symbols", "EURUSD,NZDUSD", "--from", "2014-05-06T06:00", "--to", "2014-05-06T18:00")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[OandaServer, Where]]:
    """Start a broker that the canary opens."""
    with oanda_scene(tmp_path, token=CANARY) as (oanda, where):
        where.token_file.write_text(CANARY)
        yield oanda, where


def files_with(folder: Path, secret: str) -> list[str]:
    """Return the files below a folder that hold a secret."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in found if secret.encode() in path.read_bytes()]


def test_a_token_is_in_nothing_that_a_life_leaves_or_says(
    scene: tuple[OandaServer, Where], caplog: pytest.LogCaptureFixture
) -> None:
    """Through orders, refusals, partitions and a token that is not the broker's."""
    caplog.set_level(logging.DEBUG)
    oanda, where = scene
    shown: list[str] = []
    with TcpProxy(oanda.port) as network:
        away = replace(where, url=network.url)
        venues: list[OandaVenue] = []

        def through(_: object) -> OandaVenue:
            venues.append(quick_venue(away))
            return venues[-1]

        life = Life(away, through=through)
        life.rest()
        for number in range(3):
            oanda.faults.reject_next = "INSUFFICIENT_MARGIN" if number == 1 else ""
            life.submit(order_of(number))
            life.rest()
        network.cut_after("down", 100)
        life.submit(order_of(4, resting=True))
        life.until(lambda: bool(life.unsettled()), "cut")
        network.heal()
        life.rest()
        settings = away.settings
        shown += [repr(x) for x in (settings, venues, venues[0].__dict__, life.account.__dict__)]
        shown += [str(settings), str(without_secrets(settings)), settings.model_dump_json()]
        shown += [repr(one) for one in life.out] + life.said
        life.close()
        network.refuses = True
        with pytest.raises(AifxError) as unreachable:
            Life(away, through=through)
        shown += [repr(unreachable.value), str(unreachable.getrepr(style="long", showlocals=True))]
    other = where.token_file.with_name("other-token")
    other.write_text(CANARY + "-of-somebody-else")
    with pytest.raises(AifxError) as refused:
        Life(replace(where, token_file=other))
    shown += [repr(refused.value), str(refused.getrepr(style="long", showlocals=True))]
    assert len(caplog.records) > 10
    for words in [*shown, caplog.text]:
        assert CANARY not in words
    assert files_with(where.data, CANARY) == []


def test_a_token_of_the_settings_is_not_shown(scene: tuple[OandaServer, Where]) -> None:
    """It may stand in a variable of the environment; what shows settings leaves it out."""
    oanda, where = scene
    named = replace(where, more=(("broker", (("token", CANARY),)),))
    settings = named.settings
    assert settings.broker.token.get_secret_value() == CANARY
    for shown in (repr(settings), str(without_secrets(settings)), settings.model_dump_json()):
        assert CANARY not in shown
    said: list[str] = []
    account = open_live_account(settings, (SYMBOL,), where.data, "run-1", clock(), said.append)
    with suppress(AifxError):
        account.build(None)
    account.close()
    assert CANARY not in "".join(said)
    assert files_with(where.data, CANARY) == []
    assert oanda.submits == []


def test_a_password_of_fix_is_in_no_store_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The session layer keeps what it sent, and the logon is one of it."""
    caplog.set_level(logging.DEBUG)
    case = make_case("fix", tmp_path)
    try:
        where = Where("http://127.0.0.1:1", tmp_path / "data", tmp_path / "none", clock())
        life = Life(replace(where, account="ACC-1"), through=lambda _: case.open())
        life.until(lambda: life.account.ready, "ready")
        assert life.account.gateway.venue.name == "fix"
        life.close()
    finally:
        case.close()
    ours = [tmp_path / "initiator", tmp_path / "data"]
    assert [found for folder in ours for found in files_with(folder, FIX_PASSWORD)] == []
    assert FIX_PASSWORD not in caplog.text


def test_secrets_of_other_brokers_stay_away_from_ib(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged on by its gateway: what the environment holds for others goes nowhere."""
    caplog.set_level(logging.DEBUG)
    case = make_case("ib", tmp_path)
    try:
        where = Where("http://127.0.0.1:1", tmp_path / "data", tmp_path / "none", clock())
        secrets = (("kind", "ib"), ("token", CANARY), ("password", CANARY))
        ours = replace(where, account="DU1234567", more=(("broker", secrets),))
        life = Life(ours, through=lambda _: case.open())
        life.until(lambda: life.account.ready, "ready")
        assert life.account.gateway.venue.name == "ib"
        shown = [repr(life.account.gateway.venue.__dict__), repr(ours.settings), *life.said]
        shown += [repr(one) for one in life.out]
        life.close()
    finally:
        case.close()
    assert files_with(tmp_path, CANARY) == []
    assert [text for text in [*shown, caplog.text] if CANARY in text] == []


@pytest.mark.kafka
@pytest.mark.real_data
@pytest.mark.slow
def test_a_whole_run_keeps_its_token_to_itself(
    aifx: Aifx,
    kafka_bootstrap: str,
    real_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Plan, ledger, logs, output, and every record of every topic, metrics among them."""
    data = tmp_path / "run"
    known = records(kafka_bootstrap, set())[0]
    # The broker lives on the wall clock, and the tape is 1,800 times as fast.
    monkeypatch.setenv("AIFX__RISK__MAX_EXECUTIONS", "100000")
    with (
        OandaServer(token=CANARY, heartbeat_s=1.0, window_s=0.05) as oanda,
        MarketFollower(kafka_bootstrap, oanda.quote),
    ):
        for name, value in {
            "KIND": "oanda",
            "ACCOUNT_ID": ACCOUNT,
            "URL": oanda.url,
            "TOKEN": CANARY,
        }.items():
            monkeypatch.setenv(f"AIFX__BROKER__{name}", value)
        ended = aifx(
            "run",
            "--ticks",
            str(real_data / "ticks"),
            *DAY,
            "--kafka",
            kafka_bootstrap,
            "--speed",
            "1800",
            data=data,
        )
    assert ended.code == 0, ended.output[-3000:]
    assert oanda.submits
    assert CANARY not in ended.output
    assert CANARY not in str(ended.report)
    assert files_with(data, CANARY) == []
    topics, values = records(kafka_bootstrap, known)
    assert any(topic.endswith("metrics") for topic in topics)
    assert len(values) > 1_000
    assert not any(CANARY.encode() in value for value in values)


def topics_of(consumer: Consumer) -> list[TopicPartition]:
    """Return every partition of every topic, from its beginning."""
    listed = consumer.list_topics(timeout=10.0).topics
    return [TopicPartition(name, p, 0) for name in listed for p in listed[name].partitions]


def records(bootstrap: str, known: set[str]) -> tuple[set[str], list[bytes]]:
    """Return the topics that are not known, and key and value of every record in them."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "canary", "enable.partition.eof": True}
    )
    values: list[bytes] = []
    try:
        parts = [part for part in topics_of(consumer) if part.topic not in known]
        consumer.assign(parts)
        open_parts = len(parts)
        while open_parts:
            message = consumer.poll(10.0)
            assert message is not None, "a topic does not end"
            if message.error() is not None:
                open_parts -= 1
            else:
                values += [message.value() or b"", message.key() or b""]
    finally:
        consumer.close()
    return {part.topic for part in parts}, values
