"""A keyed step in the engine: a logic that has something left to say when its input has ended."""

from collections.abc import Iterable, Mapping
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream
from bytewax.testing import TestingSource

from operators import engine
from operators.keyed import Finishing, keyed
from sinks.collect import CollectSink


class Silent:
    """Counts, and says nothing."""

    def __init__(self) -> None:
        self.count = 0

    def on_batch(self, values: list[str]) -> Iterable[str]:
        """Count."""
        self.count += len(values)
        return []

    def snapshot(self) -> Mapping[str, Any]:
        """Return the count."""
        return {"v": 1, "count": self.count}


class AtTheEnd(Silent):
    """Says at the end how many there were."""

    def on_eof(self) -> Iterable[str]:
        """Return the count as text."""
        return [str(self.count)]


def played(logic: type[Silent]) -> list[tuple[str, str]]:
    """Run values of two keys through a step; return what came out, by key."""
    found: list[tuple[str, str]] = []
    flow = Dataflow("keyed")
    values = op.input("in", flow, TestingSource(["a1", "b1", "a2"]))
    by_key: KeyedStream[str] = op.key_on("key", values, lambda value: value[0])
    out: KeyedStream[str] = keyed("step", by_key, lambda _key, _state: logic(), lambda v: v[0])
    named = op.map("named", out, lambda item: (item[0], item))
    op.output("out", named, CollectSink(found.extend))
    engine.run(flow, 1_000, None)
    return sorted(found)


def test_what_is_left_at_the_end_comes_out_for_each_key() -> None:
    """After all values, once."""
    assert isinstance(AtTheEnd(), Finishing)
    assert played(AtTheEnd) == [("a", "2"), ("b", "1")]


def test_a_logic_without_an_end_says_nothing_at_it() -> None:
    """It needs no method for it."""
    assert not isinstance(Silent(), Finishing)
    assert played(Silent) == []
