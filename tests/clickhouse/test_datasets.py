"""Arrays for models: ordered, exact, nothing from the future, nothing twice."""

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.datasets import (
    drift_events,
    minute_mids,
    newest_features_ns,
    prediction_pairs,
    signal_votes,
    training_data,
)
from domain.deployments import ModelEvent
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from domain.predictions import FeatureVector, Prediction, Signal, Vote
from sinks.clickhouse_batch import ArchiveBatch
from sinks.clickhouse_columns import arrow_table
from testkit.tapes import bar


def put(client: Client, table: str, run: str, rows: list[object]) -> None:
    """Insert rows as the sink would."""
    batch = ArchiveBatch(table, 0, 0, len(rows) - 1, rows)  # type: ignore[arg-type]
    client.insert_arrow(table, arrow_table(table, run, [batch]))


def vector(
    symbol: str, minute: int, *x: float | None, ready: bool = True, schema: str = "s"
) -> FeatureVector:
    """Return the features of a minute, with the minute in the mid price."""
    ts_ns = minute * MINUTE_NS
    return FeatureVector(symbol, ts_ns, ts_ns + 1, schema, x, ready, 1.1 + minute, 0.5, 0)


def test_training_data_is_what_a_model_may_see(client: Client, run: str) -> None:
    """Ready vectors of the schema and the symbols from before the moment, by time and symbol."""
    put(
        client, "features", run,
        [
            vector("USDJPY", 1, 0.1, -0.0),
            vector("EURUSD", 2, 1 / 3, 5e-324),
            vector("EURUSD", 1, 3.0, 4.0),
            vector("EURUSD", 0, None, 1.0, ready=False),
            vector("EURUSD", 3, 9.0, 9.0),
            vector("AUDUSD", 1, 9.0, 9.0),
            vector("EURUSD", 1, 9.0, schema="other"),
        ],
    )  # fmt: skip
    data = training_data(client, run, ["USDJPY", "EURUSD"], 3 * MINUTE_NS, "s")
    assert data.ts_ns.tolist() == [MINUTE_NS, MINUTE_NS, 2 * MINUTE_NS]
    assert data.symbol.tolist() == ["EURUSD", "USDJPY", "EURUSD"]
    wanted = np.array([[3.0, 4.0], [0.1, -0.0], [1 / 3, 5e-324]])
    assert data.x.tobytes() == wanted.tobytes()
    assert data.mid.tolist() == [2.1, 2.1, 3.1]
    assert data.spread_pips.tolist() == [0.5] * 3


def test_a_bar_of_two_runs_is_taken_from_the_first_named(client: Client, run: str) -> None:
    """Twice the same bar would leak from training into test."""
    put(client, "features", f"{run} a", [vector("EURUSD", 1, 1.0), vector("EURUSD", 2, 1.0)])
    put(client, "features", f"{run} b", [vector("EURUSD", 2, 2.0), vector("EURUSD", 3, 2.0)])
    both = [f"{run} b", f"{run} a"]
    data = training_data(client, both, ["EURUSD"], 9 * MINUTE_NS, "s")
    assert data.x[:, 0].tolist() == [1.0, 2.0, 2.0]
    data = training_data(client, both[::-1], ["EURUSD"], 9 * MINUTE_NS, "s")
    assert data.x[:, 0].tolist() == [1.0, 1.0, 2.0]


def test_no_training_data_is_no_error(client: Client, run: str) -> None:
    """The trainer decides how much is enough."""
    data = training_data(client, run, ["EURUSD"], 9 * MINUTE_NS, "s")
    assert data.x.shape == (0, 0)
    assert len(data.ts_ns) == len(data.symbol) == len(data.mid) == 0


def test_vectors_of_two_lengths_under_one_schema_are_refused(client: Client, run: str) -> None:
    """They would be read as other features."""
    put(client, "features", run, [vector("EURUSD", 1, 1.0), vector("EURUSD", 2, 1.0, 2.0)])
    with pytest.raises(BadUse, match="lengths"):
        training_data(client, run, ["EURUSD"], 9 * MINUTE_NS, "s")


def test_predictions_come_with_the_mid_of_their_moment(client: Client, run: str) -> None:
    """A model that was not ready and a bar that is missing are NaN, not a gap."""
    bars: list[object] = [bar("1m", (k - 1) * MINUTE_NS, price=1.5 + k) for k in (1, 2)]
    others = [bar("5m", -3 * MINUTE_NS, price=9.0), bar("5pip", 0, 2 * MINUTE_NS, price=9.0)]
    put(client, "bars", run, [*bars, *others])
    said: list[object] = [
        Prediction("EURUSD", k * MINUTE_NS, 5, model, "id", 300, p_up, p_up is not None)
        for k, model, p_up in ((2, "online", 0.25), (1, "online", None), (3, "online", 0.75),
                               (2, "batch", 0.5))
    ]  # fmt: skip
    put(client, "predictions", run, said)
    put(client, "predictions", run, said)
    pairs = prediction_pairs(client, run, "online")
    assert pairs.ts_ns.tolist() == [k * MINUTE_NS for k in (1, 2, 3)]
    np.testing.assert_array_equal(pairs.p_up, [np.nan, 0.25, 0.75])
    np.testing.assert_array_equal(pairs.mid, [2.5, 3.5, np.nan])
    assert pairs.symbol.tolist() == ["EURUSD"] * 3
    assert pairs.horizon_ns.tolist() == [300] * 3
    assert len(prediction_pairs(client, run, "ensemble").ts_ns) == 0


