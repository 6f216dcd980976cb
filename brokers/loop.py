"""An event loop in a thread of its own: where adapters that speak asyncio live."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from domain.errors import Retry

_T = TypeVar("_T")

_STOP_S = 5.0
"""How long `LoopThread.stop` waits for tasks that were told to end."""


class LoopThread:
    """Runs coroutines for callers that do not; one per venue.

    Parameters
    ----------
    name
        Of the thread, for stack dumps.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def spawn(self, work: Coroutine[Any, Any, _T]) -> "Future[_T]":
        """Begin some work and come back at once; callable from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, _T], timeout_s: float) -> _T:
        """Do some work and wait for its result; never from within the loop.

        Raises
        ------
        TimeoutError
            If it took longer; it is canceled then.
        Retry
            If the loop was stopped meanwhile.
        """
        future = self.spawn(work)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise
        except CancelledError as error:
            msg = "the adapter was stopped meanwhile"
            raise Retry(msg) from error

    def stop(self) -> None:
        """Cancel what is running and end the thread; idempotent."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
