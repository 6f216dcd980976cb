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
    """A signal, and when it entered the log (wall clock, for latency figures)."""

    signal: Signal
    wall_ns: int


class Happened(NamedTuple):
    """One event of the account."""

    account: str
    record: Out


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
        for value in values:
            if isinstance(value, TickBatch):
                events = self._logic.on_quotes(value)
            else:
                events = self._logic.on_signal(value.signal)
                if value.wall_ns and any(_sent(event) for event in events):
                    self._observe("signal_to_order", self._wall_ns() - value.wall_ns)
            for event in events:
                yield Happened(self._account, event)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state of the engine; the ledger then holds all that led to it."""
        return self._logic.snapshot()


def _sent(event: Out) -> bool:
    return isinstance(event, Order) and event.status == "pending_new"


def kind_of(event: Out) -> str:
    """Return the topic's word for an event: ``orders``, ``executions`` or ``positions``."""
    kinds = {Order: "orders", Execution: "executions", Position: "positions"}
    return kinds[type(event)]
