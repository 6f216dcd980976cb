"""The mids that nobody sees: correlated log prices with clustering volatility, on a 100 ms grid.

Each leg is a Gaussian random walk in its own clock: drift zero, independent increments, variance
by hour times the exponential of two Ornstein-Uhlenbeck processes (minutes and days), which is the
two-component log volatility of Alizadeh, Brandt and Diebold (2002). A cross is the sum or
difference of two legs in logarithms, so triangles hold exactly.

Every leg has random streams of its own for each day, so a leg's path does not depend on which legs
are asked for.
"""

from datetime import date
from itertools import accumulate
from math import exp, log, sqrt
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.instruments import INSTRUMENTS
from domain.nanos import DAY_NS, MINUTE_NS, MS_NS
from sources.simulator.params import HOURS, Leg, SimulatorParams

Floats = NDArray[np.float64]

CELL_NS = 100 * MS_NS
"""Grid of the hidden path: about as fine as the gap between two quotes in a busy second."""
CELLS = DAY_NS // CELL_NS
MINUTES = DAY_NS // MINUTE_NS
_CELLS_PER_MINUTE = CELLS // MINUTES
_BP = 1e-4
_HIGHEST_CORRELATION = 0.98
"""Of two legs' innovations: above it the triangle of the two would hardly move."""


class PairDay(NamedTuple):
    """One pair over one trade day.

    Attributes
    ----------
    mid
        Price at the start of each cell, in quote currency.
    log_volatility
        Excess of log volatility by minute; mean 0.
    fast_variance
        Variance of its component within the day.
    """

    mid: Floats
    log_volatility: Floats
    fast_variance: float


def stream(seed: int, name: str, day: date) -> np.random.Generator:
    """Return the random stream of one thing on one day; a function of its arguments only."""
    return np.random.default_rng([seed, crc32(name.encode()), day.toordinal()])


def autoregress(start: float, retain: float, noise: Floats) -> Floats:
    """Return an AR(1) of unit variance that goes on from ``start``, driven by standard normals."""
    fresh = sqrt(1.0 - retain * retain)
    steps = accumulate(noise.tolist(), lambda x, e: retain * x + fresh * e, initial=start)
    return np.fromiter(steps, np.float64, noise.size + 1)[1:]


def innovation_factor(params: SimulatorParams) -> Floats:
    """Return the Cholesky factor of the innovations' correlation.

    Legs whose volatilities differ show less correlation in their returns than in their
    innovations, by ``exp(-Var(x - y) / 2)`` for log volatilities x and y. That is undone here, and
    the result moved to the nearest matrix that is positive definite.
    """
    sds = np.array([(a.volatility.fast_sd, a.volatility.slow_sd) for a in params.legs.values()])
    variance = (sds**2).sum(axis=1)
    common = params.common_volatility * (sds @ sds.T)
    apart = variance[:, None] + variance[None, :] - 2.0 * common
    target = params.correlation_matrix() * np.exp(apart / 2.0)
    target = np.clip(target, -_HIGHEST_CORRELATION, _HIGHEST_CORRELATION)
    np.fill_diagonal(target, 1.0)
    return np.asarray(np.linalg.cholesky(nearest_correlation(target)), dtype=np.float64)


