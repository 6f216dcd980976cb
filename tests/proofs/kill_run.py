"""A whole live run to be killed: ``aifx run`` at an OANDA double, in processes of its own."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from config.accounts import LEDGER_FILE
from domain.control import TradingState
from sources.control_folder import CONTROL_FOLDER, ControlFolder
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from tests.proofs.conftest import finish, start
from trading.journal.journal import Journal

RESTING_PAIR, TRADED_PAIR = "NZDUSD", "EURUSD"
"""Where the orders rest, and where the run keeps trading: one order in flight holds back others of
its symbol."""

_POLL_S = 0.005


@dataclass
class Arrivals:
    """When each submit and cancel reached the broker, by the monotonic clock.

    Attributes
    ----------
    submits, cancels
        Moments, seconds, in order.
    """

    submits: list[float] = field(default_factory=list)
    cancels: list[float] = field(default_factory=list)

    def watch(self, oanda: OandaServer) -> None:
        """Note from now on what the broker is asked."""
        exchange = oanda.exchange
        create, cancel = exchange.create, exchange.cancel

        def created(request: dict[str, Any], request_id: str) -> tuple[int, dict[str, Any]]:
            self.submits.append(time.monotonic())
            return create(request, request_id)

        def canceled(specifier: str, request_id: str) -> tuple[int, dict[str, Any]]:
            self.cancels.append(time.monotonic())
            return cancel(specifier, request_id)

        exchange.create = created  # type: ignore[method-assign]  # a look at one broker
        exchange.cancel = canceled  # type: ignore[method-assign]


@dataclass
class LiveRun:
    """A run at a broker, from outside.

    Attributes
    ----------
    data
        Its data folder.
    arguments
        Of ``aifx run``.
    """

    data: Path
    arguments: tuple[str, ...]
    oanda: OandaServer
    arrivals: Arrivals = field(default_factory=Arrivals)

    @property
    def folder(self) -> Path:
        """The account's folder."""
        return self.data / "accounts" / f"oanda-{ACCOUNT}"

    def controls(self) -> ControlFolder:
        """Return the inbox of those who control the account."""
        return ControlFolder(self.folder / CONTROL_FOLDER, ACCOUNT)

    def state(self) -> TradingState:
        """Return the account's trading state as people read it."""
        found = self.controls().state()
        return TradingState.ACTIVE if found is None else found.state()

    def log(self) -> str:
        """Return what the execution process has said in all its lives."""
        return "".join(path.read_text() for path in self.data.glob("runs/*/logs/execution.log"))

    def refused(self) -> int:
        """Return how many orders the gate has denied because the account is halted."""
        journal = Journal.open(f"sqlite:///{self.folder / LEDGER_FILE}", ACCOUNT)
        try:
            denied = [order.reason for order in journal.orders() if order.status == "denied"]
        finally:
            journal.close()
        return denied.count(TradingState.HALTED)

    def resting(self) -> int:
        """Return how many orders wait at the broker."""
        with self.oanda.exchange.lock:
            return sum(1 for _ in self.oanda.exchange.account.pending())

    def rest(self, count: int) -> None:
        """Put orders far from the market at the broker, as its own screen does."""
        for _ in range(count):
            order = {
                "type": "LIMIT",
                "instrument": "NZD_USD",
                "units": "1",
                "price": "0.50000",
                "timeInForce": "GTC",
            }
            status, reply = self.oanda.exchange.create(order, self.oanda.exchange.log.new_request())
            assert status == 201, reply

    @contextmanager
    def going_on(self) -> Iterator["subprocess.Popen[str]"]:
        """Run until the end of the block; then end it as a person does, with SIGTERM."""
        process = start("run", *self.arguments, data=self.data)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            ended = finish(process, None, 120.0)
        assert ended.code == 0, ended.output[-3_000:]

    def until(
        self,
        process: "subprocess.Popen[str]",
        done: Callable[[], bool],
        what: str,
        timeout_s: float = 180.0,
    ) -> float:
        """Wait until something is so while the run goes on; return when it was, seconds."""
        deadline_s = time.monotonic() + timeout_s
        while not done():
            assert process.poll() is None, f"the run ended before: {what}; {self.log()[-2_000:]}"
            assert time.monotonic() < deadline_s, f"never: {what}; {self.log()[-2_000:]}"
            time.sleep(_POLL_S)
        return time.monotonic()


def asked_s(event_ns: int) -> float:
    """Return when a request was made, by the monotonic clock: it carries the wall clock's time."""
    ago_s = (time.time_ns() - event_ns) / 1e9  # noqa: TID251 - the edge: another process asked
    return time.monotonic() - ago_s


def kill_in(answers: Path) -> dict[str, Any] | None:
    """Return the answer to the first kill in a folder of answers; None if there is none."""
    for path in answers.glob("*.json"):
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
        except FileNotFoundError:
            # It has come into the journal in the meantime.
            continue
        if found["event"]["kind"] == "kill":
            return found
    return None


class Beating:
    """Somebody at the desk: beats until `stop`.

    Parameters
    ----------
    folder
        Where.
    every_s
        Distance of two beats.
    """

    def __init__(self, folder: ControlFolder, every_s: float) -> None:
        self._folder = folder
        self._every_s = every_s
        self._over = Event()
        self._last_ns = 0
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> int:
        """Fall silent; return when the last beat was, nanoseconds UTC."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        return self._last_ns

    def _run(self) -> None:
        while not self._over.is_set():
            self._last_ns = time.time_ns()  # noqa: TID251 - the edge: a person's clock
            self._folder.beat("operator", self._last_ns)
            self._over.wait(self._every_s)


def environment_of(oanda: OandaServer, token_file: Path) -> dict[str, str]:
    """Return the settings that lead a run to a double."""
    names = {
        "BROKER__KIND": "oanda",
        "BROKER__ACCOUNT_ID": ACCOUNT,
        "BROKER__URL": oanda.url,
        "BROKER__TOKEN_FILE": str(token_file),
        # The broker lives on the wall clock and the tape is many times as fast.
        "RISK__MAX_EXECUTIONS": "100000",
        # It trades with models that need no training.
        "TRAINING__RUN_KINDS": "[]",
    }
    return {f"AIFX__{name}": value for name, value in names.items()}
