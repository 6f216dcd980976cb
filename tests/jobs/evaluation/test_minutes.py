"""Ticks as minutes: the evaluation sees what a run sees, with the spread it had."""

from pathlib import Path

import numpy as np
import pytest

from config import settings
from domain.errors import BadUse
from features.spec import SCHEMA
from jobs.evaluation.minutes import minute_tape
from jobs.evaluation.tape import TapeConfig


@pytest.mark.real_data
def test_minutes_of_real_ticks_have_the_features_and_labels_of_a_run(real_data: Path) -> None:
    """One day of EURUSD: warm features, five-minute labels, costs of about a pip."""
    path = real_data / "ticks" / "EURUSD_2014-05-06.parquet"
    tape = minute_tape(path, settings.load(None), TapeConfig())
    assert tape.data.symbols == ("EURUSD",)
    assert tape.data.feature_schema == SCHEMA
    n = len(tape.data.ts_ns)
    assert n > 1_300
    assert tape.askable.sum() > n - 200
    known = tape.labels.end_ns > 0
    assert known.mean() > 0.95
    assert (tape.labels.end_ns[known] - tape.data.ts_ns[known] >= 300_000_000_000).all()
    assert 0.5 < np.median(tape.cost_pips) < 3.0
    assert tape.mid_known.all()


def test_a_folder_without_ticks_is_refused(tmp_path: Path) -> None:
    """One clear error, before anything is played."""
    with pytest.raises(BadUse):
        minute_tape(tmp_path, settings.load(None), TapeConfig())
