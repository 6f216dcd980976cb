"""The panel waits for every pair, and neither order, nor cuts, nor restarts change what it says."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import FOR_EVER
from domain.errors import Corrupt
from domain.nanos import MINUTE_NS
from features.panel import PanelConfig, PanelInput, PanelLogic, PanelRows
from tests.features.panel_tapes import (
    FRIDAY,
    SUNDAY,
    concatenated,
    news,
    open_ends,
    panel,
    random_closes,
    run,
    whole_news,
)

SYMBOLS = ("EURUSD", "USDJPY", "EURJPY", "AUDNZD")
CONFIG = PanelConfig(SYMBOLS)
ENDS = open_ends(60)
CLOSES = random_closes(SYMBOLS, ENDS, 1, 0.3)
WANTED = panel(SYMBOLS, [whole_news(CLOSES, ENDS[-1])])


def _quiet(symbol: str, passed_ns: int) -> PanelInput:
    return PanelInput(symbol, np.empty(0, dtype=np.int64), np.empty(0), passed_ns)


def _one(symbol: str, end_ns: int, close: float, passed_ns: int | None = None) -> PanelInput:
    passed = end_ns if passed_ns is None else passed_ns
    return PanelInput(symbol, np.array([end_ns]), np.array([close]), passed)


def _minutes(rows: PanelRows | None) -> list[int]:
    assert rows is not None
    return [(end - FRIDAY) // MINUTE_NS for end in rows.ts_ns.tolist()]


def _json(logic: PanelLogic) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(logic.snapshot()))
    return plain


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[PanelInput]]:
    """Cut each pair's log at some minutes, mix the pairs in any order, and cut the mix."""
    queues = []
    for symbol in SYMBOLS:
        cuts = draw(st.sets(st.sampled_from(ENDS[:-1]), max_size=12))
        queues.append(news(symbol, CLOSES[symbol], [*sorted(cuts), ENDS[-1]]))
    turns = [at for at, queue in enumerate(queues) for _ in queue]
    mixed = [queues[at].pop(0) for at in draw(st.permutations(turns))]
    splits = draw(st.lists(st.integers(0, len(mixed)), max_size=10).map(sorted))
    bounds = [0, *splits, len(mixed)]
    return [mixed[a:b] for a, b in pairwise(bounds)]


@settings(max_examples=150, deadline=None)
@given(batches=arrivals())
def test_neither_order_nor_batches_change_a_bit(batches: list[list[PanelInput]]) -> None:
    """Each pair's own news come in order; how those of several are mixed does not matter."""
    found = panel(SYMBOLS, batches)
    assert found.ts_ns.tobytes() == WANTED.ts_ns.tobytes()
    assert found.values.tobytes() == WANTED.values.tobytes()
    assert found.complete_ns == WANTED.complete_ns == ENDS[-1]


@settings(max_examples=60, deadline=None)
@given(batches=arrivals(), ended=st.booleans())
def test_it_resumes_after_any_batch(batches: list[list[PanelInput]], *, ended: bool) -> None:
    """Through text; rows and the state at the end are those of one run."""
    if ended:
        batches.append([_quiet(symbol, FOR_EVER) for symbol in SYMBOLS])
    whole = CONFIG.build(None)
    wanted = run(whole, batches)
    state: dict[str, Any] | None = None
    found = []
    for batch in batches:
        logic = CONFIG.build(state)
        rows = logic.on_inputs(batch)
        if rows is not None:
            found.append(rows)
        state = _json(logic)
    resumed = concatenated(found)
    assert resumed.values.tobytes() == wanted.values.tobytes() == WANTED.values.tobytes()
    assert resumed.ts_ns.tobytes() == wanted.ts_ns.tobytes()
    assert json.dumps(state) == json.dumps(whole.snapshot())


def test_a_minute_is_told_once_and_only_when_all_have_passed_it() -> None:
    """A pair without a bar says by its boundary that none will come."""
    logic = PanelConfig(("EURUSD", "USDJPY")).build(None)
    first, third = FRIDAY + MINUTE_NS, FRIDAY + 3 * MINUTE_NS
    assert logic.on_inputs([_one("EURUSD", first, 1.1)]) is None
    assert logic.on_inputs([_one("EURUSD", third, 1.2)]) is None
    rows = logic.on_inputs([_quiet("USDJPY", first)])
    assert _minutes(rows) == [1]
    assert rows is not None
    assert rows.complete_ns == first
    assert logic.on_inputs([_quiet("USDJPY", first)]) is None
    assert logic.on_inputs([_quiet("EURUSD", FRIDAY + 9 * MINUTE_NS)]) is None
    # The quiet one has a bar after all, in a later minute.
    assert _minutes(logic.on_inputs([_one("USDJPY", third, 150.0)])) == [2, 3]
    assert _minutes(logic.on_inputs([_quiet("USDJPY", FRIDAY + 5 * MINUTE_NS)])) == [4, 5]


def test_a_boundary_may_be_told_behind_a_later_bar() -> None:
    """In the log quiet minutes stand behind the bars of their batch: what has passed stays so."""
    logic = PanelConfig(("EURUSD",)).build(None)
    assert _minutes(logic.on_inputs([_one("EURUSD", FRIDAY + 3 * MINUTE_NS, 1.1)])) == [3]
    assert logic.on_inputs([_quiet("EURUSD", FRIDAY + 2 * MINUTE_NS)]) is None
    assert _minutes(logic.on_inputs([_one("EURUSD", FRIDAY + 4 * MINUTE_NS, 1.2)])) == [4]


