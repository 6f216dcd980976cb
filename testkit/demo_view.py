"""A view with plausible made-up data: for a look at the page, and for tests of a full one."""

import math
from decimal import Decimal
from itertools import pairwise

import numpy as np
from hdrh.histogram import HdrHistogram

from api.view import View
from domain.bars import Bar, frame_of
from domain.deployments import ModelEvent
from domain.ids import client_order_id, digest, execution_id, signal_id
from domain.instruments import DEFAULT_SYMBOLS, instrument
from domain.nanos import MINUTE_NS, SECOND_NS, parse_ns
from domain.orders import Execution, Order, OrderSide, Position
from domain.predictions import Side, Signal, Vote
from domain.topics import Topic, WorkerMetrics

START_NS = parse_ns("2024-05-14T12:00:00")
_PRICES = {
    "EURUSD": 1.0812,
    "GBPUSD": 1.2586,
    "USDJPY": 156.42,
    "AUDUSD": 0.6627,
    "NZDUSD": 0.6041,
    "USDCAD": 1.3651,
    "USDCHF": 0.9063,
    "EURJPY": 169.11,
}
ACCOUNT = "demo"
EDGE = 0.1
SWITCH_MINUTE = 9
"""Minute at whose end another model is champion of the first slot."""

_WEIGHTS = {"online": 0.22, "xgboost": 0.34, "forest": 0.24, "lstm": 0.12, "rules": 0.08}


def demo_bar(symbol: str, timeframe: str, end_ns: int, path: list[float]) -> Bar:
    """Return the bar that ends at ``end_ns`` and went through these mids."""
    length_ns = frame_of(timeframe).length_ns
    pip = instrument(symbol).pip
    half = pip * 0.4
    ohlc = (path[0], max(path), min(path), path[-1])
    moves = [(after - before) / pip for before, after in pairwise(path)]
    ticks = len(path) * 4
    return Bar(
        symbol,
        timeframe,
        end_ns // length_ns - 1,
        end_ns - length_ns,
        end_ns,
        end_ns,
        *(ohlc[0] - half, ohlc[1] - half, ohlc[2] - half, ohlc[3] - half),
        *(ohlc[0] + half, ohlc[1] + half, ohlc[2] + half, ohlc[3] + half),
        *ohlc,
        tick_count=ticks,
        suspect_count=0,
        up_count=sum(move > 0 for move in moves),
        down_count=sum(move < 0 for move in moves),
        spread_mean_pips=0.8,
        spread_max_pips=1.4,
        move_sq_sum_pips2=sum(move * move for move in moves),
        micro_gap_mean_pips=None,
        verdict=0,
    )


