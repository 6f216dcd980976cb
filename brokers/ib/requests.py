"""Requests that wait for the end of their answer."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from brokers.ib.order_ids import LAST_ORDER_ID
from domain.errors import Retry

Key = int | str
"""Id of a request, or the name of a question that TWS answers without one."""


class Requests:
    """Collects answers part by part; all of it on one event loop."""

    def __init__(self) -> None:
        self._last = LAST_ORDER_ID
        self._answers: dict[Key, asyncio.Future[list[Any]]] = {}
        self._parts: dict[Key, list[Any]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def next_id(self) -> int:
        """Return an id that is no order's."""
        self._last += 1
        return self._last

    async def ask(self, key: Key, write: Callable[[], None]) -> list[Any]:
        """Write a request and return the parts of its answer.

        Raises
        ------
        Retry
            If the connection failed, or TWS cannot say now.
        """
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._answers[key], self._parts[key] = answer, []
        try:
            write()
            return await answer
        except ConnectionError as error:
            msg = f"IB cannot say now: {error}"
            raise Retry(msg) from error
        finally:
            self._answers.pop(key, None)
            self._parts.pop(key, None)

    async def ask_alone(self, name: str, write: Callable[[], None]) -> list[Any]:
        """Ask what TWS answers without an id: one at a time, or they could not be told apart."""
        async with self._locks[name]:
            return await self.ask(name, write)

    def part(self, key: Key, part: Any) -> None:
        """Take a part of an answer, if anybody waits for it."""
        if key in self._parts:
            self._parts[key].append(part)

    def end(self, key: Key) -> None:
        """Take the end of an answer."""
        answer = self._answers.get(key)
        if answer is not None and not answer.done():
            answer.set_result(self._parts[key])

    def refuse(self, key: Key, reason: str, *, is_answer: bool) -> bool:
        """Take an error about a request; say whether one was waiting.

        Parameters
        ----------
        reason
            TWS's code and words.
        is_answer
            The error says that there is nothing, rather than that TWS cannot say.
        """
        answer = self._answers.get(key)
        if answer is None or answer.done():
            return False
        if is_answer:
            answer.set_result([])
        else:
            answer.set_exception(ConnectionError(reason))
        return True

    def fail_all(self, reason: str) -> None:
        """Fail whatever waits."""
        for key in tuple(self._answers):
            self.refuse(key, reason, is_answer=False)
