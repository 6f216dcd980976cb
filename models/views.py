"""What goes into the models of one symbol, what comes out, and its records for the log."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.deployments import ModelEvent
from domain.predictions import Prediction, Vote

ENSEMBLE = "ensemble"


class Asked(NamedTuple):
    """Some closed bars of one symbol, in order.

    Attributes
    ----------
    ts_ns, mid
        Close of each bar and the mid then, shape (n,).
    x
        Feature values in the order of the schema, shape (n, n_features).
    ready
        Where every feature is warm, shape (n,).
    """

    ts_ns: NDArray[np.int64]
    mid: NDArray[np.float64]
    x: NDArray[np.float64]
    ready: NDArray[np.bool_]


class Watched(NamedTuple):
    """What a model said that only watched; ``name`` is slot and station: ``lstm@shadow``."""

    name: str
    model_id: str
    p_up: float | None


class RowView(NamedTuple):
    """What the models think at one bar close.

    Attributes
    ----------
    model_id
        Identity of the ensemble of those who are deployed then.
    agreement
        Share of the weight on the side of the ensemble's probability, or None without a view.
    agrees
        Whether that is enough to open a side.
    votes
        One of each member, in the order of the roles.
    watched
        Of those who answer without consequence.
    """

    model_id: str
    agreement: float | None
    agrees: bool
    votes: tuple[Vote, ...]
    watched: tuple[Watched, ...]


class Views(NamedTuple):
    """What the models think at some bar closes.

    Attributes
    ----------
    p_up
        The ensemble's probabilities, shape (n,), NaN where it has no view.
    ready
        Where the features were warm: what is missing there is the models' fault.
    rows
        Who said what, row by row.
    events
        What became of the models meanwhile, in order.
    before_id
        Identity of the ensemble before the first row.
    """

    p_up: NDArray[np.float64]
    ready: NDArray[np.bool_]
    rows: list[RowView]
    events: list[ModelEvent]
    before_id: str

    def why_not(self, row: int) -> str:
        """Say why a row has no answer."""
        return "model_not_ready" if self.ready[row] else "features_not_ready"

    def agrees(self) -> NDArray[np.bool_]:
        """Return where enough of the weight was on one side, shape (n,)."""
        return np.array([row.agrees for row in self.rows], dtype=np.bool_)


def predictions_of(
    symbol: str,
    times_ns: tuple[list[int], list[int]],
    horizon_ns: int,
    views: Views,
) -> list[Prediction]:
    """Return views as records for the log: bar by bar each member, each watcher, the ensemble.

    Parameters
    ----------
    symbol, horizon_ns
        Of all records.
    times_ns
        Event and receive times of the bars.
    views
        Of these bars.
    """
    records: list[Prediction] = []
    means = views.p_up.tolist()
    for at, (ts_event, ts_recv) in enumerate(zip(*times_ns, strict=True)):
        row, mean = views.rows[at], means[at]
        why_not = views.why_not(at)
        said = [(vote.role, vote.model_id, vote.p_up) for vote in row.votes]
        said += row.watched
        said.append((ENSEMBLE, row.model_id, None if math.isnan(mean) else mean))
        records += [
            Prediction(
                symbol=symbol,
                ts_event_ns=ts_event,
                ts_recv_ns=ts_recv,
                model=name,
                model_id=model_id,
                horizon_ns=horizon_ns,
                p_up=p_up,
                ready=p_up is not None,
                reason="" if p_up is not None else why_not,
            )
            for name, model_id, p_up in said
        ]
    return records
