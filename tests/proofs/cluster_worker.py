"""``python -m tests.proofs.cluster_worker RUN_DIR PROCESS ADDRESS...``: trading in a cluster."""

import sys
import time
from pathlib import Path

from config import plan as plans
from config.settings import settings_of
from dataflows import trading
from dataflows.context import Context
from operators import engine
from operators.meter import Meter
from sources.quiesce import Quiesce


def main(run_dir: Path, process: int, addresses: tuple[str, ...]) -> None:
    """Run this process's part of the trading dataflow to its end."""
    plan = plans.read(run_dir)
    clock = time.time_ns  # noqa: TID251 - stamps only
    context = Context(plan, settings_of(plan.settings), Quiesce(), Meter("trading", clock), clock)
    engine.run(trading.build(context), 500, None, engine.Cluster(process, addresses))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]))
