"""Running a dataflow: errors come out as themselves, damaged stores are refused and left alone."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import TestingSource

from domain.errors import AifxError, Corrupt, Drop, Halt, Retry
from operators import engine
from operators.keyed import keyed
from sinks.collect import CollectSink

EPOCH_MS = 10


class Summing:
    """Sums the values of its key; breaks at a forbidden one."""

    def __init__(self, key: str, state: Mapping[str, Any] | None) -> None:
        self.key = key
        self.total: int = 0 if state is None else state["total"]

    def on_batch(self, values: list[int]) -> Iterable[str]:
        """Add up, one result a value."""
        for value in values:
            if value < 0:
                msg = f"{value} is below zero"
                raise Halt(msg)
            self.total += value
            yield f"{self.key}={self.total}"

    def snapshot(self) -> Mapping[str, Any]:
        """Return the sum."""
        return {"v": 1, "total": self.total}


class BrokenSink(FixedPartitionedSink[Any, None], StatefulSinkPartition[Any, None]):
    """Fails where it is told to."""

    def __init__(self, where: str, error: Exception) -> None:
        self._where = where
        self._error = error

    def list_parts(self) -> list[str]:
        """Name the one partition."""
        return ["only"]

    def build_part(
        self, _step_id: str, _for_part: str, _resume_state: None
    ) -> StatefulSinkPartition[Any, None]:
        """Open it, or fail."""
        self._fail("build")
        return self

    def write_batch(self, _values: list[Any]) -> None:
        """Write nothing, or fail."""
        self._fail("write")

    def snapshot(self) -> None:
        """Keep nothing, or fail."""
        self._fail("snapshot")

    def _fail(self, where: str) -> None:
        if where == self._where:
            raise self._error


def sums(
    values: list[int],
    take: Callable[[list[Any]], None],
    built: list[Any],
    sink: BrokenSink | None = None,
) -> Dataflow:
    """Wire numbers, keyed by odd and even, through sums to ``take``, or to a sink."""

    def build(key: str, state: Mapping[str, Any] | None) -> Summing:
        built.append((key, state))
        return Summing(key, state)

    flow = Dataflow("sums")
    numbers = op.key_on("parity", op.input("numbers", flow, TestingSource(values)), parity)
    op.output("out", keyed("sum", numbers, build, parity), sink or CollectSink(take))
    return flow


def parity(number: int) -> str:
    """Name the key of a number."""
    return "odd" if number % 2 else "even"


def flat(taken: list[list[Any]]) -> list[str]:
    """Return the results in order."""
    return [result for batch in taken for result in batch]


def test_a_keyed_step_is_built_once_with_its_key() -> None:
    """The logic of a key learns its name with its first value, and sees all of them in order."""
    taken: list[list[Any]] = []
    built: list[Any] = []
    engine.run(sums([1, 2, 3, 4, 5], taken.append, built), EPOCH_MS, None)
    assert built == [("odd", None), ("even", None)]
    results = flat(taken)
    assert [r for r in results if r.startswith("odd")] == ["odd=1", "odd=4", "odd=9"]
    assert [r for r in results if r.startswith("even")] == ["even=2", "even=6"]


def test_a_keyed_step_goes_on_from_its_snapshot(tmp_path: Path) -> None:
    """Key and state come back; a key that is new is built anew."""
    taken: list[list[Any]] = []
    built: list[Any] = []
    values: list[Any] = [1, 3, TestingSource.EOF(), 5, 2]
    flow = sums(values, taken.append, built)
    engine.run(flow, EPOCH_MS, tmp_path)
    engine.run(flow, EPOCH_MS, tmp_path)
    assert built == [("odd", None), ("odd", {"v": 1, "total": 4}), ("even", None)]
    assert sorted(flat(taken)) == ["even=2", "odd=1", "odd=4", "odd=9"]


def test_what_an_epoch_that_was_cut_off_left_in_the_store_is_never_used(tmp_path: Path) -> None:
    """The sum of the first life was saved but not committed; the second did not come so far."""
    broken = BrokenSink("snapshot", Retry("the broker is away"))
    with pytest.raises(Retry):
        engine.run(sums([1, 3], ignore_all, [], broken), 10_000, tmp_path)
    (store,) = tmp_path.glob("*.sqlite3")
    with closing(sqlite3.connect(store)) as left:
        assert left.execute("SELECT 1 FROM snaps WHERE state_key = 'odd'").fetchone()
    engine.run(sums([2], ignore_all, []), EPOCH_MS, tmp_path)
    taken: list[list[Any]] = []
    engine.run(sums([2, 1], taken.append, []), EPOCH_MS, tmp_path)
    assert flat(taken) == ["odd=1"]


def test_an_error_of_a_keyed_step_comes_out_as_itself(tmp_path: Path) -> None:
    """Its class says how to react, so the engine's wrapping must not hide it."""
    with pytest.raises(Halt, match="-7 is below zero") as caught:
        engine.run(sums([1, -7], ignore_all, []), EPOCH_MS, tmp_path)
    assert type(caught.value) is Halt


