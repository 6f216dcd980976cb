"""The API token: read where it is kept, shown to nobody but the server.

It comes from an environment variable or from a file. A file is looked at again before each request,
so that a token that was changed there is used from the next request on.
"""

import os
import ssl
import string
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path

import httpx
from pydantic import SecretStr

from brokers.secret_file import SecretFile
from domain.errors import BadUse

_ALLOWED = frozenset(string.ascii_letters + string.digits + "-._~+/=")
"""Characters of a bearer token (RFC 6750)."""


class Token:
    """A bearer token that never shows in a repr, a log line or an error.

    Parameters
    ----------
    variable
        Name of the environment variable that holds it; empty if a file does.
    path
        File that holds it, and nothing else but white space.

    Raises
    ------
    BadUse
        If both or neither are given.
    """

    def __init__(self, variable: str = "", path: Path | None = None) -> None:
        if bool(variable) == (path is not None):
            msg = "give the OANDA token by an environment variable or by a file, and not by both"
            raise BadUse(msg)
        self._variable = variable
        self._path = path
        self._file = None if path is None else SecretFile(path, "the OANDA token")

    def __repr__(self) -> str:
        return f"Token(variable={self._variable!r}, path={self._path!r})"

    def read(self) -> SecretStr:
        """Return the token as it stands now.

        Raises
        ------
        BadUse
            If there is none.
        """
        if self._file is None:
            found = SecretStr(os.environ.get(self._variable, "").strip())
            where = f"the environment variable {self._variable}"
        else:
            found, where = self._file.read(), str(self._path)
        value = found.get_secret_value()
        if not value:
            msg = f"no OANDA token in {where}: put one there"
            raise BadUse(msg)
        if not set(value) <= _ALLOWED:
            # Further on, the HTTP library would quote the header that it cannot send.
            msg = f"what is in {where} is no token: it has characters that no header may carry"
            raise BadUse(msg)
        return found


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Return what all clients of a process check certificates with: it is slow to make."""
    return httpx.create_ssl_context(trust_env=False)


class BearerAuth(httpx.Auth):
    """Puts the token on each request as it leaves."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token.read().get_secret_value()}"
        yield request
