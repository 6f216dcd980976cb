"""Prices of one symbol: the last quote, a short line of mids, and one-minute candles."""

from collections import deque
from typing import Any

from domain.bars import Bar
from domain.instruments import INSTRUMENTS, Instrument
from domain.nanos import MINUTE_NS, MS_NS, floor_ns

MAX_CANDLES = 240
"""Closed one-minute candles kept per symbol: four hours, what a wide screen can show."""

MAX_SPARK = 90
"""Mids kept for the small line in a tile; more than its width in pixels is wasted."""

Candle = tuple[int, float, float, float, float, int]
"""Opening time in milliseconds UTC; open, high, low, close of the mid; ticks."""


def describe(symbol: str) -> Instrument:
    """Return the instrument of a symbol; one that is not in the table is shown like a major."""
    return INSTRUMENTS.get(symbol) or Instrument(symbol, symbol[:3], symbol[3:])


def display_name(symbol: str) -> str:
    """Write a pair as people do: ``EUR/USD``."""
    return f"{symbol[:3]}/{symbol[3:]}" if symbol in INSTRUMENTS else symbol


class SymbolPrices:
    """What one symbol looks like, from its 1 s and 1 m bars.

    Parameters
    ----------
    symbol
        Canonical symbol; its instrument gives the pip and the decimal places.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._instrument = describe(symbol)
        self._candles: deque[Candle] = deque(maxlen=MAX_CANDLES)
        self._forming: Candle | None = None
        self._spark: deque[float] = deque(maxlen=MAX_SPARK)
        self._quote: Bar | None = None
        self._direction = "same"

    def apply(self, bar: Bar) -> tuple[bool, bool]:
        """Take in a bar; say whether the quote and whether the closed candles changed.

        A bar that is not newer than what is shown changes nothing, so a record read twice is
        counted once.
        """
        if bar.timeframe not in {"1s", "1m"}:
            return False, False
        closed = bar.timeframe == "1m" and self._close(bar)
        quoted = self._quote is None or bar.ts_event_ns > self._quote.ts_event_ns
        if quoted:
            self._move_to(bar)
        if bar.timeframe == "1s" and quoted:
            self._form(bar)
        return quoted or closed, closed

    def _move_to(self, bar: Bar) -> None:
        if self._quote is not None and bar.mid_close != self._quote.mid_close:
            self._direction = "up" if bar.mid_close > self._quote.mid_close else "down"
        elif self._quote is not None:
            self._direction = "same"
        self._spark.append(bar.mid_close)
        self._quote = bar

    def _close(self, bar: Bar) -> bool:
        opened_ms = bar.ts_open_ns // MS_NS
        if self._candles and opened_ms <= self._candles[-1][0]:
            return False
        self._candles.append(_candle(bar, opened_ms))
        if self._forming is not None and self._forming[0] <= opened_ms:
            self._forming = None
        return True

    def _form(self, bar: Bar) -> None:
        opened_ms = floor_ns(bar.ts_open_ns, MINUTE_NS) // MS_NS
        if self._candles and opened_ms <= self._candles[-1][0]:
            return
        now = self._forming
        if now is None or now[0] != opened_ms:
            self._forming = _candle(bar, opened_ms)
            return
        self._forming = (
            opened_ms,
            now[1],
            max(now[2], bar.mid_high),
            min(now[3], bar.mid_low),
            bar.mid_close,
            now[5] + bar.tick_count,
        )

    def tile(self) -> dict[str, Any] | None:
        """Return what a price tile shows, or None before the first bar."""
        quote = self._quote
        if quote is None:
            return None
        pip = self._instrument.pip
        return {
            "symbol": self.symbol,
            "name": display_name(self.symbol),
            "t": quote.ts_event_ns // MS_NS,
            "bid": quote.bid_close,
            "ask": quote.ask_close,
            "mid": quote.mid_close,
            "digits": self._instrument.display_precision,
            "pip_digits": -self._instrument.pip_location,
            "spread_pips": round((quote.ask_close - quote.bid_close) / pip, 2),
            "direction": self._direction,
            "change_pips": round((quote.mid_close - self._spark[0]) / pip, 1),
            "spark": list(self._spark),
            "forming": self._forming,
        }

    def candles(self) -> dict[str, Any]:
        """Return the closed candles, oldest first; the one still forming is in the tile."""
        return {
            "symbol": self.symbol,
            "name": display_name(self.symbol),
            "digits": self._instrument.display_precision,
            "bars": list(self._candles),
        }


def _candle(bar: Bar, opened_ms: int) -> Candle:
    return (
        opened_ms,
        bar.mid_open,
        bar.mid_high,
        bar.mid_low,
        bar.mid_close,
        bar.tick_count,
    )
