"""One Kafka node as a container, through testcontainers.

Belongs here: whether a Docker engine answers, the image, its settings, its end. Does not belong
here: when this way is taken (`resolve`). testcontainers is imported only when asked for: it is a
development dependency, and slow to import.
"""

import gc
import importlib
import warnings
from typing import Any

from testkit.kafka.address import (
    LOOPBACK,
    KafkaAddress,
    KafkaStartError,
    KafkaUnavailable,
    Say,
    free_ports,
    wait_ready,
)
from testkit.kafka.jars import KAFKA_VERSION
from testkit.kafka.settings import CLUSTER_ID, as_environment, server_properties

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
CONTAINER_PORT = 9092
CONTROLLER_PORT = 9093
ENGINE_TIMEOUT_S = 5
LOG_TAIL_LINES = 40


def docker_answers() -> bool:
    """Tell whether a Docker engine answers and testcontainers can talk to it.

    Returns
    -------
    bool
        False also when testcontainers is not installed.
    """
    with warnings.catch_warnings():
        # A refused connection leaves a socket unclosed inside the Docker client.
        warnings.simplefilter("ignore")
        try:
            return _ping()
        finally:
            gc.collect()


def _ping() -> bool:
    try:
        errors = importlib.import_module("docker.errors")
        client_module = importlib.import_module("testcontainers.core.docker_client")
    except ImportError:
        return False
    try:
        client = client_module.DockerClient(timeout=ENGINE_TIMEOUT_S).client
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (errors.DockerException, OSError):
        return False


class DockerBroker:
    """A broker run by a Docker engine; testcontainers removes it even if this process is killed.

    Parameters
    ----------
    port
        The broker's port on the engine's host; None means a free one.
    say
        Told one line per phase.
    """

    def __init__(self, *, port: int | None, say: Say) -> None:
        self._port = port
        self._say = say
        self._container: Any = None

    def start(self) -> KafkaAddress:
        """Start the container and wait until the broker answers.

        Returns
        -------
        KafkaAddress
            Where it answers.

        Raises
        ------
        KafkaUnavailable
            The engine cannot run the image, for instance because it cannot pull it.
        KafkaStartError
            The container runs and the broker did not become ready.
        """
        core = importlib.import_module("testcontainers.core.container")
        docker_errors = importlib.import_module("docker.errors")
        container = core.DockerContainer(IMAGE)
        host = container.get_docker_client().host()
        host = LOOPBACK if host == "localhost" else host
        # Clients must be told the address that they can reach, so it is settled before the start.
        port = self._port if self._port is not None else free_ports(1)[0]
        bootstrap = f"{host}:{port}"
        # A broker without passwords listens beyond this machine only if the engine is elsewhere.
        published: Any = (LOOPBACK, port) if host == LOOPBACK else port
        container.ports[f"{CONTAINER_PORT}/tcp"] = published
        container.with_envs(CLUSTER_ID=CLUSTER_ID, **_environment(bootstrap))
        self._say(f"kafka: starting the container {IMAGE} on {bootstrap} (the first time pulls it)")
        self._container = container
        is_ready = False
        try:
            container.start()
            is_ready = wait_ready(bootstrap, self.is_alive)
            log_tail = "" if is_ready else self.log_tail()
        except (docker_errors.DockerException, OSError) as error:
            msg = f"the Docker engine could not run {IMAGE}: {error}"
            raise KafkaUnavailable(msg) from error
        finally:
            if not is_ready:
                self.stop()
        if not is_ready:
            msg = f"{IMAGE} did not become ready; end of its log:\n{log_tail}"
            raise KafkaStartError(msg)
        self._say(f"kafka: ready on {bootstrap}")
        return KafkaAddress(bootstrap, "docker")

    def stop(self) -> None:
        """Remove the container, if it was started."""
        container, self._container = self._container, None
        if container is not None:
            container.stop()

    def is_alive(self) -> bool:
        """Tell whether the container runs.

        Returns
        -------
        bool
            False before the start, after the stop, and when it ended by itself.
        """
        if self._container is None:
            return False
        docker_errors = importlib.import_module("docker.errors")
        try:
            self._container.reload()
        except docker_errors.NotFound:
            return False
        return str(self._container.status) in {"created", "running"}

    def log_tail(self) -> str:
        """Give the end of the container's output.

        Returns
        -------
        str
            The last lines; empty when it was not started.
        """
        if self._container is None:
            return ""
        out, err = self._container.get_logs()
        lines = (out + err).decode(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])


def _environment(bootstrap: str) -> dict[str, str]:
    properties = server_properties(
        listen_host="0.0.0.0",  # noqa: S104 - inside the container
        listen_port=CONTAINER_PORT,
        controller_port=CONTROLLER_PORT,
        advertised=bootstrap,
    )
    return {**as_environment(properties), "KAFKA_HEAP_OPTS": "-Xmx512m"}
