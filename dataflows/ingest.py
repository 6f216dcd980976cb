"""``ingest``: feed -> judged ticks, heartbeats, switches -> ``ticks``, ``ticks.rejected``."""

from collections.abc import Callable

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from dataflows.context import Context, open_feed, quality_config
from dataflows.graph import Writer
from domain.log import OutRecord
from domain.topics import Topic
from operators import warm
from operators.ingest import SWITCH_STREAM, JudgeLogic, Routed, route
from operators.keyed import keyed
from sources.feed_source import PART, FeedSource, FeedSourceConfig
from sources.switches import BeyondReplay, SwitchWatch

JUDGE_STEP = "judge"


_MOST_WAITING = 2_000
"""Messages that may be on their way to the broker before the feed waits."""


def build(
    context: Context,
    may_go_on: Callable[[], bool],
    gave: Callable[[int], None],
    watch: SwitchWatch | None = None,
) -> Dataflow:
    """Wire the ingest.

    Parameters
    ----------
    context
        Run, settings and hooks.
    may_go_on
        Whether the readers of the log have room (`sources.flow_control`).
    gave
        Told how many rows the feed has given.
    watch
        Tells of switches of models as the ledger gets them, behind those that the plan has already;
        None to take no notice of the ledger.
    """
    flow = Dataflow("ingest")
    address = context.plan.address
    warm.quality()
    rules = quality_config(context.settings, context.symbols)
    active = frozenset(address.partition(symbol) for symbol in context.symbols)
    writer = Writer(context)
    planned = context.plan.schedule

    def replays() -> bool:
        return writer.replays(Topic.TICKS, active, SWITCH_STREAM)

    source = FeedSource(
        open_feed(context.plan.feed),
        FeedSourceConfig(speed=context.plan.speed, begin_with=planned, taken=len(planned)),
        context.quiesce,
        lambda: may_go_on() and writer.waiting() < _MOST_WAITING,
        gave,
        None if watch is None else BeyondReplay(watch, replays),
    )
    raw = op.key_on("one_feed", op.input("feed", flow, source), lambda _: PART)
    judged = keyed(
        JUDGE_STEP,
        raw,
        lambda _key, state: JudgeLogic(rules, state, context.meter.totals),
        lambda _: PART,
    )
    routed = op.flat_map("route", judged, lambda item: route(item[1], address, active))
    kinds = op.branch("rejected", routed, lambda item: item.topic is Topic.TICKS_REJECTED)
    writer.to(Topic.TICKS, op.map("accepted_log", kinds.falses, _keyed))
    writer.to(Topic.TICKS_REJECTED, op.map("rejected_log", kinds.trues, _keyed))
    return flow


def _keyed(routed: Routed) -> tuple[str, list[OutRecord]]:
    return f"{routed.partition:04d}", routed.records
