"""Calls kernels once on a few records: loaded when a flow is built, none is at its first tick."""

import numpy as np

from domain.bars import BarArray
from domain.log import Polled, Stamp
from domain.ticks import TickArray, new_records
from domain.topics import Topic
from features.bars import BarConfig
from features.minute_features import FeatureConfig
from features.panel import PanelConfig, PanelInput
from features.quality import QualityConfig
from operators.decode import by_symbol, ticks_of

SYMBOL = "EURUSD"
_START_NS = 1_709_625_600_000_000_000
_STEP_NS = 10_000_000_000


def quality() -> None:
    """Load what the ingest needs."""
    QualityConfig((SYMBOL,)).build(None).judge(_ticks())


def decisions() -> None:
    """Load what the way from the log to features needs."""
    ticks = _ticks()
    polled = Polled(Topic.TICKS, 0, 0, 0, [ticks.tobytes()], Stamp(0, 0, 0, ""))
    records, _ = ticks_of(polled, (SYMBOL,))
    (batch,) = by_symbol(records, (SYMBOL,), 0)
    config = BarConfig()
    out = config.build(SYMBOL, None).on_records(batch.records)
    minutes: BarArray = out.bars[out.bars["frame"] == config.decision_frame]
    FeatureConfig().build(SYMBOL, None).on_bars(minutes)
    passed_ns = int(out.edges["ts_event_ns"][-1])
    news = PanelInput(SYMBOL, minutes["ts_event_ns"], minutes["mid_close"], passed_ns)
    PanelConfig((SYMBOL,)).build(None).on_inputs([news])


def _ticks() -> TickArray:
    """Return a quote every ten seconds for two minutes of an open market."""
    ticks = new_records(12)
    ticks["symbol"] = SYMBOL.encode()
    ticks["ts_event_ns"] = _START_NS + np.arange(12) * _STEP_NS
    ticks["ts_recv_ns"] = ticks["ts_event_ns"]
    ticks["bid"], ticks["ask"] = 1.1, 1.1001
    return ticks
