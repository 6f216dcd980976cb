"""What dealing at a venue is expected to cost, from what it has cost: pips, with an interval.

A figure of few observations is drawn towards the next wider one: a size bucket towards the rest of
its session, that towards the rest of the pair at that venue, that towards the pair at all other
venues, and that towards what is assumed. Each observation counts in one of them only, so that one
lucky fill is one observation and no more. Costs are statistics: floats, weighted with the units.
"""

from collections.abc import Mapping
from math import isfinite, sqrt
from typing import Any, NamedTuple, Self

import msgspec

from domain.errors import BadUse, Corrupt
from domain.quality import ExecutionQuality, OrderQuality

_VERSION = 1

Cell = tuple[str, str, str, str]
"""Venue, symbol, session, size bucket; empty text stands for all."""


class Tally(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A weighted mean and variance, one observation at a time (West 1979).

    Attributes
    ----------
    count
        Observations.
    weight, weight_squares
        Sums of the weights and of their squares.
    mean, spread
        Weighted mean, and the weighted sum of squared distances from it.
    """

    count: int = 0
    weight: float = 0.0
    weight_squares: float = 0.0
    mean: float = 0.0
    spread: float = 0.0

    def add(self, value: float, weight: float) -> None:
        """Take an observation of a weight (> 0)."""
        self.count += 1
        self.weight += weight
        self.weight_squares += weight * weight
        away = value - self.mean
        self.mean += away * weight / self.weight
        self.spread += weight * away * (value - self.mean)

    def without(self, part: "Tally | None") -> "Tally":
        """Return what is left when the observations of a part are taken out."""
        if part is None:
            return self
        if part.count >= self.count:
            return Tally()
        weight = self.weight - part.weight
        mean = (self.weight * self.mean - part.weight * part.mean) / weight
        between = weight * part.weight / self.weight * (mean - part.mean) ** 2
        return Tally(
            self.count - part.count,
            weight,
            max(self.weight_squares - part.weight_squares, 0.0),
            mean,
            max(self.spread - part.spread - between, 0.0),
        )

    @property
    def effective(self) -> float:
        """Observations of equal weight that would say as much (<= count)."""
        return self.weight**2 / self.weight_squares if self.weight_squares else 0.0

    @property
    def variance(self) -> float:
        """Variance of an observation of equal weight; 0 until there are two."""
        return self.spread / self.weight if self.weight and self.count > 1 else 0.0


class Expected(NamedTuple):
    """What an order is expected to cost.

    Attributes
    ----------
    pips
        Slippage against the mid at the decision, commission, and what misses cost.
    low_pips, high_pips
        Bounds of the 95 % interval of the slippage around it.
    fills
        Observations of just this venue, pair, session and size.
    fill_ratio
        Part of what was wanted that filled, drawn to 1 when little is known.
    """

    pips: float
    low_pips: float
    high_pips: float
    fills: int
    fill_ratio: float


class CostConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is assumed before anything has been measured.

    Attributes
    ----------
    prior_pips
        Cost of a deal (>= 0): half a usual spread.
    prior_deviation_pips
        How far single deals lie from it (> 0).
    prior_weight
        Observations that a wider figure counts as against a narrower one (> 0).
    miss_pips
        What a unit that does not fill costs beyond (>= 0): it has to be dealt again, later.
    """

    prior_pips: float = 0.5
    prior_deviation_pips: float = 1.0
    prior_weight: float = 20.0
    miss_pips: float = 1.0


class _Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cell: Cell
    tally: Tally


class _Dump(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    config: CostConfig
    costs: list[_Figure]
    fills: list[_Figure]


class CostTable:
    """Measured costs, learned from the records of execution quality as they come.

    Raises
    ------
    BadUse
        If what is assumed is out of bounds.
    """

    def __init__(self, config: CostConfig | None = None) -> None:
        self._config = config or CostConfig()
        assumed = self._config
        numbers = [assumed.prior_pips, assumed.miss_pips]
        scales = [assumed.prior_deviation_pips, assumed.prior_weight]
        if not all(isfinite(n) and n >= 0 for n in numbers) or not all(s > 0 for s in scales):
            msg = "costs assumed: pips not below 0, deviation and weight above 0; see CostConfig"
            raise BadUse(msg)
        self._costs: dict[Cell, Tally] = {}
        self._fills: dict[Cell, Tally] = {}

    def learn_fill(self, quality: ExecutionQuality) -> None:
        """Take the cost of a fill; one without a benchmark says nothing and is left out."""
        pips = quality.arrival_slippage_pips
        if pips is None or not isfinite(pips) or quality.quantity_units <= 0:
            return
        for cell in _cells(quality):
            self._costs.setdefault(cell, Tally()).add(pips, float(quality.quantity_units))

    def learn_order(self, quality: OrderQuality) -> None:
        """Take how much of an order was filled; one that our own gate denied says nothing."""
        if quality.status == "denied" or not isfinite(quality.fill_ratio):
            return
        ratio = min(1.0, max(0.0, quality.fill_ratio))
        for cell in _cells(quality):
            self._fills.setdefault(cell, Tally()).add(ratio, float(quality.quantity_units))

    def expected(
        self, venue: str, symbol: str, session: str, size_bucket: str, commission_pips: float = 0.0
    ) -> Expected:
        """Return what an order is expected to cost at a venue.

        Parameters
        ----------
        session, size_bucket
            As in `domain.quality.ExecutionQuality`.
        commission_pips
            Added as it is (>= 0).
        """
        cells = _widest_first(venue, symbol, session, size_bucket)
        assumed = self._config
        mean, variance = assumed.prior_pips, assumed.prior_deviation_pips**2
        known = assumed.prior_weight
        ratio = 1.0
        for tally in _nested(self._costs, cells):
            mean, variance, known = self._drawn(tally, mean, variance)
        for tally in _nested(self._fills, cells):
            ratio = self._drawn(tally, ratio, 0.0)[0]
        reach = 1.96 * sqrt(variance / known)
        pips = mean + commission_pips + (1.0 - ratio) * assumed.miss_pips
        own = self._costs.get(cells[-1])
        fills = own.count if own is not None else 0
        return Expected(pips, pips - reach, pips + reach, fills, ratio)

    def _drawn(self, tally: Tally, mean: float, variance: float) -> tuple[float, float, float]:
        """Return mean and variance between a figure and the wider one, and how much is known."""
        prior = self._config.prior_weight
        own = tally.effective
        whole = own + prior
        drawn = (own * tally.mean + prior * mean) / whole
        # Around the new mean: the figure's own variance, and what the two means lie apart.
        apart = own * prior / whole**2 * (tally.mean - mean) ** 2
        return drawn, (own * tally.variance + prior * variance) / whole + apart, whole

    def dump(self) -> dict[str, Any]:
        """Write all figures as a plain, versioned mapping."""
        costs = [_Figure(cell, tally) for cell, tally in self._costs.items()]
        fills = [_Figure(cell, tally) for cell, tally in self._fills.items()]
        plain: dict[str, Any] = msgspec.to_builtins(_Dump(_VERSION, self._config, costs, fills))
        return plain

    @classmethod
    def load(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `dump` wrote.

        Raises
        ------
        Corrupt
            If it is of another version, or not whole.
        """
        if plain.get("v") != _VERSION:
            msg = f"cost table of version {plain.get('v')}, this reader knows {_VERSION}"
            raise Corrupt(msg)
        try:
            kept = msgspec.convert(plain, _Dump)
        except msgspec.ValidationError as error:
            msg = f"cost table cannot be read: {error}; learn it anew from execution quality"
            raise Corrupt(msg) from error
        table = cls(kept.config)
        table._costs = {figure.cell: figure.tally for figure in kept.costs}
        table._fills = {figure.cell: figure.tally for figure in kept.fills}
        return table


def _nested(figures: Mapping[Cell, Tally], cells: tuple[Cell, ...]) -> list[Tally]:
    """Return the figures of some cells, the widest first, each without what the next one holds."""
    found = [figures.get(cell, Tally()) for cell in cells]
    return [wide.without(narrow) for wide, narrow in zip(found, [*found[1:], None], strict=True)]


def _cells(quality: ExecutionQuality | OrderQuality) -> tuple[Cell, ...]:
    return _widest_first(quality.venue, quality.symbol, quality.session, quality.size_bucket)


def _widest_first(venue: str, symbol: str, session: str, size_bucket: str) -> tuple[Cell, ...]:
    return (
        ("", symbol, "", ""),
        (venue, symbol, "", ""),
        (venue, symbol, session, ""),
        (venue, symbol, session, size_bucket),
    )
