"""Every tick is accounted for: what came in is what was archived and what was rejected."""

from pathlib import Path

import pytest

from tests.proofs.conftest import Aifx

TICKS_OF_MAY_2014 = 990_602
"""EURUSD 532,903 and NZDUSD 457,699: the rows of the recorded files."""


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_real_tick_is_accounted_for(aifx: Aifx, real_data: Path) -> None:
    """All OANDA ticks of 1 to 15 May 2014 through the platform, none lost, none doubled."""
    ended = aifx("run", "--ticks", str(real_data / "ticks"), "--speed", "max", timeout_s=560.0)
    assert ended.code == 0, ended.output
    report = ended.report
    assert report["ticks_in"] == TICKS_OF_MAY_2014
    assert report["ticks_in"] == report["ticks_archived"] + sum(report["ticks_rejected"].values())
    assert report["rows"]["ticks"] == report["ticks_archived"]
    assert report["rows"]["ticks_rejected"] == sum(report["ticks_rejected"].values())
    assert report["ticks_rejected"] == {"duplicate": 1}


@pytest.mark.real_data
@pytest.mark.slow
def test_crossed_quotes_of_another_feed_are_rejected_by_name(aifx: Aifx, real_data: Path) -> None:
    """A tenth of FXCM's quotes are crossed: each is counted, kept and kept away from the bars."""
    folder = real_data / "ticks_alt"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    ended = aifx("run", "--ticks", str(folder), "--to", "2014-05-02", "--speed", "max")
    assert ended.code == 0, ended.output
    report = ended.report
    rejected = report["ticks_rejected"]
    assert report["ticks_in"] == report["ticks_archived"] + sum(rejected.values())
    assert rejected["crossed"] > 0.03 * report["ticks_in"]
