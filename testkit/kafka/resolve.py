"""Which broker a caller gets: the one the environment names, a container, or a child process.

Belongs here: the order of the ways, one broker's life, and serving it to a person. Does not belong
here: how any one way works (`docker_broker`, `java_broker`, `jars`).
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testkit.kafka.address import (
    KafkaAddress,
    KafkaStartError,
    KafkaUnavailable,
    KafkaUnreachable,
    Say,
    answers,
    parse_bootstrap,
)
from testkit.kafka.docker_broker import DockerBroker, docker_answers
from testkit.kafka.java_broker import JavaBroker

ADDRESS_VARIABLE = "AIFX_KAFKA"
ALIVE_CHECK_PAUSE_S = 0.5


class KafkaBroker:
    """One broker that this process starts and stops: a container, else Java on Maven's jars.

    It never looks at ``AIFX_KAFKA``: who asks for a start gets one. Start it from a thread that
    lives as long as the broker is wanted.

    Parameters
    ----------
    cache_dir
        Where downloads are kept; None means ``$AIFX_CACHE``, else ``~/.cache/aifx``.
    say
        Told one line per phase.
    port
        The broker's port; None means a free one.
    data_dir
        Where topics are kept from one run to the next; None means they end with the broker. A
        broker with a data directory is always run by Java: a container's user could not own it.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        say: Say = print,
        *,
        port: int | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self._cache_dir = cache_dir
        self._say = say
        self._port = port
        self._data_dir = data_dir
        self._running: DockerBroker | JavaBroker | None = None

    def start(self) -> KafkaAddress:
        """Start the broker and wait until it answers.

        Returns
        -------
        KafkaAddress
            Where it answers.

        Raises
        ------
        KafkaUnavailable
            Neither Docker nor Java with Maven can run one here.
        KafkaStartError
            It was started and did not become ready, or this object already runs one.
        """
        if self._running is not None:
            msg = "this broker is already started"
            raise KafkaStartError(msg)
        refusal = ""
        if self._data_dir is None and docker_answers():
            in_docker = DockerBroker(port=self._port, say=self._say)
            try:
                address = in_docker.start()
            except KafkaUnavailable as error:
                # An engine without a registry in reach is common where builds run.
                refusal = f"; and {error}"
                self._say(f"kafka: {error}; trying Java")
            else:
                self._running = in_docker
                return address
        by_java = JavaBroker(
            cache_dir=self._cache_dir, port=self._port, data_dir=self._data_dir, say=self._say
        )
        try:
            address = by_java.start()
        except KafkaUnavailable as error:
            msg = f"{error}{refusal}"
            raise KafkaUnavailable(msg) from error
        self._running = by_java
        return address

    def stop(self) -> None:
        """Stop the broker, if it runs."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def is_alive(self) -> bool:
        """Tell whether the broker runs.

        Returns
        -------
        bool
            False before the start, after the stop, and when it died by itself.
        """
        return self._running is not None and self._running.is_alive()

    def log_tail(self) -> str:
        """Give the end of the broker's log.

        Returns
        -------
        str
            The last lines; empty when none runs.
        """
        return "" if self._running is None else self._running.log_tail()


@contextmanager
def broker(cache_dir: Path | None = None, say: Say = print) -> Iterator[KafkaAddress]:
    """Give a real broker for the length of a ``with`` block.

    The broker that ``AIFX_KAFKA`` names wins, and is left running; else a container; else Java on
    jars fetched by Maven.

    Parameters
    ----------
    cache_dir
        Where downloads are kept; None means ``$AIFX_CACHE``, else ``~/.cache/aifx``.
    say
        Told one line per phase.

    Yields
    ------
    KafkaAddress
        Where it answers.

    Raises
    ------
    KafkaUnreachable
        ``AIFX_KAFKA`` is set and no broker answers there.
    KafkaUnavailable
        There is no way to run one here; the message says what to install or set.
    KafkaStartError
        One was started and did not become ready.
    """
    named = os.environ.get(ADDRESS_VARIABLE, "").strip()
    if named:
        yield _named_broker(named)
        return
    started = KafkaBroker(cache_dir, say)
    try:
        yield started.start()
    finally:
        started.stop()


def _named_broker(bootstrap: str) -> KafkaAddress:
    parse_bootstrap(bootstrap)
    if not answers(bootstrap):
        msg = (
            f"{ADDRESS_VARIABLE}={bootstrap} is set and no broker answers there: "
            "start one there, or unset the variable"
        )
        raise KafkaUnreachable(msg)
    return KafkaAddress(bootstrap, "env")


def serve(started: KafkaBroker, say: Say = print) -> int:
    """Run a broker in the foreground until Ctrl-C, SIGTERM, or its own death.

    Call it from the main thread: it takes over SIGINT and SIGTERM for its length.

    Parameters
    ----------
    started
        A broker that was not started yet.
    say
        Told the address and the end; the address line is the bootstrap address alone.

    Returns
    -------
    int
        The exit code: 0 when it was asked to stop, 1 when the broker died.
    """
    # Both signals end the wait as a KeyboardInterrupt, in the start and after it alike.
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        say(started.start().bootstrap)
        while started.is_alive():
            time.sleep(ALIVE_CHECK_PAUSE_S)
        say(f"kafka: the broker ended by itself; end of its log:\n{started.log_tail()}")
    except KeyboardInterrupt:
        say("kafka: stopping")
        return 0
    finally:
        # A second Ctrl-C must not cut the stop short: it is bounded, and it removes the data.
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        started.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
    return 1
