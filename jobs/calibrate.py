"""Fit the tick simulator on recorded ticks and bars, and write its parameters."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import BadUse
from domain.instruments import INSTRUMENTS, MAJOR_SYMBOLS
from domain.nanos import HOUR_NS, from_ns
from sources.simulator.calibration import (
    Quotes,
    fit_common_volatility,
    fit_fast_volatility,
    fit_quote,
    fit_sigma_bp,
    minute_mids,
    minute_moves_bp,
    trade_clock,
)
from sources.simulator.params import Leg, Quote, SimulatorParams, Volatility, round_params
from sources.simulator.scaling import (
    ASSUMED_LEGS,
    ASSUMED_QUOTES,
    LEGS,
    Bars,
    HourlyMoves,
    by_hour,
    common_span,
    fit_correlation,
    fit_slow_volatility,
    gap_over_hour,
    hourly_mean_abs,
    hourly_moves,
    scaled_leg,
    scaled_quote,
    weekend_gap_bp,
)

Say = Callable[[str], None]

FROM_TICKS = ("EURUSD", "NZDUSD")
"""Pairs whose ticks the fit needs."""
FROM_BARS = ("GBPUSD", "USDJPY", "AUDUSD")
"""Pairs that are scaled from EURUSD by H1 bars."""

_DELAY_MEDIAN_MS = 6.0
_DELAY_LOG_SD = 0.55
"""Assumed: 95 % of ticks take 2 to 18 ms, a venue on the same continent."""
_SIZES_UNITS = (500_000.0, 1_000_000.0, 2_000_000.0, 5_000_000.0)
"""Assumed: the records hold no sizes."""


def calibrate(ticks_path: Path, bars_path: Path, out_path: Path, say: Say) -> SimulatorParams:
    """Fit the simulator and write its parameters as JSON.

    Parameters
    ----------
    ticks_path
        Folder of Parquet files (symbol, ts, bid, ask) that hold EURUSD and NZDUSD.
    bars_path
        Folder of Parquet files (symbol, ts, open, close, perhaps tick_volume); H1 of both and of
        GBPUSD, USDJPY and AUDUSD is used, other timeframes are passed over.
    out_path
        File to write.
    say
        Takes a line of progress.

    Raises
    ------
    BadUse
        If a record that the fit needs is missing.
    """
    ticks, bars = _read_ticks(ticks_path), _read_bars(bars_path)
    _require(ticks.keys(), FROM_TICKS, ticks_path)
    _require(bars.keys(), (*FROM_TICKS, *FROM_BARS), bars_path)
    for name, quotes in ticks.items():
        say(f"{name}: {quotes.ts_ns.size:,} ticks")
    moves = common_span({name: hourly_moves(bars[name]) for name in (*FROM_TICKS, *FROM_BARS)})
    legs, common_volatility = _legs(ticks, bars, moves)
    quotes_of = _quotes(ticks, bars)
    params = SimulatorParams(
        legs=legs,
        quotes=quotes_of,
        correlation=tuple(tuple(row) for row in fit_correlation(moves).round(6).tolist()),
        common_volatility=common_volatility,
        delay_median_ms=_DELAY_MEDIAN_MS,
        delay_log_sd=_DELAY_LOG_SD,
        sizes_units=_SIZES_UNITS,
        provenance=_provenance(ticks, moves),
    )
    params = round_params(params)
    out_path.write_text(write_params(params), encoding="utf-8")
    for name in (*LEGS, "EURJPY"):
        rate = float(np.mean(params.quotes[name].activity.ticks_per_s)) * 86_400.0
        spread = float(np.median(params.quotes[name].spread.median_pips))
        say(f"{name}: {rate:,.0f} ticks a day, {spread:.2f} pips ({params.quotes[name].basis})")
    say(f"wrote {out_path}")
    return params


def write_params(params: SimulatorParams) -> str:
    """Write parameters as JSON for readers: one key a line, each list on one line."""
    text = msgspec.json.format(msgspec.json.encode(params), indent=1).decode()
    flat = re.compile(r"\[[^\[\]{}\"]*\]")
    return flat.sub(lambda found: " ".join(found.group().split()), text) + "\n"


def _legs(
    ticks: dict[str, Quotes], bars: dict[str, Bars], moves: dict[str, HourlyMoves]
) -> tuple[dict[str, Leg], float]:
    """Return all legs in order, and the share of volatility that they have in common."""
    slow = {name: fit_slow_volatility(record) for name, record in moves.items()}
    minute = {
        name: minute_moves_bp(minute_mids(ticks[name], trade_clock(ticks[name].ts_ns)))
        for name in FROM_TICKS
    }
    fast = {name: fit_fast_volatility(minute[name]) for name in FROM_TICKS}
    fast_variance = float(np.mean([f.level for f in fast.values()]))
    fast_half_life = float(np.mean([f.half_life for f in fast.values()]))
    found_gaps = [gap_over_hour(bars[name], hourly_moves(bars[name])) for name in moves]
    gaps = [gap for gap in found_gaps if gap is not None]
    gap = float(np.mean(gaps)) if gaps else 1.0

    def law(name: str) -> Volatility:
        day = slow.get(name)
        return Volatility(
            fast_sd=float(np.sqrt(fast[name].level if name in fast else fast_variance)),
            fast_half_life_min=fast[name].half_life if name in fast else fast_half_life,
            slow_sd=float(np.sqrt(day.level if day else np.mean([s.level for s in slow.values()]))),
            slow_half_life_days=(
                day.half_life if day else float(np.mean([s.half_life for s in slow.values()]))
            ),
        )

    legs: dict[str, Leg] = {}
    for name in FROM_TICKS:
        quotes, volatility = ticks[name], law(name)
        sigma = fit_sigma_bp(minute[name], volatility.fast_sd**2)
        legs[name] = Leg(
            start_mid=float(f"{np.median((quotes.bid + quotes.ask) / 2.0):.3g}"),
            sigma_bp=tuple(sigma.tolist()),
            volatility=volatility,
            weekend_gap_bp=weekend_gap_bp(sigma, volatility, gap),
            basis="ticks",
        )
    euro = hourly_mean_abs(moves["EURUSD"])
    last_ns = int(ticks["EURUSD"].ts_ns[-1])
    for name in FROM_BARS:
        at = int(np.searchsorted(bars[name].ts_ns, last_ns))
        start = float(f"{bars[name].close[max(0, at - 240) : at + 1].mean():.3g}")
        ratio = hourly_mean_abs(moves[name]) / euro
        legs[name] = scaled_leg(start, legs["EURUSD"], ratio, law(name), gap, "bars")
    for name, (start, factor) in ASSUMED_LEGS.items():
        flat = np.full(euro.size, factor)
        legs[name] = scaled_leg(start, legs["EURUSD"], flat, law(name), gap, "assumed")
    return {n: legs[n] for n in LEGS}, fit_common_volatility(minute["EURUSD"], minute["NZDUSD"])


def _quotes(ticks: dict[str, Quotes], bars: dict[str, Bars]) -> dict[str, Quote]:
    """Return how every symbol is quoted, in the order of the instruments' table."""
    fitted = {name: fit_quote(ticks[name], INSTRUMENTS[name]) for name in FROM_TICKS}
    rates = {name: np.array(quote.activity.ticks_per_s) for name, quote in fitted.items()}
    volumes = {
        name: by_hour(bars[name].tick_volume, trade_clock(bars[name].ts_ns).hour)
        for name in FROM_BARS
    }
    # The bars come from another dealer: their volumes give shape and ratio, the ticks the level.
    level = np.mean([rate.mean() for rate in rates.values()])
    unit = level / np.mean([volume.mean() for volume in volumes.values()])
    quotes = dict(fitted)
    for name, (spread, factor, like) in ASSUMED_QUOTES.items():
        if name in volumes:
            quotes[name] = scaled_quote(fitted[like], spread, unit * volumes[name], "bars")
        else:
            own = factor * rates["EURUSD"].mean() / rates[like].mean() * rates[like]
            quotes[name] = scaled_quote(fitted[like], spread, own, "assumed")
    return {name: quotes[name] for name in MAJOR_SYMBOLS}


