"""``live-throughput``: Kafka ``ticks`` to ``signals``, one process, one tick a message.

The value is the share of the rate at which the same client consumes the same records and does
nothing. Timeframes are 1 m, 5 m, 1 h; how it is with the 1 s bars of the page, which are a message
for every other tick of this tape, stands beside it.
"""

from pathlib import Path

from benchmarks.data import recorded_folder
from benchmarks.live import (
    WITHOUT_SECONDS,
    ended,
    fill,
    new_run,
    real_broker,
    recorded_tape,
    scratch,
    start_reader,
)
from benchmarks.result import Bar, Measured, median

RECORDS = 600_000
ROUNDS = 3
BAR = 0.7


def measure() -> Measured:
    """Return our rate as a share of the raw rate."""
    tape = recorded_tape(recorded_folder(), RECORDS)
    rates: dict[str, list[float]] = {"raw": [], "ours": [], "ours with 1 s bars": []}
    with real_broker() as bootstrap, scratch() as folder:
        for counted in range(ROUNDS + 1):
            for name, timeframes in (("ours", WITHOUT_SECONDS), ("ours with 1 s bars", None)):
                bars = {} if timeframes is None else {"bars": {"timeframes": timeframes}}
                plan = new_run(bootstrap, tape.symbols, Path(folder), **bars)
                messages = fill(tape, plan.address)
                if name == "ours":
                    figures = ended(start_reader("raw", plan))
                    _note(rates, "raw", messages / figures["seconds"], counted)
                figures = ended(start_reader("trading", plan))
                _note(rates, name, messages / figures["seconds"], counted)
    shares = [ours / raw for ours, raw in zip(rates["ours"], rates["raw"], strict=True)]
    return Measured(
        value=median(shares),
        unit="of raw",
        bar=Bar(BAR, f"at least {BAR} of raw"),
        met=median(shares) >= BAR,
        compared={f"{name}, messages/s": median(found) for name, found in rates.items()},
        runs=shares,
    )


def _note(rates: dict[str, list[float]], name: str, rate: float, counted: int) -> None:
    print(f"  round {counted}: {name} {rate:,.0f} messages/s", flush=True)
    if counted:
        rates[name].append(rate)
