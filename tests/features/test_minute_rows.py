"""The join: own rows in order, each with the others' minute before, never with a later one."""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Corrupt
from domain.nanos import MINUTE_NS
from features.bar_kernel import EDGE_DTYPE
from features.minute_rows import (
    JoinConfig,
    JoinedRows,
    JoinLogic,
    LocalRows,
    PanelSlice,
    slice_of,
    vectors_of,
)
from features.panel import PanelConfig
from features.spec import CROSS_FEATURES, FEATURES, LOCAL_FEATURES, SCHEMA
from testkit.bar_rows import bar_rows
from testkit.switches import a_switch
from tests.features.panel_tapes import FRIDAY, Closes, news, open_ends, panel, random_closes

SYMBOLS = ("EURUSD", "USDJPY", "EURJPY")
ENDS = open_ends(60)
CLOSES = random_closes(SYMBOLS, ENDS, 1, 0.15)
LOCAL = len(LOCAL_FEATURES)
WARM_UP = [feature.warm_up_bars for feature in CROSS_FEATURES]
EDGES = np.dtype(EDGE_DTYPE)

Item: TypeAlias = LocalRows | PanelSlice


def _local(bars: Sequence[tuple[int, float]], edges: Sequence[int], count: int) -> LocalRows:
    """Make own rows of bars (end, close) and boundaries; ``count`` bars of the session before."""
    rows = bar_rows([close for _, close in bars])
    rows["ts_event_ns"] = rows["ts_recv_ns"] = [end for end, _ in bars]
    rows["ts_open_ns"] = rows["ts_event_ns"] - MINUTE_NS
    values = np.outer(rows["ts_event_ns"] / 1e18, np.arange(1, LOCAL + 1))
    told = np.zeros(len(edges), dtype=EDGES)
    told["ts_event_ns"] = edges
    ends = [end for end, _ in bars]
    told["bar"] = [ends.index(edge) if edge in ends else -1 for edge in edges]
    told["bid"], told["ask"] = np.nan, 1.1
    return LocalRows(rows, values, count + 1 + np.arange(rows.size), told, 42)


def _locals(closes: Closes, cuts: Sequence[int]) -> list[LocalRows]:
    """Cut the EURUSD rows of all minutes behind some of them; a boundary for each minute."""
    found, before, count = [], -1, 0
    for passed in [*cuts, ENDS[-1]]:
        ends = [end for end in ENDS if before < end <= passed]
        bars = [(end, closes["EURUSD"][end]) for end in ends if end in closes["EURUSD"]]
        if before < ENDS[30] <= passed:
            # As if the session had begun with this batch: the join is told, it does not count.
            count = 0
        if ends:
            found.append(_local(bars, ends, count))
        count += len(bars)
        before = passed
    return found


def _slices(closes: Closes, cuts: Sequence[int]) -> list[PanelSlice]:
    """Return the panel of all minutes for EURUSD, told behind some of them."""
    logic = PanelConfig(SYMBOLS).build(None)
    queues = [news(symbol, closes[symbol], [*cuts, ENDS[-1]]) for symbol in SYMBOLS]
    told = [logic.on_inputs(batch) for batch in zip(*queues, strict=True)]
    return [slice_of(rows, SYMBOLS.index("EURUSD")) for rows in told if rows is not None]


def _run(logic: JoinLogic, items: Sequence[Item]) -> list[JoinedRows]:
    return [
        whole
        for item in items
        for whole in (logic.on_local(item) if isinstance(item, LocalRows) else logic.on_panel(item))
    ]


