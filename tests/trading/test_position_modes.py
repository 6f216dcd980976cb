"""The same fills under netting, FIFO and hedging through a run, every figure worked out by hand."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from domain.errors import BadUse
from domain.fx_calendar import trade_date
from domain.instruments import INSTRUMENTS
from domain.order_events import EventKind, OrderEvent
from domain.orders import Order, OrderSide, OrderTerms, Position, PositionEffect
from tests.trading.tape import (
    LEASE_NS,
    Desk,
    Sides,
    account,
    at,
    positions,
    read,
    story,
    with_signals,
)
from trading.accounts.held import sides
from trading.counterparty import Counterparty
from trading.engine import ExecutionLogic
from trading.execution_config import ExecutionConfig
from trading.journal.journal import Journal
from trading.orders.state import OrderState
from trading.quotes import Quote
from trading.settlement.rebuilding import Books, booked_of
from trading.venues import Command, PositionMode, Unanswered, VenueEvent, VenueSnapshot

D = Decimal
TAPE = """
    00:00:30.000 EURUSD 1.10000 1.10020
    00:01:00.000 EURUSD 1.10000 1.10020
    00:02:00.000 EURUSD 1.10000 1.10020
"""


class Door:
    """A door behind which somebody else trades the account."""

    def __init__(self) -> None:
        self.said: list[VenueEvent | VenueSnapshot | Unanswered] = []

    def send(self, command: Command) -> None:
        """Fail: here no signal trades."""
        pytest.fail(f"{command} was sent")

    def drain(self) -> list[VenueEvent | VenueSnapshot | Unanswered]:
        """Hand on what was said."""
        said, self.said = self.said, []
        return said

    def query(self, order: Order) -> None:
        """Ask nobody."""

    def snapshot(self, since: int | None) -> None:
        """Ask nobody."""

    def closed(self, client_order_id: str) -> None:
        """Do nothing."""

    def resend(self, now_ns: int, may: Callable[[Order], str | None]) -> None:
        """Do nothing."""

    def adopt(self, states: Iterable[OrderState]) -> None:
        """Do nothing."""

    def kill(self, reason: str, strategy: str = "") -> object:
        """Do nothing."""

    def release(self, strategy: str = "") -> None:
        """Do nothing."""


class Deal(NamedTuple):
    """A fill of an order of its own."""

    side: OrderSide
    units: int
    price: str
    effect: PositionEffect = "default"


DEALS = [
    Deal("buy", 10_000, "1.1000"),
    Deal("buy", 10_000, "1.1020"),
    Deal("sell", 10_000, "1.1030"),
    Deal("sell", 4_000, "1.1015", "reduce_only"),
    Deal("buy", 2_000, "1.0990"),
]


def said(number: int, deal: Deal) -> list[VenueEvent | VenueSnapshot]:
    """Return what a venue says of an order that somebody else made there, and of its fill."""
    ts_ns = at("00:00:40") + number
    terms = OrderTerms(D(deal.units), position_effect=deal.effect)
    made = OrderEvent(
        kind=EventKind.EXTERNAL,
        client_order_id="",
        ts_event_ns=ts_ns,
        ts_recv_ns=ts_ns,
        venue="paper",
        venue_order_id=f"v{number}",
        sequence=2 * number + 1,
        status="accepted",
        symbol="EURUSD",
        side=deal.side,
        terms=terms,
    )
    fill = OrderEvent(
        kind=EventKind.FILL,
        client_order_id="",
        ts_event_ns=ts_ns,
        ts_recv_ns=ts_ns,
        venue="paper",
        venue_order_id=f"v{number}",
        sequence=2 * number + 2,
        execution_id=f"x{number}",
        quantity_units=D(deal.units),
        price=D(deal.price),
        cum_units=D(deal.units),
        leaves_units=D(0),
        symbol="EURUSD",
        side=deal.side,
    )
    return [made, fill]


class Table(NamedTuple):
    """What a way of keeping positions makes of the deals.

    Attributes
    ----------
    profits
        Realised by each deal, dollars.
    trades, sides
        Open ones at the end: signed units and price, oldest first; units held long and short.
    average, unrealised, equity
        Of 8,000 net units, at 1.1000 to 1.1002 in an account that began with 100,000.
    """

    profits: list[str]
    trades: list[tuple[int, str]]
    sides: tuple[Decimal, Decimal]
    average: str
    unrealised: str
    equity: str


TABLES: dict[PositionMode, Table] = {
    # 20,000 at 1.1010 on average: sold 20 pips and 5 pips higher. (6 x 1.1010 + 2 x 1.0990) / 8.
    "netting": Table(["0", "0", "20", "2", "0"], [], (D(8000), D(0)), "1.1005", "-4", "100018"),
    # 10,000 is exactly the oldest trade: 30 pips. Of the other, 4,000 were sold 5 pips lower.
    "fifo": Table(
        ["0", "0", "30", "-2", "0"],
        [(6000, "1.1020"), (2000, "1.0990")],
        (D(8000), D(0)),
        "1.10125",
        "-10",
        "100018",
    ),
    # The sale opens a short; what only reduces closes 4,000 of the oldest long, 15 pips higher.
    # The longs lose 18, the short wins 28. Against the others 10,000 x 2 pips of spread are lost:
    # the short would be bought back at the ask.
    "hedging": Table(
        ["0", "0", "0", "6", "0"],
        [(6000, "1.1000"), (10_000, "1.1020"), (-10_000, "1.1030"), (2000, "1.0990")],
        (D(18_000), D(10_000)),
        "1.0985",
        "10",
        "100016",
    ),
}


def config_of(mode: PositionMode) -> ExecutionConfig:
    """Return the account's settings."""
    return account("EURUSD", position_mode=mode)