def test_the_newest_features_say_what_time_it_is(client: Client, run: str) -> None:
    """Of the schema, ready or not; without any there is no time."""
    rows: list[object] = [
        vector("EURUSD", 4, None, ready=False),
        vector("GBPUSD", 3, 1.0),
        vector("EURUSD", 9, 1.0, schema="other"),
    ]
    put(client, "features", run, rows)
    assert newest_features_ns(client, [run, "none"], "s") == 4 * MINUTE_NS
    assert newest_features_ns(client, ["none"], "s") is None
    assert newest_features_ns(client, [], "s") is None


def drift(symbol: str, minute: int, kind: str = "drift") -> ModelEvent:
    """Return an event of a minute."""
    ts_ns = minute * MINUTE_NS
    return ModelEvent(symbol, ts_ns, kind, "ensemble", "", "", "", "risen")  # type: ignore[arg-type] # one of the kinds


def test_drift_of_two_runs_counts_once(client: Client, run: str) -> None:
    """Within the window, its older end left out; other kinds of events are not drift."""
    first: list[object] = [drift("EURUSD", 1), drift("EURUSD", 2), drift("GBPUSD", 2)]
    again: list[object] = [drift("EURUSD", 2), drift("EURUSD", 3, "gate"), drift("EURUSD", 4)]
    put(client, "model_events", f"{run} a", first)
    put(client, "model_events", f"{run} b", again)
    found = drift_events(client, [f"{run} a", f"{run} b"], MINUTE_NS, 3 * MINUTE_NS)
    assert found == [drift("EURUSD", 2), drift("GBPUSD", 2)]
    assert drift_events(client, [], 0, 9 * MINUTE_NS) == []


def signal(minute: int, p_up: float | None, *votes: Vote) -> Signal:
    """Return the decision of a minute on EURUSD."""
    ts_ns = minute * MINUTE_NS
    return Signal(
        signal_id=f"s{minute}",
        symbol="EURUSD",
        ts_event_ns=ts_ns,
        ts_recv_ns=ts_ns,
        model_id="e",
        rule="edge-hold",
        side="flat",
        actionable=p_up is not None,
        strength=0.0,
        p_up=p_up,
        bid=None,
        ask=None,
        reason="",
        verdict=0,
        votes=votes,
        threshold=0.05,
        agreement=None,
        schema="s",
    )


def test_votes_are_those_of_the_model_where_there_was_an_edge(client: Client, run: str) -> None:
    """On either side of one half; abstentions, other artefacts and other times are left out."""
    rules = Vote("rules", "r", 0.9, 0.5)
    mine = Vote("xgboost", "a", 0.25, 0.5)
    signals: list[object] = [
        signal(1, 0.4, rules, mine),
        signal(2, 0.55, mine, rules),
        signal(3, 0.54, mine),
        signal(4, None, mine),
        signal(5, 0.9, rules),
        signal(6, 0.9, Vote("xgboost", "b", 0.9, 1.0)),
        signal(7, 0.9, Vote("xgboost", "a", None, 0.0), rules),
        signal(8, 0.9, Vote("xgboost", "a", 0.75, 1.0)),
        signal(9, 0.9, Vote("xgboost", "a", 0.75, 1.0)),
    ]
    put(client, "signals", f"{run} a", signals)
    put(client, "signals", f"{run} b", [signal(8, 0.9, Vote("xgboost", "a", 0.5, 1.0))])
    runs = [f"{run} b", f"{run} a"]
    found = signal_votes(client, runs, "xgboost", "a", 2 * MINUTE_NS, 8 * MINUTE_NS)
    assert found.ts_ns.tolist() == [2 * MINUTE_NS, 8 * MINUTE_NS]
    assert found.p_up.tolist() == [0.25, 0.5]
    assert found.symbol.tolist() == ["EURUSD", "EURUSD"]
    assert signal_votes(client, runs, "forest", "a", 0, 9 * MINUTE_NS).ts_ns.size == 0


def test_mids_are_those_of_the_minutes(client: Client, run: str) -> None:
    """At their closes, of the first run named; other timeframes are left out."""
    first: list[object] = [bar("1m", (k - 1) * MINUTE_NS, price=1.5 + k) for k in (1, 2, 3)]
    other: list[object] = [bar("1m", MINUTE_NS, price=9.0), bar("5m", -3 * MINUTE_NS, price=8.0)]
    put(client, "bars", f"{run} a", first)
    put(client, "bars", f"{run} b", other)
    found = minute_mids(client, [f"{run} a", f"{run} b"], MINUTE_NS, 2 * MINUTE_NS)
    assert found.ts_ns.tolist() == [MINUTE_NS, 2 * MINUTE_NS]
    assert found.mid.tolist() == [2.5, 3.5]
    assert minute_mids(client, [f"{run} b"], 0, 9 * MINUTE_NS).mid.tolist() == [9.0]
