"""A keyed step around pure logic: ``build(key, resume_state)`` -> logic with ``on_batch``."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

In = TypeVar("In")
Out = TypeVar("Out")
Out_co = TypeVar("Out_co", covariant=True)


class Logic(Protocol[In, Out_co]):
    """State of one key: a pure function of what it was given, in order."""

    def on_batch(self, values: list[In]) -> Iterable[Out_co]:
        """Take the next values of the key and return what follows from them."""
        ...

    def snapshot(self) -> Mapping[str, Any]:
        """Return the state as a plain versioned mapping."""
        ...


@runtime_checkable
class Finishing(Protocol[Out_co]):
    """A logic that still has something to say when its input has ended."""

    def on_eof(self) -> Iterable[Out_co]:
        """Return what is left; asked again after a restart behind the end, it returns nothing."""
        ...


class _Keyed(StatefulBatchLogic[In, Out, dict[str, Any]], Generic[In, Out]):
    """The engine's side. It learns its key from the state, or with its first value."""

    def __init__(
        self,
        build: Callable[[str, Mapping[str, Any] | None], Logic[In, Out]],
        key_of: Callable[[In], str],
        resume_state: dict[str, Any] | None,
    ) -> None:
        self._build = build
        self._key_of = key_of
        self._key: str = "" if resume_state is None else resume_state["key"]
        self._logic: Logic[In, Out] | None = None
        if resume_state is not None:
            self._logic = build(self._key, resume_state["state"])

    def on_batch(self, values: list[In]) -> tuple[Iterable[Out], bool]:
        if self._logic is None:
            self._key = self._key_of(values[0])
            self._logic = self._build(self._key, None)
        return list(self._logic.on_batch(values)), StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[Iterable[Out], bool]:
        left = self._logic.on_eof() if isinstance(self._logic, Finishing) else ()
        return list(left), StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Any]:
        # Without a value yet there is no logic, and the engine asks only after values.
        state = {} if self._logic is None else dict(self._logic.snapshot())
        return {"key": self._key, "state": state}


def keyed(
    step_id: str,
    up: KeyedStream[In],
    build: Callable[[str, Mapping[str, Any] | None], Logic[In, Out]],
    key_of: Callable[[In], str],
) -> KeyedStream[Out]:
    """Run one logic per key.

    Parameters
    ----------
    step_id
        A constant: renaming it drops the state of running deployments.
    up
        Keyed stream.
    build
        Makes the logic of a key, anew (None) or from its snapshot.
    key_of
        Tells the key from a value of it.
    """
    return op.stateful_batch(step_id, up, lambda resume: _Keyed(build, key_of, resume))
