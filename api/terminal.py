"""The same view on a terminal: a live screen, or a plain line now and then where there is none."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from api.terminal_panels import screen
from api.view import View
from api.wording import plain_line

LINE_EVERY_S = 5.0
"""Seconds between plain lines: a log of an hour stays readable."""


class TerminalView:
    """Show a view on a console until the context ends.

    Parameters
    ----------
    view
        What to show.
    console
        Where to; on one that is no terminal only plain lines are written.
    line_every_s
        Seconds between plain lines (>= 0).
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        view: View,
        console: Console,
        line_every_s: float = LINE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._view = view
        self._console = console
        self._every_s = line_every_s
        self._clock = clock
        self._live: Live | None = None
        self._written_s: float | None = None

    def __enter__(self) -> "TerminalView":
        if self._console.is_terminal:
            self._live = Live(
                screen(self._view.snapshot(), self._console.size),
                console=self._console,
                auto_refresh=False,
                vertical_overflow="crop",
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Show the last state and give the terminal back."""
        if self._live is not None:
            self.refresh()
            self._live.stop()
            self._live = None
        else:
            self._write_line()

    def refresh(self) -> None:
        """Show the state now; a few times a second is enough."""
        if self._live is not None:
            state = self._view.snapshot()
            self._live.update(screen(state, self._console.size), refresh=True)
            return
        now_s = self._clock()
        if self._written_s is None or now_s - self._written_s >= self._every_s:
            self._written_s = now_s
            self._write_line()

    def _write_line(self) -> None:
        line = plain_line(self._view.snapshot())
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