def _expected(local: LocalRows, closes: Closes) -> tuple[np.ndarray[Any, Any], list[bool]]:
    """Look the minute before each bar up in the whole panel."""
    queues = [news(symbol, closes[symbol], [ENDS[-1]])[0] for symbol in SYMBOLS]
    whole = panel(SYMBOLS, [queues])
    by_minute = dict(zip(whole.ts_ns.tolist(), whole.values[:, 0].tolist(), strict=True))
    rows = []
    for values, end, count in zip(
        local.values.tolist(),
        local.bars["ts_event_ns"].tolist(),
        local.session_bars.tolist(),
        strict=True,
    ):
        cross = by_minute.get(end - MINUTE_NS, [np.nan] * len(WARM_UP))
        warm = [
            value if count >= bars else np.nan for value, bars in zip(cross, WARM_UP, strict=True)
        ]
        rows.append([*values, *warm])
    whole_rows = np.array(rows).reshape(-1, len(FEATURES))
    return whole_rows, [not np.isnan(row).any() for row in whole_rows]


def _same(found: JoinedRows, local: LocalRows, closes: Closes) -> None:
    values, ready = _expected(local, closes)
    assert found.rows.bars.tobytes() == local.bars.tobytes()
    np.testing.assert_array_equal(found.rows.values, values)
    assert found.rows.ready.tolist() == ready
    assert found.edges.tobytes() == local.edges.tobytes()
    assert found.wall_ns == local.wall_ns


def _values(closes: Closes) -> np.ndarray[Any, np.dtype[np.float64]]:
    items: list[Item] = [*_locals(closes, []), *_slices(closes, ENDS[:-1])]
    return np.concatenate([one.rows.values for one in _run(JoinConfig().build(None), items)])


def _bytes(found: Sequence[JoinedRows]) -> list[tuple[bytes, ...]]:
    return [
        (*(part.tobytes() for part in one.rows), one.edges.tobytes(), str(one.wall_ns).encode())
        for one in found
    ]


cuts = st.sets(st.sampled_from(ENDS[:-1]), max_size=20).map(sorted)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[LocalRows], list[Item]]:
    """Give own rows, and a mix of them with panel minutes, each of the two in its order."""
    own = _locals(CLOSES, draw(cuts))
    others = _slices(CLOSES, draw(cuts))
    turns = draw(st.permutations([True] * len(own) + [False] * len(others)))
    queues: dict[bool, list[Item]] = {True: [*own], False: [*others]}
    return own, [queues[turn].pop(0) for turn in turns]


@settings(max_examples=150, deadline=None)
@given(arrived=arrivals())
def test_rows_come_in_order_with_the_minute_before_each(
    arrived: tuple[list[LocalRows], list[Item]],
) -> None:
    """However own rows and panel minutes are mixed: one answer for each batch of own rows."""
    own, items = arrived
    logic = JoinConfig().build(None)
    found = _run(logic, items)
    assert len(found) == len(own)
    for whole, local in zip(found, own, strict=True):
        _same(whole, local, CLOSES)
    assert logic.pending == 0
    ready = np.concatenate([whole.rows.ready for whole in found])
    assert 10 < ready.sum() < ready.size


@settings(max_examples=60, deadline=None)
@given(
    arrived=arrivals(),
    alone=st.lists(st.booleans(), min_size=60, max_size=60),
    resumed=st.booleans(),
)
def test_switches_stay_in_their_place_among_the_rows(
    arrived: tuple[list[LocalRows], list[Item]], alone: list[bool], resumed: bool
) -> None:
    """One before every batch of own rows, with it or by itself: none overtakes what waits."""
    own, items = arrived
    told: list[Item] = []
    for item in items:
        if isinstance(item, LocalRows):
            number = sum(isinstance(one, LocalRows) and one.edges.size > 0 for one in told)
            switch = (a_switch(number),)
            if alone[number]:
                told += [_local([], [], 0)._replace(switches=switch), item]
            else:
                told.append(item._replace(switches=switch))
        else:
            told.append(item)
    logic = JoinConfig().build(None)
    found: list[JoinedRows] = []
    for item in told:
        found += _run(logic, [item])
        if resumed:
            logic = JoinConfig().build(json.loads(json.dumps(logic.snapshot())))
    assert logic.pending == 0
    order: list[object] = []
    for whole in found:
        order += [*whole.switches, *whole.edges["ts_event_ns"].tolist()]
    assert order == [
        one
        for number, local in enumerate(own)
        for one in (a_switch(number), *local.edges["ts_event_ns"].tolist())
    ]
    plain = _run(JoinConfig().build(None), items)
    rows = [whole for whole in found if whole.edges.size]
    assert _bytes(rows) == _bytes(plain)


