"""The tick-quality rules one tick at a time, as one would say them: slow, and no code of theirs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import numpy as np

from domain.instruments import instrument
from domain.ticks import Kind, TickArray, reasons
from features.quality import QualityConfig

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 10**9
DAY = 86_400 * SECOND
END_OF_TIMES = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * SECOND

SPREADS = [math.floor(100 * 1.02**k + 0.5) for k in range(700)]
AGES = [math.floor(1e6 * 1.1**k) for k in range(240)]


class Market:
    """The calendar from the rule book: New York's clock, and two holidays."""

    def __init__(self) -> None:
        self._hours: dict[int, datetime] = {}
        self._firsts: dict[datetime, datetime] = {}

    def local(self, ts: int) -> datetime:
        """Return the wall clock in New York, to the second, without its zone."""
        hour, rest = divmod(ts // SECOND, 3600)
        if hour not in self._hours:
            moment = datetime.fromtimestamp(hour * 3600, UTC).astimezone(NEW_YORK)
            self._hours[hour] = moment.replace(tzinfo=None)
        return self._hours[hour] + timedelta(seconds=rest)

    def is_open(self, ts: int) -> bool:
        """Say whether quotes of this time are quotes."""
        return 0 <= ts < END_OF_TIMES and self._trades(self._trade_day(ts))

    def session(self, ts: int) -> datetime:
        """Return the first trade day of the unbroken run of trade days that holds a time."""
        first = day = self._trade_day(ts)
        if day not in self._firsts:
            while self._trades(first - timedelta(days=1)):
                first -= timedelta(days=1)
            self._firsts[day] = first
        return self._firsts[day]

    def minute_of_week(self, ts: int) -> int:
        """Return whole minutes on New York's clock since Sunday 17:00."""
        local = self.local(ts)
        minutes = (local.weekday() + 1) % 7 * 1440 + local.hour * 60 + local.minute
        return minutes - 17 * 60

    def part_of_day(self, ts: int) -> str:
        """Name who trades."""
        now = self.local(ts).time()
        if clock_time(16, 55) <= now < clock_time(18):
            return "rollover"
        if clock_time(3) <= now < clock_time(8):
            return "london"
        return "new york" if clock_time(8) <= now < clock_time(16, 55) else "asia"

    def _trade_day(self, ts: int) -> datetime:
        local = self.local(ts)
        day = local.replace(hour=0, minute=0, second=0)
        return day + timedelta(days=1) if local.hour >= 17 else day

    @staticmethod
    def _trades(day: datetime) -> bool:
        return day.isoweekday() <= 5 and (day.month, day.day) not in {(12, 25), (1, 1)}


@dataclass
class Quote:
    """One raw tick and what was read from it; prices in steps of the grid."""

    raw: bytes
    symbol: bytes
    event: int
    bid: int = 0
    ask: int = 0

    @property
    def mid(self) -> int:
        """Twice the mid, a whole number."""
        return self.bid + self.ask

    def repeats(self, other: "Quote") -> bool:
        """Say whether both quote the same prices."""
        return (self.bid, self.ask) == (other.bid, other.ask)


@dataclass
class Memory:
    """What is known of one symbol."""

    scale: float
    points_of_pip: int
    ticks: int = 0
    last: Quote | None = None
    changed: int = 0
    bid_alone: int = 0
    ask_alone: int = 0
    mean_move: int = 0
    evidence: list[Quote] = field(default_factory=list)
    held: list[Quote] = field(default_factory=list)
    held_since: int = 0
    duplicates: dict[int, int] = field(default_factory=dict)
    rate: int = 0
    spread: int = 0
    minutes: dict[int, int] = field(default_factory=dict)
    ages: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)


