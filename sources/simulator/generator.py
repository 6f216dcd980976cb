"""The simulator: trade days of ticks over many symbols, a pure function of parameters and seed."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np

from domain.errors import BadUse
from domain.fx_calendar import is_open, roll_ns
from domain.instruments import INSTRUMENTS, instrument
from domain.nanos import DAY_NS
from domain.ticks import Kind, TickArray, TickSource, new_records
from sources.simulator.arrivals import receive_delays, tick_times
from sources.simulator.defects import add_after_close, add_defects
from sources.simulator.params import SimulatorParams
from sources.simulator.paths import Market, PairDay, stream
from sources.simulator.quotes import quote

DEFECT_RATE = 2e-4
"""Bad ticks added per good one: the order of what recorded feeds hold."""


def simulate(
    params: SimulatorParams,
    symbols: Sequence[str],
    first: date,
    last: date,
    seed: int,
    *,
    defect_rate: float = DEFECT_RATE,
) -> Iterator[tuple[date, TickArray]]:
    """Yield each trade day on which the market is open, with its ticks in order of arrival.

    The ticks of a symbol do not depend on which others are asked for, nor on ``last``; they depend
    on ``first``, where prices start. A trade day runs from 17:00 New York of the day before, and
    holds the ticks that are received in it (ticks on a closed market, see ``defect_rate``, apart).
    ``ts_recv_ns`` never falls; ``ts_event_ns`` never falls within a symbol, save in defects.
    ``seq`` is 0: the feed numbers its own rows.

    Parameters
    ----------
    params
        The fitted market: ``load_params()``.
    symbols
        Any usual spelling; the order does not matter.
    first, last
        Trade dates, both included.
    seed
        Of all random streams (>= 0).
    defect_rate
        Bad ticks added per good one, in [0, 1]; 0 gives none at all.

    Raises
    ------
    BadUse
        If a symbol or the span or the rate cannot be simulated.
    """
    names = _checked(params, symbols, first, last, defect_rate)
    market = Market(params, names, first, seed)
    spreads = {n: float(stream(seed, f"spread:{n}", first).standard_normal()) for n in names}
    day = first
    while day <= last:
        opens, closes = roll_ns(day - timedelta(days=1)), roll_ns(day)
        if is_open(opens):
            after_break = not is_open(opens - 1)
            market.advance(day, after_break)
            parts: list[TickArray] = []
            for name in names:
                rng = stream(seed, f"quotes:{name}", day)
                pair = market.pair(name)
                ticks, spreads[name] = _ticks(
                    params, name, pair, opens, after_break, spreads[name], rng
                )
                rng = stream(seed, f"defects:{name}", day)
                if defect_rate > 0.0:
                    ticks = add_defects(ticks, defect_rate, rng)
                    if not is_open(closes):
                        ticks = add_after_close(ticks, defect_rate, closes, rng)
                parts.append(ticks)
            joined = np.concatenate(parts)
            yield day, joined[np.argsort(joined["ts_recv_ns"], kind="stable")]
        day += timedelta(days=1)


def _ticks(
    params: SimulatorParams,
    symbol: str,
    pair: PairDay,
    opens_ns: int,
    after_break: bool,
    spread_state: float,
    rng: np.random.Generator,
) -> tuple[TickArray, float]:
    """Return one symbol's day without defects, and the state of its spread at the end."""
    quoting = params.quotes[symbol]
    times = tick_times(quoting.activity, pair, rng)
    quoted = quote(quoting, INSTRUMENTS[symbol], pair.mid, times, after_break, spread_state, rng)
    records = new_records(times.size)
    records["kind"] = Kind.TICK
    records["source"] = TickSource.SIMULATED
    records["symbol"] = symbol.encode()
    records["ts_event_ns"] = opens_ns + times
    # One connection keeps the order: a tick is not received before the one sent before it.
    received = np.maximum.accumulate(times + receive_delays(params, times.size, rng))
    records["ts_recv_ns"] = opens_ns + received
    records["bid"], records["ask"] = quoted.bid, quoted.ask
    sizes = np.array(params.sizes_units)
    records["bid_size"] = rng.choice(sizes, times.size)
    records["ask_size"] = rng.choice(sizes, times.size)
    return records[received < DAY_NS], quoted.spread_state


def _checked(
    params: SimulatorParams, symbols: Sequence[str], first: date, last: date, defect_rate: float
) -> tuple[str, ...]:
    """Return canonical symbols in the order of the instruments' table."""
    asked = {instrument(symbol).symbol for symbol in symbols}
    unknown = sorted(asked - set(params.quotes))
    if unknown or not asked:
        known = ", ".join(sorted(params.quotes))
        msg = f"cannot simulate {', '.join(unknown) or 'no symbol'}; parameters exist for {known}"
        raise BadUse(msg)
    if last < first:
        msg = f"the last trade date {last} is before the first {first}"
        raise BadUse(msg)
    if not 0.0 <= defect_rate <= 1.0:
        msg = f"defect_rate is {defect_rate}; it must be in [0, 1]"
        raise BadUse(msg)
    return tuple(name for name in INSTRUMENTS if name in asked)
