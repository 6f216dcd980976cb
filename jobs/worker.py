"""One dataflow as a process of its own: ``python -m jobs.worker NAME RUN_DIR PARENT_PID``.

SIGTERM: quiesce, one snapshot, exit 0, nothing is replayed later. SIGUSR1 (ingest): end the feed.
Exit codes: 0 done or stopped in order, 2 a person must act (one line on stderr says what), 1 a bug.
"""

import ctypes
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bytewax.dataflow import Dataflow

from config import plan as plans
from config.plan import READS, READS_WHOLE, WRITES, Plan, share_of
from config.settings import Settings, settings_of
from domain.errors import AifxError, Corrupt
from operators import engine
from operators.meter import Meter
from sinks.kafka_end import end_topics
from sinks.metrics import MetricsPublisher
from sources.flow_control import FlowControl
from sources.quiesce import Quiesce
from sources.switches import LedgerWatch

_PR_SET_PDEATHSIG = 1
ERROR_PREFIX = "error: "

UNREADABLE = "ledger_unreadable"
"""Counter of the ingest: how often the promotion ledger could not be read, for a new reason."""


def main(name: str, run_dir: Path, parent: int) -> int:
    """Run one dataflow of a plan to its end, or to that of its parent; return the exit code."""
    _die_with(parent)
    quiesce = Quiesce()
    signal.signal(signal.SIGTERM, lambda *_: quiesce.stop())
    signal.signal(signal.SIGUSR1, lambda *_: quiesce.drain())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The supervisor started this process with its orders held back until it can hear them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        _run(name, plans.read(run_dir), quiesce)
    except AifxError as error:
        print(f"{ERROR_PREFIX}{name}: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


def _run(worker: str, plan: Plan, quiesce: Quiesce) -> None:
    # A dataflow imports what it needs and no more: the archive has no use for models.
    from dataflows.context import Context

    settings = settings_of(plan.settings)
    name, share = share_of(worker, settings.engine.trading_processes)
    meter = Meter(worker, time.time_ns)  # noqa: TID251 - the edge: metrics are about the machine
    clock = time.time_ns  # noqa: TID251 - the edge
    context = Context(plan, settings, quiesce, meter, clock, share)
    beside = ExitStack()
    epoch_ms = settings.engine.epoch_ms
    flow: Dataflow
    match name:
        case "ingest":
            from dataflows import ingest
            from dataflows.context import slots_of

            readers = {
                plan.group(reader): topics + READS_WHOLE.get(reader, ())
                for reader, topics in READS.items()
            }
            control = FlowControl(plan.address, readers)
            control.start()
            beside.callback(control.stop)
            watch = None
            if slots_of(settings):
                watch = _ledger_watch(plan, settings, meter)
                watch.start()
                beside.callback(watch.stop)
            flow = ingest.build(context, control.may_go_on, control.gave, watch)
        case "trading":
            from dataflows import trading

            flow = trading.build(context)
        case "execution":
            from dataflows import execution

            flow = execution.build(context)
        case "archive":
            from dataflows import archive

            epoch_ms = settings.engine.archive_epoch_ms
            flow = archive.build(context, store_dsn(plan, settings))
        case _:
            msg = f"no dataflow is called {name}"
            raise Corrupt(msg)
    with beside, MetricsPublisher(plan.address, meter.report):
        engine.run(flow, epoch_ms, Path(plan.run_dir) / "recovery" / worker)
    if not quiesce.stopping:
        end_topics(plan.address, WRITES[name], context.partitions)


def _ledger_watch(plan: Plan, settings: Settings, meter: Meter) -> LedgerWatch:
    """Return what reads the promotion ledger beside the feed, and says when it cannot."""
    from dataflows.context import open_ledger
    from jobs.switches import LedgerReader

    def failed(words: str) -> None:
        meter.add(UNREADABLE)
        print(f"the models stay as they are: {words}", file=sys.stderr, flush=True)

    return LedgerWatch(LedgerReader(open_ledger(plan), plan, settings), failed)


def store_dsn(plan: Plan, settings: Settings) -> str:
    """Return the DSN of the store: the configured one, or the embedded one in the data folder."""
    dsn = settings.clickhouse.dsn.get_secret_value()
    return dsn or f"chdb://{Path(plan.data_dir).resolve() / 'clickhouse'}"


def _die_with(parent: int) -> None:
    """Ask the kernel to end this process with its parent: no orphan writes into a run."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (AttributeError, OSError):
        return  # no prctl on this system: the supervisor's own clean-up must do
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
