"""The measuring step: arrival, batches and restarts change neither what it says nor its order."""

from collections.abc import Callable
from itertools import pairwise
from random import Random  # noqa: TID251 - seeded below: made-up arrivals

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import settings_of
from dataflows.paper_account import PaperAccount
from dataflows.quality import tca_config
from domain.errors import Corrupt
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.orders import Execution, Order, Position
from domain.predictions import Side, Signal
from domain.quality import ExecutionQuality, OrderQuality, QualityEvent
from domain.ticks import TickArray, TickBatch
from operators.execute import ExecuteStep, Happened, Heard
from operators.quality import QualityStep
from testkit.tapes import START, walk
from tests.trading.tca.tape import NOON, D, beat, execution, order, quotes
from tests.trading.tca.test_monitor import SPAN_S, made_up
from trading.desk.ports import Out
from trading.tca.config import TcaConfig
from trading.tca.monitor import Quality
from trading.tca.ordered import SETTLED_NS
from trading.tca.query import evaluate

T0 = parse_ns(START)
SIDES: tuple[Side, ...] = ("buy", "sell", "flat")
CONFIG = TcaConfig(
    "JPY", ("EURUSD", "USDJPY"), max_quote_age_ns=5 * SECOND_NS, retention_ns=MINUTE_NS
)
MARKS = [NOON + minute * MINUTE_NS - SECOND_NS for minute in range(1, SPAN_S // 60 + 1)]


def mark(ts_ns: int) -> Position:
    """Return the account's total at a mark."""
    return Position("A-1", "*", ts_ns, ts_ns, D(0), None, D(0), D(0), D(100))


def happened(
    orders: list[Order], fills: list[Execution], hurry: Callable[[], bool] = lambda: False
) -> list[Out]:
    """Return what an account tells: by symbol in order of time, each before its mark.

    Parameters
    ----------
    hurry
        Whether a record is told a mark earlier than it must be, as where a symbol is ahead.
    """
    told: list[list[Out]] = [[] for _ in range(len(MARKS) + 1)]
    for symbol in CONFIG.symbols:
        own: list[Order | Execution] = [o for o in orders if o.symbol == symbol]
        own += [f for f in fills if f.symbol == symbol]
        earliest = 0
        for record in sorted(own, key=lambda r: r.ts_event_ns):
            last = int(np.searchsorted(np.array(MARKS) - SETTLED_NS, record.ts_event_ns))
            place = max(earliest, last - 1 if hurry() else last)
            told[place].append(record)
            earliest = place
    marks: list[Out] = [mark(ts_ns) for ts_ns in MARKS]
    return [out for at, records in enumerate(told) for out in (*records, *marks[at : at + 1])]


def play(
    values: list[TickBatch | Happened], restart: Callable[[], bool] = lambda: False
) -> list[Quality]:
    """Run the step over some values, each a batch of its own, to the end of the log."""
    step = QualityStep("A-1", CONFIG, None)
    found: list[Quality] = []
    for value in values:
        found += [record for one in step.on_batch([value]) for record in one.records]
        if restart():
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(step.snapshot()))
            step = QualityStep("A-1", CONFIG, state)
    return found + [record for one in step.on_eof() for record in one.records]


def straight(
    tapes: dict[str, TickArray], orders: list[Order], fills: list[Execution]
) -> list[TickBatch | Happened]:
    """Return all quotes, then all that happened."""
    batches = [TickBatch(symbol, records) for symbol, records in tapes.items()]
    return [*batches, Happened("A-1", happened(orders, fills))]


def shuffled(
    random: Random, tapes: dict[str, TickArray], told: list[Out]
) -> list[TickBatch | Happened]:
    """Cut every stream somewhere and mix the streams; each keeps its own order."""
    streams: list[list[TickBatch | Happened]] = []
    for symbol, records in tapes.items():
        cuts = sorted(random.sample(range(1, len(records)), 12))
        streams.append([TickBatch(symbol, part) for part in np.split(records, cuts)])
    cuts = sorted(random.sample(range(1, len(told)), 12))
    parts = [told[a:b] for a, b in zip([0, *cuts], [*cuts, len(told)], strict=True)]
    streams.append([Happened("A-1", part) for part in parts])
    mixed: list[TickBatch | Happened] = []
    while any(streams):
        stream = random.choice([one for one in streams if one])
        mixed.append(stream.pop(0))
    return mixed


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_arrival_batches_and_restarts_change_nothing(seed: int) -> None:
    """The same records in the same order, however the streams are cut, mixed, told and resumed."""
    random = Random(seed)
    tapes, orders, fills = made_up(seed)
    expected = play(straight(tapes, orders, fills))
    told = happened(orders, fills, lambda: random.random() < 0.3)
    values = shuffled(random, tapes, told)
    assert play(values, lambda: random.random() < 0.2) == expected
    assert {type(one) for one in expected} >= {ExecutionQuality, OrderQuality}


def test_what_is_said_on_the_way_is_what_the_stored_records_say() -> None:
    """Every fill and every ended order once, with the figures of the query over whole tables."""
    tapes, orders, fills = made_up(3)
    found = play(straight(tapes, orders, fills))
    assert sum(isinstance(one, ExecutionQuality) for one in found) == len(fills) > 3
    assert sum(isinstance(one, OrderQuality) for one in found) == 8
    whole = evaluate(CONFIG, tapes.items(), orders, fills)
    assert sorted(map(repr, found)) == sorted(map(repr, whole))


def test_a_fill_is_told_at_the_first_mark_behind_its_last_horizon() -> None:
    """Its order and a price beyond the spread at the first mark, its markouts 5 minutes later."""
    step = QualityStep("A-1", CONFIG, None)
    rows = [(second, "1.1000", "1.1002") for second in range(600)]
    step.on_batch([TickBatch("EURUSD", quotes(rows))])
    step.on_batch([TickBatch("USDJPY", np.concatenate([beat(s) for s in range(600)]))])
    wanted = [order("pending_new", 0), order("filled", 2, filled_units=D(100_000))]
    told: list[Out] = [*wanted, execution(2, "1.1003"), mark(NOON + 6 * SECOND_NS)]
    assert step.on_batch([Happened("A-1", told)]) == []
    (first,) = step.on_batch([Happened("A-1", [mark(NOON + 59 * SECOND_NS)])])
    assert [type(one) for one in first.records] == [QualityEvent, OrderQuality]
    later: list[Out] = [mark(NOON + minute * MINUTE_NS - SECOND_NS) for minute in range(2, 7)]
    assert [list(step.on_batch([Happened("A-1", [one])])) for one in later[:-1]] == [[]] * 4
    (last,) = step.on_batch([Happened("A-1", later[-1:])])
    (fill,) = last.records
    assert isinstance(fill, ExecutionQuality)
    assert fill.markout_5m_pips == pytest.approx(-2.0, abs=1e-9)
    assert list(step.on_eof()) == []


def test_a_mark_waits_for_the_quotes_of_every_symbol() -> None:
    """What an account has told before its quotes were here is not measured without them."""
    step = QualityStep("A-1", CONFIG, None)
    done = order("filled", 1, filled_units=D(100_000))
    told: list[Out] = [done, execution(1, "1.2"), mark(NOON + 59 * SECOND_NS)]
    euro = quotes([(0, "1.1", "1.2"), (60, "1.1", "1.2")])
    assert step.on_batch([Happened("A-1", told)]) == []
    assert step.on_batch([TickBatch("EURUSD", euro)]) == []
    (measured,) = step.on_batch([TickBatch("USDJPY", beat(60))])
    assert [type(one) for one in measured.records] == [OrderQuality]


def test_the_end_of_the_log_says_what_is_known_and_says_it_once() -> None:
    """Also of what was told behind the last mark; an order that is open is not reported."""
    step = QualityStep("A-1", CONFIG, None)
    step.on_batch(
        [TickBatch("EURUSD", quotes([(second, "1.1000", "1.1002") for second in range(10)]))]
    )
    wanted = [order("pending_new", 0), order("filled", 2, filled_units=D(100_000))]
    open_ = order("pending_new", 3, "o2")
    step.on_batch([Happened("A-1", [*wanted, execution(2, "1.1002"), open_])])
    (measured,) = step.on_eof()
    fill, done = measured.records
    assert isinstance(fill, ExecutionQuality)
    assert fill.markout_5s_pips == pytest.approx(-1.0, abs=1e-9)
    assert fill.markout_5m_pips is None
    assert isinstance(done, OrderQuality)
    assert done.client_order_id == "o1"
    assert list(QualityStep("A-1", CONFIG, step.snapshot()).on_eof()) == []


def traded(random: Random, ahead_s: int) -> list[Quality]:
    """Trade two pairs on paper, one that many seconds ahead of the other; return what is measured.

    Batches are cut anywhere, and the measuring step gets what the account got, and what it did.
    """
    symbols = ("EURUSD", "USDJPY")
    settings = settings_of({})
    paper = PaperAccount(settings, symbols, None, "t", lambda: 0, lambda *_: None, lambda _: None)
    account = ExecuteStep("A", paper, None, lambda: 0, lambda *_: None)
    quality = QualityStep("A", tca_config(settings, symbols), None)
    moves = walk("EURUSD", 1_800, 1, mean_gap_ms=900.0), walk("USDJPY", 1_800, 2, mean_gap_ms=900.0)
    pieces: list[tuple[float, TickBatch | Heard]] = []
    for symbol, ticks, lead_s in zip(symbols, moves, (ahead_s, 0), strict=True):
        rows = [0, *sorted(random.sample(range(1, len(ticks)), 30)), len(ticks)]
        for a, b in pairwise(rows):
            at_s = int(ticks["ts_recv_ns"][a] - T0) / SECOND_NS - lead_s
            pieces.append((at_s, TickBatch(symbol, ticks[a:b])))
        # One signal at each minute that a tick is the first to have passed.
        for at in np.unique(ticks["ts_event_ns"] // MINUTE_NS * MINUTE_NS).tolist()[1:]:
            side = SIDES[at // MINUTE_NS % 3]
            name = f"{symbol}{at}"
            signal = Signal(name, symbol, at, at, "m", "r", side, True, 1.0, 0.9, 1.1, 1.2, "edge")
            pieces.append(((at - T0) / SECOND_NS - lead_s, Heard([signal], 0)))
    found: list[Quality] = []
    for _, piece in sorted(pieces, key=lambda one: one[0]):
        told = list(account.on_batch([piece]))
        seen = [piece] if isinstance(piece, TickBatch) else []
        for one in quality.on_batch(random.choice([[*seen, *told], [*told, *seen]])):
            found += one.records
        if random.random() < 0.2:
            quality = QualityStep("A", tca_config(settings, symbols), quality.snapshot())
    paper.close()
    return found + [record for one in quality.on_eof() for record in one.records]


def test_what_an_account_on_paper_did_is_measured_the_same_however_far_its_pairs_are_apart() -> (
    None
):
    """Its engine holds the one back that is ahead; quotes and fills then come apart by minutes."""
    expected = traded(Random(0), 0)
    assert sum(isinstance(one, ExecutionQuality) for one in expected) > 20
    for seed, ahead_s in enumerate((5, 300, 1_200, -900)):
        assert traded(Random(seed), ahead_s) == expected


def test_what_has_no_instrument_here_is_passed_over() -> None:
    """Somebody else's trade in the account stops nobody."""
    step = QualityStep("A-1", CONFIG, None)
    strange = order("filled", 1, symbol="XAUXAG")
    assert step.on_batch([Happened("A-1", [strange])]) == []
    assert list(step.on_eof()) == []


def test_an_unknown_snapshot_is_refused() -> None:
    """Of another version, or not whole."""
    with pytest.raises(Corrupt, match="snapshot version 9"):
        QualityStep("A-1", CONFIG, {"v": 9})
    with pytest.raises(Corrupt, match="cannot be read"):
        QualityStep("A-1", CONFIG, {"v": 1})
