"""What a fused run hands over, kept as records until it is counted and hashed."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clickhouse.results import Counts
from domain.bars import BarArray
from domain.deployments import ModelEvent
from domain.orders import Execution, Order, Position
from domain.predictions import Signal
from domain.ticks import Kind, reasons
from features.quality import Judged
from operators.decide import Closed, Decided
from operators.execute import Happened
from operators.quality import Measured
from trading.tca.monitor import Quality

ACCOUNT_TOTAL = "*"


class EnsembleView(NamedTuple):
    """The ensemble's probabilities at bar closes of a symbol, NaN where it had none, and the mids.

    Each shape (n,).
    """

    symbol: str
    ts_ns: NDArray[np.int64]
    p_up: NDArray[np.float64]
    mid: NDArray[np.float64]


class Collected:
    """Takes everything of a fused run in memory: about 300 bytes a bar."""

    def __init__(self) -> None:
        self.ticks_accepted = 0
        self.ticks_rejected: Counter[str] = Counter()
        self.bars: list[tuple[str, BarArray]] = []
        self.signals: list[Signal] = []
        self.model_events: list[ModelEvent] = []
        self.views: list[EnsembleView] = []
        self.orders_sent: set[tuple[str, str]] = set()
        self.orders_denied: Counter[str] = Counter()
        self.order_events: list[Order] = []
        self.executions: list[Execution] = []
        self.totals: dict[str, Position] = {}
        """The newest total of each account."""
        self.quality: list[Quality] = []

    @property
    def fills(self) -> int:
        """Executions so far."""
        return len(self.executions)

    def judged(self, item: Judged) -> None:
        """Count accepted and rejected ticks."""
        self.ticks_accepted += int(np.count_nonzero(item.log["kind"] == Kind.TICK))
        if item.rejected.size:
            verdicts = item.rejected["verdict"].tolist()
            self.ticks_rejected.update(reasons(bits)[0] for bits in verdicts)

    def closed(self, item: Closed) -> None:
        """Keep bars."""
        if item.bars.size:
            self.bars.append((item.symbol, item.bars))

    def decided(self, item: Decided) -> None:
        """Keep the signals, what became of the models, and the ensemble's views."""
        self.signals += item.signals
        self.model_events += item.events
        bars = item.rows.bars
        if bars.size:
            view = (bars["ts_event_ns"], item.views.p_up, bars["mid_close"])
            self.views.append(EnsembleView(item.symbol, *view))

    def happened(self, item: Happened) -> None:
        """Keep orders and fills, and the newest total of each account."""
        for record in item.records:
            if isinstance(record, Order):
                self.order_events.append(record)
                if record.status == "denied":
                    self.orders_denied[record.reason] += 1
                else:
                    self.orders_sent.add((record.account, record.client_order_id))
            elif isinstance(record, Execution):
                self.executions.append(record)
            elif isinstance(record, Position) and record.symbol == ACCOUNT_TOTAL:
                self.totals[record.account] = record

    def measured(self, item: Measured) -> None:
        """Keep what fills and orders cost."""
        self.quality += item.records

    def by_account(self) -> dict[str, Counts]:
        """Return what each account has done."""
        sent = {(o.account, o.client_order_id) for o in self.order_events if o.status != "denied"}
        denied = {(o.account, o.client_order_id) for o in self.order_events if o.status == "denied"}
        orders, refused = (Counter(name for name, _ in ids) for ids in (sent, denied))
        fills = Counter(fill.account for fill in self.executions)
        names = sorted({*orders, *refused, *fills})
        return {name: Counts(orders[name], refused[name], fills[name]) for name in names}

    def bars_by_timeframe(self, timeframes: tuple[str, ...]) -> dict[str, int]:
        """Return the number of bars by timeframe, as ``frame`` of a row counts them."""
        counts = sum(
            (np.bincount(rows["frame"], minlength=len(timeframes)) for _, rows in self.bars),
            np.zeros(len(timeframes), dtype=np.int64),
        )
        return dict(zip(timeframes, counts.tolist(), strict=True))
