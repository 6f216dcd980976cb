"""Several accounts on paper in one run: each order where it belongs, whatever the batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
import pytest
from bytewax.operators import KeyedStream
from msgspec.structs import replace

from config.plan import Plan, SimulatedPlan
from config.settings import Settings, settings_of, without_secrets
from dataflows import fused
from dataflows.accounts import Accounts, open_accounts
from dataflows.context import Context
from dataflows.fused import Takers, build_backtest
from dataflows.graph import decide
from dataflows.routing import PaperField, read_costs, read_routes, write_costs, write_routes
from domain.errors import Corrupt
from domain.log import LogAddress
from domain.nanos import MINUTE_NS, parse_ns
from domain.orders import Execution, Order
from domain.predictions import Side, Signal
from domain.ticks import TickBatch
from operators import engine
from operators.decide import Considered, Decided, DecisionConfig
from operators.execute import ExecuteStep, Heard
from operators.meter import Meter
from operators.quality import Measured
from operators.route import RouteStep
from sources.quiesce import Quiesce
from testkit.tapes import START, ticks
from tests.dataflows.test_fused import SYMBOLS, Tape
from tests.operators.decision_steps import CONFIG
from tests.trading.routing.qualities import fill
from tests.trading.tape import streams
from trading.desk.ports import Out
from trading.journal.entries import EntryKind
from trading.routing.assignment import Assignment, OrderRule, Route
from trading.routing.learning import AccountCosts

T0 = parse_ns(START)
PAIR = "EURUSD"
TWO: dict[str, Any] = {"brokers": {"second": {"account_id": "paper-2"}}}


def costs(**pips: float) -> AccountCosts:
    """Return what accounts on paper have cost, by name with an underscore for the dash."""
    table = AccountCosts()
    for name, value in pips.items():
        account = name.replace("_", "-")
        table.learn([fill(value, venue="paper", account=account, symbol=s) for s in SYMBOLS] * 50)
    return table


def context_of(settings: Settings, folder: Path) -> Context:
    """Return what the accounts of a run are opened with; its clock stands still."""
    plan = Plan(
        run="run-1",
        data_dir=str(folder),
        run_dir=str(folder / "run-1"),
        address=LogAddress("", "", 1),
        feed=SimulatedPlan(SYMBOLS, "2024-03-05", "2024-03-05", "2024-03-05", 1),
        feed_fingerprint="tape",
        speed=None,
        deployments=(),
        settings=without_secrets(settings),
    )
    return Context(plan, settings, Quiesce(), Meter("test", lambda: 0), lambda: 0)


def opened(settings: Settings, folder: Path, run_dir: Path | None = None) -> Accounts:
    """Open the accounts of a run."""
    context = context_of(settings, folder)
    return open_accounts(context, lambda _: None, lambda alert, _: pytest.fail(alert.text), run_dir)


@dataclass
class Desk:
    """The steps of a run's accounts, given events by hand."""

    accounts: Accounts
    table: AccountCosts = field(default_factory=AccountCosts)
    state: Mapping[str, Any] = field(default_factory=dict)
    told: list[Route] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin, anew or as a snapshot left it."""
        assignment = Assignment(
            PaperField(self.accounts.each), self.table, OrderRule("FOK", bounded=False)
        )
        self.route = RouteStep(assignment, self.state.get("route"), self.told.append)
        self.steps = [
            ExecuteStep(one.name, one.account, self.state.get(one.name), lambda: 0, lambda *_: None)
            for one in self.accounts.each
        ]

    def take(self, *values: TickBatch | Heard) -> dict[str, list[Out]]:
        """Give one batch to all; return what came of it by account."""
        heard = iter(self.route.on_batch([v for v in values if isinstance(v, Heard)]))
        events = [next(heard) if isinstance(value, Heard) else value for value in values]
        return {
            one.name: [r for happened in step.on_batch([*events]) for r in happened.records]
            for one, step in zip(self.accounts.each, self.steps, strict=True)
        }

    def snapshot(self) -> dict[str, Any]:
        """Return the state of all steps."""
        names = [one.name for one in self.accounts.each]
        states = [step.snapshot() for step in self.steps]
        return {"route": self.route.snapshot(), **dict(zip(names, states, strict=True))}


def heard(minute: int, side: Side, *, symbol: str = PAIR, actionable: bool = True) -> Heard:
    """Return the signal of a minute after the start."""
    at_ns = T0 + minute * MINUTE_NS
    name = f"{symbol}-{minute}"
    strength = 1.0 if actionable else 0.0
    return Heard(
        [
            Signal(
                name, symbol, at_ns, at_ns, "m", "r", side, actionable, strength, 0.9, 1.1, 1.2, "e"
            )
        ],
        0,
    )


def tape(*seconds: float) -> list[TickBatch]:
    """Return ticks of both pairs at these seconds after the start."""
    prices = {"EURUSD": (1.1, 1.1001), "USDJPY": (150.0, 150.01)}
    return [
        TickBatch(symbol, ticks(symbol, [(s, *prices[symbol]) for s in seconds]))
        for symbol in SYMBOLS
    ]


def flat(minute: int) -> Heard:
    """Return the signal by which the other pair stays out."""
    return heard(minute, "flat", symbol="USDJPY")


def orders(found: dict[str, list[Out]]) -> dict[str, list[str]]:
    """Return how each order that was sent or denied stands first, by account."""
    return {
        name: [
            f"{r.side} {r.quantity_units:f} {r.status}"
            for r in records
            if isinstance(r, Order) and r.status in {"pending_new", "denied"}
        ]
        for name, records in found.items()
    }


def minute_of(desk: Desk, minute: int, side: Side) -> dict[str, list[str]]:
    """Let one minute pass that ends with a signal; return the orders."""
    at = 60.0 * minute
    return orders(desk.take(heard(minute, side), flat(minute), *tape(at - 30, at, at + 5)))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Accounts]:
    """Open two accounts in memory."""
    accounts = opened(settings_of(TWO), tmp_path)
    yield accounts
    accounts.close()


BUY, SELL, FLIP = "buy 18180 pending_new", "sell 18180 pending_new", "sell 36360 pending_new"


def test_the_cheaper_account_opens_and_every_holder_leaves(two: Accounts) -> None:
    """By hand: paper-2 has cost less, buys, stays while told so, flips, and is flat at last."""
    desk = Desk(two, costs(paper_1=0.9, paper_2=0.2))
    assert minute_of(desk, 1, "buy") == {"paper-1": [], "paper-2": [BUY]}
    assert minute_of(desk, 2, "buy") == {"paper-1": [], "paper-2": []}
    assert minute_of(desk, 3, "sell") == {"paper-1": [], "paper-2": [FLIP]}
    assert minute_of(desk, 4, "flat") == {"paper-1": [], "paper-2": [BUY]}
    (route,) = desk.told
    assert (route.symbol, route.side, route.account) == (PAIR, "buy", "paper-2")
    # 50 fills each of the same size, drawn towards all accounts and half a pip.
    assert route.why == (
        "paper-2: 0.367 pips (0.273 to 0.461) expected of 50 fills; "
        "paper-1: 0.724 pips (0.630 to 0.819) expected of 50 fills"
    )


def test_one_that_holds_against_a_signal_of_another_closes(tmp_path: Path) -> None:
    """Costs differ by session: bought in London's morning, sold by the other in its overlap."""
    accounts = opened(settings_of(TWO), tmp_path)
    table = AccountCosts()
    for account, london, overlap in (("paper-1", 0.1, 2.0), ("paper-2", 2.0, 0.1)):
        for session, pips in (("london", london), ("overlap", overlap)):
            more = {"venue": "paper", "account": account, "session": session}
            table.learn([fill(pips, **more)] * 100)
    desk = Desk(accounts, table)
    assert minute_of(desk, 1, "buy") == {"paper-1": [BUY], "paper-2": []}
    later = 7 * 60
    found = orders(
        desk.take(
            *tape(*(60.0 * minute for minute in range(2, later))),
            *(
                heard(minute, "buy", symbol=symbol, actionable=False)
                for minute in range(2, later)
                for symbol in SYMBOLS
            ),
        )
    )
    assert found == {"paper-1": [], "paper-2": []}
    # What is held is not doubled, though the other one is cheaper by now.
    assert minute_of(desk, later, "buy") == {"paper-1": [], "paper-2": []}
    assert minute_of(desk, later + 1, "sell") == {"paper-1": [SELL], "paper-2": [SELL]}
    assert [route.account for route in desk.told] == ["paper-1", "paper-2"]
    assert minute_of(desk, later + 2, "flat") == {"paper-1": [], "paper-2": [BUY]}
    accounts.close()


