"""Compiles the kernels into their cache: ``python -m jobs.compile``; no first tick pays.

What an older version of the code has left in the cache is removed first: numba looks at the file of
a kernel alone, not at the constants that it takes from others.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import features
import trading
from operators import warm
from trading import lane_kernel


def main() -> None:
    """Call every kernel once on a few records."""
    started = time.monotonic()
    for stale in _cached():
        stale.unlink()
    warm.quality()
    warm.decisions()
    lane_kernel.load()
    print(f"kernels compiled in {time.monotonic() - started:.1f} s")


def _cached() -> Iterator[Path]:
    for room in (features, trading):
        folder = Path(str(room.__file__)).parent / "__pycache__"
        yield from folder.glob("*.nbi")
        yield from folder.glob("*.nbc")


if __name__ == "__main__":
    main()
