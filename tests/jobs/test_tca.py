"""The costs of a run as tables, as a page, and as a paper venue that errs like the real one."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from rich.console import Console

from config.settings import Settings, settings_of
from dataflows.account_config import paper_config
from dataflows.paper_account import PaperAccount
from domain.errors import BadUse
from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS, parse_ns
from domain.orders import Execution, Order
from domain.predictions import Side, Signal
from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from domain.reasons import Reason
from domain.ticks import TickBatch
from jobs import tca_page
from jobs.tca import keys_in, write_fit
from jobs.tca_tables import WIDTH, after_table, cost_table, event_table, reject_table
from testkit.tapes import START, ticks
from tests.trading.tca.tape import NOON, D, execution, order, quotes
from trading.desk.ports import Out
from trading.tca.config import TcaConfig
from trading.tca.query import evaluate
from trading.tca.report import report

T0 = parse_ns(START)
TAPE = {"EURUSD": quotes([(second, "1.1000", "1.1002") for second in range(600)])}
MEASURED = evaluate(
    TcaConfig("USD", ("EURUSD",)),
    TAPE.items(),
    [
        order("pending_new", 0),
        order("accepted", 2, filled_units=D(0)),
        order("filled", 3, filled_units=D(100_000)),
    ],
    [execution(3, "1.1002")],
)
(FILL,), (DONE,) = (
    [one for one in MEASURED if isinstance(one, ExecutionQuality)],
    [one for one in MEASURED if isinstance(one, OrderQuality)],
)
REFUSED = replace(
    DONE,
    client_order_id="o2",
    status="rejected",
    reason="last_look",
    filled_units=D(0),
    move_1s_pips=1.5,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a venue fitted to two orders: 2 s away, half of them refused."""
    path = tmp_path / "paper.json"
    write_fit(path, [FILL], [DONE, REFUSED])
    return settings_of({"paper": {"parameters": str(path)}})


def accounts(*many: Settings) -> Iterator[PaperAccount]:
    """Open accounts on paper, one after the other."""
    for one in many:
        account = PaperAccount(
            one, ("EURUSD",), None, "test", lambda: 0, lambda *_: None, lambda _: None
        )
        yield account
        account.close()


def traded(account: PaperAccount) -> list[Out]:
    """Return the orders and fills of 24 signals to buy and to be flat, a minute apart."""
    logic = account.build(None)
    seconds = [quarter / 4 for quarter in range(25 * 240)]
    tape = ticks("EURUSD", [(s, 1.1 + s / 1e5, 1.1001 + s / 1e5) for s in seconds])
    signals: list[Signal] = []
    for minute in range(1, 25):
        at = T0 + minute * MINUTE_NS
        side: Side = "buy" if minute % 2 else "flat"
        signals.append(
            Signal(f"s{minute}", "EURUSD", at, at, "m", "r", side, True, 1.0, 0.9, 1.1, 1.2, "edge")
        )
    out = logic.on_batch([TickBatch("EURUSD", tape), *signals])
    return [record for record in out if isinstance(record, Order | Execution)]


def test_a_fitted_venue_answers_late_and_refuses_as_the_real_one_did(settings: Settings) -> None:
    """Fills 2 s after the signal at the prices of then, and some orders refused at a last look."""
    config = paper_config(settings)
    assert config.latency_ns == 2 * SECOND_NS
    assert config.extra_latency_ns == (0,) * 21
    assert config.reject_rates == {Reason.LAST_LOOK: 0.5}
    plain, fitted = (traded(account) for account in accounts(settings_of({}), settings))
    first = {one.client_order_id: one for one in plain if isinstance(one, Execution)}
    fills = [one for one in fitted if isinstance(one, Execution)]
    assert 0 < len(fills) < len(first)
    for fill in fills:
        before = first[fill.client_order_id]
        # 50 ms away it meets the tick of 250 ms later, 2 s away that of 2 s later.
        assert fill.ts_event_ns - before.ts_event_ns == 1_750 * MS_NS
        assert fill.price > before.price
    refused = {r.reason for r in fitted if isinstance(r, Order) and r.status == "rejected"}
    assert refused == {"last_look"}


