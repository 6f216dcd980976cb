"""The keyed step of the execution dataflow: quotes and signals of one account in, events out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from domain.orders import Execution, Order, Position
from domain.predictions import Signal
from domain.ticks import TickBatch
from trading.engine import ExecutionConfig
from trading.ledger import Ledger
from trading.ports import Broker
from trading.sending import Out


class Heard(NamedTuple):
    """Some signals in log order, and when the first entered the log (for latency figures)."""

    signals: list[Signal]
    wall_ns: int


class Happened(NamedTuple):
    """Events of the account, in order, at least one."""

    account: str
    records: list[Out]


class ExecuteStep:
    """Feeds the engine of one account, and times signals on their way to orders.

    Parameters
    ----------
    config, state
        The account, anew or from its snapshot.
    ledger, broker
        Its ledger and its venue.
    wall_ns, observe
        For latency figures only.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        state: Mapping[str, Any] | None,
        ledger: Ledger,
        broker: Broker,
        wall_ns: Callable[[], int],
        observe: Callable[[str, int], None],
    ) -> None:
        self._account = config.account
        self._logic = config.build(state, ledger, broker)
        self._wall_ns = wall_ns
        self._observe = observe

    def on_batch(self, values: list[TickBatch | Heard]) -> Iterable[Happened]:
        """Take what came in order of arrival; results follow event time, not arrival."""
        heard_ns: dict[str, int] = {}
        events: list[TickBatch | Signal] = []
        for value in values:
            if isinstance(value, TickBatch):
                events.append(value)
                continue
            events += value.signals
            if value.wall_ns:
                heard_ns |= {signal.signal_id: value.wall_ns for signal in value.signals}
        out = self._logic.on_batch(events)
        if heard_ns:
            self._time(out, heard_ns)
        return [Happened(self._account, out)] if out else []

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the engine; the ledger then holds all that led to it."""
        return self._logic.snapshot()

    def _time(self, out: list[Out], heard_ns: Mapping[str, int]) -> None:
        for record in out:
            if isinstance(record, Order) and record.status == "pending_new":
                # A signal of an earlier batch has waited for other lanes: that is not our latency.
                wall_ns = heard_ns.get(record.signal_id)
                if wall_ns is not None:
                    self._observe("signal_to_order", self._wall_ns() - wall_ns)


def kind_of(event: Out) -> str:
    """Return the topic's word for an event: ``orders``, ``executions`` or ``positions``."""
    kinds = {Order: "orders", Execution: "executions", Position: "positions"}
    return kinds[type(event)]
