"""What the workers say about themselves, added up: counters, rejects by reason, latency by hop."""

import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hdrh.codec import (
    HdrCookieException,
    HdrHistogramSettingsException,
    HdrLengthException,
)
from hdrh.histogram import HdrHistogram

from domain.nanos import SECOND_NS
from domain.topics import WorkerMetrics

BUDGETS_MS: Mapping[str, float] = {
    "tick_to_signal": 10.0,
    "signal_to_order": 10.0,
}
"""Highest p99 in milliseconds that a hop may show; a hop that is not here has no mark."""

_REJECTED = "rejected."
_US_PER_MS = 1_000.0

_UNREADABLE = (
    HdrCookieException,
    HdrLengthException,
    HdrHistogramSettingsException,
    zlib.error,
    ValueError,
    IndexError,
    TypeError,
)
"""What the library raises on bytes that are no histogram; bad base64 is a ValueError."""


class MetricsBoard:
    """The newest report of every worker, merged.

    Parameters
    ----------
    budgets_ms
        Highest p99 by hop in milliseconds (> 0).
    """

    def __init__(self, budgets_ms: Mapping[str, float]) -> None:
        self._budgets_ms = dict(budgets_ms)
        self._reports: dict[str, WorkerMetrics] = {}
        self._ticks_per_s: dict[str, float] = {}
        self._latency: list[dict[str, Any]] | None = []

    def apply(self, report: WorkerMetrics) -> bool:
        """Take in a report; one older than the known one of its worker changes nothing."""
        known = self._reports.get(report.worker)
        if known is not None and report.wall_ns <= known.wall_ns:
            return False
        if known is not None:
            ticks = report.counters.get("ticks_in", 0) - known.counters.get("ticks_in", 0)
            span_s = (report.wall_ns - known.wall_ns) / SECOND_NS
            self._ticks_per_s[report.worker] = max(0.0, ticks / span_s)
        self._reports[report.worker] = report
        self._latency = None
        return True

    def counters(self) -> dict[str, Any]:
        """Return the summed totals by name, the rejects largest first, and the tick rate.

        A tick can be rejected for several reasons, so the reasons may add up to more than the
        rejected ticks.
        """
        total: Counter[str] = Counter()
        for report in self._reports.values():
            total.update(report.counters)
        rejects: list[dict[str, Any]] = [
            {"reason": name.removeprefix(_REJECTED), "count": count}
            for name, count in total.items()
            if name.startswith(_REJECTED) and count > 0
        ]
        rejects.sort(key=lambda row: (-row["count"], row["reason"]))
        return {
            "totals": dict(sorted(total.items())),
            "rejects": rejects,
            "ticks_per_s": sum(self._ticks_per_s.values()) if self._ticks_per_s else None,
            "workers": sorted(self._reports),
        }

    def latency(self) -> list[dict[str, Any]]:
        """Return count, p50 and p99 in milliseconds by hop, over all workers."""
        if self._latency is None:
            every = {hop for report in self._reports.values() for hop in report.histograms}
            # Those with a budget are what people look for first.
            hops = sorted(every, key=lambda hop: (hop not in self._budgets_ms, hop))
            self._latency = [self._hop(hop) for hop in hops]
        return self._latency

    def _hop(self, hop: str) -> dict[str, Any]:
        encoded = [r.histograms[hop] for r in self._reports.values() if hop in r.histograms]
        budget_ms = self._budgets_ms.get(hop)
        merged = merge(encoded)
        row: dict[str, Any] = {"hop": hop, "budget_ms": budget_ms, "readable": merged is not None}
        if merged is None or merged.total_count == 0:
            return {**row, "count": 0, "p50_ms": None, "p99_ms": None, "within": None}
        p99_ms = merged.get_value_at_percentile(99.0) / _US_PER_MS
        return {
            **row,
            "count": int(merged.total_count),
            "p50_ms": merged.get_value_at_percentile(50.0) / _US_PER_MS,
            "p99_ms": p99_ms,
            "within": None if budget_ms is None else p99_ms <= budget_ms,
        }


def merge(encoded: list[str]) -> Any:
    """Add up histograms in base64; None when one of them cannot be read.

    A half-read sum would look like a measurement, so one bad part makes the whole unreadable.
    """
    try:
        parts = [HdrHistogram.decode(text.encode()) for text in encoded]
        whole = HdrHistogram(
            1,
            max(part.highest_trackable_value for part in parts),
            max(part.significant_figures for part in parts),
        )
        for part in parts:
            whole.add(part)
    except _UNREADABLE:
        return None
    return whole
