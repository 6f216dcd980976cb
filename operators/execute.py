"""The keyed step of the execution dataflow: quotes and signals of one account in, events out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from domain.control import ControlEvent
from domain.orders import Execution, Order, Position
from domain.predictions import Signal
from domain.ticks import TickBatch
from trading.desk.ports import Out
from trading.engine import ExecutionLogic


class Heard(NamedTuple):
    """Some signals in log order, and when the first entered the log (for latency figures)."""

    signals: list[Signal]
    wall_ns: int


class Nudge(NamedTuple):
    """Nothing by itself: the account wants to run although there may be no record."""


NUDGE = Nudge()


class Happened(NamedTuple):
    """Events of the account, in order, at least one."""

    account: str
    records: list[Out]


class Account(Protocol):
    """Who puts an account together, and hears its venue and its people while it trades."""

    @property
    def ready(self) -> bool:
        """Whether orders may leave."""
        ...

    @property
    def opens(self) -> bool:
        """Whether orders may leave that open or enlarge a position."""
        ...

    @property
    def max_signal_age_ns(self) -> int | None:
        """Longest way of a signal by the wall clock; None: no clock is asked."""
        ...

    def build(self, state: Mapping[str, Any] | None) -> ExecutionLogic:
        """Return the engine, anew or as a snapshot left it."""
        ...

    def attend(self, *, records: bool, heard_ns: Mapping[str, int]) -> list[Out]:
        """Hear the venue and the people; return what happened.

        Parameters
        ----------
        records
            Whether records of the log have come.
        heard_ns
            When signals that have come entered the log, by their ids: from there on they age.
        """
        ...


class ExecuteStep:
    """Feeds the engine of one account, and times signals on their way to orders.

    Parameters
    ----------
    name, account, state
        Name of the account, who puts it together, and what a snapshot has kept of it.
    wall_ns, observe
        Wall clock: for latency figures, and at a real venue for the age of signals.
    """

    def __init__(
        self,
        name: str,
        account: Account,
        state: Mapping[str, Any] | None,
        wall_ns: Callable[[], int],
        observe: Callable[[str, int], None],
    ) -> None:
        self._name = name
        self._account = account
        self._logic = account.build(state)
        self._wall_ns = wall_ns
        self._observe = observe
        self._heard_ns: dict[str, int] = {}

    def on_batch(self, values: list[TickBatch | Heard | Nudge]) -> Iterable[Happened]:
        """Take what came in order of arrival; results follow event time, not arrival."""
        heard_ns: dict[str, int] = {}
        events: list[TickBatch | Signal] = []
        for value in values:
            if isinstance(value, Heard):
                events += value.signals
                if value.wall_ns:
                    heard_ns |= {signal.signal_id: value.wall_ns for signal in value.signals}
            elif isinstance(value, TickBatch):
                events.append(value)
        out = self._account.attend(records=bool(events), heard_ns=heard_ns)
        if events:
            late = self._late(heard_ns)
            account = self._account
            out += self._logic.on_batch(events, late, ready=account.ready, opens=account.opens)
            undecided = self._logic.undecided() if self._heard_ns else ()
            self._heard_ns = {n: ns for n, ns in self._heard_ns.items() if n in undecided}
        if heard_ns:
            self._time(out, heard_ns)
        return [Happened(self._name, out)] if out else []

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the engine; the ledger then holds all that led to it."""
        return self._logic.snapshot()

    def _late(self, heard_ns: Mapping[str, int]) -> frozenset[str]:
        """Return the signals that were written too long ago, as after a crash.

        One that waits for the records of its symbol, or of others, grows old here.
        """
        most_ns = self._account.max_signal_age_ns
        if most_ns is None:
            return frozenset()
        self._heard_ns |= heard_ns
        since_ns = self._wall_ns() - most_ns
        return frozenset(name for name, wall_ns in self._heard_ns.items() if wall_ns < since_ns)

    def _time(self, out: list[Out], heard_ns: Mapping[str, int]) -> None:
        for record in out:
            if isinstance(record, Order) and record.status == "pending_new":
                # A signal of an earlier batch has waited for other lanes: that is not our latency.
                wall_ns = heard_ns.get(record.signal_id)
                if wall_ns is not None:
                    self._observe("signal_to_order", self._wall_ns() - wall_ns)


def kind_of(event: Out) -> str:
    """Return the topic of an event: ``orders``, ``executions``, ``positions`` or ``control``."""
    kinds = {
        Order: "orders",
        Execution: "executions",
        Position: "positions",
        ControlEvent: "control",
    }
    return kinds[type(event)]