class SlowQuality:
    """The rules of `QualityConfig`.

    Attributes
    ----------
    log
        What goes into the log: raw bytes of a tick and its reasons, or the time of a heartbeat.
    rejected
        What does not, and why.
    """

    def __init__(self, config: QualityConfig) -> None:
        self.config = config
        self.market = Market()
        self.clock: int | None = None
        self.beat: int | None = None
        self.log: list[tuple[bytes, frozenset[str]] | int] = []
        self.rejected: list[tuple[bytes, frozenset[str]]] = []
        start = next(k for k, age in enumerate(AGES) if age >= config.gap_ns) * 1000
        self.memory: dict[bytes, Memory] = {}
        for symbol in config.symbols:
            pair = instrument(symbol)
            points = 10 ** (pair.display_precision + pair.pip_location)
            memory = Memory(10.0**pair.display_precision, points)
            memory.ages = dict.fromkeys(("rollover", "asia", "london", "new york"), start)
            memory.changes = dict.fromkeys(memory.ages, 0)
            self.memory[symbol.encode()] = memory

    def judge(self, ticks: TickArray) -> None:
        """Judge ticks in order of arrival."""
        for tick, raw in zip(ticks.tolist(), _raw(ticks), strict=True):
            self._one(tick, raw)

    def close(self) -> None:
        """Let go of what waits: the feed has ended."""
        for memory in self.memory.values():
            self._drop(memory)

    def _one(self, tick: tuple[object, ...], raw: bytes) -> None:
        version, kind, _, _, _, symbol, event, recv, bid, ask, *_ = tick
        assert isinstance(symbol, bytes)
        assert isinstance(event, int)
        assert isinstance(recv, int)
        assert isinstance(bid, float)
        assert isinstance(ask, float)
        unreadable = {"unknown_version"} if version != 1 else set()
        unreadable |= {"unknown_kind"} if kind != 0 else set()
        if unreadable:
            self._reject(raw, unreadable)
            return
        # A time beyond the calendar is its end.
        event, recv = (min(max(ts, -1), END_OF_TIMES) for ts in (event, recv))
        quote = Quote(raw, symbol, event)
        broken = self._times(event, recv)
        broken |= self._prices(quote, bid, ask)
        memory = self.memory.get(symbol)
        if memory is None:
            self._reject(raw, broken | {"unknown_symbol"})
            return
        if memory.last is not None:
            if event < memory.last.event - self.config.lateness_ns:
                broken.add("out_of_order")
            elif event == memory.last.event and quote.repeats(memory.last):
                broken |= self._duplicate(memory)
        if broken:
            self._reject(raw, broken)
            return
        self._fit(memory, quote)

    def _times(self, event: int, recv: int) -> set[str]:
        config = self.config
        broken = set() if self.market.is_open(event) else {"closed_market"}
        if event > recv + config.future_skew_ns:
            broken.add("future")
        if not (0 <= recv < END_OF_TIMES and abs(recv - event) <= DAY):
            broken.add("late" if event <= recv else "future")
        elif self.clock is None or recv > self.clock:
            self.clock = recv
            passed = recv // config.heartbeat_ns * config.heartbeat_ns
            if self.beat is not None and passed > self.beat:
                self.log.append(passed)
            self.beat = passed if self.beat is None else max(passed, self.beat)
            for memory in self.memory.values():
                if memory.held and recv > memory.held_since + self._hold():
                    self._drop(memory)
        if self.beat is not None and event < self.beat - max(config.grace_ns, config.lateness_ns):
            broken.add("late")
        return broken

    def _prices(self, quote: Quote, bid: float, ask: float) -> set[str]:
        quote.bid = quote.ask = -1
        if not (math.isfinite(bid) and math.isfinite(ask)):
            return {"not_finite"}
        if min(bid, ask) <= 0:
            return {"not_positive"}
        broken = {"crossed"} if bid > ask else set()
        if quote.symbol in self.memory:
            scale = self.memory[quote.symbol].scale
            found = [_points(price * scale) for price in (bid, ask)]
            if None in found:
                return broken | {"off_grid"}
            quote.bid, quote.ask = (points or 0 for points in found)
        return broken

    def _fit(self, memory: Memory, quote: Quote) -> None:
        """Judge what breaks no rule by itself: it may be a spike."""
        last = memory.last
        delayed = last is not None and quote.event < last.event
        if last is None or not self._is_far(memory, last, quote):
            if not delayed:
                self._drop(memory)
                memory.evidence = []
            self._pass(memory, quote)
            return
        if delayed:
            self._reject(quote.raw, {"spike"})
            return
        if memory.evidence:
            newest = memory.evidence[-1]
            if newest.event == quote.event and newest.repeats(quote):
                self._reject(quote.raw, self._duplicate(memory))
                return
            half_way = abs(newest.mid - last.mid) // 2
            if abs(quote.mid - newest.mid) > max(self._limit(memory), half_way):
                self._drop(memory)
                memory.evidence = []
        memory.evidence.append(quote)
        if len(memory.evidence) < self.config.spike_confirm_ticks:
            if not memory.held:
                memory.held_since = self._now()
            memory.held.append(quote)
            return
        held, memory.held, memory.evidence = memory.held, [], []
        for old in held:
            wait = max(self.config.grace_ns, self.config.lateness_ns)
            if self.beat is not None and old.event < self.beat - wait:
                self._reject(old.raw, {"late"})
            else:
                self._pass(memory, old)
        self._pass(memory, quote)

    def _is_far(self, memory: Memory, last: Quote, quote: Quote) -> bool:
        return (
            memory.ticks >= self.config.learn_ticks
            and quote.event - last.event <= self.config.gap_ns
            and self.market.session(last.event) >= self.market.session(quote.event)
            and abs(quote.mid - last.mid) > self._limit(memory)
        )

    def _limit(self, memory: Memory) -> int:
        floor = round(self.config.spike_floor_pips * memory.points_of_pip * 2)
        factor = round(self.config.spike_sigmas * 1.2533 * 256)
        return max(memory.mean_move * factor // (4096 * 256), floor)

    def _pass(self, memory: Memory, quote: Quote) -> None:
        """Let a tick into the log, with what is to be said of it."""
        said = {"locked"} if quote.bid == quote.ask else set()
        second = self._now() // SECOND
        if second in memory.duplicates and self._is_burst(memory, memory.duplicates[second]):
            said.add("burst")
        last = memory.last
        if last is not None and quote.event < last.event:
            if quote.event < last.event - self.config.lateness_ns:
                self._reject(quote.raw, {"out_of_order"})
            else:
                self.log.append((quote.raw, frozenset(said | {"delayed"})))
            return
        if last is None:
            memory.changed = quote.event
            said |= self._spread(memory, quote, first=True)
        else:
            said |= self._spread(memory, quote, first=False)
            said |= self._course(memory, last, quote)
        memory.last = quote
        memory.ticks += 1
        self.log.append((quote.raw, frozenset(said)))

    def _course(self, memory: Memory, last: Quote, quote: Quote) -> set[str]:
        """Compare a tick with the one before it."""
        said = set()
        reopened = self.market.session(last.event) < self.market.session(quote.event)
        silent = quote.event - last.event > self.config.gap_ns
        if silent and not reopened:
            said.add("gap")
        part = self.market.part_of_day(quote.event)
        age = quote.event - memory.changed
        old = age > AGES[memory.ages[part] // 1000]
        if silent or reopened:
            memory.changed = quote.event
        elif quote.repeats(last):
            if old and memory.changes[part] >= self.config.stale_min_changes:
                said.add("stale")
        else:
            memory.changed = quote.event
            memory.changes[part] += 1
            level = memory.ages[part] + (999 if old else -1)
            memory.ages[part] = min(max(level, 0), len(AGES) * 1000 - 1)
        moved = (quote.bid != last.bid, quote.ask != last.ask)
        memory.bid_alone = memory.bid_alone + 1 if moved == (True, False) else 0
        memory.ask_alone = memory.ask_alone + 1 if moved == (False, True) else 0
        if max(memory.bid_alone, memory.ask_alone) >= self.config.one_sided_ticks:
            said.add("one_sided")
        if not (silent or reopened):
            floor = round(self.config.spike_floor_pips * memory.points_of_pip * 2) * 4096
            move = min(abs(quote.mid - last.mid) * 4096, max(5 * memory.mean_move, floor))
            memory.mean_move += (move - memory.mean_move) // 256
        return said

    def _spread(self, memory: Memory, quote: Quote, *, first: bool) -> set[str]:
        spread = quote.ask - quote.bid
        if first:
            wide = [k for k, level in enumerate(SPREADS) if level >= spread * 100]
            memory.spread = wide[0] if wide else len(SPREADS) - 1
        minute = self.market.minute_of_week(quote.event)
        level = memory.minutes.get(minute, memory.spread)
        said = set()
        if (
            memory.ticks >= self.config.learn_ticks
            and spread > round(self.config.spread_floor_pips * memory.points_of_pip)
            and spread * 10_000 > round(self.config.spread_ratio * 100) * SPREADS[level]
        ):
            said.add("spread_blowout")
        memory.minutes[minute] = _follow(level, spread)
        memory.spread = _follow(memory.spread, spread)
        return said

    def _duplicate(self, memory: Memory) -> set[str]:
        second = self._now() // SECOND
        if second not in memory.duplicates:
            for before, count in memory.duplicates.items():
                memory.rate += (count * 65_536 - memory.rate) // 256
                for _ in range(before + 1, second):
                    if memory.rate == 0:
                        break
                    memory.rate += -memory.rate // 256
            memory.duplicates = {second: 0}
        memory.duplicates[second] = min(memory.duplicates[second] + 1, 10_000)
        burst = self._is_burst(memory, memory.duplicates[second])
        return {"duplicate", "burst"} if burst else {"duplicate"}

    def _is_burst(self, memory: Memory, count: int) -> bool:
        over = count * 65_536 - memory.rate
        variance = max(memory.rate, 65_536) * 65_536
        enough = count >= self.config.burst_min_duplicates
        return enough and over > 0 and over**2 > round(self.config.burst_z_score**2) * variance

    def _drop(self, memory: Memory) -> None:
        for quote in memory.held:
            self._reject(quote.raw, {"spike"})
        memory.held = []

    def _reject(self, raw: bytes, broken: set[str]) -> None:
        self.rejected.append((raw, frozenset(broken)))

    def _hold(self) -> int:
        return min(self.config.spike_hold_ns, self.config.grace_ns)

    def _now(self) -> int:
        assert self.clock is not None
        return self.clock


def _points(exact: float) -> int | None:
    if not math.isfinite(exact):
        return None
    whole = round(exact)
    fits = abs(exact - whole) <= 0.05 and 1 <= whole <= 10_000_000_000
    return whole if fits else None


def _follow(level: int, spread: int) -> int:
    step = 1 if spread * 100 > SPREADS[level] else -1
    return min(max(level + step, 0), len(SPREADS) - 1)


def _raw(ticks: TickArray) -> Iterator[bytes]:
    # Without the verdict, which is what is to be found out.
    bare = ticks.copy()
    bare["verdict"] = 0
    data, size = bare.tobytes(), bare.dtype.itemsize
    return (data[at : at + size] for at in range(0, len(data), size))


def as_slow(records: TickArray) -> list[tuple[bytes, frozenset[str]]]:
    """Write judged ticks as `SlowQuality` does."""
    verdicts = {bits: frozenset(reasons(bits)) for bits in np.unique(records["verdict"]).tolist()}
    said = (verdicts[bits] for bits in records["verdict"].tolist())
    return list(zip(_raw(records), said, strict=True))


def log_as_slow(log: TickArray) -> list[tuple[bytes, frozenset[str]] | int]:
    """Write judged ticks, and the heartbeats between them, as `SlowQuality` does."""
    beats = (log["kind"] == Kind.HEARTBEAT).tolist()
    return [
        recv if beat else tick
        for tick, beat, recv in zip(as_slow(log), beats, log["ts_recv_ns"].tolist(), strict=True)
    ]
