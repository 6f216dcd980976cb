"""``replay``: recorded ticks, Parquet to fills, fused in one process on one core.

Everything is in: reading, quality rules, bars, features, models, signals, risk, the paper venue
and the journal, both in memory. The trained models (ONNX) are made on the first days before the
clock starts. Compared: the same with the online model learning on the stream beside it.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.data import recorded_folder
from benchmarks.result import Bar, Measured, median
from clickhouse.migrate import connect, migrate
from config.plan import Plan
from config.settings import Settings, settings_of, without_secrets
from dataflows.accounts import open_accounts
from dataflows.context import Context, decision_config, models_dir
from dataflows.execution import say, say_alert
from dataflows.fused import Takers, build_backtest
from domain.deployments import ModelSwitch, Stage
from domain.log import LogAddress
from domain.ticks import Kind
from features.quality import Judged
from jobs import feeds
from jobs.history import history_plan, load_history
from jobs.train import train
from operators import engine
from operators.decide import Closed, Decided
from operators.execute import Happened
from operators.meter import Meter
from sources.quiesce import Quiesce

BAR = 1_000_000
BAR_ONLINE = 250_000
TRAIN_UNTIL = "2014-05-07"
RUNS = 3
_EPOCH_MS = 60_000


def measure() -> Measured:
    """Return ticks per second without the online model, and with it."""
    with tempfile.TemporaryDirectory(prefix="aifx-bench-") as folder:
        data = Path(folder)
        deployments = _trained(data)
        alone: list[float] = []
        learning: list[float] = []
        choice = feeds.choose(recorded_folder(), [], None, None, 0, training_days=1)
        with one_core():
            for run in range(RUNS + 1):
                rates = [_rate(data, choice, deployments, online) for online in (0.0, 1.0)]
                print(f"  round {run}: {rates[0]:,.0f} and {rates[1]:,.0f} ticks/s", flush=True)
                if run:
                    alone.append(rates[0])
                    learning.append(rates[1])
    return Measured(
        value=median(alone),
        unit="ticks/s",
        bar=Bar(BAR, f"at least {BAR:,}; with the online model {BAR_ONLINE:,}"),
        met=median(alone) >= BAR and median(learning) >= BAR_ONLINE,
        compared={"with the online model learning": median(learning)},
        runs=alone,
    )


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process and its threads on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _plan(
    data: Path,
    settings: Settings,
    choice: feeds.FeedChoice,
    deployments: tuple[ModelSwitch, ...] = (),
) -> Plan:
    return Plan(
        run="bench",
        data_dir=str(data),
        run_dir=str(data),
        address=LogAddress("", "", 1),
        feed=choice.feed,
        feed_fingerprint=choice.fingerprint,
        speed=None,
        deployments=deployments,
        settings=without_secrets(settings),
    )


def _trained(data: Path) -> tuple[ModelSwitch, ...]:
    """Train on the first days; what comes of it is champion from the start."""
    settings = settings_of({})
    choice = feeds.choose(recorded_folder(), [], None, TRAIN_UNTIL, 0, training_days=1)
    plan = history_plan(_plan(data, settings, choice))
    client = connect(f"chdb://{data / 'clickhouse'}", "aifx")
    try:
        migrate(client)
        load_history(client, plan, settings, print)
        folder = models_dir(str(data), simulated=False)
        symbols = choice.feed.symbols
        kinds = settings.training.run_kinds
        made = train(client, [plan.run], symbols, 2**62, settings, folder, print, kinds=kinds)
    finally:
        client.close()
    return tuple(ModelSwitch(one.manifest.kind, one.artefact_id, Stage.CHAMPION, 0) for one in made)


def _rate(
    data: Path,
    choice: feeds.FeedChoice,
    deployments: tuple[ModelSwitch, ...],
    online_weight: float,
) -> float:
    settings = settings_of({"models": {"online_weight": online_weight}})
    counts = {"ticks": 0, "bars": 0, "signals": 0, "events": 0}

    def judged(item: Judged) -> None:
        accepted = int(np.count_nonzero(item.log["kind"] == Kind.TICK))
        counts["ticks"] += item.rejected.size + accepted

    def closed(item: Closed) -> None:
        counts["bars"] += item.bars.size

    def decided(item: Decided) -> None:
        counts["signals"] += len(item.signals)

    def happened(_item: Happened) -> None:
        counts["events"] += 1

    plan = _plan(data, settings, choice, deployments)
    clock = time.time_ns  # noqa: TID251 - the edge: the lease of the journal alone reads it
    context = Context(plan, settings, Quiesce(), Meter("bench", clock), clock)
    accounts = open_accounts(context, say, say_alert(context), None)
    started = time.perf_counter()
    takers = Takers(judged, closed, decided, happened)
    flow = build_backtest(context, accounts, decision_config(context), takers)
    engine.run(flow, _EPOCH_MS, None)
    seconds = time.perf_counter() - started
    accounts.close()
    return counts["ticks"] / seconds
