"""The last rows of one symbol, kept so that a model of a window is asked as it was trained.

A window is whole when its rows follow each other without a gap and each can be read. In front of a
gap, of a row that is not ready, or of the first row, stands one row of NaN: every window that would
reach over it holds NaN, and `models.contract.ServedModel` answers NaN to that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadUse
from domain.ids import digest
from domain.nanos import MINUTE_NS
from models.contract import State, reading, usable_rows

STATE_VERSION = 1

DEFAULT_MAX_GAP_NS = 10 * MINUTE_NS
"""For bars of a minute: a quiet minute without a bar does not break a window, a weekend does.
Longer bars need a longer one, or no window is ever whole."""


@dataclass(frozen=True, slots=True)
class RowWindow:
    """Config of the windows of one symbol.

    Parameters
    ----------
    length
        Rows of a window (>= 1).
    n_features
        Values of a row (>= 1).
    max_gap_ns
        Longest time between two rows of one window (> 0): the one that the model was trained with.

    Raises
    ------
    BadUse
        If a bound is broken.
    """

    length: int
    n_features: int
    max_gap_ns: int = DEFAULT_MAX_GAP_NS

    def __post_init__(self) -> None:
        if min(self.length, self.n_features, self.max_gap_ns) < 1:
            msg = f"a window needs length, n_features and max_gap_ns of 1 or more: {self}"
            raise BadUse(msg)

    @property
    def window_id(self) -> str:
        """Digest of every field."""
        return digest("row-window", self.length, self.n_features, self.max_gap_ns)

    def build(self, resume_state: State | None) -> "RowWindowLogic":
        """Return fresh logic, or the one whose snapshot is given.

        Raises
        ------
        Corrupt
            If the snapshot has an unknown version or belongs to another config.
        """
        logic = RowWindowLogic(self)
        if resume_state is not None:
            logic.restore(resume_state)
        return logic


class RowWindowLogic:
    """The last ``length - 1`` rows of one symbol."""

    def __init__(self, config: RowWindow) -> None:
        self._config = config
        self._rows: NDArray[np.float64] = np.empty((0, config.n_features))
        self._last_ns: int | None = None
        self._stored: State | None = None

    def on_rows(
        self,
        ts_ns: NDArray[np.int64],
        x: NDArray[np.float64],
        ready: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float64]:
        """Take new rows, and return the window that ends with each.

        Parameters
        ----------
        ts_ns
            Shape (n,): closes, rising, later than those before.
        x
            Shape (n, n_features); is not changed.
        ready
            Shape (n,): rows that may be read; None for all. A row with a value that no model can
            read is never ready.

        Returns
        -------
        NDArray[np.float64]
            Shape (n, length, n_features), newest row last, not to be written to. A window that is
            not whole holds NaN. How rows are cut into calls changes no window.

        Raises
        ------
        BadUse
            If a shape is wrong or the rows are not in order.
        """
        length, n = self._config.length, len(ts_ns)
        readable = usable_rows(x, self._config.n_features)
        if readable.shape != (n,) or (ready is not None and ready.shape != (n,)):
            msg = f"{n} times, rows of shape {x.shape}: each row needs one time and one ready"
            raise BadUse(msg)
        if n == 0:
            return np.empty((0, length, self._config.n_features))
        last_ns = int(ts_ns[0]) - 1 if self._last_ns is None else self._last_ns
        steps = np.diff(ts_ns, prepend=last_ns)
        if not (steps > 0).all():
            at = int(np.argmin(steps > 0))
            msg = f"rows of a symbol come in order: row {at} at {ts_ns[at]} is not later"
            raise BadUse(msg)
        kept = readable if ready is None else readable & ready
        rows = np.where(kept[:, None], x, np.nan)
        gap = steps > self._config.max_gap_ns
        # Each gap becomes one row of NaN, so place says where each row stands among them.
        place = len(self._rows) + np.arange(n) + np.cumsum(gap)
        tape = np.full((int(place[-1]) + 1, self._config.n_features), np.nan)
        tape[: len(self._rows)] = self._rows
        tape[place] = rows
        whole = np.concatenate([np.full((length - 1, self._config.n_features), np.nan), tape])
        views = np.lib.stride_tricks.sliding_window_view(whole, length, axis=0).swapaxes(1, 2)
        self._rows = tape[len(tape) - min(length - 1, len(tape)) :].copy()
        self._last_ns = int(ts_ns[-1])
        self._stored = None
        # Without a gap the windows share one copy of the rows; a batch of a day would fill memory.
        return views[place] if gap.any() else views[len(views) - n :]

    def snapshot(self) -> State:
        """Return the kept rows as a plain mapping; a row that breaks windows is None."""
        if self._stored is None:
            rows = [None if row[0] != row[0] else row.tolist() for row in self._rows]
            self._stored = {
                "v": STATE_VERSION,
                "owner": self._config.window_id,
                "last_ns": self._last_ns,
                "rows": rows,
            }
        return self._stored

    def restore(self, state: State) -> None:
        """Become what the snapshot was taken of; see `RowWindow.build`."""
        n = self._config.n_features
        with reading(state, STATE_VERSION, self._config.window_id, "row window"):
            last_ns, stored = state["last_ns"], state["rows"]
            if not (last_ns is None or isinstance(last_ns, int)) or (
                len(stored) >= self._config.length
            ):
                msg = f"{len(stored)} rows until {last_ns!r}"
                raise ValueError(msg)
            rows = np.full((len(stored), n), np.nan)
            for at, row in enumerate(stored):
                if row is not None:
                    rows[at] = np.array(row, dtype=np.float64).reshape(n)
            self._rows, self._last_ns = rows, last_ns
            self._stored = None
