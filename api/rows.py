"""Records as table rows: plain mappings with times in milliseconds and money as exact text."""

from collections import OrderedDict
from typing import Any

from api.equity import text
from api.wording import reason_words
from domain.nanos import MS_NS
from domain.orders import Execution, Order, Position
from domain.predictions import Signal

Row = dict[str, Any]


class Recent:
    """The last few rows by id; a newer row of the same id takes the place of the older.

    Parameters
    ----------
    limit
        Rows kept (> 0); the one that came in first goes first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: OrderedDict[str, Row] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, key: str, row: Row) -> bool:
        """Keep a row; say whether it differs from what was known under its id."""
        known = self._rows.get(key)
        if known == row or (known is not None and row["t"] < known["t"]):
            return False
        self._rows[key] = row
        while len(self._rows) > self._limit:
            self._rows.popitem(last=False)
        return True

    def newest_first(self) -> list[Row]:
        """Return the rows by event time, newest first."""
        return self.oldest_first()[::-1]

    def oldest_first(self) -> list[Row]:
        """Return the rows by event time, oldest first."""
        return sorted(self._rows.values(), key=lambda row: row["t"])


def marker_row(signal: Signal) -> Row:
    """Row of a decision as the chart marks it."""
    return {
        "id": signal.signal_id,
        "t": signal.ts_event_ns // MS_NS,
        "symbol": signal.symbol,
        "side": signal.side,
        "actionable": signal.actionable,
        "p_up": signal.p_up,
        "strength": signal.strength,
        "reason": signal.reason,
    }


def signal_row(signal: Signal) -> Row:
    """Row of a decision with what is behind it.

    ``votes`` holds role, id, probability and weight of each member. Figures have four digits: more
    are not shown, and hundreds of rows are sent at once.
    """
    return {
        **marker_row(signal),
        "why": reason_words(signal.reason),
        "threshold": signal.threshold,
        "agreement": signal.agreement,
        "votes": [
            [vote.role, vote.model_id, _short(vote.p_up), _short(vote.weight)]
            for vote in signal.votes
        ],
    }


def order_row(order: Order) -> Row:
    """Row of an order as it stands."""
    return {
        "id": order.client_order_id,
        "t": order.ts_event_ns // MS_NS,
        "symbol": order.symbol,
        "side": order.side,
        "units": text(order.quantity_units),
        "filled": text(order.filled_units),
        "price": text(order.average_price),
        "status": order.status,
        "in_doubt": order.in_doubt,
        "reason": order.reason,
    }


def execution_row(fill: Execution) -> Row:
    """Row of a fill."""
    return {
        "id": fill.execution_id,
        "order": fill.client_order_id,
        "t": fill.ts_event_ns // MS_NS,
        "symbol": fill.symbol,
        "side": fill.side,
        "units": text(fill.quantity_units),
        "price": text(fill.price),
        "pnl": text(fill.pnl_account),
    }


def position_row(position: Position) -> Row:
    """Row of a position."""
    return {
        "account": position.account,
        "symbol": position.symbol,
        "t": position.ts_event_ns // MS_NS,
        "units": text(position.units),
        "price": text(position.average_price),
        "realised": text(position.realised_account),
        "unrealised": text(position.unrealised_account),
    }


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
