"""``aifx backtest``: the whole way of a tick fused in one process, without Kafka."""

import time
from collections.abc import Callable
from pathlib import Path

from config.plan import Plan, SimulatedPlan
from config.settings import Settings, without_secrets
from dataflows.accounts import open_accounts
from dataflows.context import Context, decision_config
from dataflows.execution import say, say_alert
from dataflows.fused import BATCH_ROWS, Takers, build_backtest
from domain.deployments import ModelSwitch
from domain.log import LogAddress
from jobs import feeds, results
from jobs.collected import Collected
from jobs.feeds import FeedChoice
from jobs.report import Report
from operators import engine
from operators.meter import Meter
from sources.quiesce import Quiesce
from trading.routing.learning import AccountCosts

_EPOCH_MS = 60_000
"""A backtest keeps no state between runs: snapshots would only cost."""


def backtest(
    choice: FeedChoice,
    settings: Settings,
    data_dir: Path,
    deployments: tuple[ModelSwitch, ...] = (),
    notes: tuple[str, ...] = (),
    batch_rows: int = BATCH_ROWS,
    inspect: Callable[[Collected], None] = lambda _: None,
    switches: tuple[ModelSwitch, ...] = (),
    costs: AccountCosts | None = None,
) -> Report:
    """Play a feed through the fused graph and report on it.

    Parameters
    ----------
    choice, settings
        What to play, and how.
    data_dir
        Where the models are.
    deployments
        Which artefacts are in which slots when it begins.
    notes
        What a reader of the report must know.
    batch_rows
        Rows of a micro-batch (> 0); changes no result.
    inspect
        Called with everything that was handed over, before it is gone.
    switches
        Of models, while it plays, in order of ``effective_ns`` (`jobs.switches.of_span`).
    costs
        What its accounts have cost, where there are several; None: nothing is known.
    """
    started = time.monotonic()
    plan = Plan(
        run="backtest",
        data_dir=str(data_dir),
        run_dir="",
        address=LogAddress("", "", 1),
        feed=choice.feed,
        feed_fingerprint=choice.fingerprint,
        speed=None,
        deployments=deployments,
        settings=without_secrets(settings),
    )
    wall_ns = time.time_ns  # noqa: TID251 - the edge: no stamp is written in a fused run
    context = Context(plan, settings, Quiesce(), Meter("backtest", wall_ns), wall_ns)
    decisions = decision_config(context)
    collected = Collected()
    takers = Takers(
        judged=collected.judged,
        closed=collected.closed,
        decided=collected.decided,
        happened=collected.happened,
        measured=collected.measured if settings.execution.quality else None,
    )
    # A backtest's books are thrown away: in memory they cost no disk.
    accounts = open_accounts(context, say, say_alert(context), None)
    try:
        flow = build_backtest(
            context, accounts, decisions, takers, batch_rows, switches, costs, say
        )
        engine.run(flow, _EPOCH_MS, None)
    finally:
        accounts.close()
    inspect(collected)
    models = decisions.predictions.deployed()
    if isinstance(choice.feed, SimulatedPlan):
        notes = (feeds.NO_EDGE, *notes)
    return results.from_collected(
        collected,
        plan,
        settings,
        feed=choice.words,
        models=models,
        notes=notes,
        wall_s=time.monotonic() - started,
    )
