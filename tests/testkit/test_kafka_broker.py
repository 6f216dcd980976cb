"""The broker that testkit hands out is a real one, and its refusals say what to do."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from testkit import kafka
from testkit.kafka import resolve

MESSAGE_COUNT = 100
TIMEOUT_S = 30.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def topic(kafka_bootstrap: str) -> Iterator[str]:
    """Give a topic of its own on the shared broker."""
    name = f"testkit-broker-{os.getpid()}"
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])[name].result(
        TIMEOUT_S
    )
    yield name
    admin.delete_topics([name])[name].result(TIMEOUT_S)


def produce(bootstrap: str, topic: str, values: list[bytes]) -> list[object]:
    """Produce every value and give the delivery errors."""
    errors: list[object] = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            # How long a missing topic may still be on its way; the default is half a minute.
            "topic.metadata.propagation.max.ms": 1000,
        }
    )
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _message: errors.append(error))
    assert producer.flush(TIMEOUT_S) == 0
    return errors


def consume(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    """Consume that many messages from the start, or fail at the deadline."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    got: list[bytes | None] = []
    deadline_s = time.monotonic() + TIMEOUT_S
    try:
        consumer.subscribe([topic])
        while len(got) < count and time.monotonic() < deadline_s:
            for message in consumer.consume(count, timeout=0.5):
                assert message.error() is None
                got.append(message.value())
    finally:
        consumer.close()
    return got


def require_own_broker() -> None:
    """Skip, or fail where Kafka is required, when Java and Maven cannot run a broker here."""
    if shutil.which("java") and shutil.which("mvn"):
        return
    reason = "needs Java and Maven: these brokers keep data or share this process's life"
    if os.environ.get("AIFX_REQUIRE_KAFKA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def closed_port() -> int:
    """Pick a port that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.kafka
def test_messages_come_back_in_order(kafka_bootstrap: str, topic: str) -> None:
    """What was produced is consumed, whole and in order, through a consumer group."""
    sent = [f"message {number}".encode() for number in range(MESSAGE_COUNT)]
    assert produce(kafka_bootstrap, topic, sent) == [None] * MESSAGE_COUNT
    assert consume(kafka_bootstrap, topic, MESSAGE_COUNT) == sent


@pytest.mark.kafka
def test_undeclared_topic_is_refused(kafka_bootstrap: str) -> None:
    """Producing to a topic that nobody declared does not create it."""
    (error,) = produce(kafka_bootstrap, "nobody-declared-this", [b"x"])
    assert isinstance(error, KafkaError)
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


@pytest.mark.kafka
def test_named_broker_wins_and_is_left_running(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With AIFX_KAFKA set nothing is started, and nothing is stopped."""
    monkeypatch.setenv("AIFX_KAFKA", kafka_bootstrap)
    said: list[str] = []
    with kafka.broker(say=said.append) as address:
        assert address == kafka.KafkaAddress(kafka_bootstrap, "env")
    assert said == []
    assert AdminClient({"bootstrap.servers": kafka_bootstrap}).list_topics(timeout=5).brokers


@pytest.mark.kafka
def test_taken_port_is_an_error(tmp_path: Path) -> None:
    """Whoever listens on the asked port is not mistaken for the broker being started."""
    require_own_broker()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        second = kafka.KafkaBroker(say=lambda _line: None, port=port, data_dir=tmp_path)
        with pytest.raises(kafka.KafkaStartError, match="already in use"):
            second.start()
    assert not second.is_alive()


@pytest.mark.kafka
def test_data_dir_outlives_the_broker(tmp_path: Path) -> None:
    """Topics and messages are there again after a stop and a start on another port."""
    require_own_broker()
    for attempt in ("first", "second"):
        kept = kafka.KafkaBroker(say=lambda _line: None, data_dir=tmp_path / "data")
        bootstrap = kept.start().bootstrap
        try:
            if attempt == "first":
                admin = AdminClient({"bootstrap.servers": bootstrap})
                admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(TIMEOUT_S)
                assert produce(bootstrap, "kept", [b"a", b"b"]) == [None, None]
            else:
                assert consume(bootstrap, "kept", 2) == [b"a", b"b"]
        finally:
            kept.stop()


SERVE = """
import sys
from pathlib import Path
from testkit import kafka
sys.exit(kafka.serve(kafka.KafkaBroker(data_dir=Path(sys.argv[1]))))
"""


@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_served_broker_ends_with_its_process(number: signal.Signals, tmp_path: Path) -> None:
    """Asked to stop it exits with 0; killed outright, it takes the broker with it."""
    require_own_broker()
    with subprocess.Popen(
        [sys.executable, "-u", "-c", SERVE, str(tmp_path / "data")],
        cwd=ROOT,
        # Killed outright it cannot remove its temporary folder.
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as person:
        watchdog = threading.Timer(90.0, person.kill)
        watchdog.start()
        try:
            assert person.stdout is not None
            lines = (line.strip() for line in person.stdout)
            bootstrap = next(line for line in lines if line.startswith("127.0.0.1:"))
            person.send_signal(number)
            assert person.wait(TIMEOUT_S) == (0 if number != signal.SIGKILL else -number)
        finally:
            watchdog.cancel()
            person.kill()
    host, _, port = bootstrap.partition(":")
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        with socket.socket() as sock:
            if sock.connect_ex((host, int(port))) != 0:
                return
        time.sleep(0.05)
    pytest.fail("the broker still listens after its process is gone")


def test_unreachable_named_broker_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that was asked for is never silently replaced by another broker."""
    named = f"127.0.0.1:{closed_port()}"
    monkeypatch.setenv("AIFX_KAFKA", named)
    with pytest.raises(kafka.KafkaUnreachable, match=named), kafka.broker():
        pass


@pytest.mark.parametrize("named", ["nowhere", "host:", ":9092", "host:port", "host:70000"])
def test_malformed_named_broker_is_an_error(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form of the address is told when it is wrong."""
    monkeypatch.setenv("AIFX_KAFKA", named)
    with pytest.raises(kafka.KafkaUnreachable, match="HOST:PORT"), kafka.broker():
        pass


@pytest.mark.parametrize("has_java", [False, True])
def test_nothing_at_hand_says_what_to_do(
    has_java: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without Docker and Java, or without Maven and jars, one line names every way out."""
    java = shutil.which("java")
    if has_java and java is None:
        pytest.skip("needs java to be without Maven only")
    monkeypatch.delenv("AIFX_KAFKA", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(resolve, "docker_answers", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: java if has_java and name == "java" else None)
    with pytest.raises(kafka.KafkaUnavailable) as raised, kafka.broker(tmp_path):
        pass
    text = str(raised.value)
    assert len(text.splitlines()) == 1
    assert ("no mvn found" if has_java else "no java found") in text
    for way in ("AIFX_KAFKA=HOST:PORT", "Docker", "Java 17+ and Maven"):
        assert way in text
    assert list(tmp_path.iterdir()) == []
