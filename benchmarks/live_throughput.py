"""``live-throughput``: Kafka ``ticks`` to ``signals``, one process, one tick a message.

The value is the share of the rate at which the same client consumes the same records and does
nothing, at its best: with the collector off while it fetches, as our source has it. The tape is a
seeded walk of 28 pairs with two ticks a second each, over five hours, so that the features are warm
for three of them and the online model learns. Beside it stand recorded ticks of two pairs in a
quiet market, where a decision comes with every 26th record. Timeframes are 1 m, 5 m, 1 h: the 1 s
bars of the page are a message for every second tick.
"""

from pathlib import Path

from benchmarks.data import recorded_folder
from benchmarks.live import (
    WITHOUT_SECONDS,
    Tape,
    busy_tape,
    ended,
    fill,
    new_run,
    real_broker,
    recorded_tape,
    scratch,
    start_reader,
)
from benchmarks.result import Bar, Measured, median
from domain.instruments import MAJOR_SYMBOLS

TICKS = 1_000_000
TICKS_PER_SECOND = 56.0
RECORDED = 600_000
ROUNDS = 3
BAR = 0.7


def measure() -> Measured:
    """Return our rate as a share of the raw rate."""
    tapes = {
        "28 pairs": busy_tape(MAJOR_SYMBOLS, TICKS, TICKS_PER_SECOND),
        "recorded": recorded_tape(recorded_folder(), RECORDED),
    }
    rates: dict[str, list[float]] = {}
    with real_broker() as bootstrap, scratch() as folder:
        for counted in range(ROUNDS + 1):
            for name, tape in tapes.items():
                for kind, rate in _round(bootstrap, Path(folder), tape).items():
                    print(f"  round {counted}: {name}, {kind} {rate:,.0f} messages/s", flush=True)
                    if counted:
                        rates.setdefault(f"{name}, {kind}", []).append(rate)
    shares = {
        name: [o / r for o, r in zip(rates[f"{name}, ours"], rates[f"{name}, raw"], strict=True)]
        for name in tapes
    }
    value = median(shares["28 pairs"])
    return Measured(
        value=value,
        unit="of raw",
        bar=Bar(BAR, f"at least {BAR} of raw"),
        met=value >= BAR,
        compared={
            "recorded ticks of two pairs, of raw": median(shares["recorded"]),
            **{f"{name}, messages/s": median(found) for name, found in rates.items()},
        },
        runs=shares["28 pairs"],
    )


def _round(bootstrap: str, folder: Path, tape: Tape) -> dict[str, float]:
    plan = new_run(bootstrap, tape.symbols, folder, bars={"timeframes": WITHOUT_SECONDS})
    messages = fill(tape, plan.address)
    return {
        "raw": messages / ended(start_reader("raw", plan))["seconds"],
        "ours": messages / ended(start_reader("trading", plan))["seconds"],
    }
