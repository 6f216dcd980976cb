"""``python -m benchmarks.live_reader raw|trading RUN_DIR [INDEX COUNT]``: reads a filled log once.

Prints one line of JSON: seconds from the first record to the last thing done with one, CPU seconds
of the process between these moments and in all, its memory in MB, and seconds from its start until
it was ready.
"""

import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from config import plan as plans
from config.plan import Plan, Share
from config.settings import settings_of
from domain.topics import Topic
from operators import engine
from operators.meter import Meter
from sources.kafka_hub import client_config
from sources.quiesce import Quiesce

_POLL = 20_000
_IDLE_S = 0.001


class Watch(Meter):
    """A meter that knows when the first record came and when the last signals went out."""

    def __init__(self, worker: str) -> None:
        super().__init__(worker, time.time_ns)  # noqa: TID251 - figures are about the machine
        self.first_s = self.first_cpu_s = 0.0
        self.last_s = self.last_cpu_s = 0.0

    def observe(self, hop: str, latency_ns: int) -> None:
        """Note the first record."""
        if not self.first_s:
            self.first_s, self.first_cpu_s = time.perf_counter(), time.process_time()
        super().observe(hop, latency_ns)

    def add(self, name: str, count: int = 1) -> None:
        """Note the last output."""
        self.last_s, self.last_cpu_s = time.perf_counter(), time.process_time()
        super().add(name, count)


def trading(plan: Plan, share: Share) -> dict[str, float]:
    """Run the trading dataflow over the log."""
    from dataflows import trading as dataflow
    from dataflows.context import Context

    settings = settings_of(plan.settings)
    watch = Watch("trading")
    clock = time.time_ns  # noqa: TID251 - stamps and figures
    context = Context(plan, settings, Quiesce(), watch, clock, share)
    flow = dataflow.build(context)
    ready_s = _age_s()
    store = Path(plan.run_dir) / "recovery" / f"trading.{share.index}-{share.count}"
    engine.run(flow, settings.engine.epoch_ms, store)
    return {
        "seconds": watch.last_s - watch.first_s,
        "busy_cpu_s": watch.last_cpu_s - watch.first_cpu_s,
        "ready_s": ready_s,
    }


def raw(plan: Plan, share: Share) -> dict[str, float]:
    """Consume the same records with the same client and do nothing."""
    address = plan.address
    consumer = Consumer(client_config(address.bootstrap, f"raw.{plan.run}.{share.index}"))
    topic = address.topic(Topic.TICKS)
    places = [TopicPartition(topic, p, 0) for p in share.of(address.partitions)]
    left = sum(consumer.get_watermark_offsets(place, timeout=30.0)[1] for place in places)
    consumer.assign(places)
    first_s = 0.0
    gc.disable()
    while left > 0:
        messages = consumer.consume(_POLL, 0)
        if messages:
            first_s = first_s or time.perf_counter()
            left -= len(messages)
        else:
            time.sleep(_IDLE_S)
    seconds = time.perf_counter() - first_s
    consumer.close()
    return {"seconds": seconds, "ready_s": 0.0}


def _age_s() -> float:
    """Return how long this process has lived, from the kernel's own book."""
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / ticks_per_s


def main() -> None:
    """Read once and print what it took."""
    kind, run_dir, *share = sys.argv[1:]
    part = Share(*map(int, share)) if share else Share(0, 1)
    plan = plans.read(Path(run_dir))
    figures = trading(plan, part) if kind == "trading" else raw(plan, part)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures["cpu_s"] = usage.ru_utime + usage.ru_stime
    figures["peak_mb"] = usage.ru_maxrss / 1024
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
