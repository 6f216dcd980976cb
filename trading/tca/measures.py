"""The measures themselves: facts and benchmarks in, records out. Nothing here looks anything up."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from domain.instruments import Instrument
from domain.orders import Execution
from domain.quality import HORIZONS_NS, ExecutionQuality, OrderQuality
from trading.tca.config import TcaConfig
from trading.tca.facts import OrderFacts, span_ns
from trading.tca.market_time import session_of
from trading.tca.tape import Mark, Sums

_BPS = 10_000
_LAST = len(HORIZONS_NS) - 1


class FillMarks(msgspec.Struct, frozen=True, gc=False):
    """Benchmarks of a fill; None where there was no fresh quote.

    Attributes
    ----------
    decided, sent, at
        At the decision, at the send and at the fill.
    after
        At each of ``HORIZONS_NS`` after it.
    rate
        Mid rate from quote to account currency at the fill.
    """

    decided: Mark | None
    sent: Mark | None
    at: Mark | None
    after: tuple[Mark | None, ...]
    rate: float | None


class OrderMarks(msgspec.Struct, frozen=True, gc=False):
    """Benchmarks of a closed order.

    Attributes
    ----------
    decided, ended
        At the decision and at the end.
    after
        At each of ``HORIZONS_NS`` after the end.
    decided_rate, ended_rate
        Mid rates from quote to account currency at these moments.
    fills
        Signed distance in price units that each fill lost, its units, and its rate; None where the
        fills that are known do not make up what the order says was filled.
    fees_account
        Commission of all fills; None where one is unknown.
    span
        Sums of the quotes from decision to end.
    """

    decided: Mark | None
    ended: Mark | None
    after: tuple[Mark | None, ...]
    decided_rate: float | None
    ended_rate: float | None
    fills: Sequence[tuple[float, float, float | None]] | None
    fees_account: float | None
    span: Sums


def size_bucket(units: Decimal, bounds: Sequence[int]) -> str:
    """Name the bucket of an order of so many base units."""
    for bound in bounds:
        if units <= bound:
            return f"<={bound}"
    return f">{bounds[-1]}" if bounds else "all"


def fill_quality(
    facts: OrderFacts | None, execution: Execution, marks: FillMarks, config: TcaConfig
) -> ExecutionQuality:
    """Return the record of a fill; of an order that nobody knows only what the fill itself says."""
    instrument = config.instruments[execution.symbol]
    sign = 1 if execution.side == "buy" else -1
    price, pip = float(execution.price), instrument.pip
    decided, sent, at, last = marks.decided, marks.sent, marks.at, marks.after[_LAST]
    slippage = None if decided is None else sign * (price - decided.mid)
    delay = None if decided is None or sent is None else sign * (sent.mid - decided.mid)
    quoted = None if sent is None else sent.ask - sent.bid
    effective = None if at is None else 2 * sign * (price - at.mid)
    realised = None if last is None else 2 * sign * (price - last.mid)
    after = [None if mark is None else sign * (mark.mid - price) / pip for mark in marks.after]
    stop, gap = _stop(facts, execution, at)
    asked = [at, *marks.after]
    if facts is not None:
        asked += [decided] if facts.decided_ns is not None else []
        asked += [sent] if facts.sent_ns is not None else []
    filled_ns, wanted = execution.ts_event_ns, facts or execution
    return ExecutionQuality(
        execution_id=execution.execution_id,
        client_order_id=execution.client_order_id,
        account=execution.account,
        symbol=execution.symbol,
        side=execution.side,
        venue=execution.venue or (facts.venue if facts else ""),
        strategy=facts.strategy if facts else "",
        algorithm=facts.algorithm if facts else "",
        session=session_of(filled_ns),
        size_bucket=size_bucket(wanted.quantity_units, config.size_buckets),
        ts_event_ns=filled_ns,
        ts_recv_ns=execution.ts_recv_ns,
        quantity_units=execution.quantity_units,
        price=execution.price,
        arrival_slippage_pips=_over(slippage, pip),
        arrival_slippage_bps=_bps(slippage, decided),
        arrival_cost_account=_times(slippage, float(execution.quantity_units), marks.rate),
        delay_cost_pips=_over(delay, pip),
        quoted_spread_pips=_over(quoted, pip),
        effective_spread_pips=_over(effective, pip),
        realised_spread_pips=_over(realised, pip),
        impact_pips=None if effective is None or realised is None else (effective - realised) / pip,
        spread_capture=None if effective is None or not quoted else effective / quoted,
        stop_slippage_pips=_over(stop, pip),
        gap_cost_pips=_over(gap, pip),
        signal_to_send_ns=facts.signal_to_send_ns if facts else None,
        send_to_ack_ns=facts.send_to_ack_ns if facts else None,
        ack_to_fill_ns=span_ns(facts.acked_ns, filled_ns) if facts else None,
        signal_to_fill_ns=span_ns(facts.decided_ns, filled_ns) if facts else None,
        stale_benchmarks=sum(mark is None for mark in asked),
        markout_100ms_pips=after[0],
        markout_1s_pips=after[1],
        markout_5s_pips=after[2],
        markout_30s_pips=after[3],
        markout_1m_pips=after[4],
        markout_5m_pips=after[5],
    )


def order_quality(facts: OrderFacts, marks: OrderMarks, config: TcaConfig) -> OrderQuality:
    """Return the record of a closed order.

    Raises
    ------
    ValueError
        If the order is open.
    """
    if facts.ended_ns is None:
        msg = f"order {facts.client_order_id} is open: it has no quality yet"
        raise ValueError(msg)
    instrument = config.instruments[facts.symbol]
    decided, ended, pip = marks.decided, marks.ended, instrument.pip
    unfilled = float(facts.unfilled_units)
    execution_cost = None if marks.fills is None else _sum(_times(*fill) for fill in marks.fills)
    moved = None if decided is None or ended is None else facts.sign * (ended.mid - decided.mid)
    opportunity = _times(moved, unfilled, marks.ended_rate) if unfilled else 0.0
    shortfall = _sum((execution_cost, opportunity, marks.fees_account))
    notional = _times(
        None if decided is None else decided.mid, float(facts.quantity_units), marks.decided_rate
    )
    moves = [
        None if mark is None or ended is None else facts.sign * (mark.mid - ended.mid) / pip
        for mark in marks.after
    ]
    asked = [ended, *(marks.after if unfilled else ())]
    asked += [decided] if facts.decided_ns is not None else []
    return OrderQuality(
        client_order_id=facts.client_order_id,
        account=facts.account,
        symbol=facts.symbol,
        side=facts.side,
        venue=facts.venue,
        strategy=facts.strategy,
        algorithm=facts.algorithm,
        session=session_of(facts.ended_ns),
        size_bucket=size_bucket(facts.quantity_units, config.size_buckets),
        order_type=facts.order_type,
        status=facts.status,
        reason=facts.reason,
        ts_event_ns=facts.ended_ns,
        ts_recv_ns=facts.ended_recv_ns,
        quantity_units=facts.quantity_units,
        filled_units=facts.filled_units,
        fill_ratio=float(facts.filled_units / facts.quantity_units),
        vwap_slippage_pips=_vwap_slippage(facts, marks.span, instrument),
        execution_cost_account=execution_cost,
        opportunity_cost_account=opportunity,
        fees_account=marks.fees_account,
        shortfall_account=shortfall,
        shortfall_bps=None if shortfall is None or not notional else shortfall / notional * _BPS,
        signal_to_send_ns=facts.signal_to_send_ns,
        send_to_ack_ns=facts.send_to_ack_ns,
        lifetime_ns=span_ns(facts.decided_ns, facts.ended_ns),
        stale_benchmarks=sum(mark is None for mark in asked),
        move_100ms_pips=moves[0],
        move_1s_pips=moves[1],
        move_5s_pips=moves[2],
        move_30s_pips=moves[3],
        move_1m_pips=moves[4],
        move_5m_pips=moves[5],
    )


def _stop(
    facts: OrderFacts | None, execution: Execution, at: Mark | None
) -> tuple[float | None, float | None]:
    """Return slippage beyond the trigger, and the part that the market itself had gone beyond."""
    if facts is None or facts.trigger_price is None:
        return None, None
    sign, trigger = facts.sign, float(facts.trigger_price)
    slipped = sign * (float(execution.price) - trigger)
    if at is None:
        return slipped, None
    touch = at.ask if sign > 0 else at.bid
    return slipped, max(0.0, sign * (touch - trigger))


def _vwap_slippage(facts: OrderFacts, span: Sums, instrument: Instrument) -> float | None:
    mean_mid = span.mean_mid(instrument)
    if mean_mid is None or facts.average_price is None:
        return None
    return facts.sign * (float(facts.average_price) - mean_mid) / instrument.pip


def _bps(slippage: float | None, decided: Mark | None) -> float | None:
    return None if slippage is None or decided is None else slippage / decided.mid * _BPS


def _over(value: float | None, unit: float) -> float | None:
    # Adding 0.0 turns -0.0, which equals it and does not look so, into 0.0.
    return None if value is None else value / unit + 0.0


def _times(*factors: float | None) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product


def _sum(parts: Iterable[float | None]) -> float | None:
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total
