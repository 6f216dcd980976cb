"""The kill switch over HTTP: who trades in which state, and the one act that a page may ask for.

A kill asks for the run's token. The page gets it from here, and only a page of this very server
can: browsers say where a request comes from, and the name under which the server was called must be
its own, so that no other site can borrow it. Everything else, a script for instance, is given the
token by whoever started the run.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from domain.errors import AifxError

TOKEN_HEADER = "X-AIFX-Control"  # noqa: S105 - the name of a header
MAX_BODY_BYTES = 4_096
"""A name and a reason; more is nothing that a person typed."""

_LOCAL = frozenset({"localhost", "localhost.localdomain"})
_STATUS = {"written": 202, "refused": 409}
"""HTTP status by outcome; what is done is 200."""


class ControlPort(Protocol):
    """Where the account's control requests go."""

    def state(self) -> dict[str, Any]:
        """Return the trading states and the readiness as plain values."""
        ...

    def readiness(self) -> dict[str, Any] | None:
        """Return ``rung``, ``trades`` and ``why`` of the account; None where it is always ready."""
        ...

    def kill(self, by: str, reason: str, strategy: str) -> dict[str, Any]:
        """Kill; return ``outcome`` and ``words``."""
        ...


@dataclass(frozen=True)
class Control:
    """What the routes need.

    Attributes
    ----------
    port
        Where requests go; its methods may wait, they are called beside the server's own thread.
    token
        Secret of this run.
    hosts
        Names of the server, lower case, besides addresses and ``localhost``.
    """

    port: ControlPort
    token: str = field(repr=False)
    hosts: frozenset[str] = frozenset()


class KillRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a kill: who, why, and whose orders (empty: everybody's)."""

    by: str
    reason: str
    strategy: str = ""


def control_routes(control: Control | None) -> APIRouter:
    """Return the routes of the kill switch.

    Parameters
    ----------
    control
        None where nothing can be controlled: the state then says so, and nothing else is there.
    """
    routes = APIRouter(prefix="/api/v1/control")

    @routes.get("")
    async def state() -> JSONResponse:
        """Return the trading states, by whom and why, and how ready the account is."""
        if control is None:
            return JSONResponse({"wired": False})
        return JSONResponse({"wired": True} | await asyncio.to_thread(control.port.state))

    @routes.post("/token")
    async def token(request: Request) -> JSONResponse:
        """Give the token to a page of this server."""
        if control is None:
            return _fault(404, "nothing can be controlled here")
        if "origin" not in request.headers or not _is_own(request, control):
            return _fault(403, "the token is for pages of this server")
        return JSONResponse({"token": control.token})

    @routes.post("/kill")
    async def kill(request: Request) -> JSONResponse:
        """Let no order leave, and cancel all that are open."""
        if control is None:
            return _fault(404, "nothing can be controlled here")
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), control.token.encode()):
            return _fault(403, f"{TOKEN_HEADER} must hold the token of this run")
        if not _is_own(request, control):
            return _fault(403, "a page of another server may not ask this")
        asked = await _read(request)
        if isinstance(asked, str):
            return _fault(422, asked)
        return await _answered(control.port.kill, asked)

    return routes


async def _answered(
    act: Callable[[str, str, str], dict[str, Any]], asked: KillRequest
) -> JSONResponse:
    try:
        # In a thread: the disk may be slow, and the next request may be the one that counts.
        found = await asyncio.to_thread(act, asked.by, asked.reason, asked.strategy)
    except AifxError as error:
        return _fault(503, str(error))
    return JSONResponse(found, _STATUS.get(found["outcome"], 200))


async def _read(request: Request) -> KillRequest | str:
    """Return the body, or what is wrong with it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return f"the body has more than {MAX_BODY_BYTES} bytes"
    try:
        asked = msgspec.json.decode(body, type=KillRequest)
    except msgspec.MsgspecError as error:
        return str(error)
    if not asked.by.strip() or not asked.reason.strip():
        return "by and reason must say who kills, and why"
    return asked


def _is_own(request: Request, control: Control) -> bool:
    """Say whether a request came from this server's own page, as far as the browser says."""
    headers = request.headers
    try:
        name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        origin = urlsplit(headers.get("origin", "")).netloc
    except ValueError:
        return False
    if name not in _LOCAL | control.hosts and not _is_address(name):
        # A name that anybody may point at this machine: its pages would pass for our own.
        return False
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    return "origin" not in headers or origin == headers.get("host")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _fault(status: int, words: str) -> JSONResponse:
    return JSONResponse({"detail": words}, status)
