"""HTTP over a view: the page, its files, the state as JSON and as a stream, and two probes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.control import Control, control_routes
from api.headers import SecurityHeaders
from api.stream import events
from api.view import View

STATIC = Path(__file__).parent / "static"
_SERVED = frozenset({".css", ".js", ".svg"})
"""Kinds of files that a browser may load; the package's own Python file is none of them."""

MAX_STREAMS = 64
"""Streams open at once: each costs a snapshot every quarter of a second."""

_READY = frozenset({"running", "finished"})

Symbol = Annotated[str | None, Query(max_length=16)]


class _Assets(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        if Path(path).suffix not in _SERVED:
            raise HTTPException(status_code=404)
        return await super().get_response(path, scope)


def create_app(view: View, control: Control | None = None) -> FastAPI:
    """Return the application that shows a view; it takes no orders, and one act: to stop them.

    Its ``state.closing`` is a `threading.Event`: set it and all open streams end.

    Parameters
    ----------
    control
        Way to the account's kill switch; None where there is none.
    """
    app = FastAPI(title="AIFX", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.closing = closing = Event()
    app.state.streams = 0
    app.add_middleware(SecurityHeaders)
    app.include_router(control_routes(control))
    app.mount("/static", _Assets(directory=STATIC), name="static")

    async def counted(symbol: str | None) -> AsyncIterator[bytes]:
        app.state.streams += 1
        try:
            async for chunk in events(view, symbol, closing):
                yield chunk
        finally:
            app.state.streams -= 1

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/api/v1/state")
    async def state(symbol: Symbol = None) -> Response:
        """Return the whole state, with the candles and markers of one symbol."""
        return _json(view.snapshot(symbol))

    @app.get("/api/v1/stream")
    async def stream(symbol: Symbol = None) -> Response:
        """Send the state and then its changes as Server-Sent Events, about four times a second."""
        if closing.is_set() or app.state.streams >= MAX_STREAMS:
            return JSONResponse({"detail": "no more streams"}, 503, {"Retry-After": "5"})
        return StreamingResponse(
            counted(symbol), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @app.get("/ready")
    @app.get("/readyz")
    async def ready() -> JSONResponse:
        """Say whether a run goes on as it should, or has finished: 200; else 503, with the reason.

        At a broker that asks for more than a process: book and venue must agree.
        """
        status = view.status
        found = {"status": status}
        is_ready = status in _READY
        if control is not None and status == "running":
            readiness = await asyncio.to_thread(control.port.readiness)
            if readiness is not None:
                found |= {"readiness": readiness["rung"], "reason": readiness["why"]}
                is_ready = readiness["trades"]
        return JSONResponse(found, 200 if is_ready else 503)

    return app


def _json(state: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(state), media_type="application/json")
