"""A slow second reading of every limit: from the whole history, in fractions, sharing no code.

It knows the rules in words only. `Oracle.broken` names every limit that an order would break.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
PIP = {"EURUSD": Fraction(1, 10_000), "USDJPY": Fraction(1, 100), "EURJPY": Fraction(1, 100)}


def money(amount: Fraction) -> Fraction:
    """Round an amount to a millionth, half to even, as all amounts in account currency are."""
    return round(amount, 6)


@dataclass(frozen=True)
class Rules:
    """The limits, once more; money in account currency."""

    max_age: int = 2 * SECOND
    spread_pips: Fraction = Fraction(5)
    collar_pips: Fraction = Fraction(50)
    through_spreads: Fraction = Fraction(10)
    through_pips: Fraction = Fraction(3)
    order_units: Fraction = Fraction(50_000)
    order_notional: Fraction = Fraction(48_000)
    size_ratio: Fraction = Fraction(4)
    position_units: Fraction = Fraction(60_000)
    position_notional: Fraction = Fraction(64_000)
    gross: Fraction = Fraction(85_000)
    currency_gross: Fraction = Fraction(110_000)
    currency_net: Fraction = Fraction(80_000)
    margin_level: Fraction = Fraction(2)
    margin_rate: Fraction = Fraction(1, 2)
    daily: Fraction = Fraction(2, 100)
    rolling: Fraction = Fraction(3, 100)
    drawdown: Fraction = Fraction(10, 100)
    equity_age: int = 3 * MINUTE
    order_burst: int = 2
    account_burst: int = 3
    per_min: int = 60
    message_burst: int = 3
    duplicate_window: int = SECOND
    executions: int = 4
    execution_window: int = MINUTE


class Wanted(NamedTuple):
    """An order, or (with ``replaces``) an order under other terms and what would be left of it."""

    name: str
    strategy: str
    symbol: str
    side: str
    units: int
    limit: Fraction | None
    rest: int
    replaces: bool = False

    @property
    def itself(self) -> str:
        """The working order that it takes the place of; empty for a new one."""
        return self.name if self.replaces else ""


class Market(NamedTuple):
    """Quotes as bid and ask, and the age of the one asked about."""

    now: int
    quotes: dict[str, tuple[Fraction, Fraction]]
    age: int
    suspect: bool


@dataclass
class Placed:
    """One order that was let through."""

    wanted: Wanted
    at: int
    exit: bool
    filled: int = 0
    open: bool = True


@dataclass
class Oracle:
    """The whole history of one account."""

    currency: str
    rules: Rules
    placed: dict[str, Placed] = field(default_factory=dict)
    messages: list[tuple[int, str]] = field(default_factory=list)
    orders: list[tuple[int, str]] = field(default_factory=list)
    marks: list[tuple[int, Fraction | None]] = field(default_factory=list)
    executed: list[tuple[int, str]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    top_since: int = 0

    def position(self, symbol: str) -> int:
        """Signed sum of fills."""
        return sum(
            one.filled if one.wanted.side == "buy" else -one.filled
            for one in self.placed.values()
            if one.wanted.symbol == symbol
        )

    def working(self, symbol: str, side: str, but: str = "") -> int:
        """Units that orders may still fill."""
        return sum(
            one.wanted.units - one.filled
            for one in self.placed.values()
            if one.open
            and (one.wanted.symbol, one.wanted.side) == (symbol, side)
            and one.wanted.name != but
        )

    def is_exit(self, wanted: Wanted) -> bool:
        """Whether the order cannot but make the position smaller."""
        position = self.position(wanted.symbol)
        working = self.working(wanted.symbol, wanted.side, wanted.itself)
        against = position if wanted.side == "sell" else -position
        less = False
        if wanted.replaces:
            old = self.placed[wanted.name].wanted
            less = wanted.limit == old.limit and wanted.units <= old.units
        return less or wanted.rest + working <= against

    def broken(self, wanted: Wanted, market: Market) -> set[str]:
        """Name every rule that letting this order through would break."""
        found = set()
        if wanted.rest <= 0:
            return {"bad_quantity"}
        exit_ = self.is_exit(wanted)
        states = {self.states.get("", "active"), self.states.get(wanted.strategy, "active")}
        for state in states & {"halted", "cancel_only"}:
            found.add(state)
        if "reducing" in states and not exit_:
            found.add("reducing")
        if not wanted.replaces and wanted.name in self.placed:
            found.add("duplicate_id")
        if exit_:
            return found
        if wanted.symbol not in market.quotes:
            return found | {"no_quote"}
        return (
            found
            | self._market(wanted, market)
            | self._session(market.now)
            | self._size(wanted, market)
            | self._exposure(wanted, market)
            | self._money(market.now)
            | self._pace(wanted, market.now)
        )

    def place(self, wanted: Wanted, now: int) -> None:
        """Note an order that was let through."""
        exit_ = self.is_exit(wanted)
        self.messages.append((now, wanted.strategy))
        if wanted.replaces:
            one = self.placed[wanted.name]
            one.wanted = wanted
            return
        self.orders.append((now, wanted.strategy))
        self.placed[wanted.name] = Placed(wanted, now, exit_)

    def fill(self, name: str, units: int, now: int) -> None:
        """Note a fill, and what so many executions call for."""
        one = self.placed[name]
        first = not one.filled
        one.filled += units
        if not first:
            return
        strategy = one.wanted.strategy
        self.executed.append((now, strategy))
        recent = [
            at
            for at, by in self.executed
            if by == strategy and now - at < self.rules.execution_window
        ]
        state = self.states.get(strategy, "active")
        if len(recent) >= self.rules.executions and state in {"active", "reducing"}:
            self.states[strategy] = "cancel_only"

    def mark(self, now: int, equity: Fraction | None) -> None:
        """Note an equity, and what a fall from the top calls for."""
        self.marks.append((now, equity))
        lost = self._lost(now)
        if lost and lost[2] > self.rules.drawdown and self.states.get("", "active") == "active":
            self.states[""] = "reducing"

    def raised(self, strategy: str) -> None:
        """Note that a person has let the account or a strategy go on."""
        self.states[strategy] = "active"
        if strategy:
            self.executed = [one for one in self.executed if one[1] != strategy]
        else:
            self.top_since = len(self.marks) - 1

    def _rate(self, source: str, market: Market, target: str | None = None) -> Fraction | None:
        target = target or self.currency
        mids = {symbol: (bid + ask) / 2 for symbol, (bid, ask) in market.quotes.items()}
        if source == target:
            return Fraction(1)
        if source + target in mids:
            return mids[source + target]
        if target + source in mids:
            return 1 / mids[target + source]
        if "USD" in {source, target}:
            return None
        first, second = self._rate(source, market, "USD"), self._rate("USD", market, target)
        return None if first is None or second is None else first * second

    def _market(self, wanted: Wanted, market: Market) -> set[str]:
        found = set()
        bid, ask = market.quotes[wanted.symbol]
        spread = (ask - bid) / PIP[wanted.symbol]
        if market.suspect:
            found.add("suspect_quote")
        if market.age > self.rules.max_age:
            found.add("stale_price")
        rollover = "rollover" in self._session(market.now)
        if spread > (20 if rollover else self.rules.spread_pips):
            found.add("spread")
        if wanted.limit is not None:
            distance = (wanted.limit - (bid + ask) / 2) / PIP[wanted.symbol]
            worse = distance if wanted.side == "buy" else -distance
            if abs(distance) > self.rules.collar_pips:
                found.add("price_collar")
            if worse > max(self.rules.through_pips, self.rules.through_spreads * spread):
                found.add("price_through")
        return found

    def _session(self, now: int) -> set[str]:
        local = datetime.fromtimestamp(now // SECOND, UTC).astimezone(NEW_YORK)
        seconds = local.second + Fraction(now % SECOND, SECOND)
        minutes = local.hour * 60 + local.minute + seconds / 60
        weekday, found = local.weekday(), set()
        if weekday == 5 or (weekday == 4 and minutes >= 1020) or (weekday == 6 and minutes < 1020):
            found.add("market_closed")
        if 1015 <= minutes < 1035:
            found.add("rollover")
        if weekday == 6 and 1020 <= minutes < 1050:
            found.add("after_open")
        if weekday == 4 and 1005 <= minutes < 1020:
            found.add("before_close")
        return found

    def _size(self, wanted: Wanted, market: Market) -> set[str]:
        found = set()
        rate = self._rate(wanted.symbol[:3], market)
        if wanted.units > self.rules.order_units:
            found.add("max_order_units")
        if rate is None:
            found.add("no_conversion_rate")
        elif money(wanted.units * rate) > self.rules.order_notional:
            found.add("max_order")
        usual = [
            one.wanted.units if not one.wanted.replaces else self._first[one.wanted.name]
            for one in self.placed.values()
            if not one.exit
            and (one.wanted.strategy, one.wanted.symbol) == (wanted.strategy, wanted.symbol)
        ]
        if len(usual) >= 3 and wanted.units > self.rules.size_ratio * Fraction(median(usual)):
            found.add("size_outlier")
        return found

    _first: dict[str, int] = field(default_factory=dict)

    def remember(self, name: str, units: int) -> None:
        """Note the size with which an order was first let through."""
        self._first[name] = units

    def _exposure(self, wanted: Wanted, market: Market) -> set[str]:
        found, ends = set(), {}
        for symbol in PIP:
            position = self.position(symbol)
            up = position + self.working(symbol, "buy", wanted.itself)
            down = position - self.working(symbol, "sell", wanted.itself)
            if symbol == wanted.symbol:
                up += wanted.rest if wanted.side == "buy" else 0
                down -= wanted.rest if wanted.side == "sell" else 0
            if up or down:
                ends[symbol] = (down, up)
        worst = {symbol: max(abs(down), abs(up)) for symbol, (down, up) in ends.items()}
        rates = {symbol: self._rate(symbol[:3], market) for symbol in worst}
        if worst[wanted.symbol] > self.rules.position_units:
            found.add("max_position_units")
        values = {}
        for symbol, rate in rates.items():
            if rate is None:
                found.add("no_conversion_rate")
                found.add("no_total")
            else:
                values[symbol] = money(worst[symbol] * rate)
        if values.get(wanted.symbol, 0) > self.rules.position_notional:
            found.add("max_position")
        if "no_total" not in found:
            if sum(values.values()) > self.rules.gross:
                found.add("max_gross")
            used = sum(values.values()) * self.rules.margin_rate
            equity = self._equity(market.now)
            if equity is not None and equity < self.rules.margin_level * used:
                found.add("margin")
        found.discard("no_total")
        for currency in (wanted.symbol[:3], wanted.symbol[3:]):
            found |= self._currency(currency, ends, market)
        return found

    def _currency(
        self, currency: str, ends: dict[str, tuple[int, int]], market: Market
    ) -> set[str]:
        low = high = gross = Fraction(0)
        for symbol, (down, up) in ends.items():
            if currency not in (symbol[:3], symbol[3:]):
                continue
            rate = self._rate(currency, market)
            if rate is None or (currency == symbol[3:] and symbol not in market.quotes):
                return {"no_conversion_rate"}
            cases = [Fraction(down) * rate, Fraction(up) * rate]
            if currency == symbol[3:]:
                mid = sum(market.quotes[symbol], Fraction(0)) / 2
                cases = [-case * mid for case in cases]
            low, high = low + min(cases), high + max(cases)
            gross += max(abs(case) for case in cases)
        found = {"currency_gross"} if money(gross) > self.rules.currency_gross else set()
        if money(max(abs(low), abs(high))) > self.rules.currency_net:
            found.add("currency_net")
        return found

    def _equity(self, now: int) -> Fraction | None:
        if not self.marks or now - self.marks[-1][0] > self.rules.equity_age:
            return None
        return self.marks[-1][1]

    def _day(self, at: int) -> int:
        local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(NEW_YORK)
        return (local + timedelta(hours=7)).toordinal()

    def _daily(self, upto: int) -> Fraction | None:
        """Loss of the trade day as of the mark number ``upto``."""
        at, equity = self.marks[upto]
        seen = self.marks[: upto + 1]
        before = [
            value for then, value in seen if self._day(then) < self._day(at) and value is not None
        ]
        first = next(value for then, value in seen if self._day(then) == self._day(at))
        start = before[-1] if before else first
        return (
            None if equity is None or start is None else max(Fraction(0), (start - equity) / start)
        )

    def _lost(self, now: int) -> tuple[Fraction | None, Fraction, Fraction] | None:
        equity = self._equity(now)
        if equity is None or self._day(now) != self._day(self.marks[-1][0]):
            return None
        daily = self._daily(len(self.marks) - 1)
        known = [(at, value) for at, value in self.marks if value is not None]
        # Of the past, the first known equity of each minute is kept.
        minutes = dict.fromkeys(at // MINUTE for at, _ in known)
        kept = [next(one for one in known if one[0] // MINUTE == minute) for minute in minutes]
        old = [value for at, value in kept if at <= self.marks[-1][0] - DAY]
        start = old[-1] if old else known[0][1]
        tops = [value for _, value in self.marks[self.top_since :] if value is not None]
        return (
            daily,
            max(Fraction(0), (start - equity) / start),
            max(Fraction(0), (max(tops) - equity) / max(tops)),
        )

    def _money(self, now: int) -> set[str]:
        found = set()
        if self._equity(now) is None:
            found.add("equity_unavailable")
        lost = self._lost(now)
        if lost is None or lost[0] is None:
            return found | {"daily_loss_unavailable"}
        today = [
            self._daily(number)
            for number, (at, _) in enumerate(self.marks)
            if self._day(at) == self._day(now)
        ]
        if any(loss is not None and loss > self.rules.daily for loss in today):
            found.add("daily_loss")
        if lost[1] > self.rules.rolling:
            found.add("rolling_loss")
        if lost[2] > self.rules.drawdown:
            found.add("drawdown")
        return found

    def _pace(self, wanted: Wanted, now: int) -> set[str]:
        found = set()
        if not self._room(self.messages, wanted.strategy, self.rules.message_burst, now):
            found.add("message_rate")
        if wanted.replaces:
            return found
        own = self._room(self.orders, wanted.strategy, self.rules.order_burst, now)
        if not (own and self._room(self.orders, None, self.rules.account_burst, now)):
            found.add("order_rate")
        for name, one in self.placed.items():
            same = (one.wanted.strategy, one.wanted.symbol, one.wanted.side)
            if (
                same == (wanted.strategy, wanted.symbol, wanted.side)
                and self._first[name] == wanted.units
                and now - one.at < self.rules.duplicate_window
            ):
                found.add("duplicate")
        return found

    def _room(self, history: list[tuple[int, str]], by: str | None, burst: int, now: int) -> bool:
        tokens, last = Fraction(burst), 0
        for at, strategy in [*history, (now, "")]:
            if by is not None and strategy not in (by, ""):
                continue
            tokens = min(
                Fraction(burst), tokens + Fraction((at - last) * self.rules.per_min, MINUTE)
            )
            last = at
            if strategy:
                tokens = max(Fraction(0), tokens - 1)
        return tokens >= 1