class Run:
    """An account at a broker where somebody else deals."""

    def __init__(self, mode: PositionMode, folder: Path) -> None:
        self.config = config_of(mode)
        self.journal = Journal.open(f"sqlite:///{folder / 'ledger.db'}", self.config.account)
        self.journal.acquire("run", 1, LEASE_NS)
        self.door = Door()
        self.logic = self.begin(None)

    def begin(self, snapshot: dict[str, object] | None) -> ExecutionLogic:
        """Return the account as a new process has it."""
        counterparty = Counterparty(self.door, None, lambda *_: None)
        return ExecutionLogic(self.config, snapshot, self.journal, counterparty)

    def deal(self, logic: ExecutionLogic, deals: Iterable[tuple[int, Deal]]) -> None:
        """Let fills happen."""
        for number, one in deals:
            self.door.said += said(number, one)
        logic.listen()

    def marked(self, logic: ExecutionLogic) -> Position:
        """Play the tape; return the account at its last mark."""
        events = with_signals(read(TAPE, self.config.symbols), {}, self.config)
        return positions(logic.on_batch(events), "*")[-1]


@pytest.mark.parametrize("mode", TABLES)
def test_the_same_fills_in_each_mode(mode: PositionMode, tmp_path: Path) -> None:
    """Profit by deal, what stays open, and what the account is worth at a mark."""
    table, run = TABLES[mode], Run(mode, tmp_path)
    run.deal(run.logic, enumerate(DEALS))
    assert [one.pnl_account for one in run.journal.executions()] == [D(p) for p in table.profits]
    (lane,) = run.logic.snapshot()["lanes"]
    kept = [(D(trade["units"]), D(trade["price"])) for trade in lane.get("trades", [])]
    assert kept == [(D(units), D(price)) for units, price in table.trades]
    total = run.marked(run.logic)
    assert total.realised_account == sum(map(D, table.profits))
    assert total.unrealised_account == D(table.unrealised)
    assert total.equity_account == D(table.equity)
    run.journal.close()


@pytest.mark.parametrize("mode", TABLES)
@pytest.mark.parametrize("cut", range(len(DEALS) + 1))
def test_a_new_life_has_what_the_journal_says(mode: PositionMode, cut: int, tmp_path: Path) -> None:
    """Wherever the first life ends, with a snapshot or without one, the end is the same."""
    table, run = TABLES[mode], Run(mode, tmp_path)
    deals = list(enumerate(DEALS))
    run.deal(run.logic, deals[:cut])
    second = run.begin(run.logic.snapshot())
    run.deal(second, deals[cut:])
    for life in (second, run.begin(None)):
        (lane,) = life.snapshot()["lanes"]
        assert lane["position"]["units"] == "8000"
        assert D(lane["position"]["average_price"]) == D(table.average)
        assert D(lane["position"]["realised_account"]) == sum(map(D, table.profits))
        assert len(lane.get("trades", [])) == len(table.trades)
    assert run.marked(second).equity_account == D(table.equity)
    run.journal.close()


