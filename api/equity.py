"""The account's equity over event time: a curve of bounded length, and its exact worst fall."""

from decimal import Decimal
from typing import Any

from domain.nanos import MS_NS
from domain.orders import Position

MAX_POINTS = 600
"""Points of the curve at most: about one for each pixel of its panel."""

Point = tuple[int, float, float | None, float | None]
"""Milliseconds UTC, equity, realised, unrealised; None where no conversion rate was known."""


class EquityCurve:
    """Equity of one account.

    The curve is thinned by halves: when it is full every second point goes and from then on only
    every second mark is kept. The drawdown is taken on every mark, so thinning never flatters it.
    """

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._stride = 1
        self._marks = 0
        self._last: Position | None = None
        self._last_point: Point | None = None
        self._start: Decimal | None = None
        self._peak = Decimal(0)
        self._drawdown = Decimal(0)

    def mark(self, total: Position) -> bool:
        """Take in the account's total; say whether anything changed."""
        if self._last is not None and total.ts_event_ns < self._last.ts_event_ns:
            return False
        self._last = total
        equity = total.equity_account
        if equity is None:
            return True
        if self._start is None:
            gains = (total.realised_account or Decimal(0), total.unrealised_account or Decimal(0))
            self._start = self._peak = equity - gains[0] - gains[1]
        self._peak = max(self._peak, equity)
        self._drawdown = max(self._drawdown, self._peak - equity)
        self._keep(
            (
                total.ts_event_ns // MS_NS,
                float(equity),
                _number(total.realised_account),
                _number(total.unrealised_account),
            )
        )
        return True

    def _keep(self, point: Point) -> None:
        self._last_point = point
        if self._marks % self._stride == 0:
            self._points.append(point)
        self._marks += 1
        if len(self._points) >= MAX_POINTS:
            self._points = self._points[::2]
            self._stride *= 2

    def snapshot(self) -> dict[str, Any] | None:
        """Return the curve and the newest figures as text, or None before the first mark."""
        total = self._last
        if total is None:
            return None
        points = list(self._points)
        if self._last_point is not None and points[-1] is not self._last_point:
            points.append(self._last_point)
        return {
            "account": total.account,
            "t": total.ts_event_ns // MS_NS,
            "equity": text(total.equity_account),
            "realised": text(total.realised_account),
            "unrealised": text(total.unrealised_account),
            "start": text(self._start),
            "max_drawdown": text(self._drawdown),
            "points": points,
        }


def text(value: Decimal | None) -> str | None:
    """Write money or units without an exponent, exactly; None stays None."""
    return None if value is None else f"{value:f}"


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
