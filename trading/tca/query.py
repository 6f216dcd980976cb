"""Execution quality afterwards: the same numbers from stored quotes, orders and executions.

All orders and fills are known before the first quote, so each stretch of quotes answers what was
asked of it and is forgotten. What the monitor says as it happens, this says again.
"""

from collections.abc import Iterable, Iterator, Mapping

from domain.errors import BadUse
from domain.orders import Execution, Order
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
from domain.ticks import TickArray
from trading.tca.config import TcaConfig
from trading.tca.corrections import is_correction, known_as
from trading.tca.facts import OrderFacts, fold, slicer, was_dealt
from trading.tca.lookups import Agenda
from trading.tca.outliers import Outliers
from trading.tca.tape import QuoteTape, TapeState
from trading.tca.tracks import FillTrack, OrderTrack


def evaluate(
    config: TcaConfig,
    quotes: Iterable[tuple[str, TickArray]],
    orders: Iterable[Order],
    executions: Iterable[Execution],
    until_ns: int | None = None,
) -> list[ExecutionQuality | OrderQuality | QualityEvent]:
    """Measure every fill and every closed order of some stored records.

    Parameters
    ----------
    quotes
        Stretches of good ticks with their symbol, those of one symbol in the order of its log; also
        some minutes after the last fill, or its markouts are unknown. Only one is held at a time.
    orders
        Records of ``orders``, those of one order in their order.
    executions
        Records of ``executions`` in their order; one with ``execution_ref`` takes that one back, or
        stands in its place.
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
    tapes = {symbol: QuoteTape(config, TapeState(symbol)) for symbol in config.symbols}
    tracks: dict[str, OrderTrack] = {}
    facts: dict[str, OrderFacts] = {}
    for order in filter(was_dealt, orders):
        _check(config, order.symbol)
        name = order.client_order_id
        facts[name] = fold(facts.get(name), order, slicer(order, config))
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
    _answer(config, tapes, quotes, list(tracks.values()), fills, until_ns)
    return _reports(config, tracks, fills)


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


def _answer(
    config: TcaConfig,
    tapes: dict[str, QuoteTape],
    quotes: Iterable[tuple[str, TickArray]],
    tracks: list[OrderTrack],
    fills: list[FillTrack],
    until_ns: int | None,
) -> None:
    """Find all benchmarks in one passage of the quotes."""
    agenda = Agenda([*(track.asked for track in tracks), *(fill.asked for fill in fills)])
    for symbol, records in quotes:
        tape = tapes.get(symbol)
        if tape is None:
            continue
        tape.append(records)
        agenda.answer(tape, config)
        _keep_sums(tape, tapes, tracks)
    for tape in tapes.values():
        if until_ns is not None:
            tape.clock_ns = max(tape.clock_ns, until_ns)
        agenda.answer(tape, config)
    for track in tracks:
        track.settle_span(tapes)


def _keep_sums(tape: QuoteTape, tapes: dict[str, QuoteTape], tracks: list[OrderTrack]) -> None:
    """Forget the quotes behind a tape's clock; orders keep the sums over them."""
    lived = [track for track in tracks if track.lives_on(tape)]
    for track in lived:
        track.settle_span(tapes)
    dropped = tape.forget(tape.clock_ns)
    if dropped is not None:
        for track in lived:
            track.remember(dropped)


def _reports(
    config: TcaConfig, tracks: dict[str, OrderTrack], fills: list[FillTrack]
) -> list[ExecutionQuality | OrderQuality | QualityEvent]:
    outliers = Outliers(config, [])
    found: list[ExecutionQuality | OrderQuality | QualityEvent] = []
    for fill in sorted(fills, key=FillTrack.place):
        beyond = fill.beyond_spread(config)
        quality = fill.report(tracks[fill.execution.client_order_id], config)
        found += [quality] if beyond is None else [beyond, quality]
        found += outliers.judge(quality)
    closed = [track.report(config) for track in tracks.values()]
    return found + sorted(
        (quality for quality in closed if quality is not None),
        key=lambda quality: (quality.ts_event_ns, quality.client_order_id),
    )


def _check(config: TcaConfig, symbol: str) -> None:
    if symbol not in config.instruments:
        msg = f"no instrument of {symbol}: name it in TcaConfig.instruments"
        raise BadUse(msg)
