"""``python -m benchmarks.ticks_file OUT.npz``: the ticks that ours and the peers' benchmarks share.

One uncompressed ``.npz`` in order of time: ``symbols`` (names), ``symbol`` (index into the names),
``ts_event_ns``, ``bid``, ``ask``. Made from recorded Parquet, or a seeded walk where there is none.
It needs NumPy and PyArrow only, so that the product's and the peers' environments both read it.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

_PAIRS = (
    "EURUSD GBPUSD AUDUSD NZDUSD USDCAD USDCHF EURGBP EURCHF EURAUD EURCAD EURNZD GBPCHF GBPAUD "
    "GBPCAD GBPNZD AUDNZD AUDCAD AUDCHF NZDCAD NZDCHF CADCHF"
)
PAIRS = tuple(_PAIRS.split())
"""Pairs of five decimal places, as a walk's prices have."""
WALK_START_NS = 1_768_204_800_000_000_000
"""Monday 12 January 2026, 08:00 UTC."""
WALK_GAP_MS = 250.0
"""Mean time between two ticks of one symbol: about what OANDA quotes in a busy hour."""
DEFAULT_ROWS = 500_000
DEFAULT_SEED = 1


def recorded_folder() -> Path | None:
    """Return the folder of recorded ticks (``AIFX_DATA``, or beside the repository), or None."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("AIFX_DATA") or beside) / "ticks"
    return folder if folder.is_dir() else None


def from_parquet(folder: Path, symbols: Sequence[str], rows: int) -> dict[str, NDArray[np.generic]]:
    """Read the first ticks of a folder in order of time; ties keep the order of the symbols.

    Parameters
    ----------
    folder
        Of ``SYMBOL_*.parquet`` with the columns ``symbol, ts, bid, ask``.
    symbols
        Wanted names; empty for all that the folder has.
    rows
        Most ticks in all (> 0).
    """
    found = sorted({path.name.split("_")[0] for path in folder.glob("*_*.parquet")})
    names = list(symbols) or found
    if missing := sorted(set(names) - set(found)):
        msg = f"{folder} holds no ticks of {', '.join(missing)}"
        raise SystemExit(msg)
    parts = []
    for code, name in enumerate(names):
        files = sorted(folder.glob(f"{name}_*.parquet"))
        table = pa.concat_tables(
            pq.read_table(file, columns=["ts", "bid", "ask"]) for file in files
        )
        ts_ns = table["ts"].cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()
        bid, ask = table["bid"].to_numpy(), table["ask"].to_numpy()
        parts.append((np.full(len(ts_ns), code, np.int32), ts_ns, bid, ask))
    return _in_time(names, parts, rows)


def walk(count: int, rows: int, seed: int) -> dict[str, NDArray[np.generic]]:
    """Make seeded random walks on a millisecond clock, one a pair.

    Parameters
    ----------
    count
        Pairs (1 to 21).
    rows
        Ticks in all (> 0).
    seed
        The same seed gives the same ticks.
    """
    rng = np.random.default_rng(seed)
    if not 0 < count <= len(PAIRS):
        msg = f"a walk has 1 to {len(PAIRS)} pairs, not {count}"
        raise SystemExit(msg)
    names = PAIRS[:count]
    each = -(-rows // count)
    parts = []
    for code in range(count):
        ts_ns = WALK_START_NS + np.cumsum(rng.geometric(1.0 / WALK_GAP_MS, each)) * 1_000_000
        bid_points = 110_000 + np.cumsum(rng.integers(-1, 2, each))
        ask_points = bid_points + rng.integers(5, 15, each)
        code_column = np.full(each, code, np.int32)
        parts.append((code_column, ts_ns, bid_points / 1e5, ask_points / 1e5))
    return _in_time(names, parts, rows)


def _in_time(
    names: Sequence[str], parts: Sequence[tuple[NDArray[np.generic], ...]], rows: int
) -> dict[str, NDArray[np.generic]]:
    symbol, ts_ns, bid, ask = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(ts_ns, kind="stable")[:rows]
    return {
        "symbols": np.array(names),
        "symbol": symbol[order],
        "ts_event_ns": ts_ns[order],
        "bid": bid[order],
        "ask": ask[order],
    }


def make(
    out: Path,
    symbols: Sequence[str] = (),
    rows: int = DEFAULT_ROWS,
    folder: Path | None = None,
    walk_pairs: int = 0,
    seed: int = DEFAULT_SEED,
) -> str:
    """Write a file of ticks and return what they are, in words.

    Parameters
    ----------
    out
        Path that ends in ``.npz``.
    symbols, rows, folder
        As in `from_parquet`; no folder means `recorded_folder`.
    walk_pairs
        Above 0: no recorded ticks, but a walk of that many pairs. Without recorded ticks it is
        as many as there are ``symbols``, or two.
    seed
        Of the walk.
    """
    folder = folder or recorded_folder()
    if folder is not None and not walk_pairs:
        columns, kind = from_parquet(folder, symbols, rows), "recorded"
    else:
        columns, kind = walk(walk_pairs or len(symbols) or 2, rows, seed), f"walk, seed {seed}"
    np.savez(out, allow_pickle=False, **columns)
    return f"{kind}: {columns['symbol'].size:,} ticks of {', '.join(columns['symbols'])}"


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description="Write ticks for the benchmarks.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--folder", type=Path, help="of Parquet; default AIFX_DATA/ticks")
    parser.add_argument("--symbols", default="", help="as EURUSD,NZDUSD; default all")
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS, help="most ticks in all")
    parser.add_argument("--walk", type=int, default=0, metavar="N", help="walks of N pairs instead")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    args = parser.parse_args()
    symbols = [name for name in args.symbols.split(",") if name]
    print(make(args.out, symbols, args.rows, args.folder, args.walk, args.seed))


if __name__ == "__main__":
    main()
