"""The state as Server-Sent Events: all of it once, then what changed, and a beat in between."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import msgspec

from api.view import View

PERIOD_S = 0.25
"""Seconds between two looks at the view: four a second are fluent to the eye."""

BEAT_PERIODS = 4
"""Quiet looks after which a beat is sent, so that a reader can tell quiet from broken."""

RETRY_MS = 1_000
"""Milliseconds after which a browser tries again when the connection breaks."""

_ENCODER = msgspec.json.Encoder()


def event(name: str, data: object, revision: int) -> bytes:
    """Write one event; JSON holds no line break, so the data is always one line."""
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), revision, _ENCODER.encode(data))


async def events(view: View, symbol: str | None, closing: Event) -> AsyncIterator[bytes]:
    """Yield ``state``, then ``change`` and ``beat`` events, and one ``bye`` when closing.

    Parameters
    ----------
    view
        What to look at.
    symbol
        Whose candles and markers to send; None means the first of the run.
    closing
        Set when the server stops: the stream then ends within one period.
    """
    yield b"retry: %d\n\n" % RETRY_MS
    state = view.snapshot(symbol)
    yield event("state", state, state["revision"])
    seen, shown, quiet = state["revision"], state["symbol"], 0
    while not closing.is_set():
        await asyncio.sleep(PERIOD_S)
        if view.revision == seen:
            quiet += 1
            if quiet % BEAT_PERIODS == 0:
                yield event("beat", {"idle_s": view.idle_s}, seen)
            continue
        change = view.snapshot(symbol, since=seen)
        if change["symbol"] == shown:
            yield event("change", change, change["revision"])
        else:
            # The first symbol of the run became another one: its sections may be older than `seen`.
            change = view.snapshot(symbol)
            yield event("state", change, change["revision"])
        seen, shown, quiet = change["revision"], change["symbol"], 0
    yield event("bye", {}, seen)
