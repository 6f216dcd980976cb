"""The short form for runs that train their own first model: enter it, and find it again.

A model that no gate has judged is a candidate. A run that has nothing better may take one for
itself, and says so; that makes it nobody's champion.
"""

from pathlib import Path

from domain.deployments import Stage
from models.registry.acts import register
from models.registry.ledger import Entry, history
from models.registry.stages import Standing, state
from models.registry.store import LEDGER, ModelStore, Say

__all__ = ["LEDGER", "history", "newest_unjudged", "promote"]


def promote(
    where: Path | ModelStore, artefact_id: str, at_ns: int, reason: str, say: Say = print
) -> Entry:
    """Enter an artefact as a candidate, by the job that has trained it; see `register`."""
    return register(where, artefact_id, at_ns, "aifx train", reason, say)


def newest_unjudged(
    where: Path | ModelStore, feature_schema: str, horizon_ns: int, before_ns: int, say: Say = print
) -> dict[str, Standing]:
    """Return by slot the newest candidate that has not seen what comes from ``before_ns`` on.

    Parameters
    ----------
    feature_schema, horizon_ns
        What the run computes, and how far ahead it asks.
    before_ns
        First event time of the run.
    """
    found: dict[str, Standing] = {}
    for standing in state(history(where, say)).standings.values():
        entry = standing.enter
        if (
            standing.stage is Stage.CANDIDATE
            and (entry.feature_schema, entry.horizon_ns) == (feature_schema, horizon_ns)
            and entry.known_ns <= before_ns
        ):
            found[entry.slot] = standing
    return found
