"""The paper venue's parameters, fitted from measured executions: it then errs as the real one does.

The result is a plain mapping of settings under the paper venue's names, and beside it the evidence
that they rest on. What there are no records for is left out, so that the default stands.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from domain.quality import ExecutionQuality, OrderQuality
from domain.reasons import Reason
from trading.tca.report import rejects_of, report, spread_of

QUANTILES = 21
"""Points of the fitted distribution of latency: every 5 %, the least and the most among them."""


class Fit(NamedTuple):
    """Settings of the paper venue, and what they rest on.

    Attributes
    ----------
    settings
        ``latency_ns``, ``extra_latency_ns``, ``reject_rates``, ``liquidity``: numbers, text, lists.
    evidence
        Counts, latency quantiles, fill ratio by size bucket, slippage by pair.
    """

    settings: dict[str, Any]
    evidence: dict[str, Any]


def fit(fills: Sequence[ExecutionQuality], orders: Sequence[OrderQuality]) -> Fit:
    """Fit latency, rejects and liquidity to measured fills and orders; pure."""
    sent = [order for order in orders if order.status != "denied"]
    ways = _ways(fills, sent)
    settings: dict[str, Any] = {}
    if ways:
        least = min(ways)
        grid = np.quantile(np.array(ways) - least, np.linspace(0, 1, QUANTILES))
        settings["latency_ns"] = least
        settings["extra_latency_ns"] = [round(extra) for extra in grid.tolist()]
    rates: dict[str, float] = {}
    for rejects in rejects_of(sent):
        reason = _known(rejects.reason)
        rates[reason] = rates.get(reason, 0.0) + rejects.rate
    if sent:
        settings["reject_rates"] = rates
    sizes = _liquidity(sent)
    if sizes:
        settings["liquidity"] = {"by_symbol": sizes}
    return Fit(settings, _evidence(fills, sent, ways))


def _ways(fills: Sequence[ExecutionQuality], orders: Sequence[OrderQuality]) -> list[int]:
    """Return how long the venue took to answer, nanoseconds, once for each order.

    The way there and back: it is the most that the way there can have been. An order that was never
    acknowledged counts by its first fill. An answer before its question is a clock that is wrong.
    """
    ways = {o.client_order_id: o.send_to_ack_ns for o in orders if o.send_to_ack_ns is not None}
    for fill in sorted(fills, key=lambda f: (f.ts_event_ns, f.execution_id)):
        whole, before = fill.signal_to_fill_ns, fill.signal_to_send_ns
        if fill.algorithm == "market" and whole is not None and before is not None:
            ways.setdefault(fill.client_order_id, whole - before)
    return [ways[name] for name in sorted(ways) if ways[name] >= 0]


def _known(reason: str) -> str:
    """Return a reason that the paper venue knows."""
    return reason if reason in set(Reason) else str(Reason.OTHER)


def _liquidity(orders: Sequence[OrderQuality]) -> dict[str, str]:
    """Return what a pair's market held when it did not hold enough: the median, base units.

    Only orders that filled in part say it; where every order filled whole there is no bound.
    """
    parts: dict[str, list[float]] = {}
    for order in orders:
        if 0 < order.filled_units < order.quantity_units:
            parts.setdefault(order.symbol, []).append(float(order.filled_units))
    return {symbol: str(round(float(np.median(parts[symbol])))) for symbol in sorted(parts)}


def _evidence(
    fills: Sequence[ExecutionQuality], orders: Sequence[OrderQuality], ways: Sequence[int]
) -> dict[str, Any]:
    slippage: dict[str, Any] = {}
    for group in report(fills, (), ("symbol",)):
        spread = group.measures.get("effective_spread_pips")
        if spread is not None:
            slippage[group.key["symbol"]] = {
                "fills": spread.count,
                "mean_pips": spread.mean / 2,
                "p50_pips": spread.p50 / 2,
                "p90_pips": spread.p90 / 2,
            }
    by_size = report((), orders, ("size_bucket",))
    evidence: dict[str, Any] = {
        "orders": len(orders),
        "fills": len(fills),
        "fill_ratio": {group.key["size_bucket"]: group.fill_ratio for group in by_size},
        "slippage": slippage,
    }
    if ways:
        spread = spread_of(ways)
        evidence["latency_ns"] = {"p50": spread.p50, "p90": spread.p90, "p99": spread.p99}
    return evidence
