"""A web server in a thread of its own: it starts on a free port or says why not, and stops fast."""

import errno
import http.client
import socket
import time
from threading import Event, Thread

import uvicorn
from fastapi import FastAPI

from domain.errors import BadUse, Halt

START_TIMEOUT_S = 10.0
"""Seconds in which the server must answer; it needs a tenth of one when it can start at all."""

STOP_TIMEOUT_S = 1.5
"""Seconds given to open answers; streams end by themselves within a quarter of one."""

_BACKLOG = 128
_MAX_PORT = 65_535
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound


class Server:
    """Serve an application from a daemon thread.

    Parameters
    ----------
    app
        What to serve; ``app.state.closing``, where it is, is set on stop.
    host
        Address to listen on, as the caller says: nothing else is opened.
    port
        Port to listen on; 0 takes any free one (see ``port`` after ``reserve``).
    """

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 8080) -> None:
        self.app = app
        self.host = host
        self.port = port
        self._socket: socket.socket | None = None
        self._uvicorn: uvicorn.Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = _EVERYWHERE.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def reserve(self) -> None:
        """Take the port without serving yet, so that a run can fail before it does anything.

        Raises
        ------
        BadUse
            If the port is in use or the address cannot be listened on.
        """
        if self._socket is not None:
            return
        if not 0 <= self.port <= _MAX_PORT:
            msg = f"{self.port} is no port: give one from 1 to {_MAX_PORT}, or 0 for any free one"
            raise BadUse(msg)
        try:
            family, kind, proto, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except OSError as error:
            msg = f"{self.host}:{self.port} is no address to listen on: {error}"
            raise BadUse(msg) from error
        listener = socket.socket(family, kind, proto)
        try:
            # Without it a port that a stopped server used stays taken for a minute.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise BadUse(self._why_not(error)) from error
        self.port = listener.getsockname()[1]
        self._socket = listener

    def _why_not(self, error: Exception) -> str:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            return f"port {self.port} on {self.host} is in use: stop what uses it or pass --port"
        return f"cannot listen on port {self.port} of {self.host}: {error}"

    def start(self) -> None:
        """Serve, and return when the first request was answered.

        Raises
        ------
        BadUse
            If the port is in use.
        Halt
            If the server does not answer.
        """
        self.reserve()
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = Thread(
            target=self._uvicorn.run, args=([self._socket],), name="aifx-http", daemon=True
        )
        self._thread.start()
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if not self._thread.is_alive() or time.monotonic() > deadline_s:
                self.stop()
                msg = f"the web server on {self.host}:{self.port} does not answer"
                raise Halt(msg)
            time.sleep(0.02)

    def _answers(self) -> bool:
        if self._uvicorn is None or not self._uvicorn.started:
            return False
        host = _EVERYWHERE.get(self.host, self.host)
        connection = http.client.HTTPConnection(host, self.port, timeout=2.0)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End open streams, close the port, and wait for the thread: two seconds at most."""
        closing = getattr(self.app.state, "closing", None)
        if isinstance(closing, Event):
            closing.set()
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.should_exit = True
            self._thread.join(STOP_TIMEOUT_S)
            if self._thread.is_alive():
                self._uvicorn.force_exit = True
                self._thread.join(0.4)
        if self._socket is not None:
            self._socket.close()
        self._uvicorn = self._thread = self._socket = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
