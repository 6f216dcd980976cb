"""``execution``: ``ticks`` and ``signals`` -> paper broker -> orders, executions, positions."""

from collections.abc import Callable, Iterable
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream

from brokers.paper import PaperBroker
from dataflows.context import Context, execution_config, paper_config
from dataflows.graph import Writer, log_source, symbols_by_partition
from domain.log import OutRecord, Polled
from domain.predictions import Signal
from domain.ticks import TickBatch
from domain.topics import Topic, encode
from operators.decode import by_symbol, structs_of, ticks_of
from operators.execute import ExecuteStep, Happened, Heard, kind_of
from operators.keyed import keyed
from trading.engine import stream_of
from trading.ledger import Ledger

EXECUTE_STEP = "execute"
LEDGER_FILE = "ledger.sqlite"
PAPER_FILE = "paper-venue.sqlite"

ByAccount = KeyedStream[TickBatch | Heard]


def execute(
    context: Context, events: ByAccount, ledger: Ledger, broker: PaperBroker
) -> KeyedStream[Happened]:
    """Wire the account's step: quotes and signals keyed by account in, events out."""
    config = execution_config(context.settings, context.symbols)
    return keyed(
        EXECUTE_STEP,
        events,
        lambda _key, state: ExecuteStep(
            config, state, ledger, broker, context.wall_ns, context.meter.observe
        ),
        lambda _: config.account,
    )


def build(context: Context) -> Dataflow:
    """Wire the execution dataflow.

    Raises
    ------
    Corrupt
        If the ledger or the venue's store cannot be trusted.
    """
    flow = Dataflow("execution")
    plan = context.plan
    account = context.settings.execution.account
    folder = Path(plan.run_dir)
    homes = symbols_by_partition(context)

    def split(polled: Polled) -> Iterable[TickBatch | Heard]:
        if polled.topic is Topic.TICKS:
            records, dead = ticks_of(polled, context.symbols)
            yield from by_symbol(records, homes[polled.partition], polled.stamp.wall_ns)
        else:
            signals, dead = structs_of(polled)
            mine = [signal for signal in signals if isinstance(signal, Signal)]
            if mine:
                yield Heard(mine, polled.stamp.wall_ns)
        context.meter.add("undecodable", len(dead))

    source = log_source(context, "execution", context.meter.observe)
    events = op.flat_map("split", op.input("log", flow, source), split)
    happened = execute(
        context,
        op.key_on("by_account", events, lambda _: account),
        Ledger.open(folder / LEDGER_FILE),
        paper_config(context.settings).open(folder / PAPER_FILE),
    )
    writer = Writer(context)
    for topic, counter in (
        (Topic.ORDERS, "order_events"),
        (Topic.EXECUTIONS, "fills"),
        (Topic.POSITIONS, ""),
    ):
        writer.to(topic, op.flat_map_value(f"{topic}_log", happened, _log(topic)), counter)
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
