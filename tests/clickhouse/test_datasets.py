"""Arrays for models: ordered, exact, nothing from the future, nothing twice."""

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.datasets import prediction_pairs, training_data
from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from domain.predictions import FeatureVector, Prediction
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