@pytest.mark.parametrize("mode", TABLES)
def test_the_statement_follows(mode: PositionMode, tmp_path: Path) -> None:
    """From the journal alone it comes to the same profit, positions and equity."""
    table, run = TABLES[mode], Run(mode, tmp_path)
    run.deal(run.logic, enumerate(DEALS))
    quotes = {"EURUSD": Quote(D("1.1000"), D("1.1002"))}
    booked = booked_of(run.journal.read())
    books = Books("paper-1", "USD", D(100_000), booked, INSTRUMENTS, lambda _: quotes, mode)
    day = trade_date(at("00:00:40"))
    stated = books.statement(day)
    held = books.positions(day)["EURUSD"]
    assert held.position.average_price == D(table.average)
    assert sides(held) == table.sides
    assert stated.line("realised") == sum(map(D, table.profits))
    assert stated.closing.unrealised == D(table.unrealised)
    assert stated.closing.equity == D(table.equity)
    run.journal.close()


@pytest.mark.parametrize("mode", ["fifo", "hedging"])
def test_a_bust_takes_back_the_trade_that_it_made(mode: PositionMode, tmp_path: Path) -> None:
    """Not the oldest one: the second buy never was."""
    run = Run(mode, tmp_path)
    run.deal(run.logic, enumerate(DEALS[:2]))
    _, fill = said(1, DEALS[1])
    assert isinstance(fill, OrderEvent)
    ts_ns = fill.ts_event_ns + 10
    bust = OrderEvent(
        kind=EventKind.BUST,
        client_order_id="",
        ts_event_ns=ts_ns,
        ts_recv_ns=ts_ns,
        venue="paper",
        venue_order_id="v1",
        sequence=9,
        execution_ref="x1",
        symbol="EURUSD",
        side="buy",
    )
    run.door.said = [bust]
    run.logic.listen()
    (lane,) = run.logic.snapshot()["lanes"]
    assert [(t["trade_id"], t["units"], t["price"]) for t in lane["trades"]] == [
        ("x0", "10000", "1.1000")
    ]
    assert D(lane["position"]["realised_account"]) == 0
    run.journal.close()


def test_a_snapshot_of_another_mode_is_refused(tmp_path: Path) -> None:
    """What one net position is made of cannot be told afterwards."""
    run = Run("hedging", tmp_path)
    snapshot = run.logic.snapshot()
    run.config = config_of("netting")
    with pytest.raises(BadUse, match="of hedging account"):
        run.begin(snapshot)
    run.journal.close()


FLIP = """
    00:00:30.000 EURUSD 1.10000 1.10020
    00:01:00.000 EURUSD 1.10000 1.10020
    00:01:01.000 EURUSD 1.10000 1.10020
    00:02:00.000 EURUSD 1.10100 1.10120
    00:02:01.000 EURUSD 1.10100 1.10120
    00:03:00.000 EURUSD 1.10100 1.10120
    00:03:01.000 EURUSD 1.10100 1.10120
    00:04:00.000 EURUSD 1.10000 1.10020
    00:04:01.000 EURUSD 1.10000 1.10020
"""
FLIP_SIDES: Sides = {
    ("EURUSD", "00:01"): "buy",
    ("EURUSD", "00:02"): "sell",
    ("EURUSD", "00:03"): "sell",
    ("EURUSD", "00:04"): "flat",
}


@pytest.mark.parametrize(
    ("mode", "orders", "second"),
    [
        # A fifth of 100,000 at 1.1001, then of 99,996.364 at 1.1001: one order through zero.
        ("netting", ["buy 18180", "sell 36359", "buy 18179"], 18_179),
        ("fifo", ["buy 18180", "sell 36359", "buy 18179"], 18_179),
        # The long is closed first, the short opened a minute later: 100,014.544 at 1.1011.
        ("hedging", ["buy 18180", "sell 18180", "sell 18166", "buy 18166"], 18_166),
    ],
)
def test_a_signal_for_the_other_side(
    mode: PositionMode, orders: list[str], second: int, tmp_path: Path
) -> None:
    """One order through zero; on a hedging account by the trade, and then anew."""
    config = config_of(mode)
    desk = Desk(config, tmp_path)
    desk.feed(with_signals(read(FLIP, config.symbols), FLIP_SIDES, config))
    filled = [line for line in story(desk.out) if line.endswith("filled")]
    assert filled == [f"EURUSD {order} filled" for order in orders]
    effects = [o.position_effect for o in desk.out if isinstance(o, Order) and o.status == "filled"]
    reduced = ["default", "reduce_only", "default", "reduce_only"]
    assert effects == (reduced if mode == "hedging" else ["default"] * 3)
    last = positions(desk.out, "EURUSD")[-1]
    assert last.units == 0
    # Eight pips each.
    assert last.realised_account == (18_180 + second) * D("0.0008")
    desk.stop()
