"""Executions that take others back: a bust, or a correction, which puts another in its place."""

from collections.abc import Mapping

from domain.orders import Execution
from trading.tca.facts import OrderFacts


def is_correction(facts: OrderFacts | None, execution: Execution) -> bool:
    """Say whether an execution with a reference deals in the order's own direction.

    A bust is booked as the opposite side; of an order that is not known nothing is.
    """
    return facts is not None and facts.side == execution.side


def known_as(reference: str, fills: Mapping[str, Execution]) -> str:
    """Return the id of the fill that stands for a reference; the reference itself if none does.

    It is the fill of that id, or what has been put in its place since. Where a venue counts
    revisions behind a dot, a reference may leave the number out.

    Parameters
    ----------
    fills
        Those of the order that stand, by execution id.
    """
    for name, fill in fills.items():
        if reference in (name, fill.execution_ref, name.rpartition(".")[0]):
            return name
    return reference
