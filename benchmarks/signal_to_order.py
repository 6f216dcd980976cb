"""``signal-to-order``: from a signal in hand until its order is at the venue, and acknowledged.

An account on paper as a run has it, journal and venue each in a file of their own that every commit
waits for. Eight pairs decide once a minute of event time, and every signal turns the position: one
order each. Timed is the execution step, from the call that gives it the signal: to the call of the
venue with the order, whose intent is then on disk, and to the venue's acknowledgement, which is on
the venue's disk then. Pairs decide one by one; compared, all eight in one call, whose orders leave
together once the last of them is judged and written down.

Where the time goes is measured in a round of its own, for the watches cost something themselves.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.live import now_ns, scratch
from benchmarks.result import Bar, Measured, median
from brokers.paper_venue.venue import PaperVenue
from config.settings import settings_of
from dataflows.paper_account import PaperAccount
from domain.ids import signal_id
from domain.instruments import DEFAULT_SYMBOLS
from domain.nanos import MINUTE_NS, MS_NS, SECOND_NS, parse_ns
from domain.predictions import Side, Signal
from domain.ticks import TickBatch, new_records
from operators.execute import ExecuteStep, Heard
from trading.desk.writer import Writer
from trading.journal.journal import Journal
from trading.orders.book import OrderBook
from trading.orders.effects import Alert
from trading.risk.gate import RiskGate
from trading.venues import Command, Submit

START_NS = parse_ns("2024-03-05")
"""A Tuesday: all minutes lie between two rollovers."""
MINUTES, WARM_UP = 270, 10
ROUNDS = 3
BAR_SENT_MS, BAR_ACK_MS = 10.0, 20.0
SETTINGS = settings_of({"execution": {"fraction": "0.02"}})
"""Small positions, so that the spread paid at each turn stays within the limits on losses."""

PARTS: dict[str, tuple[type[Any], str]] = {
    "gate": (RiskGate, "admit"),
    "book": (OrderBook, "apply"),
    "journal hashing": (Journal, "append"),
    "journal commits": (Journal, "commit"),
    "fence": (Writer, "check"),
    "paper venue": (PaperVenue, "send"),
    "its answer": (PaperVenue, "answer"),
}
"""What is watched: none of these calls another of them."""


class Desk:
    """The execution step of an account whose files are in a folder, and its market.

    Parameters
    ----------
    came, answered
        Where it is noted when each order came to the venue, and when its answer was given.
    """

    def __init__(self, folder: Path, came: list[int], answered: list[int]) -> None:
        self._came, self._answered = came, answered
        self._account = PaperAccount(
            SETTINGS, DEFAULT_SYMBOLS, folder, "bench", now_ns, _no_alert, print
        )
        name = self._account.config.account
        self._step = ExecuteStep(name, self._account, None, now_ns, lambda _hop, _ns: None)
        self.minute = 0

    def close(self) -> None:
        """Give the files back."""
        self._account.close()

    def next_minute(self) -> list[Signal]:
        """Let every pair pass a boundary, and what was sent before fill; return its signals."""
        self.minute += 1
        boundary_ns = START_NS + self.minute * MINUTE_NS
        recv_ns = boundary_ns + 100 * MS_NS
        self._step.on_batch(
            [_ticks(symbol, (boundary_ns - SECOND_NS, recv_ns)) for symbol in DEFAULT_SYMBOLS]
        )
        side: Side = "buy" if self.minute % 2 else "sell"
        return [_signal(symbol, boundary_ns, recv_ns, side) for symbol in DEFAULT_SYMBOLS]

    def decide(self, signals: list[Signal]) -> tuple[list[float], list[float]]:
        """Give signals in one call; return milliseconds to each order sent, and acknowledged.

        Raises
        ------
        RuntimeError
            If a signal did not become an order.
        """
        before = len(self._came)
        started = time.perf_counter_ns()
        self._step.on_batch([Heard(signals, 0)])
        sent, acknowledged = self._came[before:], self._answered[before:]
        if len(acknowledged) != len(signals):
            msg = f"{len(signals)} signals made {len(acknowledged)} orders"
            raise RuntimeError(msg)
        return (
            [(at - started) / MS_NS for at in sent],
            [(at - started) / MS_NS for at in acknowledged],
        )


def measure() -> Measured:
    """Return the p99 of the way to an order that is sent, in milliseconds."""
    rounds: list[dict[str, float]] = []
    with scratch() as folder:
        for number in range(ROUNDS):
            found = {
                **_run(
                    Path(folder) / f"alone-{number}", "", lambda signals: [[s] for s in signals]
                ),
                **_run(Path(folder) / f"burst-{number}", "8 at once: ", lambda signals: [signals]),
            }
            rounds.append(found)
            print(f"  round {number + 1}: {_words(found)}", flush=True)
        compared = {name: median([found[name] for found in rounds]) for name in rounds[0]}
        compared |= _parts(Path(folder) / "parts")
        compared["fsync of 4 KiB p50 ms"] = _fsync_ms(Path(folder) / "sync")
    value = compared.pop("sent p99 ms")
    return Measured(
        value=value,
        unit="ms",
        bar=Bar(BAR_SENT_MS, f"p99 at most {BAR_SENT_MS:g} ms to sent, {BAR_ACK_MS:g} ms to ack"),
        met=value <= BAR_SENT_MS and compared["ack p99 ms"] <= BAR_ACK_MS,
        compared=compared,
        runs=[found["sent p99 ms"] for found in rounds],
    )


def _run(
    folder: Path, name: str, calls: Callable[[list[Signal]], list[list[Signal]]]
) -> dict[str, float]:
    """Trade all minutes on new files; return percentiles in milliseconds."""
    sent: list[float] = []
    acknowledged: list[float] = []
    with _desk(folder) as desk:
        for _ in range(MINUTES):
            for signals in calls(desk.next_minute()):
                found = desk.decide(signals)
                if desk.minute > WARM_UP:
                    sent += found[0]
                    acknowledged += found[1]
    figures = {f"{name}orders": float(len(sent))}
    for way, values in (("sent", sent), ("ack", acknowledged)):
        for point in (50, 99, 100):
            words = "max" if point == 100 else f"p{point}"
            figures[f"{name}{way} {words} ms"] = float(np.percentile(values, point))
    return figures


def _parts(folder: Path) -> dict[str, float]:
    """Return how long each part takes for one order of its own, median in milliseconds."""
    spent = dict.fromkeys(PARTS, 0)
    rows: list[dict[str, int]] = []
    with ExitStack() as stack:
        # The watches first: the gateway is given a bound method.
        for name, (owner, method) in PARTS.items():
            stack.enter_context(_watch(owner, method, name, spent))
        desk = stack.enter_context(_desk(folder))
        for _ in range(MINUTES):
            for signal in desk.next_minute():
                spent.update(dict.fromkeys(PARTS, 0))
                desk.decide([signal])
                if desk.minute > WARM_UP:
                    rows.append(dict(spent))
    return {f"{name} p50 ms": median([row[name] / MS_NS for row in rows]) for name in PARTS}


@contextmanager
def _watch(owner: type[Any], method: str, name: str, spent: dict[str, int]) -> Iterator[None]:
    """Add the time that a method takes to what was spent under a name."""
    whole = getattr(owner, method)

    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter_ns()
        try:
            return whole(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter_ns() - started

    setattr(owner, method, timed)
    try:
        yield
    finally:
        setattr(owner, method, whole)


@contextmanager
def _desk(folder: Path) -> Iterator[Desk]:
    folder.mkdir()
    came: list[int] = []
    answered: list[int] = []
    with _noted(came, answered):
        desk = Desk(folder, came, answered)
        try:
            yield desk
        finally:
            desk.close()


@contextmanager
def _noted(came: list[int], answered: list[int]) -> Iterator[None]:
    """Note when an order comes to the venue, and when its answer has been given."""
    send, answer = PaperVenue.send, PaperVenue.answer

    def coming(venue: PaperVenue, command: Command) -> None:
        if isinstance(command, Submit):
            came.append(time.perf_counter_ns())
        send(venue, command)

    def answering(venue: PaperVenue) -> None:
        answer(venue)
        answered.extend([time.perf_counter_ns()] * (len(came) - len(answered)))

    with ExitStack() as stack:
        for method, noting, whole in (("send", coming, send), ("answer", answering, answer)):
            setattr(PaperVenue, method, noting)
            stack.callback(setattr, PaperVenue, method, whole)
        yield


def _fsync_ms(path: Path) -> float:
    """Return what the disk takes for the least that a commit needs."""
    times: list[float] = []
    with path.open("wb") as file:
        for _ in range(200):
            started = time.perf_counter_ns()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter_ns() - started) / MS_NS)
    return median(times)


def _ticks(symbol: str, at_ns: tuple[int, ...]) -> TickBatch:
    price = 110.0 if symbol.endswith("JPY") else 1.1
    records = new_records(len(at_ns))
    records["symbol"] = symbol.encode()
    records["ts_event_ns"] = records["ts_recv_ns"] = at_ns
    records["bid"], records["ask"] = price, price * 1.00005
    records["bid_size"] = records["ask_size"] = np.nan
    return TickBatch(symbol, records)


def _signal(symbol: str, boundary_ns: int, recv_ns: int, side: Side) -> Signal:
    return Signal(
        signal_id=signal_id("bench", symbol, boundary_ns, "turn"),
        symbol=symbol,
        ts_event_ns=boundary_ns,
        ts_recv_ns=recv_ns,
        model_id="bench",
        rule="turn",
        side=side,
        actionable=True,
        strength=1.0,
        p_up=None,
        bid=None,
        ask=None,
        reason="turn",
    )


def _words(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,.4g}" for name, value in found.items())


def _no_alert(alert: Alert, ts_ns: int) -> None:
    msg = f"at {ts_ns}: {alert.text}"
    raise RuntimeError(msg)