@pytest.mark.parametrize(
    "execution",
    [{}, {"stop_pips": "30"}, {"algorithm": "twap", "algorithm_ms": 4_000, "slices": 1}],
)
def test_what_works_an_order_does_not_change_whose_it_is(
    tmp_path: Path, execution: dict[str, Any]
) -> None:
    """One market order, one with a stop, or an algorithm: the other account opens nothing."""
    accounts = opened(settings_of(TWO | {"execution": execution}), tmp_path)
    table = costs(paper_1=0.1, paper_2=0.9)
    desk = Desk(accounts, table)

    def held() -> list[int]:
        logics = [one.account.logic for one in accounts.each]
        return [int(logic.standing.held_units(PAIR)) for logic in logics if logic is not None]

    minute_of(desk, 1, "buy")
    desk.take(*tape(80.0, 85.0))
    assert held() == [18_180, 0]
    table.learn([fill(9.0, venue="paper", account="paper-1")] * 200)
    for minute in (2, 3):
        found = minute_of(desk, minute, "sell")
        desk.take(*tape(60.0 * minute + 20, 60.0 * minute + 25))
        assert not any("denied" in words for each in found.values() for words in each)
    first, second = held()
    assert first == 0
    assert second < -18_000
    accounts.close()


def test_a_pair_goes_where_it_may_be_traded(tmp_path: Path) -> None:
    """However cheap the other one is; where none may, nothing opens and nothing is denied."""
    settings = settings_of(
        {"broker": {"symbols": ["USDJPY"]}, **TWO}
        | {"brokers": {"second": {"account_id": "paper-2", "symbols": ["EURUSD"]}}}
    )
    accounts = opened(settings, tmp_path)
    desk = Desk(accounts, costs(paper_1=0.1, paper_2=3.0))
    assert minute_of(desk, 1, "buy") == {"paper-1": [], "paper-2": [BUY]}
    assert "paper-1: cannot take it: unknown_symbol" in desk.told[0].why
    accounts.close()
    alone = opened(settings_of({"broker": {"symbols": ["USDJPY"]}}), tmp_path)
    desk = Desk(alone)
    assert minute_of(desk, 1, "buy") == {"paper-1": []}
    assert desk.told[0].account == ""
    alone.close()


