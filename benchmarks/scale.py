"""``scale``: cost per tick with 1, 8, 28 and 100 symbols, and two processes instead of one.

All over a real broker, one tick a message, the same number of ticks and the same density of each
symbol. So one symbol lives through a day, in which the online model learns, and a hundred through a
quarter of an hour, in which no feature is warm yet: both are in the cost. Cost is CPU time of the
trading process per tick, for the clock on the wall is shared with the broker; the two processes are
compared on the wall, beside what the broker took of it.
"""

from pathlib import Path

from benchmarks.live import (
    WITHOUT_SECONDS,
    busy_tape,
    ended,
    fill,
    new_run,
    real_broker,
    scratch,
    start_reader,
    symbols_of,
)
from benchmarks.result import Bar, Measured, median

TICKS = 400_000
TICKS_PER_SECOND_OF_A_SYMBOL = 5.0
SYMBOLS = (1, 8, 28, 100)
PAIR = 28
ROUNDS = 1
BAR_FLAT, BAR_TWO = 1.2, 1.6


def measure() -> Measured:
    """Return the highest cost per tick over the lowest."""
    costs: dict[int, list[float]] = {number: [] for number in SYMBOLS}
    gains: list[float] = []
    raw_gains: list[float] = []
    with real_broker() as bootstrap, scratch() as folder:
        for counted in range(ROUNDS + 1):
            for number in SYMBOLS:
                cost = _cost(bootstrap, Path(folder), number)
                print(f"  round {counted}: {number} symbols {cost:.2f} us/tick", flush=True)
                if counted:
                    costs[number].append(cost)
            if counted:
                gains.append(_gain(bootstrap, Path(folder), "trading"))
                raw_gains.append(_gain(bootstrap, Path(folder), "raw"))
                print(f"  round {counted}: 2 processes {gains[-1]:.2f} x", flush=True)
    medians = {number: median(found) for number, found in costs.items()}
    flat = max(medians.values()) / min(medians.values())
    return Measured(
        value=flat,
        unit="x dearest over cheapest",
        bar=Bar(BAR_FLAT, f"at most {BAR_FLAT:g}; 2 processes at least {BAR_TWO:g} x of 1"),
        met=flat <= BAR_FLAT and median(gains) >= BAR_TWO,
        compared={
            **{f"{number} symbols, us/tick": cost for number, cost in medians.items()},
            "2 processes over 1": median(gains),
            "2 that only consume over 1": median(raw_gains),
        },
        runs=[max(row) / min(row) for row in zip(*costs.values(), strict=True)],
    )


def _cost(bootstrap: str, folder: Path, number: int) -> float:
    """Return CPU microseconds per tick, from the first record to the last signal."""
    tape = busy_tape(symbols_of(number), TICKS, TICKS_PER_SECOND_OF_A_SYMBOL * number)
    plan = new_run(bootstrap, tape.symbols, folder, bars={"timeframes": WITHOUT_SECONDS})
    fill(tape, plan.address)
    return ended(start_reader("trading", plan))["busy_cpu_s"] / TICKS * 1e6


def _gain(bootstrap: str, folder: Path, kind: str) -> float:
    """Return how many times as fast two processes are as one."""
    symbols = symbols_of(PAIR)
    tape = busy_tape(symbols, TICKS, TICKS_PER_SECOND_OF_A_SYMBOL * PAIR)
    seconds: list[float] = []
    for count in (1, 2):
        plan = new_run(bootstrap, tape.symbols, folder, bars={"timeframes": WITHOUT_SECONDS})
        fill(tape, plan.address)
        readers = [start_reader(kind, plan, str(index), str(count)) for index in range(count)]
        seconds.append(max(ended(reader)["seconds"] for reader in readers))
    return seconds[0] / seconds[1]
