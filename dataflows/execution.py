"""``execution``: ``ticks`` and ``signals`` -> a venue -> orders, executions, positions, control."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream

from config.accounts import account_of
from dataflows.context import Context
from dataflows.graph import Writer, log_source, symbols_by_partition
from dataflows.live_account import LiveAccount, open_live_account
from dataflows.paper_account import PaperAccount
from dataflows.quality import TOPICS, log_of, measure
from domain.log import OutRecord, Polled
from domain.nanos import iso
from domain.predictions import Signal
from domain.ticks import TickBatch
from domain.topics import Topic, encode
from operators.decode import by_symbol, structs_of, ticks_of
from operators.execute import NUDGE, Account, ExecuteStep, Happened, Heard, Nudge, kind_of
from operators.keyed import keyed
from sources.nudging import NudgedSource
from trading.engine import stream_of
from trading.orders.effects import Alert

EXECUTE_STEP = "execute"

ByAccount = KeyedStream[TickBatch | Heard | Nudge]


def execute(context: Context, events: ByAccount, account: Account) -> KeyedStream[Happened]:
    """Wire the account's step: quotes and signals keyed by account in, events out."""
    return keyed(
        EXECUTE_STEP,
        events,
        lambda key, state: ExecuteStep(key, account, state, context.wall_ns, context.meter.observe),
        lambda _: account_of(context.settings),
    )


def open_account(context: Context) -> LiveAccount | PaperAccount:
    """Open the run's account, at its broker or on paper.

    Raises
    ------
    Corrupt
        If its ledger or the paper venue's store cannot be trusted.
    BadUse, Retry
        If the broker refuses it, or cannot be reached.
    """
    settings, plan = context.settings, context.plan
    if settings.broker.kind == "paper":
        return PaperAccount(
            settings,
            context.symbols,
            Path(plan.run_dir),
            plan.run,
            context.wall_ns,
            say_alert(context),
            say,
        )
    return open_live_account(
        settings, context.symbols, Path(plan.data_dir), plan.run, context.wall_ns, say
    )


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
    account = account_of(context.settings)
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

    opened = open_account(context)
    source = NudgedSource(
        log_source(context, "execution", context.meter.observe), opened.wanted, opened.busy
    )
    events = op.flat_map("split", op.input("log", flow, source), split)
    keyed_events = op.key_on("by_account", events, lambda _: account)
    happened = execute(context, keyed_events, opened)
    writer = Writer(context)
    for topic, counter in (
        (Topic.ORDERS, "order_events"),
        (Topic.EXECUTIONS, "fills"),
        (Topic.POSITIONS, ""),
        (Topic.CONTROL, "control_events"),
    ):
        writer.to(topic, op.flat_map_value(f"{topic}_log", happened, _log(topic)), counter)
    if context.settings.execution.quality:
        measured = measure(context, keyed_events, happened)
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