def test_a_denied_entry_is_tried_again_by_the_same_account(two: Accounts) -> None:
    """The gate of the chosen account has the word: the other one does not step in."""
    desk = Desk(two, costs(paper_1=0.2, paper_2=0.9))
    wide = TickBatch(PAIR, ticks(PAIR, [(s, 1.1, 1.11) for s in (30.0, 60.0)]))
    denied = orders(desk.take(heard(1, "buy"), flat(1), wide, *tape(30.0, 60.0)[1:]))
    assert denied == {"paper-1": ["buy 18099 denied"], "paper-2": []}
    assert minute_of(desk, 2, "buy") == {"paper-1": [BUY], "paper-2": []}


def test_a_life_that_goes_on_from_a_snapshot_routes_as_before(tmp_path: Path) -> None:
    """Also a signal that was heard before the snapshot and decided on only behind it."""
    run_dir = tmp_path / "run-1"
    accounts = opened(settings_of(TWO), tmp_path, run_dir)
    table = costs(paper_1=0.9, paper_2=0.2)
    desk = Desk(accounts, table)
    desk.take(heard(1, "buy"), flat(1), *tape(30.0))
    state = desk.snapshot()
    whole = orders(desk.take(*tape(60.0, 65.0)))
    accounts.close()
    # The process died behind what it sent: the log leads the new one through it again.
    accounts = opened(settings_of(TWO), tmp_path, run_dir)
    desk = Desk(accounts, costs(paper_1=0.1, paper_2=5.0), state)
    assert orders(desk.take(*tape(60.0, 65.0))) == whole == {"paper-1": [], "paper-2": [BUY]}
    assert minute_of(desk, 2, "buy") == {"paper-1": [], "paper-2": []}
    for one in accounts.each:
        book = one.account.logic
        assert book is not None
        held = book.standing.exposure_units(PAIR)
        assert held == (Decimal(18_180) if one.name == "paper-2" else 0)
    accounts.close()
    assert (run_dir / "accounts" / "paper-2" / "ledger.sqlite").exists()


