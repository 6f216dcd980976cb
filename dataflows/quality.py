"""Execution quality behind the account's step: no order waits for it."""

from collections.abc import Callable, Iterable

import bytewax.operators as op
from bytewax.operators import KeyedStream

from config.accounts import account_of
from config.settings import Settings
from dataflows.context import Context
from domain.log import OutRecord
from domain.nanos import MINUTE_NS, MS_NS
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
from domain.ticks import TickBatch
from domain.topics import Topic, encode
from operators.execute import Happened, Heard, Nudge
from operators.keyed import keyed
from operators.quality import Measured, QualityStep
from trading.tca.config import TcaConfig

QUALITY_STEP = "quality"

TOPICS: dict[Topic, type[ExecutionQuality] | type[OrderQuality] | type[QualityEvent]] = {
    Topic.QUALITY_FILLS: ExecutionQuality,
    Topic.QUALITY_ORDERS: OrderQuality,
    Topic.QUALITY_EVENTS: QualityEvent,
}
"""What is measured, by topic."""


def tca_config(settings: Settings, symbols: tuple[str, ...]) -> TcaConfig:
    """Return the settings of execution quality.

    Quotes are kept for one minute behind what is measured: on paper nothing comes later, and they
    are in every snapshot.
    """
    ingest, algorithm = settings.ingest, settings.execution.algorithm
    return TcaConfig(
        settings.execution.account_currency,
        symbols,
        algorithm="" if algorithm == "market" else algorithm,
        retention_ns=MINUTE_NS,
        lateness_ns=ingest.lateness_ms * MS_NS,
        beat_lag_ns=max(ingest.grace_ms, ingest.lateness_ms) * MS_NS,
        outlier_window=200,
    )


def measure(
    context: Context,
    events: KeyedStream[TickBatch | Heard | Nudge],
    happened: KeyedStream[Happened],
) -> KeyedStream[Measured]:
    """Wire what went into the account's step, and what came out, through the measuring step."""
    account = account_of(context.settings)
    config = tca_config(context.settings, context.symbols)

    def quotes(item: tuple[str, TickBatch | Heard | Nudge]) -> tuple[str, TickBatch] | None:
        key, value = item
        return (key, value) if isinstance(value, TickBatch) else None

    seen: KeyedStream[TickBatch | Happened] = op.merge(
        "quality_in", op.filter_map("quality_quotes", events, quotes), happened
    )
    return keyed(
        QUALITY_STEP,
        seen,
        lambda key, state: QualityStep(key, config, state),
        lambda _: account,
    )


def log_of(topic: Topic) -> Callable[[Measured], Iterable[list[OutRecord]]]:
    """Return what makes a topic's records of what was measured."""
    kind = TOPICS[topic]

    def records(measured: Measured) -> Iterable[list[OutRecord]]:
        mine = [
            OutRecord(measured.account, f"{record.account}/{record.symbol}", encode(record))
            for record in measured.records
            if isinstance(record, kind)
        ]
        if mine:
            yield mine

    return records
