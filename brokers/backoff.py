"""Growing, jittered pauses between attempts: one rule for streams, logons and orders."""

from dataclasses import dataclass

import numpy as np

_MOST_DOUBLINGS = 30
"""Beyond it any pause is the longest one; the power itself would grow out of a float."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait after some failures in a row.

    Attributes
    ----------
    first_s, longest_s
        Pause after the first failure, and the longest one, before the jitter (>= 0); in between
        each is twice the one before.
    jitter
        Seeded; takes up to half off each pause, so that many who failed together come back apart.
    """

    first_s: float
    longest_s: float
    jitter: np.random.Generator

    def wait_s(self, failures: int) -> float:
        """Return the pause after so many failures in a row (>= 1)."""
        doublings = min(failures - 1, _MOST_DOUBLINGS)
        longest_s = min(self.longest_s, self.first_s * 2.0**doublings)
        return float(longest_s * (1.0 - 0.5 * self.jitter.random()))
