"""The kill switch: a thread that shuts the door of a venue, whatever the rest of the process does.

It looks for requests and for silence many times a second. A kill is carried out at the gateway at
once; then, like every other request, it is offered to the engine, which writes it into the journal.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from brokers.gateway import Gateway, KillReport
from brokers.kill_latch import KillLatch
from domain.control import ControlEvent, ControlKind, TradingState
from domain.errors import BadUse, Corrupt, Halt, Reject
from trading.risk.control import SYSTEM, Controls, control_event, disagreement
from trading.risk.heartbeats import Heartbeats

INTERVAL_S = 0.02
"""Time between two looks: a fifth of the 100 ms within which the door must be shut."""

_STOP_S = 2.0


class Requests(Protocol):
    """The durable inbox of control requests; see ``sources.control_folder``."""

    @property
    def account(self) -> str:
        """Whose trading states they are about."""
        ...

    def put(self, event: ControlEvent) -> None:
        """Keep a request; it is durable when this returns."""
        ...

    def new(self) -> list[ControlEvent]:
        """Return the requests that were not returned yet."""
        ...

    def complaints(self) -> list[str]:
        """Return, once, what came in and was no request."""
        ...

    def acted(self, event: ControlEvent, words: str) -> None:
        """Note that a kill has been carried out at the door."""
        ...

    def done(self, event: ControlEvent, refused: str = "") -> None:
        """End a request."""
        ...

    def beats(self) -> dict[str, int]:
        """Return when each sender of heartbeats was last heard of."""
        ...

    def state(self) -> Controls | None:
        """Return the trading states as they were last written; `Corrupt` if they are unreadable."""
        ...

    def write_state(self, controls: Controls) -> None:
        """Keep the trading states for people and for the next start."""
        ...


class KillSwitch:
    """Watches over one gateway.

    Parameters
    ----------
    requests
        Inbox of the account.
    gateway
        The door; its venue need not be started yet.
    heartbeats
        Who must be heard of; None: nobody is watched.
    wall_ns
        Clock of the heartbeats and of kills that arise here.
    say
        Tells a person, from any thread; must not raise.
    interval_s
        Time between two looks (> 0).
    """

    def __init__(
        self,
        requests: Requests,
        gateway: Gateway,
        heartbeats: Heartbeats | None,
        wall_ns: Callable[[], int],
        say: Callable[[str], None],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self.failure = ""
        """What went wrong in the last look; empty if nothing did."""
        self._requests = requests
        self._latch = KillLatch(gateway)
        self._heartbeats = heartbeats
        self._wall_ns = wall_ns
        self._say = say
        self._interval_s = interval_s
        self._offered: deque[ControlEvent] = deque()
        self._known: set[str] = set()
        self._before: Controls | None = None
        self._controls: Controls | None = None
        self._beating = threading.Lock()
        self._beat_files: dict[str, int] = {}
        self._strangers: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kill-switch", daemon=True)

    def start(self) -> None:
        """Shut the door where it was shut, or is to be, and begin to look; before any send."""
        try:
            self._before = self._requests.state()
        except Corrupt as error:
            self._fail(str(error))
        else:
            if self._before is not None:
                self._latch.follow(self._before, again=False)
        self.look()
        self._thread.start()

    def look(self) -> None:
        """Look once for requests and silence, and act; the thread does so again and again."""
        try:
            self._hear_beats()
            for event in self._requests.new():
                self._take_in(event)
            self._latch.look()
            for words in self._requests.complaints():
                self._say(words)
        except Exception as error:  # noqa: BLE001 - whatever it is, the watch goes on, door shut
            self._fail(f"the kill switch itself failed: {error!r}")
        else:
            self.failure = ""

    def stop(self) -> None:
        """Cease to look; what is shut stays shut."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def check(self) -> None:
        """Refuse to go on without the watch; before every send, and takes no lock.

        Raises
        ------
        Halt
            If nobody is looking.
        """
        if not self._thread.is_alive():
            msg = "the kill switch is not running: nothing is sent without it"
            raise Halt(msg)

    def beat(self, name: str) -> None:
        """Note that a part of this process is alive.

        Raises
        ------
        BadUse
            If nobody watches it.
        """
        if self._heartbeats is not None:
            with self._beating:
                self._heartbeats.beat(name, self._wall_ns())

    # The engine's side; from its one thread.

    def settle(
        self, put_in_force: Callable[[ControlEvent], None], controls: Callable[[], Controls]
    ) -> None:
        """Have all new requests journaled and answered, and the door follow the journal.

        Parameters
        ----------
        put_in_force
            Journals a request and puts it in force, or raises `Reject` with the reason why not.
        controls
            Gives the trading states of the journal at this moment.

        Raises
        ------
        Halt
            If the answers or the states cannot be written.
        """
        if self._controls is None and self._before is not None:
            halt = disagreement(controls(), self._before, self._wall_ns())
            if halt is not None:
                put_in_force(halt)
        self._in_force(controls())
        for event in self.take():
            refused = ""
            try:
                put_in_force(event)
            except Reject as error:
                refused = str(error)
            # Whoever reads the answer finds the states that came of it.
            self._in_force(controls())
            self.acknowledge(event, refused)

    def take(self) -> list[ControlEvent]:
        """Return the requests that nobody has taken yet, each once in this process."""
        found = []
        while self._offered:
            found.append(self._offered.popleft())
        return found

    def acknowledge(self, event: ControlEvent, refused: str = "") -> None:
        """End a request; until then it is offered again after a restart.

        Parameters
        ----------
        refused
            Why nothing was changed; empty: it is in the journal.

        Raises
        ------
        Halt
            If the answer cannot be written.
        """
        try:
            self._requests.done(event, refused)
        except OSError as error:
            msg = f"the answer to control request {event.control_id} cannot be written: {error}"
            raise Halt(msg) from error
        self._latch.answered(event)

    def _in_force(self, controls: Controls) -> None:
        if controls is self._controls:
            return
        try:
            self._requests.write_state(controls)
        except OSError as error:
            msg = f"the trading states of {controls.account} cannot be written: {error}"
            raise Halt(msg) from error
        # Orders of an earlier life have been adopted since the door was shut at the start.
        self._latch.follow(controls, again=self._controls is None)
        self._controls = controls

    # The watch.

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            self.look()

    def _take_in(self, event: ControlEvent) -> None:
        if event.control_id in self._known:
            return
        self._known.add(event.control_id)
        if not event.cancels:
            self._offered.append(event)
            return
        try:
            report = self._latch.hold(event)
            self._requests.acted(event, _words(report))
        finally:
            self._offered.append(event)

    def _hear_beats(self) -> None:
        if self._heartbeats is None:
            return
        now_ns = self._wall_ns()
        with self._beating:
            for name, ts_ns in self._requests.beats().items():
                if self._beat_files.get(name) != ts_ns:
                    self._beat_files[name] = ts_ns
                    # A sender whose clock is ahead is alive now, not for ever.
                    self._note(name, min(ts_ns, now_ns))
            silent = self._heartbeats.overdue(now_ns)
        for event in silent:
            try:
                self._requests.put(event)
            except OSError as error:
                self._say(f"a kill could not be kept and is carried out all the same: {error}")
                self._take_in(event)

    def _note(self, name: str, ts_ns: int) -> None:
        if self._heartbeats is None or name in self._strangers:
            return
        try:
            self._heartbeats.beat(name, ts_ns)
        except BadUse as error:
            self._strangers.add(name)
            self._say(str(error))

    def _fail(self, words: str) -> None:
        """Shut everybody's door: nobody can say any more what was asked for."""
        self.failure = words
        if self._latch.is_shut():
            return
        self._say(words)
        event = control_event(
            ControlKind.KILL,
            TradingState.HALTED,
            account=self._requests.account,
            by=SYSTEM + "kill_switch",
            reason=words,
            ts_event_ns=self._wall_ns(),
        )
        try:
            self._requests.put(event)
        except OSError as error:
            self._say(f"a kill could not be kept and is carried out all the same: {error}")
        try:
            self._take_in(event)
        except Exception as error:  # noqa: BLE001 - the latch is on; cancels are tried again
            self._say(f"the kill switch could not do all of a kill: {error!r}")


def _words(report: KillReport) -> str:
    words = f"{len(report.canceled)} cancels handed to the venue"
    return words + (f", {len(report.failed)} could not be sent" if report.failed else "")
