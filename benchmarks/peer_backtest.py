"""``peer-backtest``: an EMA cross on 1 m bars with market orders: ours beside NautilusTrader.

Both see every recorded EURUSD quote, send the same orders at the same minutes, and keep a P&L. The
fills are laid side by side: the whole difference of the two P&Ls must be the differences of their
prices, or the benchmark fails.
"""

import json
import sys
from pathlib import Path

from benchmarks import ticks_file
from benchmarks.live import scratch
from benchmarks.peer_bars import PEERS, require_peers, run_script
from benchmarks.peers import tape
from benchmarks.result import Bar, Measured, median

SYMBOL = "EURUSD"
ROWS = 10_000_000
UNITS = 100_000
ROUNDS = 3
BAR = 10.0

Fills = list[tuple[int, str, float]]
"""Time in nanoseconds, side, price; the first trades ``UNITS``, each later one twice as many."""


def measure() -> Measured:
    """Return how many times as fast as NautilusTrader ours is."""
    require_peers()
    ours: list[float] = []
    nautilus: list[float] = []
    with scratch() as folder:
        ticks = Path(folder) / "ticks.npz"
        files = {name: Path(folder) / f"{name}.json" for name in ("ours", "nautilus")}
        print(f"  {ticks_file.make(ticks, (SYMBOL,), ROWS)}", flush=True)
        for counted in range(ROUNDS + 1):
            found = (
                _rate(sys.executable, "benchmarks.ours_backtest", ticks, files["ours"]),
                _rate(str(PEERS), "benchmarks.peers.backtest_nautilus", ticks, files["nautilus"]),
            )
            print(f"  round {counted}: {found[0]:,.0f} and {found[1]:,.0f} ticks/s", flush=True)
            if counted:
                ours.append(found[0])
                nautilus.append(found[1])
        fills = {name: _read(path) for name, path in files.items()}
        _, bids, asks = tape.load(ticks).of(0)
    last = (float(bids[-1]), float(asks[-1]))
    profits = {name: _profit(rows, last) for name, rows in fills.items()}
    explained = _price_difference(fills["ours"], fills["nautilus"])
    if abs(profits["ours"] - profits["nautilus"] - explained) > 1e-6 * UNITS:
        msg = f"P&Ls {profits} differ by more than their prices do ({explained})"
        raise RuntimeError(msg)
    ratio = median(ours) / median(nautilus)
    return Measured(
        value=ratio,
        unit="x NautilusTrader",
        bar=Bar(BAR, f"at least {BAR:g} x"),
        met=ratio >= BAR,
        compared={
            "ours, ticks/s": median(ours),
            "NautilusTrader, ticks/s": median(nautilus),
            "our fills": float(len(fills["ours"])),
            "NautilusTrader's fills": float(len(fills["nautilus"])),
            "our P&L, USD": profits["ours"],
            "NautilusTrader's P&L, USD": profits["nautilus"],
            "of it by fill prices, USD": explained,
        },
        runs=[a / b for a, b in zip(ours, nautilus, strict=True)],
    )


def _rate(python: str, module: str, ticks: Path, fills: Path) -> float:
    outcome = run_script(python, module, str(ticks), "--fills", str(fills))
    return float(str(outcome["ticks"])) / float(str(outcome["seconds"]))


def _read(path: Path) -> Fills:
    return [(int(ts), str(side), float(price)) for ts, side, price in json.loads(path.read_text())]


def _profit(fills: Fills, last: tuple[float, float]) -> float:
    """Return the P&L of some fills, the position that is left closed at the last quote."""
    held = 0
    cash = 0.0
    for _, side, price in fills:
        change = (UNITS if side == "BUY" else -UNITS) - held
        cash -= change * price
        held += change
    return cash + held * (last[0] if held > 0 else last[1])


def _price_difference(ours: Fills, theirs: Fills) -> float:
    """Return what the differing prices of the same orders come to."""
    if [side for _, side, _ in ours] != [side for _, side, _ in theirs]:
        msg = f"{len(ours)} and {len(theirs)} fills: not the same orders"
        raise RuntimeError(msg)
    units = [UNITS, *[2 * UNITS] * (len(ours) - 1)]
    signs = [1 if side == "BUY" else -1 for _, side, _ in ours]
    rows = zip(units, signs, ours, theirs, strict=True)
    return sum(-n * sign * (mine[2] - other[2]) for n, sign, mine, other in rows)