@settings(max_examples=60, deadline=None)
@given(arrived=arrivals())
def test_it_resumes_anywhere(arrived: tuple[list[LocalRows], list[Item]]) -> None:
    """What waits survives the way through text; results and state are those of one run."""
    _, items = arrived
    whole = JoinConfig().build(None)
    wanted = _run(whole, items)
    state: dict[str, Any] | None = None
    found: list[JoinedRows] = []
    for item in items:
        logic = JoinConfig().build(state)
        found += _run(logic, [item])
        state = json.loads(json.dumps(logic.snapshot()))
    assert _bytes(found) == _bytes(wanted)
    assert json.dumps(state) == json.dumps(whole.snapshot())


@pytest.mark.parametrize("at", [5, 18, 29, 31, 45])
def test_no_row_knows_what_others_do_in_its_own_minute(at: int) -> None:
    """Double all other prices from a minute on: rows until then stay, the one after it differs."""
    other = {
        symbol: {
            end: close * 2 if end >= ENDS[at] and symbol != "EURUSD" else close
            for end, close in bars.items()
        }
        for symbol, bars in CLOSES.items()
    }
    other["USDJPY"][ENDS[at]] = 300.0
    rows = _values(CLOSES), _values(other)
    ends = np.array([end for end in ENDS if end in CLOSES["EURUSD"]])
    until = int(np.searchsorted(ends, ENDS[at], side="right"))
    assert rows[0][:until].tobytes() == rows[1][:until].tobytes()
    assert rows[0][until:].tobytes() != rows[1][until:].tobytes()


def test_a_row_waits_for_the_minute_before_it_alone() -> None:
    """The panel of its own minute is not waited for; the row before is not overtaken."""
    logic = JoinConfig().build(None)
    first, second, third = ENDS[:3]
    assert logic.on_local(_local([(second, 1.1)], [second], 2)) == []
    assert logic.on_local(_local([(third, 1.2)], [third], 3)) == []
    assert logic.pending == 2
    ones = np.ones((1, len(CROSS_FEATURES)))
    (whole,) = logic.on_panel(PanelSlice(np.array([first]), ones, first))
    assert whole.edges["ts_event_ns"].tolist() == [second]
    assert np.nansum(whole.rows.values[0, LOCAL:]) == 5
    assert logic.pending == 1
    (whole,) = logic.on_panel(PanelSlice(np.array([second]), ones * 2, second))
    assert whole.edges["ts_event_ns"].tolist() == [third]
    assert logic.pending == 0


def test_a_boundary_without_a_bar_waits_too() -> None:
    """One row for each boundary, in order: none may be decided before the one before it."""
    logic = JoinConfig().build(None)
    first, second = ENDS[:2]
    assert logic.on_local(_local([], [second], 0)) == []
    nothing = np.empty((0, len(CROSS_FEATURES)))
    (whole,) = logic.on_panel(PanelSlice(np.empty(0, dtype=np.int64), nothing, first))
    assert whole.rows.values.shape == (0, len(FEATURES))
    assert whole.edges[["ts_event_ns", "bar"]].tolist() == [(second, -1)]


def test_cold_cross_features_are_nan_one_by_one() -> None:
    """Each has its own warm-up in bars of the session; the dollar's quarter hour is longest."""
    ones = np.ones((60, len(CROSS_FEATURES)))
    for bars, cold in ((0, 6), (1, 1), (15, 1), (16, 0)):
        logic = JoinConfig().build(None)
        logic.on_panel(PanelSlice(np.array(ENDS), ones, ENDS[-1]))
        (whole,) = logic.on_local(_local([(ENDS[20], 1.1)], [ENDS[20]], bars))
        assert np.isnan(whole.rows.values[0, LOCAL:]).sum() == cold
        assert whole.rows.ready.tolist() == [cold == 0]
    assert sorted(WARM_UP) == [2, 2, 2, 2, 2, 17]


