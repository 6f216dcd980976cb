"""Execution quality in one order, whatever arrives first.

Orders and fills of one symbol may wait for the quotes of another, so they lag behind their own
quotes by as much as the partitions of the log are apart. But a mark of the account is only made
when every symbol has passed it, with all that happened up to there already told. So what lies a
little before a mark is whole, and is measured at once: what comes out, and in which order, depends
on event time alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import Corrupt
from domain.nanos import SECOND_NS
from domain.orders import Execution, Order
from domain.switch_records import without_switches
from domain.ticks import TICK_DTYPE, TickArray
from trading.tca.config import TcaConfig
from trading.tca.monitor import Quality, QualityMonitor
from trading.tca.tape import BEGINNING_NS, proven_ns

R = TypeVar("R", Order, Execution)

STATE_VERSION = 1
SETTLED_NS = 5 * SECOND_NS
"""How long before a mark all has been told that happened: venue and market clocks may be apart by
the skew that the ingest allows, half a second. Later records are taken with the next mark."""

_NEVER_NS = np.iinfo(np.int64).max


class OrderedState(msgspec.Struct, forbid_unknown_fields=True):
    """All state of an `OrderedQuality`.

    Attributes
    ----------
    clocks, quotes
        By symbol: up to where quotes are measured, and those that wait.
    orders, executions, marks
        What else waits, in order of arrival.
    """

    v: int
    monitor: dict[str, Any]
    clocks: dict[str, int]
    quotes: dict[str, bytes]
    orders: list[Order]
    executions: list[Execution]
    marks: list[int]


class WaitingQuotes:
    """The quotes of one symbol behind the last moment that was measured.

    Parameters
    ----------
    clock_ns
        Up to where the quotes before them are whole.
    records
        Those that wait.
    """

    def __init__(self, config: TcaConfig, clock_ns: int, records: TickArray) -> None:
        self.clock_ns = clock_ns
        self._config = config
        self._parts = [records]
        self._clocks: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._joined = 0

    def append(self, records: TickArray) -> None:
        """Add records in log order."""
        self._parts.append(records)

    def have_passed(self, ts_ns: int) -> bool:
        """Say whether all quotes up to a moment are here."""
        self._join()
        last_ns = int(self._clocks[-1]) if len(self._clocks) else self.clock_ns
        return last_ns > ts_ns

    def take(self, ts_ns: int) -> TickArray:
        """Take what proves no more than a moment that they have passed."""
        self._join()
        count = int(np.searchsorted(self._clocks, ts_ns, side="right"))
        taken, rest = self._parts[0][:count], self._parts[0][count:]
        if count:
            self.clock_ns = int(self._clocks[count - 1])
        self._parts, self._clocks = [rest], self._clocks[count:]
        self._joined = len(rest)
        return taken

    def take_all(self) -> TickArray:
        """Take all that waits."""
        return self.take(_NEVER_NS)

    def waiting(self) -> bytes:
        """Return the records that wait, as a snapshot keeps them."""
        self._join()
        return self._parts[0].tobytes()

    def _join(self) -> None:
        if len(self._parts) == 1 and len(self._parts[0]) == self._joined:
            return
        records = without_switches(np.concatenate(self._parts))
        fresh = proven_ns(records[self._joined :], self._config)
        before = self._clocks[-1] if len(self._clocks) else self.clock_ns
        clocks = np.maximum.accumulate(np.concatenate(([before], fresh)))[1:]
        self._clocks = np.concatenate((self._clocks, clocks))
        self._parts, self._joined = [records], len(records)


class OrderedQuality:
    """Gives a `QualityMonitor` what it measures, from mark to mark.

    Parameters
    ----------
    config
        Its symbols are those of the account: each has records in the log, if only heartbeats.
    resume_state
        A snapshot; None to begin.

    Raises
    ------
    Corrupt
        If the snapshot is of another version or not whole.
    """

    def __init__(self, config: TcaConfig, resume_state: Mapping[str, Any] | None = None) -> None:
        state = _load(resume_state)
        self._config = config
        self._monitor = QualityMonitor(config, state.monitor or None)
        self._quotes = {
            symbol: WaitingQuotes(
                config,
                state.clocks.get(symbol, BEGINNING_NS),
                np.frombuffer(state.quotes.get(symbol, b""), dtype=TICK_DTYPE),
            )
            for symbol in sorted(config.symbols)
        }
        self._orders = state.orders
        self._executions = state.executions
        self._marks = state.marks
        self._passed_ns: int | None = None
        self._first_ns = self._earliest()

    def snapshot(self) -> dict[str, Any]:
        """Return all state as a plain, versioned mapping of numbers, text, bytes and lists."""
        if self._passed_ns is not None:
            # A mark at which nothing was due: a tape keeps less of the quotes than they are here.
            self._monitor.keep_up(self._taken(self._passed_ns), self._passed_ns)
            self._passed_ns = None
        state = OrderedState(
            STATE_VERSION,
            self._monitor.snapshot(),
            {symbol: quotes.clock_ns for symbol, quotes in self._quotes.items()},
            {symbol: quotes.waiting() for symbol, quotes in self._quotes.items()},
            self._orders,
            self._executions,
            self._marks,
        )
        plain: dict[str, Any] = msgspec.to_builtins(state, builtin_types=(bytes,))
        return plain

    def add_quotes(self, symbol: str, records: TickArray) -> None:
        """Add records of a symbol in log order."""
        if len(records):
            self._quotes[symbol].append(records)

    def add(self, record: Order | Execution) -> None:
        """Add an order or a fill; what has no instrument here cannot be measured, and is not."""
        if record.symbol not in self._config.instruments:
            return
        self._first_ns = min(self._first_ns, record.ts_event_ns)
        if isinstance(record, Order):
            self._orders.append(record)
        else:
            self._executions.append(record)

    def add_mark(self, ts_ns: int) -> None:
        """Add a mark of the account: all that happened a little before it has been added."""
        self._marks.append(ts_ns)

    def measure(self) -> list[Quality]:
        """Return what can be said since the last call."""
        found: list[Quality] = []
        while self._marks:
            until_ns = self._marks[0] - SETTLED_NS
            if not all(quotes.have_passed(until_ns) for quotes in self._quotes.values()):
                break
            self._marks.pop(0)
            if self._is_due(until_ns):
                found += self._advance(until_ns)
            else:
                self._passed_ns = until_ns
        return found

    def finish(self) -> list[Quality]:
        """Return what is left to say when the log has ended: what it has not reached is unknown."""
        found = self.measure()
        rest = {symbol: quotes.take_all() for symbol, quotes in self._quotes.items()}
        orders, self._orders = self._orders, []
        executions, self._executions = self._executions, []
        self._first_ns = _NEVER_NS
        found += self._monitor.advance(
            rest, BEGINNING_NS, _by_symbol(orders), _by_symbol(executions)
        )
        return found + self._monitor.flush()

    def _is_due(self, until_ns: int) -> bool:
        if self._first_ns <= until_ns:
            return True
        due_ns = self._monitor.due_ns()
        return due_ns is not None and due_ns <= until_ns

    def _earliest(self) -> int:
        """Return the time of the first record that waits; the end of time without one."""
        records: list[Order | Execution] = [*self._orders, *self._executions]
        return min((record.ts_event_ns for record in records), default=_NEVER_NS)

    def _advance(self, until_ns: int) -> list[Quality]:
        orders, self._orders = _split(self._orders, until_ns)
        executions, self._executions = _split(self._executions, until_ns)
        self._first_ns = self._earliest()
        self._passed_ns = None
        # Of one symbol they stand in one order; between symbols arrival decides.
        return self._monitor.advance(
            self._taken(until_ns), until_ns, _by_symbol(orders), _by_symbol(executions)
        )

    def _taken(self, until_ns: int) -> dict[str, TickArray]:
        return {symbol: quotes.take(until_ns) for symbol, quotes in self._quotes.items()}


def _split(records: list[R], until_ns: int) -> tuple[list[R], list[R]]:
    """Return the records up to a moment, and those behind it."""
    return (
        [record for record in records if record.ts_event_ns <= until_ns],
        [record for record in records if record.ts_event_ns > until_ns],
    )


def _by_symbol(records: Iterable[R]) -> list[R]:
    return sorted(records, key=lambda record: record.symbol)


def _load(plain: Mapping[str, Any] | None) -> OrderedState:
    if plain is None:
        return OrderedState(STATE_VERSION, {}, {}, {}, [], [], [])
    if plain.get("v") != STATE_VERSION:
        msg = (
            f"execution quality snapshot version {plain.get('v')}, this reader knows "
            f"{STATE_VERSION}: start a new run"
        )
        raise Corrupt(msg)
    try:
        return msgspec.convert(plain, OrderedState, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        msg = f"execution quality snapshot cannot be read: {error}"
        raise Corrupt(msg) from error
