"""The whole way of a tick in one process, without a log: backtests, and history for training.

The same steps as live; only source and sinks differ.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream

from dataflows.accounts import Accounts, Event, act_all
from dataflows.context import Context, bar_config, open_feed, quality_config
from dataflows.graph import consider, decide
from dataflows.ingest import JUDGE_STEP
from dataflows.routing import route
from domain.deployments import ModelSwitch
from domain.ticks import TickBatch
from features.quality import Judged
from operators import warm
from operators.decide import Closed, Considered, Decided, DecisionConfig
from operators.decode import by_symbol
from operators.execute import Happened, Heard
from operators.ingest import JudgeLogic
from operators.keyed import keyed
from operators.quality import Measured
from sinks.collect import CollectSink
from sources.feed_source import PART, FeedSource, FeedSourceConfig
from trading.routing.learning import AccountCosts

X = TypeVar("X")

BATCH_ROWS = 20_000
"""Large batches for speed; the results do not depend on it, which the tests show."""


@dataclass(frozen=True)
class Takers:
    """What a fused run hands over, item by item."""

    judged: Callable[[Judged], None]
    closed: Callable[[Closed], None]
    decided: Callable[[Decided], None]
    happened: Callable[[Happened], None]
    measured: Callable[[Measured], None] | None = None
    """None: execution quality is not measured."""


def build_backtest(
    context: Context,
    accounts: Accounts,
    decisions: DecisionConfig,
    takers: Takers,
    batch_rows: int = BATCH_ROWS,
    switches: tuple[ModelSwitch, ...] = (),
    costs: AccountCosts | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Dataflow:
    """Wire feed, quality, decisions and execution into one flow.

    Parameters
    ----------
    context, accounts, decisions, takers
        Run and hooks, the accounts on paper, models and rule, who takes what comes out.
    batch_rows
        Most rows of one batch (> 0).
    switches
        Of models, in order of ``effective_ns``: they stand in the log a minute before it.
    costs
        What the accounts have cost, where signals are routed among them; None: nothing is known.
    say
        Told of each change of a route.
    """
    flow = Dataflow("backtest")
    judged = _judged(context, flow, batch_rows, switches)
    ticks = _by_symbol(context, judged)
    bars = bar_config(context.settings)
    closed, considered = consider(bars, context.symbols, context.symbols, ticks, None)
    decided = decide(decisions, considered)
    quotes = op.map("quotes", ticks, _quotes)
    signals = op.map("signals", decided, lambda item: _event(Heard(item[1].signals, 0)))
    events = op.merge("account_events", quotes, signals)
    if context.settings.is_routed:
        events = route(context, events, accounts, costs or AccountCosts(), say, None)
    acts = act_all(context, events, accounts, quality=takers.measured is not None)
    _take("judged", judged, takers.judged)
    _take("closed", closed, takers.closed)
    _take("decided", decided, takers.decided)
    _take("happened", acts.happened, takers.happened)
    if takers.measured is not None and acts.measured is not None:
        _take("measured", acts.measured, takers.measured)
    return flow


def build_history(
    context: Context,
    timeframes: tuple[str, ...],
    take_bars: Callable[[Closed], None],
    take: Callable[[Considered], None],
) -> Dataflow:
    """Wire feed, quality, bars and features: what training needs of the past."""
    flow = Dataflow("history")
    bars = replace(bar_config(context.settings), timeframes=timeframes)
    ticks = _by_symbol(context, _judged(context, flow, BATCH_ROWS))
    closed, considered = consider(bars, context.symbols, context.symbols, ticks, None)
    _take("closed", closed, take_bars)
    _take("considered", considered, take)
    return flow


def _judged(
    context: Context, flow: Dataflow, batch_rows: int, switches: tuple[ModelSwitch, ...] = ()
) -> KeyedStream[Judged]:
    warm.quality()
    warm.decisions()
    rules = quality_config(context.settings, context.symbols)
    source = FeedSource(
        open_feed(context.plan.feed),
        FeedSourceConfig(speed=None, batch_rows=batch_rows, schedule=switches),
        context.quiesce,
        lambda: True,
    )
    raw = op.key_on("one_feed", op.input("feed", flow, source), lambda _: PART)
    return keyed(
        JUDGE_STEP,
        raw,
        lambda _key, state: JudgeLogic(rules, state, context.meter.totals),
        lambda _: PART,
    )


def _by_symbol(context: Context, judged: KeyedStream[Judged]) -> KeyedStream[TickBatch]:
    def split(item: tuple[str, Judged]) -> Iterable[TickBatch]:
        return by_symbol(item[1].log, context.symbols, 0)

    return op.key_on("by_symbol", op.flat_map("split", judged, split), lambda batch: batch.symbol)


def _quotes(item: tuple[str, TickBatch]) -> Event:
    return item[1]


def _event(heard: Heard) -> Event:
    return heard


def _take(name: str, stream: KeyedStream[X], take: Callable[[X], None]) -> None:
    def take_all(values: list[X]) -> None:
        for value in values:
            take(value)

    op.output(f"{name}_out", stream, CollectSink(take_all))
