"""Rows to learn from: the archive and a file give the same, and what does not fit is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.client import Client

from domain.errors import BadUse
from domain.nanos import MINUTE_NS
from features.spec import FEATURE_NAMES, SCHEMA
from jobs.train import candidates
from jobs.training_data import (
    LABELS,
    SCHEMA_KEY,
    LabelConfig,
    TrainingSet,
    export,
    from_archive,
    from_files,
)
from models.labels.delayed import DelayedLabels
from tests.jobs.made_market import (
    LABEL,
    LEARNERS,
    PIP,
    RULE,
    START_NS,
    WALK,
    archive,
    market,
    silent,
)

FOREVER_NS = 2**62


def _same(one: TrainingSet, other: TrainingSet) -> bool:
    return (
        one.data.sha256() == other.data.sha256()
        and one.spread_pips.tobytes() == other.spread_pips.tobytes()
    )


def test_the_archive_and_a_file_make_the_same_artefact(
    client: Client, run: str, tmp_path: Path
) -> None:
    """Exported bit for bit: data, hash, figures and model are equal, and so is the id."""
    archive(client, run, market(400))
    stored = from_archive(client, [run], ("EURUSD", "GBPUSD"), FOREVER_NS)
    path = tmp_path / "rows.parquet"
    export(stored, path)
    read = from_files([path], (), FOREVER_NS)
    assert _same(stored, read)
    made = [
        candidates(rows, LABEL, [LEARNERS["xgboost"]], WALK, tmp_path / name, {}, silent)
        for name, rows in (("archive", stored), ("file", read))
    ]
    assert made[0][0].artefact_id == made[1][0].artefact_id


def test_the_archive_gives_the_market_that_went_in(client: Client, run: str) -> None:
    """Order, spread and pip of every row."""
    rows = market(40)
    archive(client, run, rows)
    found = from_archive(client, [run], ("GBPUSD", "EURUSD"), FOREVER_NS)
    assert _same(found, rows)
    assert set(found.pip) == {PIP}
    np.testing.assert_allclose(found.half_spread(0.1), (0.05 + 0.1) * PIP)
    one = from_archive(client, [run], ("GBPUSD",), START_NS + 11 * MINUTE_NS)
    assert one.data.symbols == ("GBPUSD",)
    assert len(one.data.ts_ns) == 10


def test_files_are_cut_by_symbol_and_time(tmp_path: Path) -> None:
    """And several are put together."""
    rows = market(40)
    whole, part = tmp_path / "whole.parquet", tmp_path / "part.parquet"
    export(rows, whole)
    euro = from_files([whole], ("EURUSD",), FOREVER_NS)
    export(euro, part)
    assert len(euro.data.ts_ns) == 40
    table = pq.read_table(whole)
    rest = tmp_path / "rest.parquet"
    pq.write_table(table.filter(pa.compute.equal(table["symbol"], "GBPUSD")), rest)
    assert _same(from_files([part, rest], (), FOREVER_NS), rows)
    assert len(from_files([whole], (), START_NS + 5 * MINUTE_NS).data.ts_ns) == 8


Spoil = Callable[[pa.Table], pa.Table]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.drop_columns(["mid", "return_1"]), "lacks the columns mid, return_1"),
        (
            lambda t: t.replace_schema_metadata({SCHEMA_KEY: b"another"}),
            f"follows feature schema another, this version computes {SCHEMA}",
        ),
        (lambda t: t.slice(0, 0), "no rows of any symbol"),
        (lambda t: pa.concat_tables([t, t]), "holds a bar of one symbol twice"),
        (
            lambda t: t.set_column(0, "symbol", pa.array(["EURXXX"] * t.num_rows)),
            "EURXXX",
        ),
        (
            lambda t: t.set_column(2, "mid", pa.array(["high"] * t.num_rows)),
            "holds a column of another type",
        ),
        (
            lambda t: t.set_column(2, "mid", pa.nulls(t.num_rows, pa.float64())),
            "rows without mid",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    spoil: Spoil, words: str, tmp_path: Path
) -> None:
    """The line names what is wrong with it."""
    path = tmp_path / "rows.parquet"
    export(market(40), path)
    pq.write_table(spoil(pq.read_table(path)), path)
    with pytest.raises(BadUse, match=words) as caught:
        from_files([path], (), FOREVER_NS)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Neither to read nor to write."""
    with pytest.raises(BadUse, match="no such file or folder"):
        from_files([tmp_path / "none.parquet"], (), FOREVER_NS)
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(BadUse, match="cannot be read as Parquet"):
        from_files([tmp_path / "text.parquet"], (), FOREVER_NS)
    with pytest.raises(BadUse, match="cannot be written"):
        export(market(40), tmp_path / "no" / "folder.parquet")


def test_an_archive_without_the_runs_is_refused(client: Client) -> None:
    """The line names runs and symbols."""
    with pytest.raises(BadUse, match="no ready features of EURUSD in no-such-run"):
        from_archive(client, ["no-such-run"], ("EURUSD",), FOREVER_NS)


def test_labels_follow_their_definition() -> None:
    """After costs only moves that pay; barriers a deviation away; each has an id of its own."""
    rows = market(400)
    found = {name: LabelConfig(name, RULE) for name in LABELS}
    labels = {name: config.labels(rows) for name, config in found.items()}
    plain, costly = labels["sign"], labels["sign-after-costs"]
    paid = ~np.isnan(costly.y)
    assert 0 < paid.sum() < (~np.isnan(plain.y)).sum()
    assert (costly.y[paid] == plain.y[paid]).all()
    move_pips = np.abs(plain.later - rows.data.mid)[paid] / PIP
    assert move_pips.min() > 0.1 + 2 * 0.1 - 1e-9
    ids = {config.definition()["id"] for config in found.values()}
    assert len(ids) == len(LABELS)
    assert found["sign-after-costs"].definition()["after_costs"] is True
    five = LabelConfig("triple-barrier", DelayedLabels(5 * MINUTE_NS), 0.5, 2.0)
    barrier = five.labels(rows)
    touched = (barrier.end_ns > 0) & (barrier.end_ns < rows.data.ts_ns + 5 * MINUTE_NS)
    assert touched.any()
    minute = rows.data.x[:, FEATURE_NAMES.index("volatility_60")]
    width = 0.5 * minute * 1e-4 * np.sqrt(5) * rows.data.mid
    up = touched & (barrier.y == 1)
    assert (barrier.later[up] >= (rows.data.mid + width)[up]).all()
    assert five.definition()["width_down"] == 2.0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "hunch"}, "no label 'hunch': give one of sign, triple-barrier"),
        ({"width_up": 0.0}, "finite widths > 0"),
        ({"slippage_pips": -1.0}, "slippage_pips must be at least 0"),
    ],
)
def test_a_label_out_of_bounds_is_refused(fields: dict[str, Any], words: str) -> None:
    """Before any row is read."""
    with pytest.raises(BadUse, match=words):
        replace(LabelConfig("triple-barrier", RULE), **fields)


def test_a_market_without_volatility_has_no_barriers() -> None:
    """The line says which feature is missing."""
    rows = market(40)
    names = tuple("other" if name == "volatility_60" else name for name in FEATURE_NAMES)
    other = TrainingSet(replace(rows.data, feature_names=names), rows.spread_pips)
    with pytest.raises(BadUse, match="need the feature volatility_60"):
        LabelConfig("triple-barrier", RULE).labels(other)
