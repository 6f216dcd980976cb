"""The plan of a run: to disk and back, never half, and a table of topics that adds up."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.plan import (
    READS,
    SHARED,
    WHOLE,
    WORKERS,
    WRITES,
    AnyFeed,
    Plan,
    RecordedPlan,
    Share,
    SimulatedPlan,
    plan_path,
    read,
    save,
    share_of,
    worker_names,
)
from domain.deployments import ModelSwitch, Stage
from domain.errors import Corrupt
from domain.log import LogAddress
from domain.topics import Topic

FEEDS: list[AnyFeed] = [
    RecordedPlan(("EURUSD",), "ticks", 5, None),
    SimulatedPlan(("EURUSD", "USDJPY"), "2024-03-01", "2024-03-05", "2024-03-05", 7),
]


def _plan(run_dir: Path, feed: AnyFeed = FEEDS[0]) -> Plan:
    return Plan(
        run="run-1",
        data_dir=str(run_dir.parent),
        run_dir=str(run_dir),
        address=LogAddress("localhost:9092", "run-1.", 12),
        feed=feed,
        feed_fingerprint="recorded:0",
        speed=None,
        deployments=(ModelSwitch("xgboost", "ab" * 16, Stage.CANARY, 7, 0.25),),
        settings={"ingest": {"grace_ms": 500}},
    )


@pytest.mark.parametrize("feed", FEEDS, ids=["recorded", "simulated"])
def test_a_plan_comes_back(tmp_path: Path, feed: AnyFeed) -> None:
    """Folders are made, nothing is left beside it, and the kind of feed is kept."""
    plan = _plan(tmp_path / "runs" / "run-1", feed)
    save(plan)
    assert read(tmp_path / "runs" / "run-1") == plan
    assert [p.name for p in (tmp_path / "runs" / "run-1").iterdir()] == ["plan.json"]


def test_a_plan_is_replaced_whole(tmp_path: Path) -> None:
    """A second save leaves the second plan."""
    plan = _plan(tmp_path)
    save(plan)
    save(msgspec.structs.replace(plan, state="finished"))
    assert read(tmp_path).state == "finished"


def test_a_save_that_fails_leaves_the_old_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies while it writes has not touched what readers see."""
    plan = _plan(tmp_path)
    save(plan)

    def die(_path: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        save(msgspec.structs.replace(plan, state="finished"))
    assert read(tmp_path) == plan


@pytest.mark.parametrize(
    "change",
    [None, b"", b"{", b"{}", b'{"run": 1}', b"\xff"],
    ids=["missing", "empty", "torn", "nothing", "wrong", "no text"],
)
def test_a_plan_that_cannot_be_read_is_corrupt(tmp_path: Path, change: bytes | None) -> None:
    """The message names the file and the way out."""
    if change is not None:
        plan_path(tmp_path).write_bytes(change)
    with pytest.raises(Corrupt, match=r"plan\.json is no readable run plan .*--fresh"):
        read(tmp_path)


def test_an_unknown_field_is_corrupt(tmp_path: Path) -> None:
    """A plan of other code may mean something else."""
    save(_plan(tmp_path))
    path = plan_path(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"run":', b'"ran": 1, "run":', 1))
    with pytest.raises(Corrupt, match="ran"):
        read(tmp_path)


def test_each_worker_has_its_own_group(tmp_path: Path) -> None:
    """Offsets of two workers, or of two runs, never meet."""
    plan = _plan(tmp_path)
    other = msgspec.structs.replace(plan, run="run-2")
    groups = {p.group(worker) for p in (plan, other) for worker in WORKERS}
    assert len(groups) == 2 * len(WORKERS)
    assert plan.group("trading") == "aifx.run-1.trading"


@given(partitions=st.integers(1, 100), count=st.integers(1, 100))
def test_shares_hold_every_partition_once(partitions: int, count: int) -> None:
    """However many processes share a dataflow: none reads what another reads, none is left out."""
    shares = [Share(index, count).of(partitions) for index in range(count)]
    assert sorted(p for share in shares for p in share) == list(range(partitions))
    assert all(list(share) == sorted(share) for share in shares)
    # As even as can be.
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert WHOLE.of(partitions) == tuple(range(partitions))


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_the_name_of_a_process_tells_its_share(count: int) -> None:
    """Names are distinct, and one process of a dataflow is named like it."""
    names = worker_names(count)
    assert len(set(names)) == len(names) == len(WORKERS) + count - 1
    found = [share_of(name, count) for name in names]
    assert list(dict.fromkeys(dataflow for dataflow, _ in found)) == list(WORKERS)
    shares = [share for dataflow, share in found if dataflow == SHARED]
    assert shares == [Share(index, count) for index in range(count)]
    assert {share for dataflow, share in found if dataflow != SHARED} == {WHOLE}
    assert worker_names(1) == WORKERS


def test_what_is_read_is_written_before() -> None:
    """Each topic has one writer, and no worker reads what comes after it on the way of a tick."""
    written = [topic for topics in WRITES.values() for topic in topics]
    assert len(written) == len(set(written))
    assert set(WRITES) == set(WORKERS)
    known: set[Topic] = set()
    for worker in WORKERS:
        assert set(READS.get(worker, ())) <= known
        known |= set(WRITES[worker])
    assert set(READS["archive"]) == known