def test_a_fit_to_nothing_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    """Also where the only order never left."""
    path = tmp_path / "paper.json"
    for orders in ([], [replace(DONE, status="denied")]):
        with pytest.raises(BadUse, match="nothing to fit"):
            write_fit(path, [], orders)
    assert not path.exists()
    with pytest.raises(BadUse, match="cannot be written"):
        write_fit(tmp_path / "no" / "paper.json", [FILL], [DONE])


def test_what_records_can_be_grouped_by() -> None:
    """Keys in the order given, each once."""
    assert keys_in("hour, symbol,hour") == ("hour", "symbol")
    for text in ("", "symbol,colour"):
        with pytest.raises(BadUse, match="give some of account, symbol, session"):
            keys_in(text)


def test_the_tables_hold_the_figures() -> None:
    """Half filled, half refused; a buy at the ask cost a pip, and a pip after."""
    console = Console(width=WIDTH, record=True, force_terminal=False)
    groups = report([FILL], [DONE, REFUSED], ("symbol", "session"))
    refused = reject_table(groups)
    event = QualityEvent(QualityCode.OUTLIER, "x1", "o1", "A-1", "EURUSD", "ib", NOON, "m", 7.5, 6)
    events = event_table([event])
    assert refused is not None
    assert events is not None
    for table in (cost_table(groups, "costs"), after_table(groups), refused, events):
        console.print(table)
    rows = [line.split() for line in console.export_text().splitlines() if "EURUSD" in line]
    pair = ["EURUSD", "overlap"]
    assert rows[0] == [
        *pair,
        "1",
        "50.0%",
        "50.0%",
        "+1.00",
        "+1.00",
        "2.00",
        "+2.00",
        "20.00",
        "+0.91",
    ]
    assert rows[1] == [*pair, "2.00", "+0.00", *["-1.00"] * 4, "2,000.0", "2,000.0"]
    assert rows[2] == [*pair, "last_look", "1", "50.0%", "+1.50", "100%"]
    assert rows[3] == ["2014-05-07T12:00:00.000Z", "EURUSD", "x1", "outlier", "m", "7.5", "6"]


def test_nothing_refused_and_nothing_remarkable_is_no_table() -> None:
    """Rather than an empty one."""
    assert reject_table(report([FILL], [DONE], ("symbol",))) is None
    assert event_table([]) is None


def test_the_page_is_whole_without_anything_else() -> None:
    """Well-formed, one line and one dot a horizon, one bar a bin, no address to load from."""
    fills = [
        replace(FILL, execution_id=str(n), arrival_slippage_pips=n / 10) for n in range(-5, 20)
    ]
    unknown = replace(FILL, arrival_slippage_pips=None, venue="<b>&co</b>")
    groups = report([*fills, unknown], [DONE], ("venue",))
    text = tca_page.render("run-1", ("venue",), groups, [*fills, unknown])
    assert "<b>" not in text
    assert "src=" not in text.replace("xmlns=", "")
    page = ElementTree.fromstring(  # noqa: S314 - written just before
        text.removeprefix("<!doctype html>").replace('<meta charset="utf-8">', "")
    )
    svg = "{http://www.w3.org/2000/svg}"
    markouts, slippage = page.findall(f".//{svg}svg")
    assert len(markouts.findall(f"{svg}polyline")) == 2
    assert len(markouts.findall(f"{svg}circle")) == 12
    bars = slippage.findall(f"{svg}rect")
    assert len(bars) == tca_page.BINS
    assert sum(float(bar.attrib["height"]) > 0 for bar in bars) >= 20


def test_a_page_of_fills_without_benchmarks_says_so() -> None:
    """No plot of nothing."""
    unknown = replace(FILL, arrival_slippage_pips=None)
    text = tca_page.render("run-1", ("symbol",), report([unknown], [], ("symbol",)), [unknown])
    assert "No fill has a benchmark" in text
