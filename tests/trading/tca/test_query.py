"""The query holds a stretch of quotes at a time, and says what it says of all of them at once."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.nanos import SECOND_NS
from domain.quality import OrderQuality
from domain.ticks import TickArray
from tests.trading.tca.tape import NOON, D, beat, execution, order, quotes
from tests.trading.tca.test_monitor import CONFIG, in_order, made_up
from trading.tca.config import TcaConfig
from trading.tca.monitor import QualityMonitor
from trading.tca.query import evaluate
from trading.tca.tape import QuoteTape


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 40))
def test_how_the_quotes_are_cut_changes_nothing(seed: int, cuts: int) -> None:
    """One stretch a symbol or many, symbol after symbol or in turns."""
    tapes, orders, fills = made_up(seed)
    random = np.random.default_rng(seed)
    parts: list[tuple[str, TickArray]] = []
    for symbol, records in tapes.items():
        places = np.sort(random.integers(0, len(records), cuts)).tolist()
        parts += [(symbol, part) for part in np.split(records, places)]
    in_turns = sorted(parts, key=lambda part: part[1]["ts_event_ns"].max(initial=0))
    whole = evaluate(CONFIG, tapes.items(), orders, fills)
    assert evaluate(CONFIG, parts, orders, fills) == whole
    assert evaluate(CONFIG, in_turns, orders, fills) == whole


def test_quotes_that_are_passed_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also under an order that lives on: it keeps sums, and its mean mid counts all of them."""
    held: list[int] = []
    append = QuoteTape.append

    def counted(tape: QuoteTape, records: TickArray) -> None:
        append(tape, records)
        held.append(len(tape.state().rows))

    def stretches() -> Iterator[tuple[str, TickArray]]:
        for minute in range(60):
            bid, ask = ("1.1000", "1.1002") if minute < 30 else ("1.1004", "1.1006")
            rows = [(minute * 60 + second, bid, ask) for second in range(60)]
            yield "EURUSD", quotes(rows)

    monkeypatch.setattr(QuoteTape, "append", counted)
    orders = [
        order("pending_new", 0, order_type="limit"),
        order(
            "filled",
            3598,
            order_type="limit",
            filled_units=D(100_000),
            average_price=D("1.1004"),
        ),
    ]
    config = TcaConfig("USD", ("EURUSD",))
    found = evaluate(config, stretches(), orders, [execution(3597, "1.1004")])
    (done,) = (one for one in found if isinstance(one, OrderQuality))
    # Of 3,598 quotes half had a mid of 1.1001, half of 1.1005.
    assert done.vwap_slippage_pips == pytest.approx(1.0, abs=1e-9)
    assert max(held) <= 2 * held[0]


def test_slices_carry_the_name_of_their_algorithm_as_on_the_way() -> None:
    """Those of the settings' algorithm; what only protects an order is none."""
    config = TcaConfig("USD", ("EURUSD",), algorithm="twap")
    rows = quotes([(second, "1.1000", "1.1002") for second in range(10)])
    orders = [
        replace(one, parent_id=parent, group_id=group)
        for name, parent, group in (("p", "", ""), ("s", "p", ""), ("t", "p", "bracket"))
        for one in (
            order("pending_new", 0, name),
            order("filled", 2, name, filled_units=D(100_000)),
        )
    ]
    fills = [execution(2, "1.1002", execution_id=f"x{name}", client_order_id=name) for name in "st"]
    monitor = QualityMonitor(config)
    found = [one for each in orders for one in monitor.on_order(each)]
    found += [one for each in fills for one in monitor.on_execution(each)]
    found += monitor.on_quotes("EURUSD", np.concatenate([rows, beat(400)]))
    again = evaluate(config, [("EURUSD", rows)], orders, fills, NOON + 400 * SECOND_NS)
    assert in_order(again) == in_order(found + monitor.flush())
    names = {one.client_order_id: one.algorithm for one in again if isinstance(one, OrderQuality)}
    assert names == {"p": "market", "s": "twap", "t": "market"}


def test_quotes_of_a_symbol_that_is_none_of_the_account_are_passed_over() -> None:
    """A run may have more of them."""
    config = TcaConfig("USD", ("EURUSD",))
    other = ("USDJPY", quotes([(0, "100.0", "100.1")]))
    assert evaluate(config, [other], [], []) == []
