"""Arrays for models: what to train on, and what a model said beside what the market was."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from clickhouse.results import arrow
from domain.errors import BadUse


class TrainingData(NamedTuple):
    """Warm feature vectors, by event time, then symbol.

    Attributes
    ----------
    ts_ns
        Event time, int64 nanoseconds.
    symbol
        Canonical symbols, objects.
    x
        One row per vector, float64, columns in the order of the schema.
    mid
        Mid price at the close of the bar: what labels are measured from.
    """

    ts_ns: NDArray[np.int64]
    symbol: NDArray[Any]
    x: NDArray[np.float64]
    mid: NDArray[np.float64]


class PredictionPairs(NamedTuple):
    """A model's predictions beside the mid price of their moment, by event time, then symbol.

    Attributes
    ----------
    ts_ns, symbol
        Event time in nanoseconds, and symbol.
    p_up
        Probability of a higher mid one horizon later; NaN where the model was not ready.
    mid
        Mid at the close of the 1 m bar; NaN where there is none.
    horizon_ns
        How far ahead each prediction looks.
    """

    ts_ns: NDArray[np.int64]
    symbol: NDArray[Any]
    p_up: NDArray[np.float64]
    mid: NDArray[np.float64]
    horizon_ns: NDArray[np.int64]


def prediction_pairs(client: Client, run: str, model: str) -> PredictionPairs:
    """Return what a model (``online``, ``batch``, ``ensemble``) said in a run, and the mid then.

    The outcome of a prediction is the mid of the row one horizon later; rows that were not ready
    are there for that.
    """
    found = arrow(
        client,
        "SELECT toUnixTimestamp64Nano(p.ts_event) AS ts_ns, p.symbol AS symbol, p.p_up AS p_up, "
        "b.mid_close AS mid, p.horizon_ns AS horizon_ns "
        "FROM (SELECT symbol, ts_event, p_up, horizon_ns, model_id FROM predictions FINAL "
        "      WHERE run = {run:String} AND model = {model:String}) AS p "
        "LEFT JOIN (SELECT symbol, ts_event, toNullable(mid_close) AS mid_close FROM bars FINAL "
        "      WHERE run = {run:String} AND timeframe = '1m') AS b "
        "ON p.symbol = b.symbol AND p.ts_event = b.ts_event "
        "ORDER BY ts_ns, symbol, horizon_ns, p.model_id",
        run=run,
        model=model,
    )
    return PredictionPairs(
        ts_ns=found["ts_ns"].to_numpy(),
        symbol=found["symbol"].to_numpy(),
        p_up=found["p_up"].to_numpy().astype(np.float64),
        mid=found["mid"].to_numpy().astype(np.float64),
        horizon_ns=found["horizon_ns"].to_numpy(),
    )


def training_data(
    client: Client,
    runs: str | Sequence[str],
    symbols: Sequence[str],
    before_ns: int,
    schema: str,
) -> TrainingData:
    """Return the ready feature vectors of some symbols from before a moment.

    Parameters
    ----------
    runs
        One run or several. Where two of them hold the same bar of a symbol, the first one named
        gives it: a bar that occurs twice would leak from the training span into the test span.
    symbols
        Canonical symbols.
    before_ns
        Event time in nanoseconds that all rows are before.
    schema
        Digest of the feature schema.

    Raises
    ------
    BadUse
        If vectors of one schema differ in length.
    """
    found = arrow(
        client,
        "SELECT toUnixTimestamp64Nano(ts_event) AS ts_ns, symbol, values, mid_close AS mid "
        "FROM features FINAL "
        "WHERE run IN {runs:Array(String)} AND symbol IN {symbols:Array(String)} "
        "AND ts_event < fromUnixTimestamp64Nano({before:Int64}, 'UTC') "
        "AND schema = {schema:String} AND ready "
        "ORDER BY ts_event, symbol, indexOf({runs:Array(String)}, run) "
        "LIMIT 1 BY ts_event, symbol",
        runs=[runs] if isinstance(runs, str) else list(runs),
        symbols=list(symbols),
        before=before_ns,
        schema=schema,
    )
    vectors = found["values"].combine_chunks()
    lengths = np.unique(vectors.value_lengths().to_numpy(zero_copy_only=False))
    if len(lengths) > 1:
        msg = f"features of schema {schema} have lengths {lengths.tolist()}; one is wanted"
        raise BadUse(msg)
    width = int(lengths[0]) if len(lengths) else 0
    flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    return TrainingData(
        ts_ns=found["ts_ns"].to_numpy(),
        symbol=found["symbol"].to_numpy(),
        x=flat.reshape(found.num_rows, width),
        mid=found["mid"].to_numpy(),
    )