def nearest_correlation(matrix: Floats, floor: float = 1e-4) -> Floats:
    """Return a correlation matrix close to ``matrix`` with no eigenvalue near or below zero."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    near = (vectors * np.maximum(values, floor)) @ vectors.T
    scale = np.sqrt(np.diag(near))
    near = near / np.outer(scale, scale)
    np.fill_diagonal(near, 1.0)
    symmetric: Floats = (near + near.T) / 2.0
    return symmetric


class Market:
    """The hidden state of all legs that some symbols need, moved on by one trade day at a time.

    Parameters
    ----------
    params
        The fitted market.
    symbols
        Canonical symbols to be asked for.
    first
        Trade date of the first day. Volatility from day to day begins at the level of the fitted
        period and wanders from there; volatility within the day begins in its long-run law.
    seed
        Of all random streams (>= 0).
    """

    def __init__(
        self, params: SimulatorParams, symbols: tuple[str, ...], first: date, seed: int
    ) -> None:
        self._params = params
        self._seed = seed
        self._order = list(params.legs)
        self._factor = innovation_factor(params)
        self._legs_of = {s: self._legs(s) for s in symbols}
        wanted = {name for signs in self._legs_of.values() for name in signs}
        self._wanted = [name for name in self._order if name in wanted]
        self._price = {n: log(params.legs[n].start_mid) for n in self._wanted}
        shared = stream(seed, "volatility:start", first).standard_normal(1)
        self._fast: dict[str, float] = {}
        self._slow = dict.fromkeys(self._wanted, 0.0)
        for name in self._wanted:
            own = stream(seed, f"volatility:start:{name}", first).standard_normal(1)
            self._fast[name] = float(self._mix(shared, own)[0])
        self._minutes: dict[str, Floats] = {}
        self._cells: dict[str, Floats] = {}

    def advance(self, day: date, after_break: bool) -> None:
        """Move on to trade date ``day``; ``after_break`` where the market was closed before it."""
        shared = stream(self._seed, "volatility", day).standard_normal(MINUTES + 1)
        needed = self._order[: 1 + max(self._order.index(name) for name in self._wanted)]
        moves = [stream(self._seed, f"return:{n}", day).standard_normal(CELLS + 1) for n in needed]
        for name in self._wanted:
            leg = self._params.legs[name]
            own = stream(self._seed, f"volatility:{name}", day).standard_normal(MINUTES + 1)
            excess = self._advance_volatility(name, leg, self._mix(shared, own))
            weights = self._factor[self._order.index(name)]
            move = weights[0] * moves[0]
            for weight, other in zip(weights[1:], moves[1:], strict=False):
                if weight:
                    move += weight * other
            self._advance_price(name, leg, excess, move, after_break)
            self._minutes[name] = excess

    def pair(self, symbol: str) -> PairDay:
        """Return the path of a symbol on the day that was advanced to."""
        signs = self._legs_of[symbol]
        logs = np.zeros(CELLS)
        for name, sign in signs.items():
            logs += sign * self._cells[name]
        excess = np.mean([self._minutes[name] for name in signs], axis=0)
        sds = [self._params.legs[name].volatility.fast_sd for name in signs]
        share = self._params.common_volatility
        variance = share * sum(sds) ** 2 + (1.0 - share) * sum(sd * sd for sd in sds)
        return PairDay(np.exp(logs), excess, variance / len(sds) ** 2)

    def _mix(self, shared: Floats, own: Floats) -> Floats:
        share = self._params.common_volatility
        mixed: Floats = sqrt(share) * shared + sqrt(1.0 - share) * own
        return mixed

    def _advance_volatility(self, name: str, leg: Leg, noise: Floats) -> Floats:
        law = leg.volatility
        fast = autoregress(self._fast[name], 0.5 ** (1.0 / law.fast_half_life_min), noise[1:])
        slow = autoregress(self._slow[name], 0.5 ** (1.0 / law.slow_half_life_days), noise[:1])
        self._fast[name], self._slow[name] = float(fast[-1]), float(slow[-1])
        return law.fast_sd * fast + law.slow_sd * float(slow[0])

    def _advance_price(
        self, name: str, leg: Leg, excess: Floats, move: Floats, after_break: bool
    ) -> None:
        start = self._price[name]
        if after_break:
            start += leg.weekend_gap_bp * _BP * float(move[0])
        # Sigma is the root mean square over the fast component, so that one's mean is taken out.
        scale = np.exp(excess - leg.volatility.fast_sd**2)
        by_minute = np.repeat(np.array(leg.sigma_bp), MINUTES // HOURS) * scale
        by_cell = by_minute * _BP * sqrt(CELL_NS / 1e9)
        steps = move[1:].reshape(MINUTES, _CELLS_PER_MINUTE) * by_cell[:, None]
        path = np.cumsum(steps.ravel())
        cells = np.empty(CELLS)
        cells[0] = start
        cells[1:] = start + path[:-1]
        self._price[name] = start + float(path[-1])
        self._cells[name] = cells

    def _legs(self, symbol: str) -> dict[str, float]:
        """Return the legs of a symbol with the signs of their log prices."""
        found: dict[str, float] = {}
        pair = INSTRUMENTS[symbol]
        for currency, sign in ((pair.base, 1.0), (pair.quote, -1.0)):
            if currency == "USD":
                continue
            if f"{currency}USD" in self._params.legs:
                found[f"{currency}USD"] = sign
            elif f"USD{currency}" in self._params.legs:
                found[f"USD{currency}"] = -sign
            else:
                msg = f"{symbol} needs a leg of {currency} against USD, which the parameters lack"
                raise BadUse(msg)
        return found


def long_run_scale(variance: float, exponent: float) -> float:
    """Return what ``exp(exponent * x)`` is multiplied by to be 1 in the mean; x is normal."""
    return exp(-exponent * exponent * variance / 2.0)
