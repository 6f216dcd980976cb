"""The terminal: a live screen on a tty, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from api.terminal import TerminalView
from api.view import View
from api.wording import money, plain_line, span
from testkit.demo_view import demo_view


def console(*, tty: bool, width: int = 120) -> Console:
    """Return a console that writes into memory."""
    return Console(file=io.StringIO(), force_terminal=tty, width=width, height=60)


def written(console: Console) -> str:
    """Return what a console wrote."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [70, 120, 200])
def test_a_tty_gets_a_screen(width: int) -> None:
    """Prices, progress, counters, rejects, latency and equity are on it at every width."""
    out = console(tty=True, width=width)
    with TerminalView(demo_view(20), out) as terminal:
        terminal.refresh()
    text = written(out)
    for word in ("EUR/USD", "rows/s", "ticks_in", "duplicate", "tick_to_signal", "Equity"):
        assert word in text, word
    assert "\x1b[" in text
    assert "no promise" in text


def test_an_empty_view_gets_a_screen() -> None:
    """Before the first record every panel says that it waits."""
    out = console(tty=True)
    with TerminalView(View(), out):
        pass
    assert "waiting for the first bar" in written(out)


def test_elsewhere_a_plain_line_now_and_then() -> None:
    """No escape codes, one line each few seconds, and a last one at the end."""
    now = [0.0]
    out = console(tty=False, width=40)
    with TerminalView(demo_view(20), out, line_every_s=5, clock=lambda: now[0]) as terminal:
        for now[0] in (0.0, 1.0, 4.9, 5.0, 6.0):
            terminal.refresh()
    lines = written(out).splitlines()
    assert len(lines) == 3
    assert all("\x1b" not in line for line in lines)
    assert lines[0].startswith("running | replaying | event 2024-05-14T12:20:00.000Z | 96,000 of")


def test_markup_in_a_status_is_text() -> None:
    """Square brackets from outside neither vanish nor break the line."""
    view = View()
    view.set_status("failed", "[bold]no[/]route")
    out = console(tty=False)
    with TerminalView(view, out):
        pass
    assert "failed | [bold]no[/]route | 0 rows" in written(out)
    with TerminalView(view, console(tty=True)) as terminal:
        terminal.refresh()


def test_words() -> None:
    """Times and amounts are written as people do; an unknown amount is a dash."""
    assert [span(5), span(65.4), span(3_725)] == ["00:05", "01:05", "1:02:05"]
    assert [money("1234.5"), money(None)] == ["1,234.50", "–"]
    assert plain_line(View().snapshot()) == "starting | 0 rows"
