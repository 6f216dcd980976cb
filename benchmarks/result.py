"""What a benchmark gives back."""

import statistics
import time
from collections.abc import Callable

import msgspec


class Measured(msgspec.Struct, frozen=True):
    """One figure.

    Attributes
    ----------
    value, unit
        Median over the runs.
    compared
        What else did the same work in the same runs: its median, in the same unit, by name.
    runs
        Every run's value.
    """

    value: float
    unit: str
    compared: dict[str, float]
    runs: list[float]


def alternately(
    ours: Callable[[], int], others: dict[str, Callable[[], int]], unit: str, rounds: int
) -> Measured:
    """Time functions in turn, so that a machine whose speed drifts treats all alike.

    Parameters
    ----------
    ours, others
        Each does the whole work once and returns how many items that was.
    unit
        Of items per second.
    rounds
        Counted rounds (> 0), after one that is not.
    """
    names = {"ours": ours, **others}
    rates: dict[str, list[float]] = {name: [] for name in names}
    for counted in range(rounds + 1):
        for name, work in names.items():
            started = time.perf_counter()
            items = work()
            if counted:
                rates[name].append(items / (time.perf_counter() - started))
    return Measured(
        value=statistics.median(rates["ours"]),
        unit=unit,
        compared={name: statistics.median(rates[name]) for name in others},
        runs=rates["ours"],
    )
