"""Pauses between attempts: they grow, they are bounded, and no two programs share them."""

import numpy as np

from brokers.backoff import Backoff


def backoff(seed: int = 1) -> Backoff:
    """Return pauses from 0.5 s to 30 s."""
    return Backoff(0.5, 30.0, np.random.default_rng(seed))


def test_waits_double_up_to_a_bound_with_jitter_that_a_seed_repeats() -> None:
    """Between half and the whole of 0.5, 1, 2, 4 ... 30 seconds."""
    one, other = backoff(), backoff()
    waits = [one.wait_s(n) for n in range(1, 2_000)]
    assert waits == [other.wait_s(n) for n in range(1, 2_000)]
    for failures, wait_s in enumerate(waits, start=1):
        longest_s = min(30.0, 0.5 * 2 ** min(failures - 1, 16))
        assert longest_s / 2 <= wait_s <= longest_s
    assert len({one.wait_s(1) for _ in range(5)}) == 5


def test_two_seeds_come_back_apart() -> None:
    """That is what the jitter is for."""
    one, other = backoff(1), backoff(2)
    assert all(one.wait_s(n) != other.wait_s(n) for n in range(1, 20))
