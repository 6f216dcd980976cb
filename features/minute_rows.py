"""A pair's whole feature rows: its own features, joined by event time with the panel's last minute.

A decision at minute ``t`` sees the other pairs up to ``t`` less one minute. By then they have long
been in the log, so that live no decision waits for another pair; a replay waits in event time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.bars import BAR_DTYPE, BarArray
from domain.deployments import ModelSwitch, switches_from_plain, switches_to_plain
from domain.errors import Corrupt
from domain.nanos import MINUTE_NS
from domain.predictions import FeatureVector
from features.bar_kernel import EDGE_DTYPE
from features.bars import EdgeArray
from features.panel import PanelRows
from features.spec import CROSS_FEATURES, FEATURES, LOCAL_FEATURES, SCHEMA

STATE_VERSION = 2

_CROSS_WARM_UP = np.array([feature.warm_up_bars for feature in CROSS_FEATURES])
_MILLIPIPS_PER_PIP = 1000.0


class FeatureRows(NamedTuple):
    """Features of some closed 1 m bars of one symbol, in order.

    Attributes
    ----------
    bars
        The bars, shape (n,), of ``domain.bars.BAR_DTYPE``.
    values
        Shape (n, number of features), in the order of the schema; NaN where not ready.
    ready
        Where every feature is there, shape (n,).
    """

    bars: BarArray
    values: NDArray[np.float64]
    ready: NDArray[np.bool_]


class LocalRows(NamedTuple):
    """What a symbol knows by itself.

    Attributes
    ----------
    bars
        Closed 1 m bars, shape (n,).
    values
        Local features of each, shape (n, number of local features).
    session_bars
        How many bars of its session had closed with each, shape (n,).
    edges
        Decision boundaries; ``bar`` is an index into ``bars`` or -1.
    wall_ns
        When the newest tick behind it entered the log; for latency figures only.
    switches
        Switches of models that stand before these rows in the log, in order.
    """

    bars: BarArray
    values: NDArray[np.float64]
    session_bars: NDArray[np.int64]
    edges: EdgeArray
    wall_ns: int
    switches: tuple[ModelSwitch, ...] = ()

    def needs_ns(self) -> int:
        """Return the minute up to which the panel must be complete; -1 where none is asked for."""
        if not self.bars.size and not self.edges.size:
            return -1
        last_bar_ns = int(self.bars["ts_event_ns"][-1]) if self.bars.size else 0
        last_edge_ns = int(self.edges["ts_event_ns"][-1]) if self.edges.size else 0
        return max(last_bar_ns, last_edge_ns, MINUTE_NS) - MINUTE_NS


class JoinedRows(NamedTuple):
    """Whole feature rows and the boundaries that wait for them; see `LocalRows`."""

    rows: FeatureRows
    edges: EdgeArray
    wall_ns: int
    switches: tuple[ModelSwitch, ...] = ()


class PanelSlice(NamedTuple):
    """The part of `features.panel.PanelRows` that one pair needs: ``values`` is (n, width)."""

    ts_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    complete_ns: int


def slice_of(rows: PanelRows, place: int) -> PanelSlice:
    """Return one pair's part of the panel; ``place`` is its place among the panel's symbols."""
    return PanelSlice(rows.ts_ns, np.ascontiguousarray(rows.values[:, place]), rows.complete_ns)


@dataclass(frozen=True, slots=True)
class JoinConfig:
    """The join has no settings."""

    def build(self, resume_state: Mapping[str, Any] | None) -> "JoinLogic":
        """Return the logic for one symbol, anew or as it was.

        Raises
        ------
        Corrupt
            If the state is of another version or schema, or not a whole one.
        """
        return JoinLogic(resume_state)


class JoinLogic:
    """Holds a symbol's rows until the panel is complete up to the minute before each."""

    def __init__(self, resume_state: Mapping[str, Any] | None) -> None:
        self._pending: list[LocalRows] = []
        self._complete_ns = -1
        self._ts = np.empty(0, dtype=np.int64)
        self._cross = np.empty((0, len(CROSS_FEATURES)))
        if resume_state is not None:
            self._restore(resume_state)

    @property
    def pending(self) -> int:
        """How many batches of rows wait for other pairs."""
        return len(self._pending)

    def on_local(self, local: LocalRows) -> list[JoinedRows]:
        """Take the symbol's own rows in order; return what is whole."""
        self._pending.append(local)
        return self._release()

    def on_panel(self, panel: PanelSlice) -> list[JoinedRows]:
        """Take newly complete minutes in order; return what is whole."""
        self._ts = np.concatenate([self._ts, panel.ts_ns])
        self._cross = np.concatenate([self._cross, panel.values])
        self._complete_ns = panel.complete_ns
        return self._release()

    def snapshot(self) -> dict[str, Any]:
        """Return the state as a plain versioned mapping."""
        return {
            "v": STATE_VERSION,
            "schema": SCHEMA,
            "complete_ns": self._complete_ns,
            "ts": self._ts.tolist(),
            "cross": self._cross.tolist(),
            "pending": [
                {
                    "bars": [list(bar) for bar in local.bars.tolist()],
                    "values": local.values.tolist(),
                    "session_bars": local.session_bars.tolist(),
                    "edges": [list(edge) for edge in local.edges.tolist()],
                    "wall_ns": local.wall_ns,
                    "switches": switches_to_plain(local.switches),
                }
                for local in self._pending
            ],
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state.get("v") != STATE_VERSION or state.get("schema") != SCHEMA:
            msg = (
                f"join state v{state.get('v')} schema {state.get('schema')} does not fit "
                f"v{STATE_VERSION} of schema {SCHEMA}"
            )
            raise Corrupt(msg)
        try:
            self._complete_ns = state["complete_ns"]
            self._ts = np.array(state["ts"], dtype=np.int64)
            self._cross = np.array(state["cross"]).reshape(self._ts.size, len(CROSS_FEATURES))
            self._pending = [_restored(local) for local in state["pending"]]
        except (KeyError, TypeError, ValueError) as error:
            msg = f"join state is not a whole one: {error}"
            raise Corrupt(msg) from error

    def _release(self) -> list[JoinedRows]:
        whole: list[JoinedRows] = []
        used_ns = -1
        while self._pending and self._pending[0].needs_ns() <= self._complete_ns:
            local = self._pending.pop(0)
            used_ns = max(used_ns, local.needs_ns())
            whole.append(self._join(local))
        # A later row never asks for an earlier minute.
        old = int(np.searchsorted(self._ts, used_ns))
        if old:
            self._ts, self._cross = self._ts[old:], self._cross[old:]
        return whole

    def _join(self, local: LocalRows) -> JoinedRows:
        count = local.bars.size
        values = np.full((count, len(FEATURES)), np.nan)
        if count:
            values[:, : len(LOCAL_FEATURES)] = local.values
            asked = local.bars["ts_event_ns"] - MINUTE_NS
            at = np.minimum(np.searchsorted(self._ts, asked), max(self._ts.size - 1, 0))
            if self._ts.size:
                warm = local.session_bars[:, None] >= _CROSS_WARM_UP
                warm &= (self._ts[at] == asked)[:, None]
                values[:, len(LOCAL_FEATURES) :] = np.where(warm, self._cross[at], np.nan)
        ready = ~np.isnan(values).any(axis=1)
        rows = FeatureRows(local.bars, values, ready)
        return JoinedRows(rows, local.edges, local.wall_ns, local.switches)


def _restored(local: Mapping[str, Any]) -> LocalRows:
    bars = np.array([tuple(bar) for bar in local["bars"]], dtype=BAR_DTYPE)
    return LocalRows(
        bars,
        np.array(local["values"], dtype=np.float64).reshape(bars.size, len(LOCAL_FEATURES)),
        np.array(local["session_bars"], dtype=np.int64),
        np.array([tuple(edge) for edge in local["edges"]], dtype=EDGE_DTYPE),
        local["wall_ns"],
        switches_from_plain(local["switches"]),
    )


def vectors_of(symbol: str, rows: FeatureRows) -> list[FeatureVector]:
    """Return rows as records for the log, a missing value as None."""
    bars = rows.bars
    spreads = bars["spread_sum_millipips"] / (bars["tick_count"] * _MILLIPIPS_PER_PIP)
    columns = (
        bars["ts_event_ns"].tolist(),
        bars["ts_recv_ns"].tolist(),
        rows.values.tolist(),
        rows.ready.tolist(),
        bars["mid_close"].tolist(),
        spreads.tolist(),
        bars["verdict"].tolist(),
    )
    return [
        FeatureVector(
            symbol=symbol,
            ts_event_ns=ts_event,
            ts_recv_ns=ts_recv,
            schema=SCHEMA,
            # NaN is the one value that does not equal itself.
            values=tuple(value if value == value else None for value in values),
            ready=ready,
            mid_close=mid,
            spread_mean_pips=spread,
            verdict=verdict,
        )
        for ts_event, ts_recv, values, ready, mid, spread, verdict in zip(*columns, strict=True)
    ]