@pytest.mark.parametrize("where", ["build", "write", "snapshot"])
@pytest.mark.parametrize("error", [Retry("later"), Corrupt("damaged"), Drop("one")])
def test_an_error_of_a_sink_comes_out_as_itself(
    tmp_path: Path, where: str, error: AifxError
) -> None:
    """Also out of the snapshot, where a flush fails."""
    flow = Dataflow("broken")
    numbers = op.key_on("key", op.input("numbers", flow, TestingSource([1, 2])), parity)
    op.output("out", numbers, BrokenSink(where, error))
    with pytest.raises(type(error)) as caught:
        engine.run(flow, EPOCH_MS, tmp_path)
    assert caught.value is error


def test_an_error_that_was_meant_for_nobody_is_not_renamed() -> None:
    """A bug keeps its own class and its own words, somewhere in the chain."""
    flow = Dataflow("bug")
    numbers = op.map("bug", op.input("numbers", flow, TestingSource([0])), lambda n: 1 // n)
    op.output("out", op.key_on("key", numbers, parity), CollectSink(ignore_all))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the engine chooses the class
        engine.run(flow, EPOCH_MS, None)
    assert not isinstance(caught.value, AifxError)
    chain: list[BaseException | None] = [caught.value]
    while chain[-1] is not None:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    assert any(isinstance(error, ZeroDivisionError) for error in chain)


def test_a_flow_without_a_store_keeps_nothing(tmp_path: Path) -> None:
    """A backtest starts anew each time."""
    taken: list[list[Any]] = []
    for _ in range(2):
        engine.run(sums([1], taken.append, []), EPOCH_MS, None)
    assert flat(taken) == ["odd=1", "odd=1"]
    assert not list(tmp_path.iterdir())


def overwrite_header(store: bytes) -> bytes:
    """Damage the first bytes: no database any more."""
    return b"no database at all" + store[18:]


def overwrite_page(store: bytes) -> bytes:
    """Damage one page in the middle."""
    return store[:8192] + b"\xff" * 4096 + store[12288:]


def cut_in_half(store: bytes) -> bytes:
    """Lose the second half."""
    return store[: len(store) // 2]


def empty(_store: bytes) -> bytes:
    """Lose everything, as a crash while the file was made."""
    return b""


@pytest.mark.parametrize("damage", [overwrite_header, overwrite_page, cut_in_half, empty])
def test_a_damaged_store_is_refused_in_one_line_and_left_alone(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """The file is named, the way out too, and nothing of it is changed or run."""
    engine.run(sums(list(range(300)), ignore_all, []), EPOCH_MS, tmp_path)
    (store,) = tmp_path.glob("*.sqlite3")
    store.write_bytes(damage(store.read_bytes()))
    before = store.read_bytes()
    taken: list[list[Any]] = []
    for _ in range(2):
        with pytest.raises(Corrupt) as caught:
            engine.run(sums([1], taken.append, []), EPOCH_MS, tmp_path)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert str(store) in message
        assert "--fresh" in message
    assert store.read_bytes() == before
    assert not taken


def ignore_all(_values: list[Any]) -> None:
    """Take results and drop them."""


def test_killed_while_the_store_is_made_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is half there is none: nothing was written into it yet."""

    def half(folder: Path, _count: int) -> None:
        (folder / "part-0.sqlite3").write_bytes(b"")
        raise KeyboardInterrupt

    store = tmp_path / "store"
    with monkeypatch.context() as patched:
        patched.setattr(engine, "init_db_dir", half)
        with pytest.raises(KeyboardInterrupt):
            engine.run(sums([1], ignore_all, []), EPOCH_MS, store)
    assert not list(tmp_path.glob("store/*"))
    taken: list[list[Any]] = []
    engine.run(sums([1], taken.append, []), EPOCH_MS, store)
    assert flat(taken) == ["odd=1"]
