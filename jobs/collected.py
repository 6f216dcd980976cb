"""What a fused run hands over, kept as records until it is counted and hashed."""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from domain.bars import TIMEFRAMES, Bar
from domain.orders import Execution, Order, Position
from domain.predictions import Signal
from domain.ticks import Kind, reasons
from features.quality import Judged
from models.prediction import ENSEMBLE
from operators.decide import Closed, Considered, Decided
from operators.execute import Happened

ACCOUNT_TOTAL = "*"


class EnsembleView(NamedTuple):
    """The ensemble's probability at one bar close, NaN where it had none, and the mid then."""

    ts_ns: int
    symbol: str
    p_up: float
    mid: float


class Collected:
    """Takes everything of a fused run in memory: about 300 bytes a bar."""

    def __init__(self) -> None:
        self.ticks_accepted = 0
        self.ticks_rejected: Counter[str] = Counter()
        self.bars: list[Bar] = []
        self.signals: list[Signal] = []
        self.views: list[EnsembleView] = []
        self.orders_sent: set[str] = set()
        self.orders_denied: Counter[str] = Counter()
        self.order_events: list[Order] = []
        self.executions: list[Execution] = []
        self.last_total: Position | None = None
        self._mids: dict[tuple[str, int], float] = {}

    @property
    def fills(self) -> int:
        """Executions so far."""
        return len(self.executions)

    def judged(self, item: Judged) -> None:
        """Count accepted and rejected ticks."""
        self.ticks_accepted += int(np.count_nonzero(item.log["kind"] == Kind.TICK))
        self.ticks_rejected.update(reasons(bits)[0] for bits in item.rejected["verdict"].tolist())

    def closed(self, item: Closed) -> None:
        """Keep bars."""
        self.bars += item.bars

    def considered(self, item: Considered) -> None:
        """Remember the mid of a bar close for its prediction."""
        vector = item.vector
        if vector is not None:
            self._mids[vector.symbol, vector.ts_event_ns] = vector.mid_close

    def decided(self, item: Decided) -> None:
        """Keep the signal, and the ensemble's view."""
        self.signals.append(item.signal)
        for prediction in item.predictions:
            if prediction.model == ENSEMBLE:
                key = (prediction.symbol, prediction.ts_event_ns)
                p_up = math.nan if prediction.p_up is None else prediction.p_up
                self.views.append(EnsembleView(key[1], key[0], p_up, self._mids.pop(key)))

    def happened(self, item: Happened) -> None:
        """Keep orders and fills, and the newest total of the account."""
        record = item.record
        if isinstance(record, Order):
            self.order_events.append(record)
            if record.status == "denied":
                self.orders_denied[record.reason] += 1
            else:
                self.orders_sent.add(record.client_order_id)
        elif isinstance(record, Execution):
            self.executions.append(record)
        elif record.symbol == ACCOUNT_TOTAL:
            self.last_total = record

    def bars_by_timeframe(self) -> dict[str, int]:
        """Return the number of bars by timeframe, shortest first, every timeframe named."""
        found = Counter(bar.timeframe for bar in self.bars)
        return {name: found[name] for name in TIMEFRAMES}
