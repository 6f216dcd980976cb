"""Execution quality by group: pair, session, broker, algorithm, size, hour, or any mix of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np

from domain.nanos import DAY_NS, HOUR_NS
from domain.quality import ExecutionQuality, OrderQuality

Key = Literal[
    "account", "symbol", "session", "venue", "strategy", "algorithm", "size_bucket", "side", "hour"
]
"""What records are grouped by; ``hour`` is that of the day in UTC, the others are fields."""

FILL_MEASURES = (
    "arrival_slippage_pips",
    "arrival_slippage_bps",
    "arrival_cost_account",
    "delay_cost_pips",
    "quoted_spread_pips",
    "effective_spread_pips",
    "realised_spread_pips",
    "impact_pips",
    "spread_capture",
    "markout_100ms_pips",
    "markout_1s_pips",
    "markout_5s_pips",
    "markout_30s_pips",
    "markout_1m_pips",
    "markout_5m_pips",
    "stop_slippage_pips",
    "gap_cost_pips",
    "signal_to_send_ns",
    "send_to_ack_ns",
    "ack_to_fill_ns",
    "signal_to_fill_ns",
)
ORDER_MEASURES = (
    "vwap_slippage_pips",
    "shortfall_account",
    "shortfall_bps",
    "opportunity_cost_account",
    "fees_account",
    "lifetime_ns",
)


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one measure is spread over a group.

    Attributes
    ----------
    count
        Records in which it is known; those without are in no figure here.
    mean
        Of pips and basis points weighted with the filled (of an order: wanted) units, so that a
        hundred small fills do not outweigh a large one; of all else plain.
    total
        Plain sum.
    """

    count: int
    mean: float
    total: float
    p50: float
    p90: float
    p99: float


class Rejects(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Orders that ended without any fill at the venue's word, for one reason.

    Attributes
    ----------
    count, rate
        Of all orders of the group that were sent.
    mean_move_1s_pips, adverse_rate
        Where the market went in the second after: above 0 the refused fill would have gained; and
        the share of rejects after which it did. About half is chance, much more is a last look that
        picks. None where no move is known.
    """

    reason: str
    count: int
    rate: float
    mean_move_1s_pips: float | None
    adverse_rate: float | None


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One group of a report.

    Attributes
    ----------
    key
        Values that its records share, by key.
    fills, orders
        Records in it; ``orders`` were sent and have ended.
    fill_ratio
        Filled per wanted units of all orders; None without an order.
    measures
        By name; a measure that is known of no record is missing.
    stale_benchmarks
        Benchmarks that were left out.
    """

    key: dict[str, str]
    fills: int
    orders: int
    fill_ratio: float | None
    rejects: tuple[Rejects, ...]
    measures: dict[str, Spread]
    stale_benchmarks: int


def report(
    fills: Iterable[ExecutionQuality], orders: Iterable[OrderQuality], by: Sequence[Key]
) -> list[Group]:
    """Group records and sum them up; an order that our own gate denied is in no group.

    Returns
    -------
    list of Group
        In the order of their keys.
    """
    key_of = _key_of(by)
    groups: dict[tuple[str, ...], tuple[list[ExecutionQuality], list[OrderQuality]]] = {}
    for fill in fills:
        groups.setdefault(key_of(fill), ([], []))[0].append(fill)
    for order in orders:
        if order.status != "denied":
            groups.setdefault(key_of(order), ([], []))[1].append(order)
    return [
        _group(dict(zip(by, key, strict=True)), *records)
        for key, records in sorted(groups.items(), key=lambda item: item[0])
    ]


def spread_of(values: Sequence[float], weights: Sequence[float] | None = None) -> Spread:
    """Return how some values (at least one) are spread."""
    p50, p90, p99 = (float(q) for q in np.quantile(values, [0.5, 0.9, 0.99]))
    mean = float(np.average(values, weights=weights))
    return Spread(len(values), mean, float(np.sum(values)), p50, p90, p99)


def _key_of(by: Sequence[Key]) -> Callable[[ExecutionQuality | OrderQuality], tuple[str, ...]]:
    def key_of(record: ExecutionQuality | OrderQuality) -> tuple[str, ...]:
        hour = f"{record.ts_event_ns % DAY_NS // HOUR_NS:02}"
        return tuple(hour if name == "hour" else str(getattr(record, name)) for name in by)

    return key_of


def _group(key: dict[str, str], fills: list[ExecutionQuality], orders: list[OrderQuality]) -> Group:
    wanted = float(sum(order.quantity_units for order in orders))
    filled = float(sum(order.filled_units for order in orders))
    return Group(
        {name: str(value) for name, value in key.items()},
        len(fills),
        len(orders),
        filled / wanted if wanted else None,
        rejects_of(orders),
        {**_spreads(fills, FILL_MEASURES), **_spreads(orders, ORDER_MEASURES)},
        sum(fill.stale_benchmarks for fill in fills)
        + sum(order.stale_benchmarks for order in orders),
    )


def _spreads(
    records: Sequence[ExecutionQuality] | Sequence[OrderQuality], measures: Sequence[str]
) -> dict[str, Spread]:
    found: dict[str, Spread] = {}
    for name in measures:
        known = [record for record in records if getattr(record, name) is not None]
        if known:
            values = [float(getattr(record, name)) for record in known]
            weighted = name.endswith(("_pips", "_bps"))
            weights = [float(record.quantity_units) for record in known] if weighted else None
            found[name] = spread_of(values, weights)
    return found


def rejects_of(orders: Sequence[OrderQuality]) -> tuple[Rejects, ...]:
    """Return the rejects among some sent orders by reason, and what the market did after each."""
    found: list[Rejects] = []
    refused = [order for order in orders if order.status == "rejected"]
    for reason in sorted({order.reason for order in refused}):
        own = [order for order in refused if order.reason == reason]
        moves = [order.move_1s_pips for order in own if order.move_1s_pips is not None]
        mean = float(np.mean(moves)) if moves else None
        adverse = sum(move > 0 for move in moves) / len(moves) if moves else None
        found.append(Rejects(reason, len(own), len(own) / len(orders), mean, adverse))
    return tuple(found)
