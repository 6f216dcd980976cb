"""Labels of whole columns: what a row's answer is, when it is known, and its share of it.

The rules are those of the stream: `models.labels.delayed` for the sign of the return,
`models.labels.barrier` for the triple barrier. Rows may stand in any order.

References
----------
.. [1] M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, chapter 3 (triple
   barrier) and chapter 4 (labels that overlap share their information; average uniqueness).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.ids import digest
from models.labels.barrier import TripleBarrier
from models.labels.delayed import DelayedLabels

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Rows = NDArray[np.intp]


class Labels(NamedTuple):
    """The answers to n rows.

    Attributes
    ----------
    y
        Shape (n,): 1.0 up, 0.0 down, NaN where there is nothing to learn (no outcome, or one
        without a direction).
    end_ns
        Shape (n,): when the outcome is known; 0 where there is none. An outcome without direction
        has its time.
    later
        Shape (n,): mid of the outcome; NaN where there is none.
    weight
        Shape (n,), in (0, 1]: average uniqueness among the rows of the same symbol that have a
        ``y``; 1 for the others.
    """

    y: Floats
    end_ns: Times
    later: Floats
    weight: Floats


def sign_labels(
    ts_ns: Times,
    symbol: NDArray[np.int64],
    mid: Floats,
    rule: DelayedLabels,
    half_spread: Floats | None = None,
) -> Labels:
    """Label rows with the sign of the mid's move over the horizon, before or after costs.

    Parameters
    ----------
    ts_ns, symbol
        Shape (n,): bar closes and symbol codes; a symbol has a time at most once.
    mid
        Shape (n,): mid at each close, finite, > 0.
    rule
        Horizon and tolerance, as in the stream.
    half_spread
        Shape (n,): half the spread at each close in price units (>= 0), with the slippage of one
        order added where that is to count. Where it is given, the labels are after costs: 1.0 if a
        long that pays the half spread at its entry and at its exit nets more than 0, 0.0 if a short
        does, NaN if neither pays or one of the two half spreads is not finite. None: before costs,
        and only an unchanged mid is NaN.

    Returns
    -------
    Labels
        ``later`` and ``end_ns`` are the same before and after costs.

    Raises
    ------
    BadUse
        If shapes differ, a mid is not finite or <= 0, or a symbol has a time twice.
    """
    _check(ts_ns, symbol, mid, half_spread)
    later, end_ns = np.full(len(ts_ns), np.nan), np.zeros(len(ts_ns), np.int64)
    cost = np.zeros(len(ts_ns))
    for rows in by_symbol(ts_ns, symbol):
        index = later_index(ts_ns[rows], rule.horizon_ns, rule.tolerance_ns)
        asked, answer = rows[index >= 0], rows[index[index >= 0]]
        later[asked], end_ns[asked] = mid[answer], ts_ns[answer]
        if half_spread is not None:
            cost[asked] = half_spread[asked] + half_spread[answer]
    y = _direction(later - mid, cost)
    return Labels(y, end_ns, later, _weights(ts_ns, end_ns, symbol, y))


def triple_barrier(
    ts_ns: Times,
    symbol: NDArray[np.int64],
    mid: Floats,
    volatility: Floats,
    rule: TripleBarrier,
    *,
    high: Floats | None = None,
    low: Floats | None = None,
    half_spread: Floats | None = None,
) -> Labels:
    """Label rows with the barrier that the mid touches first [1]_, before or after costs.

    Parameters
    ----------
    ts_ns, symbol, mid, half_spread
        As in `sign_labels`.
    volatility
        Shape (n,): as a share of the mid, as it was known at the row. A row without a finite one
        that is large enough to tell the barriers from the mid has no label.
    rule
        Widths, vertical barrier and tolerance; see there which bars are watched.
    high, low
        Shape (n,): extremes of the mid within the bar that closes at the row; both or none. With
        them a barrier is touched within a bar, without them only by a close.

    Returns
    -------
    Labels
        ``end_ns`` is the close of the bar that touched, or of the one that answers the vertical
        barrier; there the sign of the move decides. ``later``: the close; with extremes the price
        of the barrier (or, where the whole bar lies beyond it, the extreme next to it). A bar that
        touches both barriers does not say which came first: its ``y`` is NaN and its ``later`` the
        close. After costs a ``y`` stays only where ``|later - mid|`` pays both half spreads.

    Raises
    ------
    BadUse
        As in `sign_labels`; also if only one of the extremes is given or a mid lies outside them.
    """
    _check(ts_ns, symbol, mid, half_spread, volatility, high, low)
    if (high is None) != (low is None):
        msg = "a triple barrier takes both extremes of its bars, or none"
        raise BadUse(msg)
    top, bottom = (mid, mid) if high is None or low is None else (high, low)
    if not ((top >= mid) & (bottom <= mid)).all():
        msg = "a mid lies outside the high and low of its own bar: give extremes of the mid"
        raise BadUse(msg)
    later, end_ns = np.full(len(ts_ns), np.nan), np.zeros(len(ts_ns), np.int64)
    verdict, cost = np.full(len(ts_ns), np.nan), np.zeros(len(ts_ns))
    upper, lower = mid * (1 + rule.width_up * volatility), mid * (1 - rule.width_down * volatility)
    # Also refuses a volatility so small that a barrier is the mid itself.
    usable = np.isfinite(upper) & (upper > mid) & (lower < mid)
    upper, lower = np.where(usable, upper, mid), np.where(usable, lower, mid)
    for rows in by_symbol(ts_ns, symbol):
        n = len(rows)
        vertical = later_index(ts_ns[rows], rule.vertical_ns, rule.tolerance_ns)
        # The last bar that may touch: the vertical's, or where it has none the last bar before it.
        before = np.searchsorted(ts_ns[rows], ts_ns[rows] + rule.vertical_ns, "right") - 1
        last = np.where(vertical >= 0, vertical, before)
        up = first_at_least(top[rows], upper[rows], last)
        down = first_at_least(-bottom[rows], -lower[rows], last)
        touch = np.minimum(up, down)
        touched = touch < n
        known = (touched | (vertical >= 0)) & usable[rows]
        exit_row = np.where(touched, touch, vertical)[known]
        asked, answer = rows[known], rows[exit_row]
        went_up, went_down = (up <= touch)[known], (down <= touch)[known]
        touched = touched[known]
        price = mid[answer].copy()
        only_up, only_down = touched & ~went_down, touched & ~went_up
        if high is not None:
            price[only_up] = np.maximum(upper[asked], bottom[answer])[only_up]
            price[only_down] = np.minimum(lower[asked], top[answer])[only_down]
        later[asked], end_ns[asked] = price, ts_ns[answer]
        verdict[asked] = np.select(
            [only_up, only_down, touched], [1.0, 0.0, np.nan], _direction(price - mid[asked], 0.0)
        )
        if half_spread is not None:
            cost[asked] = half_spread[asked] + half_spread[answer]
    paid = np.abs(later - mid) > cost
    y = np.where(paid, verdict, np.nan)
    return Labels(y, end_ns, later, _weights(ts_ns, end_ns, symbol, y))


def sign_definition(rule: DelayedLabels, *, after_costs: bool) -> dict[str, Any]:
    """Return what a manifest says of `sign_labels`: rule, parameters, id; ready for JSON."""
    return {
        "rule": "sign",
        "horizon_ns": rule.horizon_ns,
        "tolerance_ns": rule.tolerance_ns,
        "after_costs": after_costs,
        "id": digest("label", "sign", rule.rule_id, int(after_costs)),
    }


def average_uniqueness(start_ns: Times, end_ns: Times, symbol: NDArray[np.int64]) -> Floats:
    """Return how much of its own span each label has to itself, on average [1]_.

    Parameters
    ----------
    start_ns, end_ns
        Shape (n,): a label spans ``[start, end)``; one that does not end after its start is none.
    symbol
        Shape (n,): labels overlap within a symbol only. All zeros: across all symbols.

    Returns
    -------
    Floats
        Shape (n,), in (0, 1]: the mean over the label's span of one over the number of labels that
        are open at the moment, in continuous time; 1 where there is no label. The sum over some
        labels is how many they would be if none overlapped.
    """
    weight = np.ones(len(start_ns))
    real = np.flatnonzero(end_ns > start_ns)
    for own in by_symbol(start_ns[real], symbol[real], distinct=False):
        start, end = start_ns[real[own]], end_ns[real[own]]
        edges = np.unique(np.concatenate([start, end]))
        first, last = np.searchsorted(edges, start), np.searchsorted(edges, end)
        size = len(edges)
        opened = np.bincount(first, minlength=size) - np.bincount(last, minlength=size)
        # The last edge closes the last label; between spans nothing is open and nothing is shared.
        count = np.cumsum(opened)[:-1]
        shared = np.where(count > 0, np.diff(edges) / np.maximum(count, 1), 0.0)
        area = np.concatenate([[0.0], np.cumsum(shared)])
        weight[real[own]] = np.clip((area[last] - area[first]) / (end - start), 1 / len(own), 1.0)
    return weight


def later_index(ts_ns: Times, horizon_ns: int, tolerance_ns: int) -> Rows:
    """Return which bar of one symbol answers each bar, or -1 where none does.

    Parameters
    ----------
    ts_ns
        Shape (n,): bar closes, strictly rising.
    horizon_ns, tolerance_ns
        The answer is the first bar in ``[t + horizon, t + horizon + tolerance]``.
    """
    due = ts_ns + horizon_ns
    index = np.searchsorted(ts_ns, due, side="left")
    found = index < len(ts_ns)
    found[found] = ts_ns[index[found]] - due[found] <= tolerance_ns
    return np.where(found, index, -1)


def first_at_least(values: Floats, bounds: Floats, last: Rows) -> Rows:
    """Return for each place ``i`` the first later place whose value reaches the bound of ``i``.

    Parameters
    ----------
    values, bounds
        Shape (n,), finite.
    last
        Shape (n,): last place that counts for ``i``.

    Returns
    -------
    Rows
        Shape (n,): the first ``j`` in ``(i, last[i]]`` with ``values[j] >= bounds[i]``, else n.

    Notes
    -----
    Maxima of blocks of 1, 2, 4, ... values are made once; each place then steps over the largest
    blocks that hold no touch. That is about ``log2(longest span)`` passes over the rows, however
    far the touch is away.
    """
    n = len(values)
    place = np.arange(1, n + 1)
    reach = int(np.max(last - place + 1, initial=0))
    # Behind the end stands infinity: no step leads beyond it.
    block = np.append(values, np.inf)
    blocks = [block]
    while 2 ** len(blocks) <= reach:
        far = np.append(block, np.full(2 ** (len(blocks) - 1), np.inf))[2 ** (len(blocks) - 1) :]
        block = np.maximum(block, far)
        blocks.append(block)
    for level in range(len(blocks) - 1, -1, -1):
        place = place + 2**level * (blocks[level][place] < bounds)
    # After one step of each size the place is a touch, or lies beyond the longest span.
    return np.where(place <= last, place, n)


def by_symbol(
    ts_ns: Times, symbol: NDArray[np.int64], *, distinct: bool = True
) -> list[NDArray[np.intp]]:
    """Return the rows of each symbol in the order of time.

    Raises
    ------
    BadUse
        If ``distinct`` and a symbol has a time twice.
    """
    order = np.lexsort((ts_ns, symbol))
    ts, code = ts_ns[order], symbol[order]
    if distinct and ((np.diff(ts) == 0) & (np.diff(code) == 0)).any():
        msg = "a symbol has a bar twice: give each time of a symbol once"
        raise BadUse(msg)
    return np.split(order, np.flatnonzero(np.diff(code)) + 1) if len(order) else []


def _direction(move: Floats, cost: Floats | float) -> Floats:
    """Return 1.0 and 0.0 where a move up or down is larger than its cost, else NaN."""
    return np.select([move > cost, -move > cost], [1.0, 0.0], np.nan)


def _weights(ts_ns: Times, end_ns: Times, symbol: NDArray[np.int64], y: Floats) -> Floats:
    # What is not learned takes no share of what is.
    return average_uniqueness(ts_ns, np.where(np.isnan(y), 0, end_ns), symbol)


def _check(ts_ns: Times, symbol: NDArray[np.int64], mid: Floats, *others: Floats | None) -> None:
    shapes = {a.shape for a in (ts_ns, symbol, mid, *others) if a is not None}
    if shapes != {(len(ts_ns),)}:
        msg = f"labels take columns of one length, not of shapes {sorted(shapes)}"
        raise BadUse(msg)
    if not (np.isfinite(mid) & (mid > 0)).all():
        msg = "labels take mids that are finite and > 0: leave out bars without a quote"
        raise BadUse(msg)
