"""Compiles the kernels into their cache: ``python -m features.compile``; no first tick pays."""

import time

from domain.ticks import new_records
from features.bars import BarConfig
from features.quality import QualityConfig


def main() -> None:
    """Call every kernel once on one tick."""
    started = time.monotonic()
    ticks = new_records(1)
    ticks["symbol"] = b"EURUSD"
    QualityConfig(("EURUSD",)).build(None).judge(ticks)
    BarConfig().build("EURUSD", None).on_records(ticks)
    print(f"kernels compiled in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
