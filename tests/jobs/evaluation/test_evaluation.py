"""The evaluation: what is predictable is found, what is not is left alone, and nothing leaks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.errors import BadUse
from domain.fx_calendar import new_york_clock
from jobs.evaluation.lineup import Lineup
from jobs.evaluation.page import write_page
from jobs.evaluation.run import EvaluationConfig, evaluate, write
from jobs.evaluation.selection import SelectionConfig
from jobs.evaluation.tape import TapeConfig, make_tape
from models.batch.forest_trainer import ForestLearner, ForestParams
from models.batch.xgboost_trainer import XgboostLearner, XgboostParams
from models.ensemble import EnsembleConfig
from models.sequence.lstm_trainer import LstmLearner, LstmParams
from sources.recorded_bars import RecordedBars

HOUR_NS = 3_600_000_000_000
START_NS = 1_578_261_600_000_000_000

KEYS = {
    "n",
    "accuracy",
    "low",
    "high",
    "base_rate",
    "coverage",
    "auc",
    "brier",
    "expectancy_pips_net",
}
"""What every row of the published table has."""


def tape_bars(symbol: str, seed: int, n: int, *, reversal: float, mids: bool) -> RecordedBars:
    """Return hourly bars whose next move has ``-reversal`` of the last one in it."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 1e-3, n)
    move = np.zeros(n)
    for k in range(1, n):
        move[k] = noise[k] - reversal * move[k - 1]
    close = 1.1 * np.exp(np.cumsum(move))
    open_ = np.concatenate([[1.1], close[:-1]])
    hours = np.arange(n)
    return RecordedBars(
        symbol=symbol,
        path=Path(f"{symbol}.parquet"),
        sha256="0" * 64,
        close_ns=START_NS + (hours // 120 * 168 + hours % 120 + 1) * HOUR_NS,
        length_ns=HOUR_NS,
        open=open_,
        high=np.maximum(open_, close) * 1.0002,
        low=np.minimum(open_, close) * 0.9998,
        close=close,
        spread=np.full(n, 1e-4) if mids else np.full(n, np.nan),
        ticks=np.full(n, np.nan),
        mid_known=mids,
        repeated=0,
    )


def small_lineup() -> Lineup:
    """Return the members of the default ensemble, made small."""
    return Lineup(
        (
            XgboostLearner(XgboostParams(trees=30, patience=5)),
            ForestLearner(ForestParams(trees=10, patience=5, depth=4)),
            LstmLearner(LstmParams(window=4, hidden=4, epochs=2, rows_per_epoch=1_024)),
        ),
        EnsembleConfig(),
    )


CONFIG = EvaluationConfig(
    selection=SelectionConfig(coverage=0.3, floor=0.6), min_signals=50, quick=True
)


def run(bars: Sequence[RecordedBars], config: EvaluationConfig = CONFIG) -> dict[str, Any]:
    """Evaluate with the small line-up, in silence."""
    return evaluate(bars, config, lambda _line: None, small_lineup())


@pytest.fixture(scope="module")
def predictable() -> dict[str, Any]:
    """Evaluate two pairs whose moves come back."""
    return run(
        [
            tape_bars("EURUSD", 1, 3_000, reversal=0.6, mids=True),
            tape_bars("USDJPY", 2, 3_000, reversal=0.6, mids=False),
        ]
    )


def test_a_predictable_market_is_found(predictable: dict[str, Any]) -> None:
    """Signals are right more often than the floor, and the interval is above a coin."""
    pooled = predictable["results"]["pooled"]
    assert set(predictable["results"]) == {"EURUSD", "USDJPY", "pooled"}
    assert all(set(cell) >= KEYS for cell in predictable["results"].values())
    assert pooled["n"] > 200
    assert pooled["accuracy"] > 0.62
    assert pooled["low"] > 0.5


def test_the_first_test_span_has_no_threshold_to_follow(predictable: dict[str, Any]) -> None:
    """A threshold comes from answers that lie before it: the first span has none, so no signal."""
    folds = predictable["details"]["folds"]
    assert folds[0]["threshold"] is None
    assert any(fold["threshold"] is not None for fold in folds)


def test_served_models_answer_as_those_that_were_trained(predictable: dict[str, Any]) -> None:
    """Every model of every fold was asked as ONNX, equal to its original."""
    for fold in predictable["details"]["folds"]:
        assert all(fact["parity"] <= 1e-5 for fact in fold["models"].values())


def test_a_random_walk_gets_no_signal_to_speak_of() -> None:
    """Where nothing is to be known nothing is said: chance meets the floor hardly ever."""
    pooled = run([tape_bars("EURUSD", 3, 3_000, reversal=0.0, mids=True)])["results"]["pooled"]
    assert pooled["coverage"] < 0.05


def test_bars_of_bids_have_no_label_at_the_rollover() -> None:
    """A bid at 17:00 to 19:00 New York is no price to measure a move from, or to."""
    bids = tape_bars("EURUSD", 4, 1_500, reversal=0.0, mids=False)
    tape = make_tape([bids], TapeConfig())
    hour, _ = new_york_clock(tape.data.ts_ns)
    touched = np.isin(hour, (16, 17, 18, 19))
    assert np.isnan(tape.labels.y[touched]).all()
    assert not tape.askable[touched].any()
    mids = make_tape([tape_bars("EURUSD", 4, 1_500, reversal=0.0, mids=True)], TapeConfig())
    assert np.isfinite(mids.labels.y[touched & (hour != 16)]).any()


def test_costs_are_the_spread_of_both_ends_and_slippage() -> None:
    """Half a pip of spread at each end, and a tenth of slippage twice."""
    tape = make_tape(
        [tape_bars("EURUSD", 5, 1_000, reversal=0.0, mids=True)], TapeConfig(slippage_pips=0.1)
    )
    np.testing.assert_allclose(tape.cost_pips, 1.2)


def test_the_future_changes_nothing_that_was_said_before() -> None:
    """Evaluated on a tape that ends earlier, the answers to its bars are the same."""
    bars = [tape_bars("EURUSD", 6, 2_600, reversal=0.6, mids=True)]
    short = [
        one._replace(
            **{
                name: getattr(one, name)[:2_200]
                for name in ("close_ns", "open", "high", "low", "close", "spread", "ticks")
            }
        )
        for one in bars
    ]
    whole, cut = (make_tape(one, TapeConfig()) for one in (bars, short))
    np.testing.assert_array_equal(whole.data.x[:2_200], cut.data.x)
    np.testing.assert_array_equal(whole.labels.y[:2_199], cut.labels.y[:2_199])


def test_files_and_page_are_written(predictable: dict[str, Any], tmp_path: Path) -> None:
    """The table is JSON by symbol and pooled; the page stands alone and names the result."""
    results, details = write(predictable, tmp_path)
    assert msgspec.json.decode(results.read_bytes())["pooled"]["n"] > 0
    assert msgspec.json.decode(details.read_bytes())["horizon"] == "1 h"
    page = write_page(predictable["results"], predictable["details"], tmp_path).read_text()
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "pips" in page
    assert page.count("<svg") == 4


def test_the_same_bars_give_the_same_figures(predictable: dict[str, Any]) -> None:
    """Training is seeded and single-threaded: the table is reproducible to the last digit."""
    again = run(
        [
            tape_bars("USDJPY", 2, 3_000, reversal=0.6, mids=False),
            tape_bars("EURUSD", 1, 3_000, reversal=0.6, mids=True),
        ]
    )
    assert again["results"] == predictable["results"]


def test_bars_of_two_lengths_are_refused() -> None:
    """Hours and minutes have nothing to say to each other."""
    one = tape_bars("EURUSD", 7, 1_000, reversal=0.0, mids=True)
    other = tape_bars("GBPUSD", 8, 1_000, reversal=0.0, mids=True)._replace(length_ns=HOUR_NS // 60)
    with pytest.raises(BadUse, match="evaluate them apart"):
        make_tape([one, other], TapeConfig())
