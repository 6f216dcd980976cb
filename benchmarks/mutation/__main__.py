"""``python -m benchmarks.mutation``: the mutation score of the order state machine.

Exit code 0 if at least 90 of 100 seeded faults make a test fail, else 1; 2 where the tests fail
without one, or the list of equivalent faults is not of this source.
"""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.mutation.equivalent import EQUIVALENT
from benchmarks.mutation.harness import Harness
from benchmarks.mutation.mutant import Mutant
from benchmarks.mutation.seeding import mutants

ROOT = Path(__file__).parents[2]

STATE_MACHINE = tuple(
    f"trading/orders/{name}.py"
    for name in ("fills", "machine", "moments", "requests", "state", "table", "truth")
)
"""What makes one event into the next state of one order."""

FOLDER = "tests/trading/orders"
OPTIONS = (
    *("-p", "no:cacheprovider", "--hypothesis-seed", "0"),
    *("-p", "no:terminal", "-o", "addopts=--import-mode=importlib"),
    # A mutant is tested in a process that has everything loaded: that is what it is for.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
    *("--deselect", "tests/trading/orders/test_lives.py"),
    *("--deselect", "tests/trading/orders/test_arrival.py"),
    *("-k", "not shufflings"),
)
"""The examples of the rules alone. The properties take seconds each, and find a fault or not by
what they happen to draw: no part of the score hangs on that."""

BAR = 0.9
"""Share of the mutants that some test must notice."""


def main(paths: Sequence[str]) -> int:
    """Print every survivor and the score by file; return the exit code.

    Parameters
    ----------
    paths
        Files of the state machine to look at; all of them if none is named.
    """
    paths = paths or STATE_MACHINE
    console = Console(soft_wrap=True, highlight=False, markup=False)
    found = [mutant for path in paths for mutant in mutants(ROOT, path)]
    console.print(f"{len(found):,} mutants")
    gone = {key for key in EQUIVALENT if key[0] in paths} - {_key(mutant) for mutant in found}
    if gone:
        print(f"take out of the equivalent faults what is none any more: {gone}", file=sys.stderr)
        return 2

    def tell(mutant: Mutant) -> None:
        console.print(
            f"{mutant.path}:{mutant.line} {mutant.function} {mutant.operator}\n    {mutant.change}"
        )
        if why := _why_equivalent(mutant):
            console.print(f"    no test can tell: {why}")

    harness = Harness(ROOT, found, [FOLDER], OPTIONS, os.cpu_count() or 1, tell)
    if pytest.main([FOLDER, *OPTIONS], plugins=[harness]) or harness.broken:
        print(f"the tests must pass without a fault: {harness.broken}", file=sys.stderr)
        return 2
    score = _show(console, paths, found, harness.survivors)
    return 0 if score >= BAR else 1


def _why_equivalent(mutant: Mutant) -> str:
    return EQUIVALENT.get(_key(mutant), "")


def _key(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.path, mutant.function, mutant.change


def _show(
    console: Console, paths: Sequence[str], found: list[Mutant], survivors: list[Mutant]
) -> float:
    """Print the table by file; return the share of mutants that were noticed."""
    seeded = Counter(mutant.path for mutant in found)
    survived = Counter(mutant.path for mutant in survivors)
    equal = Counter(mutant.path for mutant in survivors if _why_equivalent(mutant))
    table = Table("file", "mutants", "killed", "survived", "of these equivalent", "score")
    rows = [(path, seeded[path], survived[path], equal[path]) for path in paths]
    rows.append(("all", len(found), len(survivors), sum(equal.values())))
    for path, all_, left, same in rows:
        cells = (all_, all_ - left, left, same)
        table.add_row(Path(path).name, *(f"{cell:,}" for cell in cells), f"{1 - left / all_:.1%}")
    console.print(table)
    return 1 - len(survivors) / len(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
