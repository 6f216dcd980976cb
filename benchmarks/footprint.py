"""``footprint``: start of the trading worker to ready, and its memory after a million ticks."""

from pathlib import Path

from benchmarks.live import busy_tape, ended, fill, new_run, real_broker, scratch, start_reader
from benchmarks.result import Bar, Measured, median
from domain.instruments import MAJOR_SYMBOLS

TICKS = 1_000_000
TICKS_PER_SECOND = 500.0
ROUNDS = 2
BAR_READY_S, BAR_MB = 5.0, 500.0


def measure() -> Measured:
    """Return seconds from the start of the process until the flow is built."""
    tape = busy_tape(MAJOR_SYMBOLS, TICKS, TICKS_PER_SECOND)
    ready: list[float] = []
    peaks: list[float] = []
    with real_broker() as bootstrap, scratch() as folder:
        for number in range(ROUNDS):
            plan = new_run(bootstrap, tape.symbols, Path(folder))
            fill(tape, plan.address)
            figures = ended(start_reader("trading", plan))
            print(f"  round {number + 1}: {figures}", flush=True)
            ready.append(figures["ready_s"])
            peaks.append(figures["peak_mb"])
    return Measured(
        value=median(ready),
        unit="s",
        bar=Bar(BAR_READY_S, f"at most {BAR_READY_S:g} s, {BAR_MB:g} MB"),
        met=median(ready) <= BAR_READY_S and median(peaks) <= BAR_MB,
        compared={"peak MB after 1 M ticks": median(peaks)},
        runs=ready,
    )
