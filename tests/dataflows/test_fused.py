"""The fused backtest with a schedule of switches: in the log a minute before, and in every lane."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.plan import Plan, SimulatedPlan
from config.settings import load, without_secrets
from dataflows import fused
from dataflows.accounts import Accounts, Opened
from dataflows.context import Context
from dataflows.execution import say, say_alert
from dataflows.fused import Takers, build_backtest
from dataflows.paper_account import PaperAccount
from domain.deployments import ModelSwitch, Stage
from domain.log import LogAddress
from domain.nanos import MINUTE_NS, parse_ns
from domain.switch_records import switch_of, switch_rows, without_switches
from domain.ticks import TickArray
from features.quality import Judged
from operators import engine
from operators.decide import Closed, Decided
from operators.execute import Happened
from operators.meter import Meter
from sources.quiesce import Quiesce
from testkit.switches import a_switch
from testkit.tapes import START, arrivals, batches, walk
from tests.operators.decision_steps import CONFIG
from tests.trading.tape import streams

SYMBOLS = ("EURUSD", "USDJPY")
T0 = parse_ns(START)
TAPE = arrivals(*(walk(symbol, 2_500, n, mean_gap_ms=900.0) for n, symbol in enumerate(SYMBOLS)))
SCHEDULE = tuple(
    # Of a slot in which nobody stands: nothing follows for the views.
    ModelSwitch("lstm", a_switch(n).artefact_id, Stage.RETIRED, T0 + minute * MINUTE_NS)
    for n, minute in enumerate((-60, 0, 3, 4, 4, 11, 900))
)


@dataclass(frozen=True)
class Tape:
    """The feed."""

    symbols: tuple[str, ...] = SYMBOLS
    fingerprint: str = "tape"
    end_ns: int | None = None
    rows: int = TAPE.size

    def batches(self, first_row: int = 0) -> Iterator[TickArray]:
        """Give the rows from ``first_row`` on."""
        return iter(batches(TAPE[first_row:], 700))


@dataclass
class Taken:
    """Everything that a run hands over."""

    judged: list[Judged] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)

    def log(self) -> TickArray:
        """Return the log."""
        return np.concatenate([one.log for one in self.judged])

    def switches(self, symbol: str) -> list[ModelSwitch]:
        """Return what the bar step of a symbol has taken out of it."""
        return [s for one in self.closed if one.symbol == symbol for s in one.switches]

    def signals(self) -> list[Any]:
        """Return all signals, by symbol."""
        signals = [signal for one in self.decided for signal in one.signals]
        return sorted(signals, key=lambda signal: (signal.symbol, signal.ts_event_ns))

    def books(self) -> dict[str, list[Any]]:
        """Return what happened, by stream."""
        return streams(record for one in self.happened for record in one.records)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Play the tape with a schedule, in batches of so many rows."""
    monkeypatch.setattr(fused, "open_feed", lambda _plan: Tape())
    settings = load()
    plan = Plan(
        run="backtest",
        data_dir=str(tmp_path),
        run_dir="",
        address=LogAddress("", "", 1),
        feed=SimulatedPlan(SYMBOLS, "2024-03-05", "2024-03-05", "2024-03-05", 1),
        feed_fingerprint="tape",
        speed=None,
        deployments=(),
        settings=without_secrets(settings),
    )

    def play(switches: tuple[ModelSwitch, ...], batch_rows: int) -> Taken:
        context = Context(plan, settings, Quiesce(), Meter("backtest", lambda: 0), lambda: 0)
        taken = Taken()
        takers = Takers(
            taken.judged.append, taken.closed.append, taken.decided.append, taken.happened.append
        )
        paper = PaperAccount(
            settings, SYMBOLS, None, "backtest", lambda: 0, say_alert(context), say
        )
        try:
            accounts = Accounts([Opened(settings, paper)])
            flow = build_backtest(context, accounts, CONFIG, takers, batch_rows, switches)
            engine.run(flow, 60_000, None)
        finally:
            paper.close()
        return taken

    return play


def test_a_schedule_is_in_the_log_and_reaches_every_symbol(run: Any) -> None:
    """A minute before it takes effect, the same in batches of any size; nothing else changes."""
    plain, whole, cut = run((), 20_000), run(SCHEDULE, 20_000), run(SCHEDULE, 50)
    log = whole.log()
    assert cut.log().tobytes() == log.tobytes()
    assert without_switches(log).tobytes() == plain.log().tobytes()
    rows = switch_rows(log).tolist()
    assert [switch_of(log[row : row + 1]) for row in rows] == [*SCHEDULE[:-1]]
    for row, switch in zip(rows, SCHEDULE, strict=False):
        lead_ns = switch.effective_ns - MINUTE_NS
        assert (log["ts_recv_ns"][:row] < lead_ns).all()
        assert row == len(log) - 1 or max(log["ts_recv_ns"][row:]) >= lead_ns
    for taken in (whole, cut):
        for symbol in SYMBOLS:
            assert taken.switches(symbol) == [*SCHEDULE[:-1]]
        assert taken.signals() == plain.signals()
        assert taken.books() == plain.books()
    assert len(plain.signals()) > 40
