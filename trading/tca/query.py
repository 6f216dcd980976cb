"""Execution quality afterwards: the same numbers from stored quotes, orders and executions.

Whole tables at once instead of a bounded window: benchmarks are found by binary search in all
quotes. What the monitor says as it happens, this says again.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.orders import Execution, Order
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
from domain.ticks import TickArray, new_records
from trading.tca.config import TcaConfig
from trading.tca.corrections import is_correction, known_as
from trading.tca.facts import OrderFacts, fold, was_dealt
from trading.tca.outliers import Outliers
from trading.tca.tape import QuoteTape, TapeState
from trading.tca.tracks import FillTrack, OrderTrack

Column = NDArray[Any]


def tape_of(
    ts_event_ns: Column,
    bid: Column,
    ask: Column,
    bid_size: Column | None = None,
    ask_size: Column | None = None,
) -> TickArray:
    """Return the columns of a table of good ticks (numpy, or pyarrow's ``to_numpy``) as records.

    Parameters
    ----------
    ts_event_ns
        Nanoseconds UTC as integers or ``datetime64``; they need not be sorted.
    bid_size, ask_size
        Base units; None: not stored.
    """
    records = new_records(len(ts_event_ns))
    order = np.argsort(ts_event_ns, kind="stable")
    # Cut to nanoseconds first: a datetime64 of another unit would count in that unit.
    if np.issubdtype(ts_event_ns.dtype, np.datetime64):
        ts_event_ns = ts_event_ns.astype("datetime64[ns]").astype(np.int64)
    records["ts_event_ns"] = records["ts_recv_ns"] = ts_event_ns[order]
    records["bid"], records["ask"] = bid[order], ask[order]
    for name, size in (("bid_size", bid_size), ("ask_size", ask_size)):
        records[name] = np.nan if size is None else size[order]
    return records


def evaluate(
    config: TcaConfig,
    quotes: Mapping[str, TickArray],
    orders: Iterable[Order],
    executions: Iterable[Execution],
    algorithms: Mapping[str, str] | None = None,
    until_ns: int | None = None,
) -> list[ExecutionQuality | OrderQuality | QualityEvent]:
    """Measure every fill and every closed order of some stored records.

    Parameters
    ----------
    quotes
        Good ticks by symbol, in the order of event time; also some minutes after the last fill, or
        its markouts are unknown.
    orders
        Records of ``orders``, those of one order in their order.
    executions
        Records of ``executions`` in their order; one with ``execution_ref`` takes that one back, or
        stands in its place.
    algorithms
        Algorithm by client order id.
    until_ns
        Event time up to which the quotes are whole; None: to the last one of each symbol.

    Returns
    -------
    list
        Events and fills by time and id, then orders by time and id.

    Raises
    ------
    BadUse
        If a record is of a symbol without an instrument.
    """
    tapes = {symbol: _whole(config, symbol, quotes, until_ns) for symbol in config.symbols}
    tracks: dict[str, OrderTrack] = {}
    facts: dict[str, OrderFacts] = {}
    for order in filter(was_dealt, orders):
        _check(config, order.symbol)
        name = order.client_order_id
        facts[name] = fold(facts.get(name), order, (algorithms or {}).get(name, ""))
    for name, fact in facts.items():
        tracks[name] = OrderTrack(name)
        tracks[name].learn(fact, tapes, config)
    fills: list[FillTrack] = []
    for execution in _standing(filter(was_dealt, executions), facts):
        _check(config, execution.symbol)
        track = tracks.setdefault(execution.client_order_id, OrderTrack(execution.client_order_id))
        track.add(execution, tapes, config)
        fills.append(FillTrack.of(execution, tapes, config))
    for track in list(tracks.values()):
        track.share(tracks, tapes, config)
    return _reports(config, tapes, tracks, fills)


def _standing(
    executions: Iterable[Execution], facts: Mapping[str, OrderFacts]
) -> Iterator[Execution]:
    """Yield the executions that nothing has taken back, each once."""
    by_order: dict[str, dict[str, Execution]] = {}
    for execution in executions:
        standing = by_order.setdefault(execution.client_order_id, {})
        if execution.execution_ref:
            standing.pop(known_as(execution.execution_ref, standing), None)
            if not is_correction(facts.get(execution.client_order_id), execution):
                continue
        standing.setdefault(execution.execution_id, execution)
    for standing in by_order.values():
        yield from standing.values()


def _reports(
    config: TcaConfig,
    tapes: dict[str, QuoteTape],
    tracks: dict[str, OrderTrack],
    fills: list[FillTrack],
) -> list[ExecutionQuality | OrderQuality | QualityEvent]:
    for track in tracks.values():
        track.asked.answer(tapes, config, final=True)
        track.settle_span(tapes)
    outliers = Outliers(config, [])
    found: list[ExecutionQuality | OrderQuality | QualityEvent] = []
    for fill in sorted(fills, key=FillTrack.place):
        fill.asked.answer(tapes, config, final=True)
        beyond = fill.beyond_spread(config)
        quality = fill.report(tracks[fill.execution.client_order_id], config)
        found += [quality] if beyond is None else [beyond, quality]
        found += outliers.judge(quality)
    closed = [track.report(config) for track in tracks.values()]
    return found + sorted(
        (quality for quality in closed if quality is not None),
        key=lambda quality: (quality.ts_event_ns, quality.client_order_id),
    )


def _whole(
    config: TcaConfig, symbol: str, quotes: Mapping[str, TickArray], until_ns: int | None
) -> QuoteTape:
    tape = QuoteTape(config, TapeState(symbol))
    if symbol in quotes:
        tape.append(quotes[symbol])
    if until_ns is not None:
        tape.clock_ns = max(tape.clock_ns, until_ns)
    return tape


def _check(config: TcaConfig, symbol: str) -> None:
    if symbol not in config.instruments:
        msg = f"no instrument of {symbol}: name it in TcaConfig.instruments"
        raise BadUse(msg)
