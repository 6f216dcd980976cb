"""What models are trained on: rows of the archive or of a Parquet file, and their labels.

Both ways give the same `TrainingSet`, so the same artefact to the byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from clickhouse import datasets
from domain.errors import BadUse
from domain.instruments import instrument
from domain.nanos import MINUTE_NS
from features.spec import FEATURE_NAMES, SCHEMA
from models.labels.arrays import Labels, sign_definition, sign_labels, triple_barrier
from models.labels.barrier import TripleBarrier
from models.labels.delayed import DelayedLabels
from models.training.dataset import TrainingData

Floats = NDArray[np.float64]

LabelName = Literal["sign", "triple-barrier", "sign-after-costs"]
LABELS: tuple[LabelName, ...] = ("sign", "triple-barrier", "sign-after-costs")

SCHEMA_KEY = b"aifx.feature_schema"
"""Under which a file says which schema its features follow."""

VOLATILITY = "volatility_60"
"""Feature that scales the barriers: deviation of the one-minute returns, in bps."""

_KEYS = ("symbol", "ts_ns", "mid", "spread_pips")
_PER_BP = 1e-4


@dataclass(frozen=True)
class TrainingSet:
    """Rows to train on, with what trading at them costs.

    Parameters
    ----------
    data
        Features and mids, in canonical order.
    spread_pips
        Shape (n,): mean spread of each row's bar in pips (>= 0), NaN where it is not known.
    """

    data: TrainingData
    spread_pips: Floats

    @property
    def pip(self) -> Floats:
        """Size of a pip of each row in price units, shape (n,)."""
        sizes = np.array([instrument(name).pip for name in self.data.symbols])
        found: Floats = sizes[self.data.symbol_codes]
        return found

    def half_spread(self, slippage_pips: float) -> Floats:
        """Return what one order costs at each row in price units, shape (n,).

        Parameters
        ----------
        slippage_pips
            Of the order (>= 0).
        """
        found: Floats = (self.spread_pips / 2 + slippage_pips) * self.pip
        return found


@dataclass(frozen=True)
class LabelConfig:
    """What is learned.

    Parameters
    ----------
    name
        ``sign`` of the mid's move over the horizon; ``sign-after-costs``: only moves that pay both
        half spreads and slippage; ``triple-barrier``: the barrier that the mid touches first, the
        horizon being the vertical one.
    rule
        Horizon and tolerance.
    width_up, width_down
        Distance of the barriers, in deviations of the return over the horizon (> 0): the
        volatility of one minute, known at the row, times the square root of the minutes.
    slippage_pips
        Of one order (>= 0); for labels after costs.

    Raises
    ------
    BadUse
        If a name is unknown or a bound broken.
    """

    name: LabelName
    rule: DelayedLabels
    width_up: float = 1.0
    width_down: float = 1.0
    slippage_pips: float = 0.1

    def __post_init__(self) -> None:
        if self.name not in LABELS:
            msg = f"there is no label {self.name!r}: give one of {', '.join(LABELS)}"
            raise BadUse(msg)
        if not 0 <= self.slippage_pips < float("inf"):
            msg = f"slippage_pips must be at least 0 and finite, not {self.slippage_pips}"
            raise BadUse(msg)
        self.barrier  # noqa: B018 - refuses widths out of bounds now, not after the data was read

    @property
    def barrier(self) -> TripleBarrier:
        """The rule of ``triple-barrier``."""
        rule = self.rule
        return TripleBarrier(self.width_up, self.width_down, rule.horizon_ns, rule.tolerance_ns)

    def definition(self) -> dict[str, Any]:
        """Return what a manifest says of the label; ready for JSON."""
        if self.name == "triple-barrier":
            found = self.barrier.definition(after_costs=False)
            return {**found, "volatility": f"{VOLATILITY} times the root of the minutes"}
        after_costs = self.name == "sign-after-costs"
        found = sign_definition(self.rule, after_costs=after_costs)
        return {**found, "slippage_pips": self.slippage_pips} if after_costs else found

    def labels(self, rows: TrainingSet) -> Labels:
        """Label every row.

        Raises
        ------
        BadUse
            If a mid is not > 0, or barriers have no volatility to be scaled by.
        """
        data = rows.data
        if self.name != "triple-barrier":
            cost = rows.half_spread(self.slippage_pips) if self.name != "sign" else None
            return sign_labels(data.ts_ns, data.symbol_codes, data.mid, self.rule, cost)
        if VOLATILITY not in data.feature_names:
            msg = f"triple-barrier labels need the feature {VOLATILITY}: take another --label"
            raise BadUse(msg)
        minute = data.x[:, data.feature_names.index(VOLATILITY)] * _PER_BP
        volatility = minute * np.sqrt(self.rule.horizon_ns / MINUTE_NS)
        codes = data.symbol_codes
        return triple_barrier(data.ts_ns, codes, data.mid, volatility, self.barrier)


def from_archive(
    client: Client, runs: Sequence[str], symbols: Sequence[str], before_ns: int
) -> TrainingSet:
    """Read what the archive holds of some runs.

    Parameters
    ----------
    runs
        Where two hold the same bar, the first one named gives it.
    symbols
        Canonical symbols.
    before_ns
        Event time that all rows are before.

    Raises
    ------
    BadUse
        If there is nothing.
    """
    found = datasets.training_data(client, runs, symbols, before_ns, SCHEMA)
    if not found.ts_ns.size:
        msg = f"the archive holds no ready features of {', '.join(symbols)} in {', '.join(runs)}"
        raise BadUse(msg)
    return assembled(found.symbol, found.ts_ns, found.x, found.mid, found.spread_pips)


def from_files(paths: Sequence[Path], symbols: Sequence[str], before_ns: int) -> TrainingSet:
    """Read Parquet files: ``symbol``, ``ts_ns``, ``mid``, ``spread_pips`` and every feature.

    Parameters
    ----------
    paths
        Files, as `export` writes them; each bar of a symbol stands in one of them.
    symbols
        Canonical symbols; others are left out. Empty takes all.
    before_ns
        Event time that all rows are before.

    Raises
    ------
    BadUse
        If a file cannot be read, lacks a column, follows another schema, or nothing is left.
    """
    table = pa.concat_tables([_read(path) for path in paths])
    name = np.array([instrument(text).symbol for text in table["symbol"].to_pylist()], object)
    ts_ns = table["ts_ns"].to_numpy()
    kept = ts_ns < before_ns
    if symbols:
        kept &= np.isin(name.astype(str), list(symbols))
    if not kept.any():
        files = ", ".join(str(path) for path in paths)
        msg = f"{files}: no rows of {', '.join(symbols) or 'any symbol'} in the time asked for"
        raise BadUse(msg)
    x = np.column_stack([table[feature].to_numpy() for feature in FEATURE_NAMES])
    mid, spread = table["mid"].to_numpy(), table["spread_pips"].to_numpy()
    return assembled(name[kept], ts_ns[kept], x[kept], mid[kept], spread[kept])


def export(rows: TrainingSet, path: Path) -> None:
    """Write rows so that `from_files` gives them again, bit for bit.

    Raises
    ------
    BadUse
        If the file cannot be written.
    """
    table = pa.table(columns(rows)).replace_schema_metadata(
        {SCHEMA_KEY: rows.data.feature_schema.encode()}
    )
    try:
        pq.write_table(table, path, compression="zstd")
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise BadUse(msg) from error


def columns(rows: TrainingSet) -> dict[str, Any]:
    """Return rows as the columns of a file, the features under their own names."""
    data = rows.data
    names = np.array(data.symbols, dtype=object)
    features = {name: data.x[:, at] for at, name in enumerate(data.feature_names)}
    keys = (names[data.symbol_codes], data.ts_ns, data.mid, rows.spread_pips)
    return {**dict(zip(_KEYS, keys, strict=True)), **features}


def assembled(
    symbol: NDArray[Any], ts_ns: NDArray[np.int64], x: Floats, mid: Floats, spread_pips: Floats
) -> TrainingSet:
    """Return columns of n rows, in any order, as rows of the platform's own features.

    Raises
    ------
    BadUse
        As `models.training.dataset.TrainingData`.
    """
    names, code = np.unique(symbol.astype(str), return_inverse=True)
    order = np.lexsort((ts_ns, code))
    data = TrainingData(
        ts_ns=ts_ns[order].astype(np.int64),
        x=x[order],
        mid=mid[order],
        feature_schema=SCHEMA,
        feature_names=FEATURE_NAMES,
        symbol_codes=code[order].astype(np.int64),
        symbols=tuple(names.tolist()),
    )
    # The data keeps an order by symbol and time, so the spreads stay beside their rows.
    return TrainingSet(data, spread_pips[order])


def _read(path: Path) -> pa.Table:
    if not path.exists():
        msg = f"no such file or folder: {path}"
        raise BadUse(msg)
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        msg = f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise BadUse(msg) from error
    schema = (table.schema.metadata or {}).get(SCHEMA_KEY, SCHEMA.encode()).decode()
    if schema != SCHEMA:
        msg = (
            f"{path} follows feature schema {schema}, this version computes {SCHEMA}: write it "
            "anew with aifx train --export"
        )
        raise BadUse(msg)
    missing = [name for name in (*_KEYS, *FEATURE_NAMES) if name not in table.column_names]
    if missing:
        shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        msg = f"{path} lacks the columns {shown}: aifx train --export writes a whole file"
        raise BadUse(msg)
    numbers = {name: pa.float64() for name in ("mid", "spread_pips", *FEATURE_NAMES)}
    kinds = {"symbol": pa.string(), "ts_ns": pa.int64(), **numbers}
    try:
        found = table.select(list(kinds)).cast(pa.schema(kinds))
    except pa.ArrowException as error:
        msg = f"{path} holds a column of another type: {str(error).splitlines()[0]}"
        raise BadUse(msg) from error
    holes = [name for name in _KEYS if found[name].null_count]
    if holes:
        msg = f"{path} has rows without {', '.join(holes)}: leave them out"
        raise BadUse(msg)
    return found
