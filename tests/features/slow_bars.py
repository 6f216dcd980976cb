"""The rules of bars and boundaries as one would say them, one record at a time: lists and counts.

Slow, and no code of the kernel's. Prices are counted in thousandths of a pip, as fractions where
they lie between two.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

from domain.bars import BAR_DTYPE
from domain.instruments import instrument
from domain.ticks import SUSPECT, Kind, TickArray
from features.bar_kernel import EDGE_DTYPE
from features.bars import BarConfig, BarOut
from tests.features.slow_quality import Market

HOUR = 3_600 * 10**9
MINUTE = 60 * 10**9
Count = int | Fraction
UNITS = {"s": 10**9, "m": MINUTE, "h": HOUR}


class Tick(NamedTuple):
    """A tick that is in time; ``mids`` is twice the mid."""

    event: int
    recv: int
    bid: float
    ask: float
    spread: int
    mids: Count
    move: int
    micro_gap: int | None
    verdict: int


class Open:
    """A bar that has not closed: its ticks in order of arrival."""

    def __init__(self, number: int, end: int) -> None:
        self.number = number
        self.end = end
        self.ticks: list[Tick] = []
        self.lowest: Count = 0
        self.highest: Count = 0

    def add(self, tick: Tick) -> None:
        """Take a tick in."""
        if not self.ticks:
            self.lowest = self.highest = tick.mids
        self.ticks.append(tick)
        self.lowest = min(self.lowest, tick.mids)
        self.highest = max(self.highest, tick.mids)


class Frame(NamedTuple):
    """A timeframe in words: so many nanoseconds, ticks or pips."""

    place: int
    kind: str
    size: int

    def row(self, bar: Open) -> tuple[Any, ...]:
        """Return a bar as it closes."""
        # Delayed ticks stand where they belong; of the same moment, the order of arrival counts.
        ticks = sorted(bar.ticks, key=lambda tick: tick.event)
        prices: list[float] = []
        for side in (
            [tick.bid for tick in ticks],
            [tick.ask for tick in ticks],
            [(tick.bid + tick.ask) / 2 for tick in ticks],
        ):
            prices += [side[0], max(side), min(side), side[-1]]
        verdict = 0
        for tick in ticks:
            verdict |= tick.verdict
        micro_gaps = [tick.micro_gap for tick in ticks if tick.micro_gap is not None]
        timed = self.kind in UNITS
        return (
            self.place,
            verdict,
            bar.number,
            bar.number * self.size if timed else ticks[0].event,
            bar.number * self.size + self.size if timed else ticks[-1].event,
            bar.ticks[-1].recv,
            *prices,
            len(ticks),
            sum(tick.verdict & SUSPECT != 0 for tick in ticks),
            sum(tick.move > 0 for tick in ticks),
            sum(tick.move < 0 for tick in ticks),
            sum(tick.spread for tick in ticks),
            max(tick.spread for tick in ticks),
            sum(tick.move**2 for tick in ticks),
            len(micro_gaps),
            sum(micro_gaps),
        )


class SlowBars:
    """Builds the bars of one symbol."""

    def __init__(self, symbol: str, config: BarConfig) -> None:
        self.config = config
        self.scale = round(1_000 / instrument(symbol).pip)
        self.market = Market()
        self.session_ends: dict[int, int] = {}
        self.frames = [_frame(place, name) for place, name in enumerate(config.ordered)]
        self.opened: list[dict[int, Open]] = [{} for _ in self.frames]
        self.made = [0 for _ in self.frames]
        self.clock = -1
        self.minute = -1
        self.last: Tick | None = None
        self.bars: list[tuple[Any, ...]] = []
        self.edges: list[tuple[Any, ...]] = []

    def on_records(self, records: TickArray) -> BarOut:
        """Take records in log order."""
        self.bars, self.edges = [], []
        late = [row for row, record in enumerate(_rows(records)) if not self._in_time(record)]
        return BarOut(
            np.array(self.bars, dtype=BAR_DTYPE),
            np.array(self.edges, dtype=EDGE_DTYPE),
            records[late],
        )

    def _in_time(self, record: tuple[Any, ...]) -> bool:
        kind, event, recv = record[:3]
        if kind == Kind.SWITCH:
            return True
        beat = kind == Kind.HEARTBEAT
        before = self.clock
        wait = self.config.lateness_ns
        proven = recv - max(wait, self.config.grace_ns) if beat else event - wait
        if proven > before:
            self._move_clock(proven, recv)
        if beat:
            return True
        if event < before:
            return False
        self._add(self._tick(record))
        return True

    def _move_clock(self, clock: int, recv: int) -> None:
        self.clock = clock
        decided = -1
        for frame, opened in zip(self.frames, self.opened, strict=True):
            for number in sorted(opened):
                if opened[number].end <= clock:
                    self._close(frame, opened.pop(number))
                    if (frame.kind, frame.size) == ("m", MINUTE):
                        decided = len(self.bars) - 1
        minute = clock // MINUTE
        if minute > self.minute >= 0:
            quote = (math.nan, math.nan, -1)
            if self.last is not None:
                quote = (self.last.bid, self.last.ask, self.last.verdict)
            self.edges.append((minute * MINUTE, recv, decided, *quote))
        self.minute = max(minute, self.minute)

    def _tick(self, record: tuple[Any, ...]) -> Tick:
        _, event, recv, bid, ask, bid_size, ask_size, verdict = record
        low, high = self._count(bid), self._count(ask)
        last, move = self.last, 0
        in_order = last is None or event >= last.event
        if last is not None and in_order and self._session_end(last.event) > event:
            move = _half(low + high - last.mids)
        micro_gap = None
        if bid_size >= 0 and ask_size >= 0 and 0 < bid_size + ask_size < math.inf:
            weights = Fraction(bid_size), Fraction(ask_size)
            micro_price = (low * weights[1] + high * weights[0]) / sum(weights)
            micro_gap = round(micro_price - Fraction(low + high, 2))
        tick = Tick(event, recv, bid, ask, round(high - low), low + high, move, micro_gap, verdict)
        if in_order:
            self.last = tick
        return tick

    def _count(self, price: float) -> Count:
        nearest = round(price * self.scale)
        # A decimal is the nearest double to itself: so near is on the grid.
        on_grid = abs(nearest - price * self.scale) < 1e-6
        return nearest if on_grid else Fraction(price) * self.scale

    def _add(self, tick: Tick) -> None:
        for frame, opened in zip(self.frames, self.opened, strict=True):
            if frame.kind in UNITS:
                number = tick.event // frame.size
                end = number * frame.size + frame.size
            else:
                number = self.made[frame.place]
                end = self._session_end(tick.event)
            bar = opened.get(number)
            if bar is None:
                bar = opened[number] = Open(number, end)
            bar.add(tick)
            if (frame.kind == "tick" and len(bar.ticks) == frame.size) or (
                frame.kind == "pip" and _half(bar.highest - bar.lowest) >= 1_000 * frame.size
            ):
                self._close(frame, opened.pop(number))

    def _close(self, frame: Frame, bar: Open) -> None:
        self.bars.append(frame.row(bar))
        self.made[frame.place] += 1

    def _session_end(self, event: int) -> int:
        hour = event // HOUR
        if hour not in self.session_ends:
            end = hour
            while not self.market.is_open(end * HOUR):
                end += 1
            while self.market.is_open(end * HOUR):
                end += 1
            self.session_ends[hour] = end * HOUR
        return self.session_ends[hour]


def _half(twice: Count) -> int:
    return int(twice // 2) if twice % 2 == 0 else round(Fraction(twice, 2))


def _frame(place: int, name: str) -> Frame:
    kind = name.lstrip("0123456789")
    return Frame(place, kind, int(name.removesuffix(kind)) * UNITS.get(kind, 1))


def _rows(records: TickArray) -> Iterator[tuple[Any, ...]]:
    names = ("kind", "ts_event_ns", "ts_recv_ns", "bid", "ask", "bid_size", "ask_size", "verdict")
    return zip(*(records[name].tolist() for name in names), strict=True)


def assert_same(found: BarOut, wanted: BarOut) -> None:
    """Compare bars, boundaries and late ticks byte by byte."""
    for name, ours, theirs in zip(BarOut._fields, found, wanted, strict=True):
        assert ours.dtype == theirs.dtype
        if ours.tobytes() != theirs.tobytes():
            pairs = enumerate(zip(ours.tolist(), theirs.tolist(), strict=False))
            # As text, in which NaN is NaN.
            unlike = next((pair for pair in pairs if repr(pair[1][0]) != repr(pair[1][1])), None)
            pytest.fail(f"{name}: {ours.size} and {theirs.size}, first unlike: {unlike}")


def joined(parts: list[BarOut]) -> BarOut:
    """Put results one after the other; boundaries then count in all bars."""
    before = 0
    edges = []
    for part in parts:
        moved = part.edges.copy()
        moved["bar"] += np.where(moved["bar"] >= 0, before, 0)
        edges.append(moved)
        before += part.bars.size
    bars = np.concatenate([part.bars for part in parts])
    return BarOut(bars, np.concatenate(edges), np.concatenate([part.late for part in parts]))
