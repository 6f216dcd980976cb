"""Cross features from their definitions, one minute at a time, from all bars at once: dictionaries.

Nothing is carried along: each value looks its bars up again. Slow, and no code of the kernel's.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache

import numpy as np

from domain.instruments import instrument
from features.panel import PanelRows
from tests.features.slow_quality import Market

MINUTE = 60 * 10**9

Closes = Mapping[str, Mapping[int, float]]
"""Of each pair the last mid of each minute that had a bar, by the end of the minute."""


class SlowPanel:
    """The panel of some pairs, asked for any minute."""

    def __init__(self, symbols: Sequence[str], closes: Closes) -> None:
        self.pairs = {symbol: instrument(symbol) for symbol in symbols}
        self.closes = closes
        self.market = Market()
        # What was looked up is kept: the answer to a question does not change.
        self.session = cache(self._session)
        self.is_open = cache(self._is_open)
        self.move = cache(self._move)
        self.last_close = cache(self._last_close)

    def rows(self, last: int) -> PanelRows:
        """Return all minutes of the open market from the first bar of any pair to the last one."""
        ends = [end for closes in self.closes.values() for end in closes if self.is_open(end)]
        first = min(ends, default=last + MINUTE)
        minutes = [end for end in range(first, last + 1, MINUTE) if self.is_open(end)]
        values = [[self.features(symbol, end) for symbol in self.pairs] for end in minutes]
        shape = (len(minutes), len(self.pairs), 6)
        return PanelRows(np.array(minutes, dtype=np.int64), np.array(values).reshape(shape), last)

    def features(self, symbol: str, end: int) -> list[float]:
        """Return what one pair sees of the others at the end of a minute, in the spec's order."""
        pair = self.pairs[symbol]
        others = [name for name in self.pairs if name != symbol]
        last_15 = [end - back * MINUTE for back in range(15)]
        session = [then for then in last_15 if self.session(then) == self.session(end)]
        squares = [self.move(name, end) ** 2 for name in self.pairs]
        return [
            self.strength("USD", list(self.pairs), end),
            sum(self.strength("USD", list(self.pairs), then) for then in session),
            self.strength(pair.base, others, end),
            self.strength(pair.quote, others, end),
            self.triangle_gap(symbol, end),
            math.sqrt(sum(squares) / len(squares)),
        ]

    def strength(self, currency: str, symbols: Sequence[str], end: int) -> float:
        """Return the mean move of a currency against the others of some pairs; 0 where none."""
        moves = [self.move(name, end) for name in symbols if self.pairs[name].base == currency]
        moves += [-self.move(name, end) for name in symbols if self.pairs[name].quote == currency]
        return sum(moves) / len(moves) if moves else 0.0

    def _move(self, symbol: str, end: int) -> float:
        """Return r of the bar that ends then: against the bar before it in the session."""
        if end not in self.closes[symbol]:
            return 0.0
        before = self.last_close(symbol, end - MINUTE, self.session(end))
        return 0.0 if before is None else 1e4 * math.log(self.closes[symbol][end] / before)

    def triangle_gap(self, symbol: str, end: int) -> float:
        """Return the mean gap between a pair and the products of two others."""
        pair = self.pairs[symbol]
        mid = self.last_close(symbol, end, self.session(end))
        over = {leg for other in self.pairs.values() for leg in (other.base, other.quote)}
        gaps = []
        for currency in over - {pair.base, pair.quote}:
            legs = (self.rate(pair.base, currency, end), self.rate(currency, pair.quote, end))
            if mid is not None and legs[0] is not None and legs[1] is not None:
                gaps.append(1e4 * math.log(mid / (legs[0] * legs[1])))
        return sum(gaps) / len(gaps) if gaps else 0.0

    def rate(self, base: str, quote: str, end: int) -> float | None:
        """Return what one currency costs in another, from the pair of both."""
        session = self.session(end)
        if base + quote in self.pairs:
            return self.last_close(base + quote, end, session)
        inverted = quote + base
        close = self.last_close(inverted, end, session) if inverted in self.pairs else None
        return None if close is None else 1 / close

    def _last_close(self, symbol: str, end: int, session: datetime) -> float | None:
        """Return the newest close of a session until then."""
        for then in self._back(end, session):
            if then in self.closes[symbol]:
                return self.closes[symbol][then]
        return None

    def _session(self, end: int) -> datetime:
        """Name the session of the minute that ends then."""
        return self.market.session(end - MINUTE)

    def _is_open(self, end: int) -> bool:
        """Say whether the market was open in the minute that ends then."""
        return self.market.is_open(end - MINUTE)

    def _back(self, end: int, session: datetime) -> Iterator[int]:
        while self.is_open(end) and self.session(end) == session:
            yield end
            end -= MINUTE
