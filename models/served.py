"""Asking the trained models of one symbol, so that none of them can take the run down.

A model is asked once for all rows of a batch. One that raises, or answers nothing to rows that it
could read, has failed from the first such row on: the caller then goes back to another one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse, Corrupt
from models.contract import FEATURE_LIMIT, ServedModel, State, reading
from models.sequence.window import RowWindow, RowWindowLogic

STATE_VERSION = 1
_OWNER = "served models"


class Loaded(NamedTuple):
    """A model that was loaded.

    Attributes
    ----------
    model
        It.
    data_last_ns
        Close of the last bar that its training has read.
    max_gap_ns
        Longest time between two rows of one of its windows (> 0).
    """

    model: ServedModel
    data_last_ns: int
    max_gap_ns: int


Load = Callable[[str], Loaded]
"""Loads a model by the id of its artefact; asked again, it gives the same one."""


class Answered(NamedTuple):
    """What a model said to some rows.

    Attributes
    ----------
    p_up
        Shape (n,), NaN where there is no answer.
    failed_row
        First row at which it has failed; n where it has not.
    reason
        How; empty where it has not.
    """

    p_up: NDArray[np.float64]
    failed_row: int
    reason: str


class Served:
    """The trained models of one symbol.

    Parameters
    ----------
    load
        Where they come from.
    feature_schema, n_features, horizon_ns
        What the run computes and predicts; a model of others is refused.
    resume_state
        A snapshot to go on from, or None.

    Raises
    ------
    Corrupt
        If the snapshot has an unknown version or is not whole.
    """

    def __init__(
        self,
        load: Load,
        feature_schema: str,
        n_features: int,
        horizon_ns: int,
        resume_state: State | None,
    ) -> None:
        self._load = load
        self._schema = feature_schema
        self._n_features = n_features
        self._horizon_ns = horizon_ns
        self._models: dict[str, Loaded] = {}
        self._windows: dict[tuple[int, int], RowWindowLogic] = {}
        self._views: dict[tuple[int, int], NDArray[np.float64]] = {}
        self._x: NDArray[np.float64] = np.empty((0, n_features))
        self._ready: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self._answered: dict[str, Answered] = {}
        if resume_state is not None:
            with reading(resume_state, STATE_VERSION, _OWNER, _OWNER):
                for length, gap_ns, stored in resume_state["windows"]:
                    self._windows[length, gap_ns] = self._window(length, gap_ns).build(stored)

    def load(self, model_id: str) -> Loaded:
        """Return a model, loaded if it is not yet, and found to fit this run.

        Raises
        ------
        BadUse
            If there is none of that id, or it reads other features or another horizon.
        Corrupt
            If it fails a check.
        """
        loaded = self._models.get(model_id)
        if loaded is None:
            loaded = self._load(model_id)
            ours = (self._schema, self._horizon_ns)
            theirs = (loaded.model.feature_schema, loaded.model.horizon_ns)
            if ours != theirs:
                msg = (
                    f"model {model_id} has feature schema and horizon {theirs}, the run has "
                    f"{ours}: train a model for these settings with aifx train"
                )
                raise BadUse(msg)
            self._models[model_id] = loaded
        return loaded

    def why_not(self, model_id: str) -> str:
        """Try to load a model while the flow runs; return why it cannot be used, or nothing."""
        try:
            self.load(model_id)
        except (BadUse, Corrupt) as error:
            return f"it cannot be loaded: {error}"
        except Exception as error:  # noqa: BLE001 - no loader may take ticks with it; the event tells
            return f"it cannot be loaded: {type(error).__name__}: {error}"
        return ""

    def golden(self, model_id: str) -> str:
        """Return the hash of a model's golden answers, as it gave them when it was loaded."""
        return self.load(model_id).model.golden_sha256

    def data_last_ns(self, model_id: str) -> int:
        """Return the close of the last bar that a model's training has read."""
        return self.load(model_id).data_last_ns

    def keep_windows(self, model_ids: tuple[str, ...]) -> None:
        """From the next row on keep the rows that these models need.

        A length once kept is kept: whether a model is asked for a part of a batch must not change
        what a later one finds.
        """
        for model_id in model_ids:
            loaded = self.load(model_id)
            key = (loaded.model.window, loaded.max_gap_ns)
            if loaded.model.window > 1 and key not in self._windows:
                self._windows[key] = self._window(*key).build(None)

    def begin(
        self, ts_ns: NDArray[np.int64], x: NDArray[np.float64], ready: NDArray[np.bool_]
    ) -> None:
        """Take the next rows, shape (n,), (n, n_features), (n,), to ask models about."""
        self._x, self._ready = x, ready
        self._answered = {}
        self._views = {key: one.on_rows(ts_ns, x, ready) for key, one in self._windows.items()}

    def answers(self, model_id: str) -> Answered:
        """Return what a model says to the rows that `begin` took; it is asked once."""
        found = self._answered.get(model_id)
        if found is None:
            found = self._answered[model_id] = self._ask(self.load(model_id))
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return the kept rows as a plain mapping."""
        return {
            "v": STATE_VERSION,
            "owner": _OWNER,
            "windows": [[*key, one.snapshot()] for key, one in self._windows.items()],
        }

    def _window(self, length: int, max_gap_ns: int) -> RowWindow:
        return RowWindow(length, self._n_features, max_gap_ns)

    def _ask(self, loaded: Loaded) -> Answered:
        n = len(self._x)
        p_up = np.full(n, np.nan)
        model = loaded.model
        if model.window == 1:
            at = np.flatnonzero(self._ready)
            windows = self._x[at][:, None, :]
        else:
            # All of them: a choice would copy each window, and one that is not whole gives NaN.
            at = np.arange(n)
            windows = self._views[model.window, loaded.max_gap_ns]
        if not self._ready.any():
            return Answered(p_up, n, "")
        failed, reason = at.size, ""
        try:
            given = model.predict_windows(windows)
        except Exception:  # noqa: BLE001 - whatever it raises: which row it was is asked below
            given, failed, reason = _row_by_row(model, windows)
        p_up[at] = given
        for place in np.flatnonzero(np.isnan(given[:failed])).tolist():
            # NaN fails the comparison: a window that is not whole is no fault of the model's.
            if np.abs(windows[place]).max() <= FEATURE_LIMIT:
                failed, reason = place, "it gave no answer to features that are there"
                break
        return Answered(p_up, int(at[failed]) if failed < at.size else n, reason)


def _row_by_row(
    model: ServedModel, windows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int, str]:
    """Ask a model that has raised again, so that the rows before the one it raised at count."""
    given = np.full(len(windows), np.nan)
    for row in range(len(windows)):
        try:
            given[row] = model.predict_windows(windows[row : row + 1])[0]
        except Exception as error:  # noqa: BLE001 - no model may take ticks with it; the event tells
            return given, row, f"it raised {type(error).__name__}: {error}"
    return given, len(windows), ""
