"""What a benchmark gives back, and the ways to time."""

import statistics
import time
from collections.abc import Callable

import msgspec


class Bar(msgspec.Struct, frozen=True):
    """What the value must reach.

    Attributes
    ----------
    value
        In the unit of the benchmark.
    words
        The whole bar, where it has more than one side.
    """

    value: float
    words: str


class Measured(msgspec.Struct, frozen=True):
    """One figure.

    Attributes
    ----------
    value, unit
        Median over the runs, unless the benchmark says otherwise.
    bar, met
        What it must reach, and whether it does; None where nothing is asked of it.
    compared
        What else was measured in the same session on the same records, by name.
    runs
        Every run's value.
    """

    value: float
    unit: str
    compared: dict[str, float]
    runs: list[float]
    bar: Bar | None = None
    met: bool | None = None


class Result(msgspec.Struct, frozen=True):
    """What is written of a benchmark: its figure, where it was measured, and on which commit."""

    id: str
    value: float
    unit: str
    bar: str | None
    met: bool | None
    compared: dict[str, float]
    runs: list[float]
    machine: str
    commit: str


def median(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)


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