class DemoRun:
    """A seeded random walk with signals, fills and latency, one minute at a time.

    Parameters
    ----------
    view
        What is fed.
    seed
        Of the generator: the same seed, the same run.
    """

    def __init__(self, view: View, seed: int = 7) -> None:
        self.view = view
        self.minute = 0
        self._rng = np.random.default_rng(seed)
        self._voters = np.random.default_rng(seed + 1)
        self._price = dict(_PRICES)
        self._units = dict.fromkeys(DEFAULT_SYMBOLS, 0)
        self._entry = dict.fromkeys(DEFAULT_SYMBOLS, 0.0)
        self._realised = 0.0
        self._fills = 0
        self._histograms = {
            hop: HdrHistogram(1, 60_000_000, 3)
            for hop in ("tick_to_signal", "signal_to_order", "models", "kafka_to_kafka")
        }
        view.set_run(
            run_id="2f6c1e09",
            feed="recorded ticks, May 2024",
            speed="60x",
            symbols=DEFAULT_SYMBOLS,
            kafka="127.0.0.1:9092",
            clickhouse="embedded",
            models=[f"{role} {digest('demo', role)[:12]}" for role in _WEIGHTS],
            notes=["Simulated ticks hold no edge: this profit and loss is no promise."],
        )
        view.set_status("running", "replaying")

    def run(self, minutes: int) -> None:
        """Feed so many minutes."""
        for _ in range(minutes):
            self.step()

    def step(self) -> None:
        """Feed one minute of all symbols."""
        close_ns = START_NS + (self.minute + 1) * MINUTE_NS
        for symbol in DEFAULT_SYMBOLS:
            path = self._walk(symbol)
            for second in range(0, 60, 5):
                at_ns = close_ns - MINUTE_NS + (second + 1) * SECOND_NS
                self.view.apply(
                    Topic.BARS, demo_bar(symbol, "1s", at_ns, path[second : second + 5])
                )
            self.view.apply(Topic.BARS, demo_bar(symbol, "1m", close_ns, path))
            self._decide(symbol, close_ns)
        self._tell(close_ns)
        self._mark(close_ns)
        self.minute += 1
        self._report(close_ns)
        self.view.progress(self.minute * 4_800, 2_400_000, close_ns)

    def form(self, seconds: int) -> None:
        """Feed the first seconds of the next minute, so that a candle is forming."""
        for symbol in DEFAULT_SYMBOLS:
            path = self._walk(symbol)
            for second in range(seconds):
                at_ns = START_NS + self.minute * MINUTE_NS + (second + 1) * SECOND_NS
                self.view.apply(
                    Topic.BARS, demo_bar(symbol, "1s", at_ns, path[second : second + 3])
                )

    def _walk(self, symbol: str) -> list[float]:
        pip = instrument(symbol).pip
        drift = math.sin(self.minute / 23 + len(symbol) + ord(symbol[0])) * 0.02
        steps = self._rng.normal(drift, 0.28, 60) * pip
        path = [float(price) for price in self._price[symbol] + np.cumsum(steps)]
        self._price[symbol] = path[-1]
        return path

    def _decide(self, symbol: str, at_ns: int) -> None:
        p_up = float(np.clip(0.5 + self._rng.normal(0, 0.07), 0.02, 0.98))
        ready, held = self.minute > 4, self._units[symbol]
        votes = self._votes(p_up)
        agreement = sum(vote.weight for vote in votes if ((vote.p_up or 0) > 0.5) == (p_up > 0.5))
        side: Side = "buy" if held > 0 else "sell" if held < 0 else "flat"
        reason = "hold" if held else "no_edge"
        if abs(p_up - 0.5) >= EDGE:
            side, reason = "buy" if p_up > 0.5 else "sell", "edge"
        identity = signal_id("demo", symbol, at_ns, "edge-hold")
        signal = Signal(
            identity, symbol, at_ns, at_ns, "demo", "edge-hold",
            side if ready else "flat", ready, abs(2 * p_up - 1) if ready else 0.0,
            p_up if ready else None, self._price[symbol], self._price[symbol],
            reason if ready else "features_not_ready", votes=votes if ready else (),
            threshold=EDGE, agreement=agreement if ready else None,
        )  # fmt: skip
        self.view.apply(Topic.SIGNALS, signal)
        wanted = {"buy": 10_000, "sell": -10_000, "flat": 0}[signal.side]
        if ready and wanted != held:
            self._trade(symbol, wanted, at_ns, identity)

    def _votes(self, p_up: float) -> tuple[Vote, ...]:
        """Return votes of which ``p_up`` is the weighted mean; the LSTM warms up for longer."""
        heard = {k: w for k, w in _WEIGHTS.items() if k != "lstm" or self.minute > 7}
        total = sum(heard.values())
        apart = self._voters.normal(0, 0.03, len(heard))
        apart -= np.average(apart, weights=list(heard.values()))
        said = dict(zip(heard, np.clip(p_up + apart, 0.0, 1.0).tolist(), strict=True))
        return tuple(
            Vote(role, self._model_id(role), said.get(role), heard.get(role, 0.0) / total)
            for role in _WEIGHTS
        )

    def _model_id(self, role: str) -> str:
        new = role == "xgboost" and self.minute > SWITCH_MINUTE
        return digest("demo", role, "new") if new else digest("demo", role)

    def _tell(self, at_ns: int) -> None:
        """Say that a model was switched, and a little later that a feature has drifted."""
        if self.minute == SWITCH_MINUTE:
            for symbol in DEFAULT_SYMBOLS:
                switched = ModelEvent(
                    symbol, at_ns + MINUTE_NS, "switch", "xgboost",
                    digest("demo", "xgboost", "new"), digest("demo", "xgboost"), "champion",
                    f"effective {at_ns + MINUTE_NS}",
                )  # fmt: skip
                self.view.apply(Topic.MODELS, switched)
        if self.minute == SWITCH_MINUTE + 4:
            drift = ModelEvent(
                "USDJPY", at_ns, "drift", "", "", "", "",
                "adwin: feature spread_mean is +3.21 deviations from its usual level",
            )  # fmt: skip
            self.view.apply(Topic.MODELS, drift)

    def _trade(self, symbol: str, wanted: int, at_ns: int, cause: str) -> None:
        change = wanted - self._units[symbol]
        side: OrderSide = "buy" if change > 0 else "sell"
        order_id = client_order_id("demo", cause, 0, 0)
        if self._rng.random() < 0.08:
            denied = Order(
                order_id, ACCOUNT, "demo", cause, symbol, side, Decimal(abs(change)), "denied",
                at_ns, at_ns, reason="max_position",
            )  # fmt: skip
            self.view.apply(Topic.ORDERS, denied)
            return
        digits = instrument(symbol).display_precision
        price = Decimal(f"{self._price[symbol]:.{digits}f}")
        pnl = (self._price[symbol] - self._entry[symbol]) * self._units[symbol]
        pnl /= 150.0 if symbol.endswith("JPY") else 1.0
        self._realised += pnl
        self._fills += 1
        self.view.apply(
            Topic.ORDERS,
            Order(
                order_id, ACCOUNT, "demo", cause, symbol, side, Decimal(abs(change)), "filled",
                at_ns, at_ns, Decimal(abs(change)), price,
            ),
        )  # fmt: skip
        self.view.apply(
            Topic.EXECUTIONS,
            Execution(
                execution_id(order_id, 0), order_id, ACCOUNT, symbol, side, Decimal(abs(change)),
                price, at_ns, at_ns, Decimal(f"{pnl:.2f}"), Decimal(f"{pnl:.2f}"), Decimal(1),
            ),
        )  # fmt: skip
        self._units[symbol], self._entry[symbol] = wanted, self._price[symbol]

    def _mark(self, at_ns: int) -> None:
        floating = 0.0
        for symbol, units in self._units.items():
            gain = (self._price[symbol] - self._entry[symbol]) * units
            gain /= 150.0 if symbol.endswith("JPY") else 1.0
            floating += gain
            if units:
                self._position(symbol, at_ns, Decimal(units), gain)
        total = Position(
            ACCOUNT, "*", at_ns, at_ns, Decimal(0), None, Decimal(f"{self._realised:.2f}"),
            Decimal(f"{floating:.2f}"), Decimal(f"{100_000 + self._realised + floating:.2f}"),
        )  # fmt: skip
        self.view.apply(Topic.POSITIONS, total)

    def _position(self, symbol: str, at_ns: int, units: Decimal, gain: float) -> None:
        digits = instrument(symbol).display_precision
        entry = Decimal(f"{self._entry[symbol]:.{digits}f}")
        self.view.apply(
            Topic.POSITIONS,
            Position(
                ACCOUNT, symbol, at_ns, at_ns, units, entry, Decimal(0), Decimal(f"{gain:.2f}")
            ),
        )

    def _report(self, at_ns: int) -> None:
        centres_us = {
            "tick_to_signal": 3_800,
            "signal_to_order": 2_100,
            "models": 120,
            "kafka_to_kafka": 1_500,
        }
        for hop, centre in centres_us.items():
            for value in self._rng.lognormal(math.log(centre), 0.45, 20):
                self._histograms[hop].record_value(int(value))
        ticks = self.minute * 4_800
        counters = {
            "ticks_in": ticks,
            "ticks_accepted": ticks - self.minute * 9,
            "rejected.duplicate": self.minute * 5,
            "rejected.out_of_order": self.minute * 3,
            "rejected.crossed": self.minute,
            "bars": self.minute * 488,
            "signals": self.minute * 8,
            "orders": self._fills,
            "fills": self._fills,
            "rows.ticks": ticks,
            "rows.bars": self.minute * 488,
        }
        encoded = {hop: h.encode().decode() for hop, h in self._histograms.items()}
        self.view.apply(Topic.METRICS, WorkerMetrics("demo", at_ns, counters, encoded))


def demo_view(minutes: int = 200, seed: int = 7) -> View:
    """Return a view that has seen so many minutes, with a candle forming."""
    view = View()
    run = DemoRun(view, seed)
    run.run(minutes)
    run.form(20)
    return view
