"""Which algorithm works the orders of signals, and what protects the positions that they open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from domain.orders import OrderType
from trading.algos.iceberg import Iceberg
from trading.algos.parents import Algorithm
from trading.algos.passive import PassiveThenCross
from trading.algos.sliced import Twap, VolumeProfile
from trading.algos.work import Work
from trading.venues import Capabilities

AlgorithmName = Literal["market", "twap", "tick_profile", "iceberg", "passive_cross"]

_LASTING = frozenset({"GTC", "GFD"})


@dataclass(frozen=True)
class Tactics:
    """Settings of how the orders of signals are carried out.

    Attributes
    ----------
    algorithm
        ``market``: one order. ``twap``: slices of equal size. ``tick_profile``: slices as large as
        the market is usually busy. ``iceberg``: a limit order of which a part shows.
        ``passive_cross``: rests at the near touch, and crosses the spread at last.
    work_ns
        From a signal to the deadline of its algorithm (> 0).
    slices
        Of ``twap`` and ``tick_profile`` (> 0).
    display_fraction
        Part of an ``iceberg`` that shows, in (0, 1].
    patience_ns
        How long ``passive_cross`` rests, in [0, work_ns).
    stop_pips, target_pips
        Distance of stop and target from the price at which the entry was decided, an ask for a
        long (> 0); None: without.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    algorithm: AlgorithmName = "market"
    work_ns: int = 5 * MINUTE_NS
    slices: int = 5
    display_fraction: Decimal = Decimal("0.2")
    patience_ns: int = MINUTE_NS
    stop_pips: Decimal | None = None
    target_pips: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        if self.work_ns <= 0 or self.slices < 1 or not 0 < self.display_fraction <= 1:
            msg = "an algorithm has time above 0, one slice or more, and shows a part in (0, 1]"
            raise BadUse(msg)
        if self.algorithm == "passive_cross" and not 0 <= self.patience_ns < self.work_ns:
            msg = "the patience of passive_cross ends before the time of the algorithm does"
            raise BadUse(msg)
        if any(pips is not None and not pips > 0 for pips in (self.stop_pips, self.target_pips)):
            msg = "stop_pips and target_pips must be above 0, or left out"
            raise BadUse(msg)

    @property
    def protects(self) -> bool:
        """Whether positions have a stop or a target."""
        return self.stop_pips is not None or self.target_pips is not None

    @property
    def is_plain(self) -> bool:
        """Whether a signal is one market order and nothing else."""
        return self.algorithm == "market" and not self.protects

    def worked(
        self, quantity_units: Decimal, weights: Callable[[], tuple[int, ...]]
    ) -> Algorithm | None:
        """Return the algorithm that works so many base units; None for one market order.

        Parameters
        ----------
        weights
            Gives how busy the market is to be in each slice.
        """
        match self.algorithm:
            case "market":
                return None
            case "twap":
                return Twap(slices=self.slices)
            case "tick_profile":
                return VolumeProfile(weights=weights())
            case "iceberg":
                return Iceberg(display_units=quantity_units * self.display_fraction)
            case "passive_cross":
                return PassiveThenCross(patience_ns=self.patience_ns)

    def require(self, venue: str, capabilities: Capabilities, *, bounded: bool) -> None:
        """Refuse a venue that lacks what these settings need.

        Parameters
        ----------
        venue
            Its short name.
        bounded
            Whether orders of signals have a worst price.

        Raises
        ------
        BadUse
            With what it lacks.
        """
        lacks = self._lacks(capabilities, bounded=bounded)
        if lacks:
            msg = f"{venue} cannot trade as execution.* asks: {lacks}"
            raise BadUse(msg)

    def _lacks(self, capabilities: Capabilities, *, bounded: bool) -> str:
        algorithm = self.worked(Decimal(1), lambda: (1,) * self.slices)
        if algorithm is not None:
            limit = Decimal(1) if bounded or self.algorithm == "iceberg" else None
            work = Work("", "buy", Decimal(1), 0, self.work_ns, limit, "GTC")
            refusal = algorithm.refusal(work, capabilities)
            if not refusal and self.algorithm == "passive_cross":
                refusal = _lacks_lasting(capabilities.times_in_force, "limit")
            if refusal:
                return f"algorithm {self.algorithm}: {refusal}"
        if self.stop_pips is not None and _lacks_lasting(
            capabilities.times_in_force, "stop_loss", "stop"
        ):
            return "stop_pips: it takes no stop that lasts beyond the day; leave it out"
        rests = self.stop_pips is None or capabilities.reduce_only
        if self.target_pips is not None and rests:
            return _lacks_lasting(capabilities.times_in_force, "take_profit", "limit")
        return ""


def _lacks_lasting(times_in_force: Mapping[OrderType, frozenset[str]], *kinds: OrderType) -> str:
    """Return what is wrong where none of some types of order may rest; else nothing."""
    if any(times_in_force.get(kind, frozenset()) & _LASTING for kind in kinds):
        return ""
    return f"it takes no {' or '.join(kinds)} orders that rest"