def test_a_minute_that_the_panel_does_not_have_is_nan() -> None:
    """The first minute of a session has none before it."""
    logic = JoinConfig().build(None)
    ones = np.ones((1, len(CROSS_FEATURES)))
    logic.on_panel(PanelSlice(np.array(ENDS[29:30]), ones, ENDS[30]))
    (whole,) = logic.on_local(_local([(ENDS[30], 1.1)], [ENDS[30]], 90))
    assert np.isnan(whole.rows.values[0, LOCAL:]).all()
    assert not whole.rows.ready.any()


def test_with_nothing_waiting_the_state_is_small() -> None:
    """A week later it holds a minute or two, whichever of the two comes first."""
    logic = JoinConfig().build(None)
    ones = np.ones((1, len(CROSS_FEATURES)))
    for minute in range(3_000):
        end = FRIDAY + minute * MINUTE_NS
        items: list[Item] = [
            _local([(end, 1.1)], [end], 20) if minute % 3 else _local([], [end], 20),
            PanelSlice(np.array([end]), ones, end),
        ]
        _run(logic, items if minute // 100 % 2 else items[::-1])
        if minute % 50 == 0:
            state = logic.snapshot()
            assert logic.pending == 0
            assert len(state["ts"]) == len(state["cross"]) <= 2
            assert len(json.dumps(state)) < 400


def test_the_panel_is_cut_for_each_pair() -> None:
    """By its place among the symbols of the run."""
    whole = panel(SYMBOLS, [[one] for s in SYMBOLS for one in news(s, CLOSES[s], [ENDS[-1]])])
    for place in range(len(SYMBOLS)):
        part = slice_of(whole, place)
        assert part.values.tobytes() == whole.values[:, place].tobytes()
        assert part.ts_ns.tobytes() == whole.ts_ns.tobytes()
        assert part.complete_ns == whole.complete_ns


def test_rows_go_to_the_log_whole() -> None:
    """One record a bar, in order; what is not ready is None."""
    found = _run(JoinConfig().build(None), [*_locals(CLOSES, []), *_slices(CLOSES, [])])
    (rows,) = (one.rows for one in found)
    rows.bars["verdict"][3] = 1 << 17
    vectors = vectors_of("EURUSD", rows)
    assert [vector.ts_event_ns for vector in vectors] == rows.bars["ts_event_ns"].tolist()
    assert [vector.ready for vector in vectors] == rows.ready.tolist()
    assert {vector.schema for vector in vectors} == {SCHEMA}
    assert (vectors[3].verdict, vectors[4].verdict) == (1 << 17, 0)
    assert vectors[0].values[LOCAL:] == (None,) * len(CROSS_FEATURES)
    for vector, values in zip(vectors, rows.values.tolist(), strict=True):
        assert len(vector.values) == len(FEATURES)
        assert [np.nan if value is None else value for value in vector.values] == pytest.approx(
            values, rel=0, abs=0, nan_ok=True
        )
        assert vector.spread_mean_pips == 1.0


@pytest.mark.parametrize("change", [{"v": 1}, {"schema": "another"}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Rows of other features say nothing about these."""
    state = {**JoinConfig().build(None).snapshot(), **change}
    with pytest.raises(Corrupt, match=r"^join state v[^\n]*does not fit v2 of [^\n]*$"):
        JoinConfig().build(state)


@pytest.mark.parametrize(
    "change", [{"ts": [1]}, {"cross": [[1.0]]}, {"pending": [{}]}, {"ts": "x"}]
)
def test_a_torn_state_is_refused(change: dict[str, Any]) -> None:
    """Times without values, or rows without parts."""
    state = {**JoinConfig().build(None).snapshot(), **change}
    with pytest.raises(Corrupt, match=r"^join state is not a whole one: [^\n]*$"):
        JoinConfig().build(state)
