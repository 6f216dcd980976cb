"""The published figures are those of the files beside them, and are told as they are."""

from pathlib import Path

import msgspec

from jobs.evaluation.markdown import BEGIN, END, render

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("n", "accuracy", "low", "high", "base_rate", "coverage", "auc", "brier")


def test_the_page_shows_the_figures_of_the_results() -> None:
    """`make evaluate` writes both; neither is edited by hand."""
    folder = ROOT / "evaluation"
    results = msgspec.json.decode((folder / "results.json").read_bytes())
    details = msgspec.json.decode((folder / "details.json").read_bytes())
    page = (ROOT / "docs" / "evaluation.md").read_text()
    shown = page[page.index(BEGIN) + len(BEGIN) : page.index(END)]
    assert shown.strip() == render(results, details).strip()


def test_every_cell_has_what_was_promised() -> None:
    """By symbol and pooled, with interval, base rate and what is left after costs."""
    for folder in (ROOT / "evaluation", ROOT / "evaluation" / "minutes"):
        results = msgspec.json.decode((folder / "results.json").read_bytes())
        assert "pooled" in results
        for cell in results.values():
            assert {*KEYS, "expectancy_pips_net"} <= set(cell)
            assert cell["n"] == 0 or cell["low"] <= cell["accuracy"] <= cell["high"]
