"""The worker processes of a run: started, watched, stopped in order, never left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from domain.errors import Halt

ERROR_PREFIX = "error: "
ORDERS = frozenset({signal.SIGTERM, signal.SIGUSR1})
"""Signals by which workers are told to stop, or to let the feed end."""

_KILL_AFTER_S = 30.0
"""A stop takes at most two epochs; what has not ended by then hangs."""


class Workers:
    """The processes of the dataflows.

    Parameters
    ----------
    run_dir
        Folder of the run; logs go to its ``logs`` folder.
    environment
        Environment of the processes: secrets travel here, not on disk.
    names
        Every process, in the order in which ticks pass them (`config.plan.worker_names`).
    """

    def __init__(self, run_dir: Path, environment: dict[str, str], names: tuple[str, ...]) -> None:
        self._run_dir = run_dir
        self._names = names
        self._environment = environment
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start every dataflow, readers first."""
        logs = self._run_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        # A signal that comes while a worker still imports must wait for its handler, not kill it:
        # the mask is inherited, and the worker lifts it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ORDERS)
        try:
            self._start_all(logs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _start_all(self, logs: Path) -> None:
        for name in reversed(self._names):
            with (logs / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(  # noqa: S603 - our own module
                    [
                        sys.executable,
                        "-m",
                        "jobs.worker",
                        name,
                        str(self._run_dir),
                        str(os.getpid()),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    # Ctrl-C reaches the supervisor alone: it stops the workers in order.
                    process_group=0,
                )

    def running(self) -> list[str]:
        """Name the dataflows that still run."""
        return [name for name, process in self._processes.items() if process.poll() is None]

    def check(self) -> None:
        """Look after failed processes.

        Raises
        ------
        Halt
            If one has ended with an error; the message is its own last word.
        """
        for name, process in self._processes.items():
            code = process.poll()
            if code:
                raise Halt(self._last_word(name, code))

    def drain(self) -> None:
        """End the feed; the dataflows then finish one after the other."""
        self._send("ingest", signal.SIGUSR1)

    def stop(self) -> None:
        """Stop every dataflow at a durable snapshot, and wait; kill what hangs."""
        for name in self._processes:
            self._send(name, signal.SIGTERM)
        until = time.monotonic() + _KILL_AFTER_S
        for process in self._processes.values():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """Kill what still runs: the way out when the log itself is gone."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    def _send(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            process.send_signal(number)

    def _last_word(self, name: str, code: int) -> str:
        log = self._run_dir / "logs" / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()
        for line in reversed(lines):
            if line.startswith(ERROR_PREFIX):
                return line.removeprefix(ERROR_PREFIX)
        return f"the {name} dataflow ended with code {code}; its log is {log}"
