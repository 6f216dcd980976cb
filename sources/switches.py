"""Where the feed hears of switches of models: the promotion ledger, read beside the feed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

from domain.deployments import ModelSwitch
from domain.errors import AifxError, BadUse
from domain.switch_records import switch_record

LedgerRead = Callable[[int], Sequence[ModelSwitch]]
"""Given how many switches were taken, returns those behind them: of the ledger's switches that
concern the run, in order of the ledger, without the first so many. It may be slow, and may fail."""

EVERY_S = 1.0
"""Seconds between two looks at the ledger. A switch takes effect a minute later at the earliest."""


class SwitchWatch(Protocol):
    """Tells the feed what is new."""

    def poll(self, taken: int) -> Sequence[ModelSwitch]:
        """Return what is known behind the first ``taken`` switches, at once; mostly nothing."""
        ...


class LedgerWatch:
    """Reads the ledger in a thread: a slow store holds up no tick.

    Where the ledger cannot be read, or says what no log can hold, the models stay that are in
    place, and it is tried again.

    Parameters
    ----------
    read
        Reads the ledger; raises an ``AifxError`` where it cannot.
    failed
        Told why it could not, once for each reason in a row; called in the thread.
    every_s
        Seconds between two looks (> 0).

    Raises
    ------
    BadUse
        If ``every_s`` is out of bounds.
    """

    def __init__(
        self, read: LedgerRead, failed: Callable[[str], None], every_s: float = EVERY_S
    ) -> None:
        if not every_s > 0:
            msg = f"every_s must be above 0: {every_s}"
            raise BadUse(msg)
        self._read = read
        self._failed = failed
        self._every_s = every_s
        self._taken: int | None = None
        self._found: tuple[int, tuple[ModelSwitch, ...]] = (0, ())
        self._bug: Exception | None = None
        self._asked = Event()
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="switch-watch", daemon=True)

    def start(self) -> None:
        """Start watching; the first look comes after the first question."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._asked.set()
        self._thread.join()

    def poll(self, taken: int) -> Sequence[ModelSwitch]:
        """Return what the last look has found behind the first ``taken`` switches.

        Raises
        ------
        Exception
            What the reading has raised, where that is no ``AifxError``.
        """
        if self._bug is not None:
            raise self._bug
        self._taken = taken
        self._asked.set()
        behind, found = self._found
        # A look that is on its way may have been asked for an earlier place.
        return found if behind == taken else ()

    def _watch(self) -> None:
        said = ""
        self._asked.wait()
        while not self._stop.is_set():
            taken = self._taken
            if taken is not None:
                try:
                    self._found = (taken, _writable(self._read(taken)))
                    said = ""
                except AifxError as error:
                    if str(error) != said:
                        said = str(error)
                        self._failed(said)
                except Exception as error:  # noqa: BLE001 - raised where the feed asks
                    self._bug = error
                    return
            self._stop.wait(self._every_s)


@dataclass(frozen=True, slots=True)
class BeyondReplay:
    """A watch that tells nothing new while a replay is behind what the log holds.

    A switch that came then would be put behind what stands in the log already: not where the feed
    gave it, and at another place in each partition.

    Attributes
    ----------
    watch
        Who knows.
    replays
        Whether the flow is behind the log.
    """

    watch: SwitchWatch
    replays: Callable[[], bool]

    def poll(self, taken: int) -> Sequence[ModelSwitch]:
        """Return what is known behind the first ``taken`` switches, or nothing yet."""
        return () if self.replays() else self.watch.poll(taken)


def schedule_of(switches: Sequence[ModelSwitch]) -> tuple[ModelSwitch, ...]:
    """Return switches that are known beforehand, checked.

    Raises
    ------
    BadUse
        If they do not come in order of their effective times, or one cannot be written to the log.
    """
    times = [switch.effective_ns for switch in switches]
    if times != sorted(times):
        msg = f"a schedule of switches must be in order of effective_ns, not {times}"
        raise BadUse(msg)
    return _writable(switches)


def _writable(switches: Sequence[ModelSwitch]) -> tuple[ModelSwitch, ...]:
    """Return switches, of which each can be written to the log."""
    for switch in switches:
        switch_record(switch, 0)
    return tuple(switches)
