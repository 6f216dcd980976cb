"""The keyed step behind the account's: its quotes and what it did in, execution quality out."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from domain.orders import Execution, Order, Position
from domain.ticks import TickBatch
from operators.execute import Happened
from trading.tca.config import TcaConfig
from trading.tca.monitor import Quality
from trading.tca.ordered import OrderedQuality

ACCOUNT_TOTAL = "*"
"""Symbol of the position that sums up the account: a mark."""


class Measured(NamedTuple):
    """Execution quality of an account, in order, at least one record."""

    account: str
    records: list[Quality]


class QualityStep:
    """Measures one account; what comes out does not depend on how batches are cut.

    Parameters
    ----------
    account
        Its name.
    config
        The same symbols as the account's.
    resume_state
        Snapshot, or None.
    """

    def __init__(
        self, account: str, config: TcaConfig, resume_state: Mapping[str, Any] | None
    ) -> None:
        self._account = account
        self._quality = OrderedQuality(config, resume_state)

    def on_batch(self, values: list[TickBatch | Happened]) -> Iterable[Measured]:
        """Take quotes, orders, fills and marks; return what can be said at these marks."""
        for value in values:
            if isinstance(value, TickBatch):
                self._quality.add_quotes(value.symbol, value.records)
                continue
            for record in value.records:
                if isinstance(record, Position):
                    if record.symbol == ACCOUNT_TOTAL:
                        self._quality.add_mark(record.ts_event_ns)
                elif isinstance(record, Order | Execution):
                    self._quality.add(record)
        return self._of(self._quality.measure())

    def on_eof(self) -> Iterable[Measured]:
        """Say of the last orders and fills what is known when the log has ended."""
        return self._of(self._quality.finish())

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state as a plain versioned mapping."""
        return self._quality.snapshot()

    def _of(self, records: list[Quality]) -> list[Measured]:
        return [Measured(self._account, records)] if records else []
