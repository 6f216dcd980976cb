"""What a run looks like right now, in bounded memory, for every page and terminal to read."""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Literal, get_args

import msgspec

from api.equity import EquityCurve
from api.metrics import BUDGETS_MS, MetricsBoard
from api.models import ModelsBoard
from api.pace import Pace
from api.prices import MAX_CANDLES, SymbolPrices
from api.rows import (
    Recent,
    Row,
    execution_row,
    marker_row,
    order_row,
    position_row,
    signal_row,
)
from domain.bars import Bar
from domain.deployments import ModelEvent
from domain.orders import Execution, Order, Position
from domain.predictions import Signal
from domain.topics import Topic, WorkerMetrics

Status = Literal["starting", "running", "finished", "stopped", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)

ACCOUNT_TOTAL = "*"
"""Symbol under which a position record carries the whole account."""

MAX_ROWS = 200
"""Signals, orders and executions kept: more than anyone scrolls through."""

_NO_RUN: dict[str, Any] = {
    "run_id": "",
    "feed": "",
    "speed": "",
    "symbols": [],
    "kafka": "",
    "clickhouse": "",
    "models": [],
    "notes": [],
}


class View:
    """The state of one run, written by a consumer thread and read by any number of others.

    Parameters
    ----------
    budgets_ms
        Highest p99 by hop in milliseconds (> 0).
    clock
        Monotonic seconds, for rates and for the age of the newest record; decides nothing.
    """

    def __init__(
        self,
        budgets_ms: Mapping[str, float] = BUDGETS_MS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = Lock()
        self._clock = clock
        self._revision = 0
        self._changed: dict[str, int] = {}
        self._touched_s = clock()
        self._run: dict[str, Any] = {"status": "starting", "text": "", **_NO_RUN}
        self._pace = Pace(clock)
        self._prices: dict[str, SymbolPrices] = {}
        self._signals = Recent(MAX_ROWS)
        self._orders = Recent(MAX_ROWS)
        self._executions = Recent(MAX_ROWS)
        self._signals_of: dict[str, Recent] = {}
        self._fills_of: dict[str, Recent] = {}
        self._positions: dict[tuple[str, str], Row] = {}
        self._equity: dict[str, EquityCurve] = {}
        self._metrics = MetricsBoard(budgets_ms)
        self._models = ModelsBoard()

    @property
    def revision(self) -> int:
        """Number of the newest change: the same number, the same state."""
        return self._revision

    @property
    def idle_s(self) -> float:
        """Seconds since anything arrived."""
        return round(max(0.0, self._clock() - self._touched_s), 1)

    @property
    def status(self) -> Status:
        """Where the run stands."""
        status: Status = self._run["status"]
        return status

    def apply(self, topic: Topic, record: msgspec.Struct) -> None:  # noqa: ARG002 - the type says it
        """Take in one decoded record of a topic; what no page shows is passed over."""
        with self._lock:
            self._touched_s = self._clock()
            match record:
                case Bar():
                    self._apply_bar(record)
                case Signal():
                    self._apply_signal(record)
                case ModelEvent():
                    if self._models.apply_event(record):
                        self._touch("models")
                case Order():
                    if self._orders.put(
                        f"{record.account}/{record.client_order_id}", order_row(record)
                    ):
                        self._touch("orders")
                case Execution():
                    self._apply_execution(record)
                case Position():
                    self._apply_position(record)
                case WorkerMetrics():
                    if self._metrics.apply(record):
                        self._touch("counters", "latency")
                case _:
                    pass

    def _apply_bar(self, bar: Bar) -> None:
        prices = self._prices.get(bar.symbol)
        if prices is None:
            prices = self._prices[bar.symbol] = SymbolPrices(bar.symbol)
        quoted, closed = prices.apply(bar)
        if quoted:
            self._touch("prices")
        if closed:
            self._touch(f"candles {bar.symbol}")

    def _apply_signal(self, signal: Signal) -> None:
        if self._signals.put(signal.signal_id, signal_row(signal)):
            self._touch("signals")
        if self._models.apply_signal(signal):
            self._touch("models")
        own = self._signals_of.setdefault(signal.symbol, Recent(MAX_CANDLES))
        if own.put(signal.signal_id, marker_row(signal)):
            self._touch(f"markers {signal.symbol}")

    def _apply_execution(self, fill: Execution) -> None:
        row, name = execution_row(fill), f"{fill.account}/{fill.execution_id}"
        if self._executions.put(name, row):
            self._touch("executions")
        own = self._fills_of.setdefault(fill.symbol, Recent(MAX_ROWS))
        if own.put(name, row):
            self._touch(f"markers {fill.symbol}")

    def _apply_position(self, position: Position) -> None:
        if position.symbol == ACCOUNT_TOTAL:
            if self._equity.setdefault(position.account, EquityCurve()).mark(position):
                self._touch("equity")
            return
        key = (position.account, position.symbol)
        row = position_row(position)
        known = self._positions.get(key)
        if known is None or row["t"] >= known["t"]:
            self._positions[key] = row
            self._touch("positions")

    def progress(self, done_rows: int, total_rows: int | None, event_ns: int | None) -> None:
        """Say how many rows of the feed are done, of how many if known, and the event time."""
        with self._lock:
            self._touched_s = self._clock()
            self._pace.update(done_rows, total_rows, event_ns)
            self._touch("progress")

    def set_status(self, status: Status, text: str = "") -> None:
        """Say where the run stands, with a sentence for the reader."""
        if status not in STATUSES:
            msg = f"status {status!r} is none of {', '.join(STATUSES)}"
            raise ValueError(msg)
        with self._lock:
            self._run = {**self._run, "status": status, "text": text}
            self._touch("run", "progress")

    def set_run(
        self,
        *,
        run_id: str,
        feed: str,
        speed: str,
        symbols: Sequence[str],
        kafka: str = "",
        clickhouse: str = "",
        models: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Say what runs: identity, feed and pace, symbols, services, models, notes for the banner.

        Every value is shown as it is given, so it must hold no password.
        """
        with self._lock:
            self._run = {
                "status": self._run["status"],
                "text": self._run["text"],
                "run_id": run_id,
                "feed": feed,
                "speed": speed,
                "symbols": list(symbols),
                "kafka": kafka,
                "clickhouse": clickhouse,
                "models": list(models),
                "notes": list(notes),
            }
            self._touch("run", "prices")

    def snapshot(self, symbol: str | None = None, since: int | None = None) -> dict[str, Any]:
        """Return the state as plain, JSON-able values.

        Parameters
        ----------
        symbol
            Whose candles and markers to give; None or an unknown one means the first of the run.
        since
            Leave out the sections that did not change after this revision; None gives all.
            Laid over the state of that revision and the same ``symbol``, it is the state now.

        Returns
        -------
        dict
            ``revision``, ``symbol`` and ``idle_s`` always; of the sections ``run``, ``progress``,
            ``prices``, ``candles``, ``markers``, ``signals``, ``models``, ``orders``,
            ``executions``, ``positions``, ``equity``, ``counters`` and ``latency`` those that
            changed. Times are milliseconds UTC; money is exact text.
        """
        with self._lock:
            chosen = self._choose(symbol)
            sections: dict[str, Callable[[], Any]] = {
                "run": lambda: self._run,
                "progress": self._progress_now,
                "prices": self._tiles,
                f"candles {chosen}": lambda: self._candles(chosen),
                f"markers {chosen}": lambda: self._markers(chosen),
                "signals": self._signals.newest_first,
                "models": self._models.snapshot,
                "orders": self._orders.newest_first,
                "executions": self._executions.newest_first,
                "positions": lambda: [row for _, row in sorted(self._positions.items())],
                "equity": lambda: [curve.snapshot() for _, curve in sorted(self._equity.items())],
                "counters": self._metrics.counters,
                "latency": self._metrics.latency,
            }
            state: dict[str, Any] = {
                "revision": self._revision,
                "symbol": chosen,
                "idle_s": self.idle_s,
            }
            for name, build in sections.items():
                if since is None or self._changed.get(name, 0) > since:
                    state[name.split(" ")[0]] = build()
            return state

    def _touch(self, *sections: str) -> None:
        self._revision += 1
        for section in sections:
            self._changed[section] = self._revision

    def _choose(self, symbol: str | None) -> str | None:
        known = self._known_symbols()
        return symbol if symbol in known else next(iter(known), None)

    def _known_symbols(self) -> list[str]:
        named: list[str] = self._run["symbols"]
        return [*named, *sorted(self._prices.keys() - set(named))]

    def _progress_now(self) -> dict[str, Any]:
        now = self._pace.snapshot()
        return now if self._run["status"] == "running" else {**now, "eta_s": None}

    def _tiles(self) -> list[dict[str, Any]]:
        found = (self._prices.get(name) for name in self._known_symbols())
        tiles = (prices.tile() for prices in found if prices is not None)
        return [tile for tile in tiles if tile is not None]

    def _candles(self, symbol: str | None) -> dict[str, Any] | None:
        prices = self._prices.get(symbol or "")
        return None if prices is None else prices.candles()

    def _markers(self, symbol: str | None) -> dict[str, Any]:
        signals, fills = self._signals_of.get(symbol or ""), self._fills_of.get(symbol or "")
        return {
            "symbol": symbol,
            "signals": signals.oldest_first() if signals else [],
            "fills": fills.oldest_first() if fills else [],
        }
