"""The pages on models and on their evaluation name what the code has."""

import re
from pathlib import Path

import numpy as np

from domain.deployments import STAGES
from models.ensemble import ROLES
from models.evaluation.figures import Figures
from models.registry import gates
from models.registry.limits import Limits
from models.registry.retraining import Trigger

DOCS = Path(__file__).resolve().parents[2] / "docs"
MODELS = (DOCS / "models.md").read_text(encoding="utf-8")
EVALUATION = (DOCS / "evaluation.md").read_text(encoding="utf-8")

_LIMITS = Limits()


def first_cells(text: str, title: str) -> list[str]:
    """Return the first cell of each row of the first table below a heading."""
    part = re.split(rf"^#+ {re.escape(title)}\n", text, flags=re.MULTILINE)[1]
    table = part[part.index("|---") :].split("\n\n")[0].splitlines()[1:]
    return [row.split("|")[1].strip() for row in table]


def gate_names() -> list[str]:
    """Return the name of each gate, in the order of a report."""
    none = np.empty(0)
    times = np.empty(0, dtype=np.int64)
    outcomes = gates.Outcomes(times, times, none, none, none, none)
    results = (
        gates.golden_vectors(none, none, _LIMITS),
        gates.parity(None, None, None, 0, _LIMITS),
        gates.latency(none, _LIMITS),
        gates.no_lookahead(None),
        gates.no_label_leak(None),
        gates.unseen(outcomes, 0, walk_forward=True),
        gates.calibration(outcomes, _LIMITS),
        gates.above_base_rate(outcomes, _LIMITS),
        gates.above_champion(outcomes, _LIMITS, champion=True),
        gates.expectancy(outcomes, _LIMITS),
    )
    return [result.name for result in results]


def test_every_gate_is_documented() -> None:
    """The table has the gates of a report, in order, with the thresholds of the code."""
    assert first_cells(MODELS, "Gates of `validate`") == [f"`{name}`" for name in gate_names()]
    assert f"within {_LIMITS.golden_difference:.0e}".replace("e-0", "e-") in MODELS
    assert f"at most {_LIMITS.parity_difference:.0e}".replace("e-0", "e-") in MODELS
    assert f"at most {_LIMITS.latency_p99_ms} ms" in MODELS
    assert f"at most {_LIMITS.calibration_error}" in MODELS
    assert f"need {_LIMITS.min_signals:,} unseen" in MODELS


def test_every_stage_and_role_is_documented() -> None:
    """Stages stand in the order in which they are passed, roles in that of the votes."""
    assert first_cells(MODELS, "Life cycle") == [stage.value for stage in STAGES]
    assert first_cells(MODELS, "Members") == [f"`{role}`" for role in ROLES]


def test_every_trigger_of_retraining_is_documented() -> None:
    """The table names them in the order in which they are looked at."""
    kinds = re.findall(r"``(\w+)``: ", Trigger.__doc__ or "")
    assert sorted(first_cells(MODELS, "Retraining")) == sorted(kinds)


def test_every_figure_is_documented() -> None:
    """The keys of a cell of the results are all explained, and nothing else is."""
    cells = first_cells(EVALUATION, "How to read `results.json`")
    named = [name.strip(" `") for cell in cells for name in cell.split(",")]
    assert sorted(named) == sorted(Figures.__dataclass_fields__)


def test_the_figures_have_their_place() -> None:
    """What is measured is put between two marks, once."""
    assert EVALUATION.count("<!-- evaluation:begin -->") == 1
    assert EVALUATION.count("<!-- evaluation:end -->") == 1
