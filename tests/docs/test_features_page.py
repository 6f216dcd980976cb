"""The page on features is the list of the code, row by row."""

import re
from pathlib import Path

import pytest

from features.minute_features import FeatureConfig
from features.spec import CROSS_FEATURES, FEATURES, LOCAL_FEATURES, Feature

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "features.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("title", "features"), [("Local", LOCAL_FEATURES), ("Cross", CROSS_FEATURES)]
)
def test_every_feature_is_documented(title: str, features: tuple[Feature, ...]) -> None:
    """Name, unit, warm-up and formula of each stand in its section, in model order."""
    part = PAGE.split(f"\n## {title} features\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (.+?) \| (\d+) \| (.+) \|$", part, re.MULTILINE)
    assert [Feature(name, unit, int(bars), text) for name, unit, bars, text in found] == list(
        features
    )


def test_no_formula_breaks_the_table() -> None:
    """A bar within a formula would begin a new cell."""
    assert not [feature.name for feature in FEATURES if "|" in "".join(map(str, feature))]


def test_the_page_tells_how_many_there_are_and_what_they_cost() -> None:
    """Their number, and the bytes of a symbol's state."""
    state = FeatureConfig().build("EURUSD", None).snapshot()
    numbers = 2 + len(state["prices"]) + sum(map(len, state["windows"])) + len(state["averages"])
    assert f"\n{len(FEATURES)} numbers per symbol" in PAGE
    assert f" {8 * numbers:,} bytes" in PAGE
