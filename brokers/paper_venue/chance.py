"""Chance without a turn: a function of seed, order and purpose, so that a replay draws the same."""

from brokers.paper_venue.config import PaperVenueConfig
from domain.ids import digest
from domain.reasons import Reason

_DIGITS = 13
"""Hexadecimal digits of a draw: 52 bits, what a float holds exactly."""


def unit(seed: int, order: str, purpose: str) -> float:
    """Return a number in [0, 1) that depends on nothing but these three."""
    return int(digest("chance", seed, order, purpose)[:_DIGITS], 16) / 16.0**_DIGITS


def latency_ns(config: PaperVenueConfig, wire: str) -> int:
    """Return how long the command of this name on the wire is under way, nanoseconds."""
    quantiles = config.extra_latency_ns
    place = unit(config.seed, wire, "latency") * (len(quantiles) - 1)
    below = int(place)
    above = min(below + 1, len(quantiles) - 1)
    extra = quantiles[below] + (quantiles[above] - quantiles[below]) * (place - below)
    return config.latency_ns + round(extra)


def refusal(config: PaperVenueConfig, order: str) -> Reason | None:
    """Return the reason for which chance refuses an order, or None."""
    draw = unit(config.seed, order, "reject")
    for reason, rate in sorted(config.reject_rates.items()):
        if draw < rate:
            return reason
        draw -= rate
    return None


def declines(seed: int, order: str, attempt: int, rate: float) -> bool:
    """Say whether chance makes a provider decline the n-th attempt of an order to fill."""
    return rate > 0 and unit(seed, order, f"last look {attempt}") < rate
