"""Arrays for models: what to train on, and what a model said beside what the market was."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from clickhouse.results import arrow, rows
from domain.deployments import ModelEvent, Slot
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
    spread_pips
        Mean spread of the bar in pips.
    """

    ts_ns: NDArray[np.int64]
    symbol: NDArray[Any]
    x: NDArray[np.float64]
    mid: NDArray[np.float64]
    spread_pips: NDArray[np.float64]


class Mids(NamedTuple):
    """Mids at the closes of the 1 m bars, by symbol, then time.

    Attributes
    ----------
    ts_ns, symbol, mid
        Close in nanoseconds, canonical symbol, mid then.
    """

    ts_ns: NDArray[np.int64]
    symbol: NDArray[Any]
    mid: NDArray[np.float64]


class SignalVotes(NamedTuple):
    """What one model said where the ensemble had enough edge for a signal, by symbol, then time.

    Attributes
    ----------
    ts_ns, symbol
        Decision boundary in nanoseconds, canonical symbol.
    p_up
        The model's own probability of a higher mid; never NaN.
    """

    ts_ns: NDArray[np.int64]
    symbol: NDArray[Any]
    p_up: NDArray[np.float64]


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
        "SELECT toUnixTimestamp64Nano(ts_event) AS ts_ns, symbol, values, mid_close AS mid, "
        "spread_mean_pips AS spread_pips FROM features FINAL "
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
        spread_pips=found["spread_pips"].to_numpy(),
    )


def newest_features_ns(client: Client, runs: Sequence[str], schema: str) -> int | None:
    """Return the event time of the newest features of a schema in some runs; None without any."""
    found = rows(
        client,
        "SELECT toUnixTimestamp64Nano(max(ts_event)), count() FROM features "
        "WHERE run IN {runs:Array(String)} AND schema = {schema:String}",
        runs=list(runs),
        schema=schema,
    )
    newest_ns, count = found[0]
    return int(newest_ns) if count else None


def drift_events(
    client: Client, runs: Sequence[str], since_ns: int, until_ns: int
) -> list[ModelEvent]:
    """Return the drift that some runs have told of in ``(since_ns, until_ns]``, by time.

    What two runs tell of the same symbol and moment counts once.
    """
    found = rows(
        client,
        "SELECT DISTINCT symbol, toUnixTimestamp64Nano(ts_event) AS ts_ns, slot, reason "
        "FROM model_events FINAL WHERE run IN {runs:Array(String)} AND kind = 'drift' "
        "AND ts_event > fromUnixTimestamp64Nano({since:Int64}, 'UTC') "
        "AND ts_event <= fromUnixTimestamp64Nano({until:Int64}, 'UTC') "
        "ORDER BY ts_ns, symbol, slot, reason",
        runs=list(runs),
        since=since_ns,
        until=until_ns,
    )
    return [
        ModelEvent(symbol, ts_ns, "drift", slot, "", "", "", reason)
        for symbol, ts_ns, slot, reason in found
    ]


def signal_votes(
    client: Client, runs: Sequence[str], slot: Slot, artefact_id: str, since_ns: int, until_ns: int
) -> SignalVotes:
    """Return the votes of an artefact where the ensemble's edge was enough for a signal.

    Whether a position followed does not matter: a closed gate or a lack of agreement does not make
    a vote right or wrong.

    Parameters
    ----------
    runs
        Where two of them hold the same boundary of a symbol, the first one named gives it.
    slot, artefact_id
        Who voted.
    since_ns, until_ns
        Event times in ``[since_ns, until_ns]``.
    """
    found = arrow(
        client,
        "SELECT toUnixTimestamp64Nano(ts_event) AS ts_ns, symbol, "
        "vote_p_up[indexOf(vote_role, {slot:String})] AS vote FROM signals FINAL "
        "WHERE run IN {runs:Array(String)} AND actionable "
        "AND ts_event >= fromUnixTimestamp64Nano({since:Int64}, 'UTC') "
        "AND ts_event <= fromUnixTimestamp64Nano({until:Int64}, 'UTC') "
        "AND abs(assumeNotNull(p_up) - 0.5) >= threshold AND has(vote_role, {slot:String}) "
        "AND vote_model_id[indexOf(vote_role, {slot:String})] = {artefact:String} "
        "AND NOT isNaN(vote_p_up[indexOf(vote_role, {slot:String})]) "
        "ORDER BY symbol, ts_event, indexOf({runs:Array(String)}, run) "
        "LIMIT 1 BY symbol, ts_event",
        runs=list(runs),
        slot=slot,
        artefact=artefact_id,
        since=since_ns,
        until=until_ns,
    )
    return SignalVotes(
        ts_ns=found["ts_ns"].to_numpy(),
        symbol=found["symbol"].to_numpy(),
        p_up=found["vote"].to_numpy().astype(np.float64),
    )


def minute_mids(client: Client, runs: Sequence[str], since_ns: int, until_ns: int) -> Mids:
    """Return the mids at the closes of the 1 m bars in ``[since_ns, until_ns]``.

    Where two runs hold the same bar of a symbol, the first one named gives it.
    """
    found = arrow(
        client,
        "SELECT toUnixTimestamp64Nano(ts_event) AS ts_ns, symbol, mid_close AS mid "
        "FROM bars FINAL WHERE run IN {runs:Array(String)} AND timeframe = '1m' "
        "AND ts_event >= fromUnixTimestamp64Nano({since:Int64}, 'UTC') "
        "AND ts_event <= fromUnixTimestamp64Nano({until:Int64}, 'UTC') "
        "ORDER BY symbol, ts_event, indexOf({runs:Array(String)}, run) "
        "LIMIT 1 BY symbol, ts_event",
        runs=list(runs),
        since=since_ns,
        until=until_ns,
    )
    return Mids(
        ts_ns=found["ts_ns"].to_numpy(),
        symbol=found["symbol"].to_numpy(),
        mid=found["mid"].to_numpy(),
    )
