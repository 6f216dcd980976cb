"""The plan of one run: everything that a worker process must know, as one JSON file.

Secrets are not in it: they come from the environment of the worker.
"""

from pathlib import Path
from typing import Literal

import msgspec

from domain.deployments import ModelSwitch
from domain.errors import Corrupt
from domain.log import LogAddress
from domain.topics import Topic

READS: dict[str, tuple[Topic, ...]] = {
    "trading": (Topic.TICKS,),
    "execution": (Topic.TICKS, Topic.SIGNALS),
    "archive": (
        Topic.TICKS,
        Topic.TICKS_REJECTED,
        Topic.TICKS_LATE,
        Topic.BARS,
        Topic.FEATURES,
        Topic.PREDICTIONS,
        Topic.SIGNALS,
        Topic.MODELS,
        Topic.ORDERS,
        Topic.EXECUTIONS,
        Topic.POSITIONS,
        Topic.CONTROL,
        Topic.QUALITY_FILLS,
        Topic.QUALITY_ORDERS,
        Topic.QUALITY_EVENTS,
    ),
}
"""Topics that each dataflow reads to their end."""

READS_WHOLE: dict[str, tuple[Topic, ...]] = {"trading": (Topic.BARS,)}
"""Topics of which every process of a dataflow reads all partitions."""

WRITES: dict[str, tuple[Topic, ...]] = {
    "ingest": (Topic.TICKS, Topic.TICKS_REJECTED),
    "trading": (
        Topic.BARS,
        Topic.TICKS_LATE,
        Topic.FEATURES,
        Topic.PREDICTIONS,
        Topic.SIGNALS,
        Topic.MODELS,
    ),
    "execution": (
        Topic.ORDERS,
        Topic.EXECUTIONS,
        Topic.POSITIONS,
        Topic.CONTROL,
        Topic.QUALITY_FILLS,
        Topic.QUALITY_ORDERS,
        Topic.QUALITY_EVENTS,
    ),
    "archive": (),
}
"""Topics that end when the dataflow's input has ended. Any worker may add to ``metrics``, and the
archive to ``dead-letter``: these have no end of their own."""

WORKERS = ("ingest", *READS)
"""Every dataflow of a run, in the order in which ticks pass them."""

SHARED = "trading"
"""The dataflow that may run in several processes."""


class Share(msgspec.Struct, frozen=True):
    """One of several processes of a dataflow: it has the partitions ``p % count == index``."""

    index: int
    count: int

    def of(self, partitions: int) -> tuple[int, ...]:
        """Return its partitions, ascending."""
        return tuple(range(self.index, partitions, self.count))


WHOLE = Share(0, 1)


def worker_names(trading_processes: int) -> tuple[str, ...]:
    """Name every process of a run, in the order in which ticks pass them: ``trading.1``."""
    shares = [f"{SHARED}.{index}" for index in range(trading_processes)]
    names: list[str] = []
    for dataflow in WORKERS:
        names += shares if dataflow == SHARED and trading_processes > 1 else [dataflow]
    return tuple(names)


def share_of(worker: str, trading_processes: int) -> tuple[str, Share]:
    """Return the dataflow of a process, and its share."""
    dataflow, _, index = worker.partition(".")
    return dataflow, Share(int(index), trading_processes) if index else WHOLE


class FeedPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What the ingest plays; see the subclasses."""

    symbols: tuple[str, ...]


class RecordedPlan(FeedPlan, frozen=True, forbid_unknown_fields=True, tag="recorded"):
    """Recorded ticks of a file or folder, cut to ``[from_ns, to_ns)``."""

    path: str
    from_ns: int | None = None
    to_ns: int | None = None


class SimulatedPlan(FeedPlan, frozen=True, forbid_unknown_fields=True, tag="simulated"):
    """Simulated trade days, ISO 8601 dates, both ends included."""

    origin: str
    first: str
    last: str
    seed: int


AnyFeed = RecordedPlan | SimulatedPlan


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run.

    Attributes
    ----------
    run
        Name of the run: in every row of the archive and before every topic.
    data_dir
        Folder of the embedded store and the models.
    run_dir
        Folder of this run alone: plan, recovery stores, ledger, logs.
    address
        Where its topics are.
    feed, feed_fingerprint
        What it plays, and the identity of these ticks.
    speed
        Event seconds per wall second; None for as fast as the readers follow.
    deployments
        Which artefacts are in which slots when it begins; empty: only models that need no training.
    first_ns
        Event time at which it begins; everything before is its past.
    schedule
        Switches of models after ``first_ns`` that the promotion ledger had when it was planned.
    ledger_lines
        How many lines the ledger had then (>= 0): those that come behind are switches while it
        runs.
    settings
        The settings tree, without secrets.
    embedded
        Whether its log is the embedded broker's, which ends with its process.
    store
        DSN of the store without its password; a run goes on only in the same one.
    """

    run: str
    data_dir: str
    run_dir: str
    address: LogAddress
    feed: AnyFeed
    feed_fingerprint: str
    speed: float | None
    deployments: tuple[ModelSwitch, ...]
    settings: dict[str, dict[str, object]]
    first_ns: int = 0
    schedule: tuple[ModelSwitch, ...] = ()
    ledger_lines: int = 0
    embedded: bool = False
    store: str = ""
    state: Literal["running", "stopped", "finished", "lost"] = "running"
    v: int = 2

    def group(self, worker: str) -> str:
        """Return the consumer group of a worker."""
        return f"aifx.{self.run}.{worker}"


def plan_path(run_dir: Path) -> Path:
    """Return where a run keeps its plan."""
    return run_dir / "plan.json"


def save(plan: Plan) -> None:
    """Write a plan so that a reader sees the old one or the new one, never a part."""
    path = plan_path(Path(plan.run_dir))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    fresh.replace(path)


def read(run_dir: Path) -> Plan:
    """Read the plan of a run.

    Raises
    ------
    Corrupt
        If there is none or it cannot be read.
    """
    path = plan_path(run_dir)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{path} is no readable run plan ({error}); start with --fresh"
        raise Corrupt(msg) from error