def decide_by_the_clock(
    decisions: DecisionConfig, considered: KeyedStream[Considered]
) -> KeyedStream[Decided]:
    """Want both pairs long, short and not at all in turn, three minutes each."""
    sides: tuple[Side, ...] = ("buy", "sell", "flat")

    def by_the_clock(one: Decided) -> Decided:
        signals = [
            replace(s, side=sides[s.ts_event_ns // (3 * MINUTE_NS) % 3], actionable=True)
            for s in one.signals
        ]
        return one._replace(signals=signals)

    return op.map_value("by_the_clock", decide(decisions, considered), by_the_clock)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return what plays the tape through the fused graph: what happened by stream, and routes."""
    monkeypatch.setattr(fused, "open_feed", lambda _plan: Tape())
    monkeypatch.setattr(fused, "decide", decide_by_the_clock)

    def run(
        settings: Settings, batch_rows: int, table: AccountCosts
    ) -> tuple[dict[str, list[Any]], list[str], int]:
        records: list[Out] = []
        measured: list[Measured] = []
        said: list[str] = []
        context = context_of(settings, tmp_path)
        takers = Takers(
            lambda _: None,
            lambda _: None,
            lambda _: None,
            lambda one: records.extend(one.records),
            measured.append,
        )
        accounts = opened(settings, tmp_path)
        try:
            flow = build_backtest(
                context, accounts, CONFIG, takers, batch_rows, (), table, said.append
            )
            engine.run(flow, 60_000, None)
            for one in accounts.each:
                routes = [e for e in one.account.journal.read() if e.kind == EntryKind.ROUTE]
                pairs = [msgspec.json.decode(e.payload, type=Route).symbol for e in routes]
                assert pairs == [PAIR if one.name == "paper-1" else "USDJPY"]
        finally:
            accounts.close()
        return streams(records), said, len({one.account for one in measured})

    return run


def test_a_run_of_two_accounts_is_the_same_in_batches_of_any_size(play: Any) -> None:
    """Pairs go where they are cheaper, and together they trade what one account would."""
    table = costs(paper_1=0.5, paper_2=0.5)
    table.learn([fill(0.1, venue="paper", account="paper-2", symbol="USDJPY")] * 100)
    settings = settings_of(TWO)
    whole, said, measured = play(settings, 20_000, table)
    cut = play(settings, 50, table)
    assert cut[0] == whole
    assert cut[1] == said
    filled = {
        (record.account, record.symbol)
        for stream in whole.values()
        for record in stream
        if isinstance(record, Execution)
    }
    assert filled == {("paper-1", "EURUSD"), ("paper-2", "USDJPY")}
    assert measured == 2
    assert len(said) == 2


def test_costs_and_routes_are_kept_with_the_run(tmp_path: Path) -> None:
    """A run that goes on reads what it began with; without it nobody knows how it has routed."""
    with pytest.raises(Corrupt, match="cannot be read"):
        read_costs(tmp_path / "run")
    table = costs(paper_1=0.3)
    write_costs(tmp_path / "run", table)
    assert read_costs(tmp_path / "run").dump() == table.dump()
    assert read_routes(tmp_path) == []
    routes = [Route(PAIR, "buy", "s", 1, "paper-1", "cheapest")]
    write_routes(tmp_path, routes)
    assert read_routes(tmp_path) == routes
    (tmp_path / "routes.json").write_text("{")
    with pytest.raises(Corrupt, match=r"routes\.json cannot be read"):
        read_routes(tmp_path)
