"""Bad ticks on request, so that the quality rules have work.

Bad ticks are added behind good ones and never in their place: without them the stream is the one
that a simulation with no defects gives.
"""

from enum import IntEnum

import numpy as np

from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS
from domain.ticks import TickArray

_AFTER_CLOSE_NS = 10 * MINUTE_NS
"""Ticks on a closed market come within this time of the close."""


class Defect(IntEnum):
    """What is wrong with an added tick."""

    CROSSED = 0
    DUPLICATE = 1
    OUT_OF_ORDER = 2
    NOT_FINITE = 3
    NOT_POSITIVE = 4
    FUTURE = 5


def add_defects(records: TickArray, rate: float, rng: np.random.Generator) -> TickArray:
    """Return one symbol's day with bad ticks behind a share ``rate`` (in [0, 1]) of its ticks."""
    victims = np.flatnonzero(rng.random(records.size) < rate)
    kinds = rng.integers(len(Defect), size=victims.size)
    bad = records[victims].copy()
    u = rng.random(victims.size)

    width = bad["ask"] - bad["bid"]
    this = kinds == Defect.CROSSED
    bad["ask"][this] = bad["bid"][this] - width[this]
    this = kinds == Defect.OUT_OF_ORDER
    bad["ts_event_ns"][this] -= (200 * MS_NS + u * 5 * SECOND_NS).astype(np.int64)[this]
    this = kinds == Defect.NOT_FINITE
    bad["bid"][this] = np.where(u < 0.5, np.nan, np.inf)[this]
    this = kinds == Defect.NOT_POSITIVE
    bad["bid"][this] = np.where(u < 0.5, 0.0, -bad["bid"])[this]
    this = kinds == Defect.FUTURE
    ahead = (2 * SECOND_NS + u * 8 * SECOND_NS).astype(np.int64)
    bad["ts_event_ns"][this] = (bad["ts_recv_ns"] + ahead)[this]
    return np.insert(records, victims + 1, bad)


def add_after_close(
    records: TickArray, rate: float, close_ns: int, rng: np.random.Generator
) -> TickArray:
    """Return one symbol's last day before a break with one or more ticks after the close."""
    count = min(records.size, int(rate > 0) + int(rng.poisson(rate * records.size)))
    late = records[records.size - count :].copy()
    delay = late["ts_recv_ns"] - late["ts_event_ns"]
    after = np.sort(rng.integers(SECOND_NS, _AFTER_CLOSE_NS, size=count)) // MS_NS * MS_NS
    late["ts_event_ns"] = close_ns + after
    late["ts_recv_ns"] = np.maximum.accumulate(late["ts_event_ns"] + delay)
    return np.concatenate([records, late])
