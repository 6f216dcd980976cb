"""Execution quality: what each fill and each order cost against the market, as measured.

Side s is 1 for a buy and -1 for a sell. Costs are positive. These are statistics, not money: they
are floats, and None where a benchmark was missing or too old, never 0 in its place.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS
from domain.orders import OrderSide, OrderStatus, OrderType

HORIZONS_NS: dict[str, int] = {
    "100ms": 100 * MS_NS,
    "1s": SECOND_NS,
    "5s": 5 * SECOND_NS,
    "30s": 30 * SECOND_NS,
    "1m": MINUTE_NS,
    "5m": 5 * MINUTE_NS,
}
"""How long after a fill the market is looked at again, by name; in market time, nanoseconds."""


class ExecutionQuality(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One fill against the market before, at and after it.

    Attributes
    ----------
    algorithm
        What worked the order: the algorithm's name for a slice, else the type of the order.
    session
        Part of the day: ``rollover``, ``asia``, ``london``, ``overlap``, ``new_york``, ``closed``.
    size_bucket
        Of the whole order: ``<=100000``, ..., ``>5000000`` base units.
    ts_event_ns, ts_recv_ns
        Of the fill.
    quantity_units, price
        Of the fill: base units, quote currency per base unit.
    arrival_slippage_pips, arrival_slippage_bps
        ``s * (fill - mid at the decision)``, in pips and in 1/10,000 of that mid.
    arrival_cost_account
        The same on the quantity, account currency at the mid rate of the fill.
    delay_cost_pips
        ``s * (mid at the send - mid at the decision)``.
    quoted_spread_pips
        Ask less bid at the send.
    effective_spread_pips, realised_spread_pips
        ``2 s (fill - mid)`` with the mid at the fill, and 5 minutes after it.
    impact_pips
        Effective less realised spread: what the market moved with us.
    spread_capture
        Effective per quoted spread: 1 paid it whole, 0 dealt at mid, below 0 earned.
    markout_100ms_pips ... markout_5m_pips
        ``s * (mid after - fill)``: above 0 the market went our way. Closed hours do not count.
    stop_slippage_pips
        ``s * (fill - trigger)`` of an order with a trigger price.
    gap_cost_pips
        The part of it by which the market itself was beyond the trigger (>= 0).
    signal_to_send_ns, send_to_ack_ns, ack_to_fill_ns, signal_to_fill_ns
        Latency of the hops; below 0 where the venue's clock is behind ours.
    stale_benchmarks
        How many of the mids above were missing or too old, and are left out.
    """

    execution_id: str
    client_order_id: str
    account: str
    symbol: str
    side: OrderSide
    venue: str
    strategy: str
    algorithm: str
    session: str
    size_bucket: str
    ts_event_ns: int
    ts_recv_ns: int
    quantity_units: Decimal
    price: Decimal
    arrival_slippage_pips: float | None
    arrival_slippage_bps: float | None
    arrival_cost_account: float | None
    delay_cost_pips: float | None
    quoted_spread_pips: float | None
    effective_spread_pips: float | None
    realised_spread_pips: float | None
    impact_pips: float | None
    spread_capture: float | None
    markout_100ms_pips: float | None
    markout_1s_pips: float | None
    markout_5s_pips: float | None
    markout_30s_pips: float | None
    markout_1m_pips: float | None
    markout_5m_pips: float | None
    stop_slippage_pips: float | None
    gap_cost_pips: float | None
    signal_to_send_ns: int | None
    send_to_ack_ns: int | None
    ack_to_fill_ns: int | None
    signal_to_fill_ns: int | None
    stale_benchmarks: int
    v: int = 1


class OrderQuality(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One order once it is closed: what it cost in all, and what was not done.

    Attributes
    ----------
    algorithm, session, size_bucket
        As of `ExecutionQuality`; the session is that of the end.
    status, reason
        How it ended, and why.
    ts_event_ns, ts_recv_ns
        Of the end.
    fill_ratio
        Filled per wanted units.
    vwap_slippage_pips
        ``s * (average fill - mean mid from decision to end)``, mids weighted with the quoted sizes,
        or equally where a quote has none.
    execution_cost_account
        ``s * (fill - mid at the decision)`` on all fills.
    opportunity_cost_account
        ``s * (mid at the end - mid at the decision)`` on what was not filled.
    fees_account
        Commission; > 0 is a cost. Swap is charged for a position, and belongs to no order.
    shortfall_account, shortfall_bps
        Implementation shortfall: the sum of the three, and per 1/10,000 of the wanted notional.
    move_100ms_pips ... move_5m_pips
        Of an order with unfilled units: ``s * (mid after the end - mid at the end)``. Above 0 the
        fill that was refused would have gained: the sign of a last look that picks.
    signal_to_send_ns, send_to_ack_ns, lifetime_ns
        Latency of the hops, and the time from decision to end.
    stale_benchmarks
        As of `ExecutionQuality`.
    """

    client_order_id: str
    account: str
    symbol: str
    side: OrderSide
    venue: str
    strategy: str
    algorithm: str
    session: str
    size_bucket: str
    order_type: OrderType
    status: OrderStatus
    reason: str
    ts_event_ns: int
    ts_recv_ns: int
    quantity_units: Decimal
    filled_units: Decimal
    fill_ratio: float
    vwap_slippage_pips: float | None
    execution_cost_account: float | None
    opportunity_cost_account: float | None
    fees_account: float | None
    shortfall_account: float | None
    shortfall_bps: float | None
    move_100ms_pips: float | None
    move_1s_pips: float | None
    move_5s_pips: float | None
    move_30s_pips: float | None
    move_1m_pips: float | None
    move_5m_pips: float | None
    signal_to_send_ns: int | None
    send_to_ack_ns: int | None
    lifetime_ns: int | None
    stale_benchmarks: int
    v: int = 1


class QualityCode(StrEnum):
    """What is remarkable about a fill."""

    OUTSIDE_SPREAD = "outside_spread"
    """Its price lies beyond the bid or the ask of its moment."""
    OUTLIER = "outlier"
    """A cost far from what its pair usually costs."""
    BUSTED = "busted"
    """It was taken back or corrected after its record was given out: leave that one out."""


class QualityEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Something about one fill that a person should look at.

    Attributes
    ----------
    measure
        What was measured; empty where nothing was.
    value, bound
        The measured value, and the bound that it passed: prices for OUTSIDE_SPREAD, robust z for
        OUTLIER, 0 and 0 for BUSTED.
    """

    code: QualityCode
    execution_id: str
    client_order_id: str
    account: str
    symbol: str
    venue: str
    ts_event_ns: int
    measure: str
    value: float
    bound: float
    v: int = 1
