"""Labels of columns: by hand, against slow readings of the rules, after costs; their weights."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import BadUse
from models.evaluation.accuracy import later_mid
from models.labels.arrays import (
    Labels,
    average_uniqueness,
    first_at_least,
    sign_definition,
    sign_labels,
    triple_barrier,
)
from models.labels.barrier import TripleBarrier
from models.labels.delayed import DelayedLabels

NAN = np.nan
RULE = DelayedLabels(horizon_ns=10, tolerance_ns=4)
BARRIER = TripleBarrier(width_up=2.0, width_down=1.0, vertical_ns=10, tolerance_ns=2)


def _ns(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _same(found: NDArray[np.float64], wanted: list[float]) -> None:
    np.testing.assert_array_equal(found, np.array(wanted))


def test_signs_by_hand() -> None:
    """Up, flat and down over a horizon of 10; the last bars have no answer yet."""
    ts = _ns(0, 10, 20, 30, 40)
    labels = sign_labels(ts, np.zeros(5, np.int64), np.array([1.0, 1.1, 1.1, 1.0, 1.2]), RULE)
    _same(labels.y, [1.0, NAN, 0.0, 1.0, NAN])
    _same(labels.later, [1.1, 1.1, 1.0, 1.2, NAN])
    assert labels.end_ns.tolist() == [10, 20, 30, 40, 0]
    assert labels.weight.tolist() == [1.0] * 5


@pytest.mark.parametrize(
    ("move", "y"),
    [(0.0003, 1.0), (-0.0003, 0.0), (0.00019, NAN), (-0.00019, NAN), (0.0, NAN)],
)
def test_a_move_must_pay_the_spread_at_both_ends(move: float, y: float) -> None:
    """Half a pip in and one and a half out: two pips are lost before anything is won."""
    half = np.array([0.00005, 0.00015])
    mid = np.array([1.0, 1.0 + move])
    labels = sign_labels(_ns(0, 10), _ns(0, 0), mid, RULE, half)
    _same(labels.y, [y, NAN])
    assert labels.end_ns.tolist() == [10, 0]
    assert labels.later[0] == mid[1]


@pytest.mark.parametrize("half", [[NAN, 0.0], [0.0, NAN]])
def test_an_unknown_spread_pays_nothing(half: list[float]) -> None:
    """Missing costs are not costs of 0."""
    labels = sign_labels(_ns(0, 10), _ns(0, 0), np.array([1.0, 2.0]), RULE, np.array(half))
    assert np.isnan(labels.y).all()


def test_symbols_do_not_answer_each_other() -> None:
    """The next bar of another symbol says nothing, in whatever order the rows stand."""
    ts, symbol = _ns(10, 0, 10, 0), _ns(1, 0, 0, 1)
    labels = sign_labels(ts, symbol, np.array([5.0, 1.0, 2.0, 6.0]), RULE)
    _same(labels.y, [NAN, 1.0, NAN, 0.0])
    _same(labels.later, [NAN, 2.0, NAN, 5.0])


_TAPES = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from([1.0, 1.1, 1.2, 1.3])), min_size=1, max_size=60
)


@given(steps=_TAPES, horizon_ns=st.integers(1, 30), tolerance_ns=st.integers(0, 15))
def test_signs_are_those_of_later_mid(
    steps: list[tuple[int, float]], horizon_ns: int, tolerance_ns: int
) -> None:
    """The later mid is the one that accuracy is measured with, to the last row."""
    ts = np.cumsum([step for step, _ in steps]).astype(np.int64)
    mid = np.array([price for _, price in steps])
    labels = sign_labels(ts, np.zeros_like(ts), mid, DelayedLabels(horizon_ns, tolerance_ns))
    later = later_mid(ts, mid, horizon_ns, tolerance_ns)
    np.testing.assert_array_equal(labels.later, later)
    known = ~np.isnan(later)
    assert (labels.end_ns > 0).tolist() == known.tolist()
    reach = labels.end_ns[known] - ts[known]
    assert ((reach >= horizon_ns) & (reach <= horizon_ns + tolerance_ns)).all()
    np.testing.assert_array_equal(np.isnan(labels.y), ~known | (later == mid))
    learned = ~np.isnan(labels.y)
    assert (labels.y[learned] == (later[learned] > mid[learned])).all()


def _barriers(mids: list[float], ts: list[int] | None = None, **more: list[float]) -> Labels:
    """Label the first bar of a tape; volatility 0.01, so 1.00 has barriers at 1.02 and 0.99."""
    n = len(mids)
    volatility = np.where(np.arange(n) == 0, 0.01, NAN)
    columns = {name: np.array(values) for name, values in more.items()}
    times = _ns(*(ts if ts is not None else [4 * k for k in range(n)]))
    return triple_barrier(
        times, np.zeros(n, np.int64), np.array(mids), volatility, BARRIER, **columns
    )


@pytest.mark.parametrize(
    ("mids", "ts", "y", "end_ns", "later"),
    [
        pytest.param([1.0, 1.01, 1.03, 0.9], None, 1.0, 8, 1.03, id="upper first"),
        pytest.param([1.0, 0.98, 1.03, 1.1], None, 0.0, 4, 0.98, id="lower first"),
        pytest.param([1.0, 1.01, 0.995, 1.01], None, 1.0, 12, 1.01, id="vertical, above"),
        pytest.param([1.0, 1.01, 0.995, 0.995], None, 0.0, 12, 0.995, id="vertical, below"),
        pytest.param([1.0, 1.01, 0.995, 1.0], None, NAN, 12, 1.0, id="vertical, unchanged"),
        pytest.param([1.0, 1.01, 1.01], None, NAN, 0, NAN, id="not yet known"),
        pytest.param([1.0, 1.03], None, 1.0, 4, 1.03, id="known before the vertical"),
        pytest.param([1.0, 1.01, 1.5], [0, 4, 13], NAN, 0, NAN, id="gap: not answered"),
        pytest.param([1.0, 1.03, 1.5], [0, 4, 99], 1.0, 4, 1.03, id="touched before the gap"),
        pytest.param([1.0, 1.01, 1.5], [0, 4, 12], 1.0, 12, 1.5, id="touch at the vertical"),
        pytest.param([1.0, 1.01, 0.9, 1.5], [0, 10, 11, 12], 1.0, 10, 1.01, id="first answers"),
    ],
)
def test_barriers_by_hand(
    mids: list[float], ts: list[int] | None, y: float, end_ns: int, later: float
) -> None:
    """One tape each, in closes: what it answers, when and at which price."""
    labels = _barriers(mids, ts)
    _same(labels.y[:1], [y])
    assert labels.end_ns[0] == end_ns
    _same(labels.later[:1], [later])
    assert not labels.end_ns[1:].any()


@pytest.mark.parametrize(
    ("high", "low", "y", "later"),
    [
        pytest.param(1.03, 0.995, 1.0, 1.02, id="upper: at its price"),
        pytest.param(1.005, 0.985, 0.0, 0.99, id="lower: at its price"),
        pytest.param(1.03, 0.985, NAN, 1.0, id="both: nobody knows which first"),
    ],
)
def test_extremes_touch_within_a_bar(high: float, low: float, y: float, later: float) -> None:
    """The close lies between the barriers; the bar does not."""
    labels = _barriers([1.0, 1.0], high=[1.0, high], low=[1.0, low])
    _same(labels.y[:1], [y])
    assert labels.later[0] == pytest.approx(later)
    assert labels.end_ns[0] == 4


def test_a_bar_beyond_the_barrier_gives_its_near_end() -> None:
    """Where the price jumped over the barrier, nobody traded at it."""
    labels = _barriers([1.0, 1.05], high=[1.0, 1.06], low=[1.0, 1.04])
    assert labels.later[0] == 1.04
    labels = _barriers([1.0, 0.95], high=[1.0, 0.96], low=[1.0, 0.94])
    assert labels.later[0] == 0.96


@pytest.mark.parametrize(("half", "y"), [(0.0149, 1.0), (0.0151, NAN), (NAN, NAN)])
def test_a_touch_must_pay_its_costs(half: float, y: float) -> None:
    """Three hundredths gained, two half spreads paid."""
    labels = _barriers([1.0, 1.03], half_spread=[half, half])
    _same(labels.y, [y, NAN])
    assert labels.end_ns[0] == 4


def _slow_barriers(
    ts: list[int], top: list[float], bottom: list[float], mid: list[float], rule: TripleBarrier
) -> tuple[list[float], list[int]]:
    """Read the rule bar by bar, volatility 0.1."""
    ys, ends = [], []
    for i in range(len(ts)):
        upper, lower = mid[i] * (1 + rule.width_up * 0.1), mid[i] * (1 - rule.width_down * 0.1)
        y, end = NAN, 0
        for j in range(i + 1, len(ts)):
            late = ts[j] - ts[i] - rule.vertical_ns
            if late > rule.tolerance_ns:
                break
            up, down = top[j] >= upper, bottom[j] <= lower
            if up or down:
                y, end = (NAN if up and down else float(up)), ts[j]
                break
            if late >= 0:
                y, end = (NAN if mid[j] == mid[i] else float(mid[j] > mid[i])), ts[j]
                break
        ys.append(y)
        ends.append(end)
    return ys, ends


@given(
    steps=st.lists(
        st.tuples(
            st.integers(1, 9), st.floats(0.5, 2.0), st.sampled_from([0.0, 0.1]), st.integers(0, 1)
        ),
        min_size=1,
        max_size=60,
    ),
    widths=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
    vertical_ns=st.integers(1, 60),
    tolerance_ns=st.integers(0, 9),
    extremes=st.booleans(),
)
def test_barriers_are_those_of_a_slow_reading(
    steps: list[tuple[int, float, float, int]],
    widths: tuple[float, float],
    vertical_ns: int,
    tolerance_ns: int,
    extremes: bool,
) -> None:
    """Columns of two symbols give what each bar by itself gives, with or without extremes."""
    rule = TripleBarrier(*widths, vertical_ns, tolerance_ns)
    ts = np.cumsum([step[0] for step in steps]).astype(np.int64)
    mid = np.array([step[1] for step in steps])
    reach = np.array([step[2] for step in steps]) * extremes
    symbol = np.array([step[3] for step in steps], np.int64)
    high, low = mid * (1 + reach), mid * (1 - reach)
    found = triple_barrier(
        ts,
        symbol,
        mid,
        np.full(len(ts), 0.1),
        rule,
        high=high if extremes else None,
        low=low if extremes else None,
    )
    for code in np.unique(symbol):
        own = symbol == code
        times, top, bottom, close = (c[own].tolist() for c in (ts, high, low, mid))
        y, end = _slow_barriers(times, top, bottom, close, rule)
        np.testing.assert_array_equal(found.y[own], np.array(y))
        assert found.end_ns[own].tolist() == end


@given(
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
)
def test_first_touch_is_that_of_a_search(values: list[float], seed: int) -> None:
    """Steps over blocks find what looking at every value finds, in spans of any length."""
    rng = np.random.default_rng(seed)
    n = len(values)
    bounds, last = rng.normal(size=n) * 3, np.arange(n) + rng.integers(0, n, size=n)
    last = np.minimum(last, n - 1)
    wanted = [
        next((j for j in range(i + 1, last[i] + 1) if values[j] >= bounds[i]), n) for i in range(n)
    ]
    assert first_at_least(np.array(values), bounds, last).tolist() == wanted


def test_uniqueness_by_hand() -> None:
    """[0, 10) has half to itself and half with one other; [20, 30) is alone."""
    weight = average_uniqueness(_ns(0, 5, 20, 0), _ns(10, 15, 30, 0), np.zeros(4, np.int64))
    assert weight == pytest.approx([0.75, 0.75, 1.0, 1.0])


def test_uniqueness_of_steady_rows_is_spacing_over_horizon() -> None:
    """A horizon of five spacings: every label in the middle of the tape is one fifth its own."""
    start = np.arange(100, dtype=np.int64) * 60
    weight = average_uniqueness(start, start + 300, np.zeros(100, np.int64))
    assert weight[4:-4] == pytest.approx(0.2)
    # Those at both ends have more to themselves.
    assert weight[0] > weight[1] > 0.2


def test_other_symbols_take_no_share() -> None:
    """Two symbols at the same times weigh as much as one."""
    start, zeros = _ns(0, 5, 0, 5), np.zeros(4, np.int64)
    apart = average_uniqueness(start, start + 10, _ns(0, 0, 1, 1))
    together = average_uniqueness(start, start + 10, zeros)
    assert apart == pytest.approx([0.75] * 4)
    assert together == pytest.approx([0.375] * 4)


@given(spans=st.lists(st.tuples(st.integers(1, 80), st.integers(0, 30)), min_size=1, max_size=40))
def test_uniqueness_is_that_of_a_slow_reading(spans: list[tuple[int, int]]) -> None:
    """Counting the open labels at every single nanosecond gives the same."""
    start = np.array([a for a, _ in spans], np.int64)
    end = np.array([a + length if length else 0 for a, length in spans], np.int64)
    open_at = np.zeros(120)
    for a, b in zip(start, end, strict=True):
        open_at[a:b] += 1
    wanted = [
        float(np.mean(1 / open_at[a:b])) if b > a else 1.0 for a, b in zip(start, end, strict=True)
    ]
    weight = average_uniqueness(start, end, np.zeros(len(start), np.int64))
    assert weight == pytest.approx(wanted, rel=1e-9)
    assert ((weight > 0) & (weight <= 1)).all()


def test_what_is_not_learned_takes_no_share() -> None:
    """A flat outcome between two others leaves them their whole span."""
    mid = np.array([1.0, 1.2, 1.1, 1.2, 1.3])
    labels = sign_labels(_ns(0, 5, 10, 15, 20), np.zeros(5, np.int64), mid, RULE)
    _same(labels.y, [1.0, NAN, 1.0, NAN, NAN])
    _same(labels.weight, [1.0] * 5)
    assert labels.end_ns.tolist() == [10, 15, 20, 0, 0]


def test_definitions_tell_rules_apart() -> None:
    """A manifest names the rule, its parameters and an id that changes with each of them."""
    definitions = [
        sign_definition(RULE, after_costs=False),
        sign_definition(RULE, after_costs=True),
        sign_definition(DelayedLabels(10, 5), after_costs=False),
        BARRIER.definition(after_costs=False),
        BARRIER.definition(after_costs=True),
        TripleBarrier(2.0, 1.5, 10, 2).definition(after_costs=False),
        TripleBarrier(1.0, 2.0, 10, 2).definition(after_costs=False),
    ]
    assert len({definition["id"] for definition in definitions}) == len(definitions)
    assert json.loads(json.dumps(definitions)) == definitions
    assert definitions[1] == {
        "rule": "sign",
        "horizon_ns": 10,
        "tolerance_ns": 4,
        "after_costs": True,
        "id": definitions[1]["id"],
    }


def test_columns_that_cannot_be_labelled_are_refused() -> None:
    """A bar twice, columns of two lengths, no price, one extreme alone, a close beyond its high."""
    two, ones = np.zeros(2, np.int64), np.ones(2)
    with pytest.raises(BadUse, match="twice"):
        sign_labels(_ns(5, 5), two, ones, RULE)
    with pytest.raises(BadUse, match="one length"):
        sign_labels(_ns(1, 2, 3), two, ones, RULE)
    with pytest.raises(BadUse, match="finite"):
        sign_labels(_ns(1, 2), two, np.array([1.0, NAN]), RULE)
    with pytest.raises(BadUse, match="both extremes"):
        triple_barrier(_ns(1, 2), two, ones, ones, BARRIER, high=ones)
    with pytest.raises(BadUse, match="outside"):
        triple_barrier(_ns(1, 2), two, ones, ones, BARRIER, high=ones - 0.1, low=ones - 0.2)


def test_no_rows_have_no_labels() -> None:
    """An empty table is labelled as one."""
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    assert len(sign_labels(none, none, nothing, RULE).y) == 0
    assert len(triple_barrier(none, none, nothing, nothing, BARRIER).y) == 0
