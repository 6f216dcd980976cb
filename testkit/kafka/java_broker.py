"""One Kafka node as a child process: Java on the jars that Maven fetched.

Belongs here: formatting its storage, its process, its log, its end. Does not belong here: where
the jars come from (`jars`) and when this way is taken (`resolve`).
"""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from testkit.kafka.address import (
    LOOPBACK,
    READY_TIMEOUT_S,
    KafkaAddress,
    KafkaStartError,
    Say,
    free_ports,
    is_listening,
    wait_ready,
)
from testkit.kafka.die_with_parent import wrap
from testkit.kafka.jars import KAFKA_VERSION, ensure_jars, find_java
from testkit.kafka.settings import (
    CLUSTER_ID,
    as_properties,
    log4j2_properties,
    server_properties,
)

HEAP_MAX = "-Xmx512m"
# A short-lived node on few cores: quick compilation and one collector thread.
JAVA_FLAGS = (HEAP_MAX, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
FORMAT_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
LOG_TAIL_LINES = 40
PORT_TRIES = 3


class JavaBroker:
    """A broker run by Java.

    Start it from a thread that lives as long as the broker is wanted (see `die_with_parent`).

    Parameters
    ----------
    cache_dir
        Where the jars are kept; None means the default cache.
    port
        The broker's port; None means a free one.
    data_dir
        Where topics are kept from one run to the next; None means they end with the broker.
    say
        Told one line per phase.
    """

    def __init__(
        self, *, cache_dir: Path | None, port: int | None, data_dir: Path | None, say: Say
    ) -> None:
        self._cache_dir = cache_dir
        self._port = port
        self._data_dir = data_dir
        self._say = say
        self._work_dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> KafkaAddress:
        """Start the broker and wait until it answers.

        Returns
        -------
        KafkaAddress
            Where it answers.

        Raises
        ------
        KafkaUnavailable
            Java is missing or too old, or the jars cannot be had.
        KafkaStartError
            It was started and did not become ready.
        """
        if self._process is not None:
            msg = "this broker is already started"
            raise KafkaStartError(msg)
        java = find_java()
        jars = ensure_jars(self._cache_dir, self._say)
        for tries_left in range(PORT_TRIES - 1, -1, -1):
            try:
                return self._start_once([java, *JAVA_FLAGS], jars)
            except KafkaStartError as error:
                # Between picking a free port and binding it another process may take it.
                lost_port = self._port is None and "Address already in use" in str(error)
                if not (lost_port and tries_left):
                    raise
        raise AssertionError  # pragma: no cover

    def stop(self) -> None:
        """Stop the broker and remove what it left, its data directory excepted; never fails."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        work_dir, self._work_dir = self._work_dir, None
        if work_dir is not None:
            shutil.rmtree(work_dir, ignore_errors=True)

    def is_alive(self) -> bool:
        """Tell whether the broker's process runs.

        Returns
        -------
        bool
            False before the start, after the stop, and when it died by itself.
        """
        return self._process is not None and self._process.poll() is None

    def log_tail(self) -> str:
        """Give the end of the broker's log.

        Returns
        -------
        str
            The last lines of what it printed and logged; empty when there is none.
        """
        if self._work_dir is None:
            return ""
        lines: list[str] = []
        for name in ("stdout.log", "kafka.log"):
            path = self._work_dir / name
            if path.is_file():
                lines += path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def _start_once(self, java: list[str], jars: Path) -> KafkaAddress:
        began_s = time.monotonic()
        if self._port is not None and is_listening(LOOPBACK, self._port):
            # Else whoever listens there would pass for the broker while ours dies.
            msg = f"port {self._port} is already in use"
            raise KafkaStartError(msg)
        spare_port, controller_port = free_ports(2)
        port = self._port if self._port is not None else spare_port
        bootstrap = f"{LOOPBACK}:{port}"
        self._work_dir = Path(tempfile.mkdtemp(prefix="aifx-kafka-"))
        try:
            command = [*java, *self._write_settings(bootstrap, controller_port, jars)]
            self._format(command)
            self._say(f"kafka: starting Apache Kafka {KAFKA_VERSION} on {bootstrap}")
            with (self._work_dir / "stdout.log").open("ab") as out:
                self._process = subprocess.Popen(
                    wrap([*command, "kafka.Kafka", str(self._work_dir / "server.properties")]),
                    cwd=self._work_dir,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    # A terminal's Ctrl-C is for us; the broker gets its SIGTERM from stop().
                    start_new_session=True,
                )
            if not (wait_ready(bootstrap, self.is_alive) and self.is_alive()):
                self._fail("did not become ready")
        except BaseException:
            self.stop()
            raise
        self._say(f"kafka: ready on {bootstrap} after {time.monotonic() - began_s:.1f} s")
        return KafkaAddress(bootstrap, "maven")

    def _log_dir(self) -> Path:
        assert self._work_dir is not None  # noqa: S101
        return self._work_dir / "data" if self._data_dir is None else self._data_dir.resolve()

    def _write_settings(self, bootstrap: str, controller_port: int, jars: Path) -> list[str]:
        assert self._work_dir is not None  # noqa: S101
        host, _, port = bootstrap.partition(":")
        properties = server_properties(
            listen_host=host,
            listen_port=int(port),
            controller_port=controller_port,
            advertised=bootstrap,
        )
        log_dir = self._log_dir()
        log_dir.mkdir(parents=True, exist_ok=True)
        properties["log.dirs"] = str(log_dir)
        (self._work_dir / "server.properties").write_text(
            as_properties(properties), encoding="utf-8"
        )
        log4j2 = self._work_dir / "log4j2.properties"
        log4j2.write_text(log4j2_properties(str(self._work_dir / "kafka.log")), encoding="utf-8")
        return [f"-Dlog4j2.configurationFile={log4j2}", "-cp", f"{jars}/*"]

    def _format(self, command: list[str]) -> None:
        if (self._log_dir() / "meta.properties").is_file():
            return
        assert self._work_dir is not None  # noqa: S101
        tool = [*command, "kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID]
        tool += ["--config", str(self._work_dir / "server.properties")]
        with (self._work_dir / "stdout.log").open("ab") as out:
            try:
                done = subprocess.run(
                    wrap(tool),
                    cwd=self._work_dir,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=FORMAT_TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                self._fail(f"could not format its storage within {FORMAT_TIMEOUT_S:.0f} s")
        if done.returncode != 0:
            self._fail("could not format its storage")

    def _fail(self, what: str) -> NoReturn:
        code = None if self._process is None else self._process.poll()
        how = f"exited with {code}" if code is not None else f"waited {READY_TIMEOUT_S:.0f} s"
        msg = f"Apache Kafka {KAFKA_VERSION} {what} ({how}); end of its log:\n{self.log_tail()}"
        raise KafkaStartError(msg)
