"""A worker's meter, and how its reports get into the log."""

import time
from itertools import count

import pytest
from hdrh.histogram import HdrHistogram

from domain.errors import Halt
from domain.log import LogAddress
from domain.topics import Topic, WorkerMetrics, decode_as
from operators.meter import Meter
from sinks import metrics
from sinks.metrics import MetricsPublisher
from tests.kafka.log import WALL_NS, Record, read, wait_until, wall


def test_counters_add_up_and_totals_replace() -> None:
    """Some are counted here, some elsewhere; a report is a copy of both."""
    meter = Meter("trading", wall)
    meter.add("bars")
    meter.add("bars", 4)
    meter.totals({"ticks_in": 10})
    first = meter.report()
    meter.totals({"ticks_in": 12})
    meter.add("bars", 0)
    assert first == WorkerMetrics("trading", WALL_NS, {"bars": 5, "ticks_in": 10}, {})
    assert meter.report().counters == {"bars": 5, "ticks_in": 12}


def test_a_histogram_survives_its_way_through_a_report() -> None:
    """Percentiles come out of the text as they went in, to three digits."""
    meter = Meter("trading", wall)
    for ms in range(1, 1_001):
        meter.observe("tick_to_bar", ms * 1_000_000)
    histogram = HdrHistogram.decode(meter.report().histograms["tick_to_bar"])
    assert histogram.get_total_count() == 1_000
    for percentile, ms in ((50.0, 500), (99.0, 990), (100.0, 1_000)):
        assert histogram.get_value_at_percentile(percentile) == pytest.approx(ms * 1_000, rel=1e-3)


@pytest.mark.parametrize(
    ("latency_ns", "microseconds"),
    [(-5_000, 1), (0, 1), (999, 1), (2_000, 2), (10**15, 600_000_000)],
)
def test_a_latency_out_of_range_counts_at_the_edge(latency_ns: int, microseconds: int) -> None:
    """Clocks that step back and replays that stood still must not stop a worker."""
    meter = Meter("trading", wall)
    meter.observe("hop", latency_ns)
    histogram = HdrHistogram.decode(meter.report().histograms["hop"])
    assert histogram.get_total_count() == 1
    assert histogram.get_max_value() == pytest.approx(microseconds, rel=1e-3)


def reports(records: list[Record]) -> list[int]:
    """Return the running numbers in reports, in log order."""
    decoded = [decode_as(Topic.METRICS, r.value, WorkerMetrics) for r in records]
    assert all(r.key == "trading" and r.partition == 0 for r in records)
    return [report.counters["n"] for report in decoded]


def test_a_publisher_reports_at_once_on_leaving(address: LogAddress) -> None:
    """A run that is shorter than the distance of two reports is seen all the same."""
    meter = Meter("trading", wall)
    started = time.monotonic()
    with MetricsPublisher(address, meter.report):
        meter.add("n", 41)
        meter.add("n")
    assert time.monotonic() - started < 5.0
    assert reports(read(address, Topic.METRICS)) == [42]


def test_a_publisher_reports_as_it_goes_and_last_when_the_flow_fails(
    embedded: LogAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error passes through; what was done before it is in the log."""
    monkeypatch.setattr(metrics, "_EVERY_S", 0.02)
    numbers = count(1)
    latest = 0

    def report() -> WorkerMetrics:
        nonlocal latest
        latest = next(numbers)
        return WorkerMetrics("trading", WALL_NS, {"n": latest}, {})

    def fail_after_three() -> None:
        with MetricsPublisher(embedded, report):
            wait_until(lambda: latest >= 3, "three reports")
            raise Halt

    with pytest.raises(Halt):
        fail_after_three()
    assert reports(read(embedded, Topic.METRICS)) == list(range(1, latest + 1))
