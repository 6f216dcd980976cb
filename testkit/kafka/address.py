"""Where a broker answers, whether it does, and the errors of this room.

Belongs here: the address value, the probe of one address, free local ports. Does not belong here:
starting anything (`java_broker`, `docker_broker`) or choosing between ways to start (`resolve`).
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

LOOPBACK = "127.0.0.1"
READY_TIMEOUT_S = 60.0
PROBE_TIMEOUT_S = 5.0
POLL_PAUSE_S = 0.05

Origin = Literal["env", "docker", "maven"]
Say = Callable[[str], object]


class BrokerError(RuntimeError):
    """Any reason why this room hands out no broker."""


class KafkaUnavailable(BrokerError):  # noqa: N818 - a state of this machine, as callers say it
    """No way to run a broker is at hand; the message says what to install or set."""


class KafkaUnreachable(BrokerError):  # noqa: N818 - likewise
    """The address that was asked for is no broker, or none that answers."""


class KafkaStartError(BrokerError):
    """A broker was started and did not become ready; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Where a broker answers.

    Parameters
    ----------
    bootstrap
        ``HOST:PORT`` for ``bootstrap.servers``.
    origin
        How the broker was had: named by the environment, a container, or Maven's jars.
    """

    bootstrap: str
    origin: Origin


def free_ports(count: int) -> list[int]:
    """Pick distinct TCP ports that are free on the loopback address right now.

    Parameters
    ----------
    count
        How many.

    Returns
    -------
    list of int
        The ports. Nothing holds them: another process may take one before the caller does.
    """
    held = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for sock in held:
            sock.bind((LOOPBACK, 0))
        return [int(sock.getsockname()[1]) for sock in held]
    finally:
        for sock in held:
            sock.close()


def parse_bootstrap(text: str) -> tuple[str, int]:
    """Split ``HOST:PORT``.

    Parameters
    ----------
    text
        The address as a person wrote it.

    Returns
    -------
    tuple of (str, int)
        Host and port.

    Raises
    ------
    KafkaUnreachable
        The text is not of that form.
    """
    host, colon, port = text.strip().rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        msg = f"AIFX_KAFKA must be HOST:PORT, not {text!r}"
        raise KafkaUnreachable(msg)
    return host.strip("[]"), int(port)


def is_listening(host: str, port: int, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Tell whether anything accepts connections at an address.

    Parameters
    ----------
    host
        The name or address.
    port
        The TCP port.
    timeout_s
        Seconds to wait for the connection.

    Returns
    -------
    bool
        True when a connection was accepted, whoever accepted it.
    """
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def answers(bootstrap: str, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Ask an address for its topics.

    Parameters
    ----------
    bootstrap
        ``HOST:PORT``.
    timeout_s
        Seconds to wait for the answer.

    Returns
    -------
    bool
        True when a broker answered with metadata that names at least one broker.
    """
    host, port = parse_bootstrap(bootstrap)
    # A closed port is told at once, and librdkafka is not left retrying against it.
    if not is_listening(host, port, timeout_s):
        return False
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def wait_ready(
    bootstrap: str, is_alive: Callable[[], bool], timeout_s: float = READY_TIMEOUT_S
) -> bool:
    """Wait until a broker that is being started answers.

    Parameters
    ----------
    bootstrap
        ``HOST:PORT``.
    is_alive
        Whether what was started still runs; waiting ends at once when it does not.
    timeout_s
        Seconds to wait in all.

    Returns
    -------
    bool
        True when it answered; False when it died or the time ran out.
    """
    deadline_s = time.monotonic() + timeout_s
    while is_alive():
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            return False
        if answers(bootstrap, timeout_s=min(left_s, PROBE_TIMEOUT_S)):
            return True
        time.sleep(POLL_PAUSE_S)
    return False
