"""``fused-replay``: a simulated trade day of eight pairs from ticks to fills, in one process.

Everything is in: quality rules, bars, features, the online model learning, signals, risk, the paper
broker and its ledger on disk. Compared with only simulating the ticks that it plays.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.result import Measured, alternately
from config.settings import load
from dataflows.context import open_feed
from jobs import feeds
from jobs.backtest import backtest

DAY = "2026-01-14"


def measure() -> Measured:
    """Return ticks per second of the whole way, and of the feed alone."""
    settings = load()
    choice = feeds.choose(None, [], DAY, None, feeds.DEFAULT_SEED, training_days=1)

    def whole() -> int:
        with tempfile.TemporaryDirectory(prefix="aifx-bench-") as folder:
            return backtest(choice, settings, Path(folder), None).ticks_in

    def feed_alone() -> int:
        return sum(batch.size for batch in open_feed(choice.feed).batches())

    others: dict[str, Callable[[], int]] = {"feed alone": feed_alone}
    return alternately(whole, others, "ticks/s", rounds=3)
