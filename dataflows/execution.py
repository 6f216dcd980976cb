"""``execution``: ``ticks`` and ``signals`` -> a venue -> orders, executions, positions, control."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from dataflows.accounts import act_all, open_accounts
from dataflows.context import Context
from dataflows.graph import Writer, log_source, symbols_by_partition
from dataflows.quality import TOPICS, log_of
from dataflows.routing import learning, read_costs, route
from domain.log import OutRecord, Polled
from domain.nanos import iso
from domain.predictions import Signal
from domain.ticks import TickBatch
from domain.topics import Topic, encode
from operators.decode import by_symbol, structs_of, ticks_of
from operators.execute import NUDGE, Happened, Heard, Nudge, kind_of
from sources.nudging import NudgedSource
from trading.desk.ports import stream_of
from trading.orders.effects import Alert


def say(line: str) -> None:
    """Tell a person: the line goes to the log of the worker."""
    print(line, file=sys.stderr, flush=True)


def say_alert(context: Context) -> Callable[[Alert, int], None]:
    """Return what tells a person: a line on stderr, and a counter."""

    def tell(alert: Alert, ts_ns: int) -> None:
        context.meter.add("alerts", 1)
        say(f"alert at {iso(ts_ns)}: {alert.code} {alert.client_order_id}: {alert.text}")

    return tell


def build(context: Context) -> Dataflow:
    """Wire the execution dataflow.

    Raises
    ------
    Corrupt
        If the ledger or the venue's store cannot be trusted.
    """
    flow = Dataflow("execution")
    homes = symbols_by_partition(context)

    def split(polled: Polled | None) -> Iterable[TickBatch | Heard | Nudge]:
        if polled is None:
            yield NUDGE
            return
        if polled.topic is Topic.TICKS:
            records, dead = ticks_of(polled, context.symbols)
            yield from by_symbol(records, homes[polled.partition], polled.stamp.wall_ns)
        else:
            signals, dead = structs_of(polled)
            mine = [signal for signal in signals if isinstance(signal, Signal)]
            if mine:
                yield Heard(mine, polled.stamp.wall_ns)
        context.meter.add("undecodable", len(dead))

    run_dir = Path(context.plan.run_dir)
    accounts = open_accounts(context, say, say_alert(context), run_dir)
    source = NudgedSource(
        log_source(context, "execution", context.meter.observe), accounts.wanted, accounts.busy
    )
    events = op.flat_map("split", op.input("log", flow, source), split)
    if context.settings.is_routed:
        costs = read_costs(run_dir)
        events = route(context, events, accounts, costs, say, run_dir)
    acts = act_all(context, events, accounts, quality=context.settings.execution.quality)
    happened = acts.happened
    writer = Writer(context)
    for topic, counter in (
        (Topic.ORDERS, "order_events"),
        (Topic.EXECUTIONS, "fills"),
        (Topic.POSITIONS, ""),
        (Topic.CONTROL, "control_events"),
    ):
        writer.to(topic, op.flat_map_value(f"{topic}_log", happened, _log(topic)), counter)
    if acts.measured is not None:
        measured = acts.measured
        if context.settings.is_routed:
            measured = op.map_value("learn_costs", measured, learning(accounts, costs))
        for topic in TOPICS:
            name = topic.name.lower()
            writer.to(topic, op.flat_map_value(f"{name}_log", measured, log_of(topic)), name)
    return flow


def _log(topic: Topic) -> Callable[[Happened], Iterable[list[OutRecord]]]:
    def records(happened: Happened) -> Iterable[list[OutRecord]]:
        mine = [
            OutRecord(happened.account, stream_of(record), encode(record))
            for record in happened.records
            if kind_of(record) == topic
        ]
        if mine:
            yield mine

    return records