def test_a_closed_market_has_no_minutes() -> None:
    """Boundaries of the weekend complete it, and leave no row."""
    logic = PanelConfig(("EURUSD",)).build(None)
    logic.on_inputs([_one("EURUSD", FRIDAY + 29 * MINUTE_NS, 1.1)])
    rows = logic.on_inputs([_quiet("EURUSD", SUNDAY - 7 * MINUTE_NS)])
    assert _minutes(rows) == [30]
    rows = logic.on_inputs([_quiet("EURUSD", SUNDAY)])
    assert rows is not None
    assert rows.ts_ns.size == 0
    assert rows.values.shape == (0, 1, 6)
    assert rows.complete_ns == SUNDAY
    rows = logic.on_inputs([_one("EURUSD", SUNDAY + MINUTE_NS, 1.2)])
    assert rows is not None
    assert rows.ts_ns.tolist() == [SUNDAY + MINUTE_NS]
    assert not rows.values.any()


def test_when_every_log_has_ended_the_last_bar_of_any_ends_the_panel() -> None:
    """A log that has ended holds nobody up; no minute comes after the last bar."""
    logic = PanelConfig(("EURUSD", "USDJPY")).build(None)
    second, fourth = FRIDAY + 2 * MINUTE_NS, FRIDAY + 4 * MINUTE_NS
    assert logic.on_inputs([_one("EURUSD", second, 1.1, FOR_EVER)]) is None
    rows = logic.on_inputs([_quiet("USDJPY", FRIDAY + MINUTE_NS)])
    assert _minutes(rows) == []
    rows = logic.on_inputs([_one("USDJPY", fourth, 150.0, FOR_EVER)])
    assert _minutes(rows) == [2, 3, 4]
    assert rows is not None
    assert rows.complete_ns == FOR_EVER
    assert logic.on_inputs([_quiet("USDJPY", FOR_EVER)]) is None


@pytest.mark.parametrize("passed", [[], [FRIDAY], [FRIDAY, FRIDAY + 3 * MINUTE_NS]])
def test_logs_without_any_bar_end_without_a_row(passed: Sequence[int]) -> None:
    """Heartbeats alone, or nothing at all."""
    inputs = [[_quiet("EURUSD", passed_ns)] for passed_ns in (*passed, FOR_EVER)]
    found = panel(("EURUSD",), inputs)
    assert found.ts_ns.size == 0
    assert found.complete_ns == FOR_EVER


def test_however_the_end_comes_every_minute_up_to_the_last_bar_is_the_same() -> None:
    """Minutes after it, in which nothing happened, may or may not have been told before."""
    last = max(end for bars in CLOSES.values() for end in bars)
    at_once = panel(SYMBOLS, [whole_news(CLOSES, last, ends=True)])
    by_minute = [
        [one for symbol in SYMBOLS for one in news(symbol, CLOSES[symbol], [passed])[-1:]]
        for passed in (last, last + 5 * MINUTE_NS)
    ]
    for late in by_minute[1]:
        by_minute[1][SYMBOLS.index(late.symbol)] = _quiet(late.symbol, late.passed_ns)
    later = panel(SYMBOLS, [*by_minute, [_quiet(symbol, FOR_EVER) for symbol in SYMBOLS]])
    assert at_once.ts_ns[-1] == last
    assert later.ts_ns[: at_once.ts_ns.size].tobytes() == at_once.ts_ns.tobytes()
    assert later.values[: at_once.ts_ns.size].tobytes() == at_once.values.tobytes()
    assert later.complete_ns == at_once.complete_ns == FOR_EVER


def test_a_pair_of_another_run_is_not_waited_for() -> None:
    """A log may hold more than the run reads."""
    logic = PanelConfig(("EURUSD",)).build(None)
    assert logic.on_inputs([_one("GBPUSD", FRIDAY + MINUTE_NS, 1.3)]) is None
    assert _minutes(logic.on_inputs([_one("EURUSD", FRIDAY + 2 * MINUTE_NS, 1.1)])) == [2]


def test_what_waits_is_all_that_grows() -> None:
    """With every pair up to date nothing is kept but a number each and fifteen factors."""
    logic = CONFIG.build(None)
    sizes = []
    closes = random_closes(SYMBOLS, open_ends(2_000), 2)
    for end in open_ends(2_000)[::100]:
        run(logic, [[_part(closes[symbol], symbol, end) for symbol in SYMBOLS]])
        state = logic.snapshot()
        assert state["waiting"] == [[] for _ in SYMBOLS]
        sizes.append([len(state["last"]), len(state["factors"]), len(state["passed"])])
    assert sizes == [[4, 15, 4]] * 20


def _part(closes: dict[int, float], symbol: str, passed_ns: int) -> PanelInput:
    """Return the bars of the last hundred minutes, and drop them."""
    ends = sorted(end for end in closes if end <= passed_ns)
    values = [closes.pop(end) for end in ends]
    return PanelInput(symbol, np.array(ends, dtype=np.int64), np.array(values), passed_ns)


@pytest.mark.parametrize("change", [{"v": 2}, {"symbols": ["USDJPY", "EURUSD"]}, {"symbols": []}])
def test_a_state_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    """Places of pairs would otherwise swap their meaning in silence."""
    config = PanelConfig(("EURUSD", "USDJPY"))
    state = {**_json(config.build(None)), **change}
    with pytest.raises(Corrupt, match=r"^panel state v[^\n]*does not fit v1 of [^\n]*$"):
        config.build(state)


@pytest.mark.parametrize("change", [{"last": [1.0]}, {"factors": None}, {"waiting": [[1.0]]}])
def test_a_torn_state_is_refused(change: dict[str, Any]) -> None:
    """Numpy would otherwise spread one number over all pairs."""
    state = {**_json(CONFIG.build(None)), **change}
    with pytest.raises(Corrupt, match=r"^panel state is not a whole one: [^\n]*$"):
        CONFIG.build(state)