def _provenance(ticks: dict[str, Quotes], moves: dict[str, HourlyMoves]) -> dict[str, str]:
    """Say in words what was fitted on what."""
    days = [from_ns(int(ticks["EURUSD"].ts_ns[i])).date().isoformat() for i in (0, -1)]
    span = [from_ns(int(moves["EURUSD"].ts_ns[i])).date().isoformat() for i in (0, -1)]
    return {
        "ticks": f"EURUSD, NZDUSD: all fitted on OANDA quotes, {days[0]} to {days[1]}",
        "bars": (
            f"GBPUSD, USDJPY, AUDUSD: sigma by hour over EURUSD's, tick rate by hour, start and "
            f"volatility from day to day from H1 bars, {span[0]} to {span[1]}; spread assumed"
        ),
        "correlation": "hourly returns of these five over the same bars; USDCHF, USDCAD assumed",
        "weekend_gap": "H1 bars of GBPUSD, USDJPY, AUDUSD, as a multiple of an hour's move",
        "crosses": "mids are products of the legs; spreads and tick rates assumed",
        "assumed": "USDCHF, USDCAD, network delay, sizes: sources/simulator/scaling.py",
    }


def _read_ticks(folder: Path) -> dict[str, Quotes]:
    """Read the symbols that are fitted on ticks; rows of one symbol in the order of their time."""
    parts: dict[str, list[Any]] = {name: [] for name in FROM_TICKS}
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path, columns=["symbol", "ts", "bid", "ask"])
        name = table["symbol"][0].as_py() if table.num_rows else ""
        if name in parts:
            parts[name].append(table)
    found: dict[str, Quotes] = {}
    for name, tables in parts.items():
        if not tables:
            continue
        ts_ns = np.concatenate([_ns(table) for table in tables])
        order = np.argsort(ts_ns, kind="stable")
        bid = np.concatenate([table["bid"].to_numpy() for table in tables])
        ask = np.concatenate([table["ask"].to_numpy() for table in tables])
        found[name] = Quotes(ts_ns[order], bid[order], ask[order])
    return found


def _read_bars(folder: Path) -> dict[str, Bars]:
    """Read H1 bars by symbol; other timeframes are passed over."""
    found: dict[str, Bars] = {}
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path)
        ts_ns = _ns(table)
        if ts_ns.size < 2 or int(np.median(np.diff(ts_ns))) != HOUR_NS:
            continue
        volume = table["tick_volume"].to_numpy() if "tick_volume" in table.column_names else []
        found[table["symbol"][0].as_py()] = Bars(
            ts_ns,
            table["open"].to_numpy(),
            table["close"].to_numpy(),
            np.asarray(volume, dtype=np.float64),
        )
    return found


def _ns(table: Any) -> Any:
    """Return the column ``ts`` as nanoseconds UTC."""
    return table["ts"].cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_numpy()


def _require(found: Any, needed: tuple[str, ...], folder: Path) -> None:
    missing = [name for name in needed if name not in found]
    if missing:
        msg = f"{folder} holds no record of {', '.join(missing)}, which the fit needs"
        raise BadUse(msg)
