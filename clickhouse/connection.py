"""One way to a ClickHouse server or to chDB, the same engine inside this process: a DSN."""

import logging
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from domain.errors import BadUse

DEFAULT_DATABASE = "aifx"
"""Database of a DSN that names none."""

CONNECT_TIMEOUT_S = 5
"""Seconds until an address that does not answer is given up."""

ANSWER_TIMEOUT_S = 60
"""Seconds of silence until a request is given up; an insert or a query here takes one or two."""

_SERVER_SCHEMES = {"clickhouse": "http", "http": "http", "clickhouses": "https", "https": "https"}
_FORMS = "clickhouse://user:password@host:8123/aifx, or chdb:///absolute/folder for no server"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")

# Without a handler of its own the library's warnings about a refused connection would reach stderr
# beside the one line that `connect` raises.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


def without_password(dsn: str) -> str:
    """Return a DSN that can be shown: the password, where there is one, as ``***``."""
    hidden = re.sub(r"//([^:/@]*):.*@", r"//\1:***@", dsn)
    return re.sub(r"(?i)(password|access_token)=[^&]*", r"\1=***", hidden)


def database_of(dsn: str) -> str | None:
    """Return the database that a DSN names, in its path (servers) or as ``?database=``."""
    parts = urlsplit(dsn)
    named = dict(parse_qsl(parts.query)).get("database")
    if parts.scheme == "chdb" and not parts.netloc:
        return named
    return parts.path.strip("/") or named


def connect(dsn: str, database: str | None = None) -> Client:
    """Return a client that stands in the database, which is created if it is missing.

    Parameters
    ----------
    dsn
        ``clickhouse://user:password@host:8123/database`` (or ``clickhouses``, ``http``, ``https``)
        for a server; ``chdb:///absolute/folder`` for the engine inside this process. A process has
        one chDB folder, and a folder one process.
    database
        Wins over the one that the DSN names; ``aifx`` where neither is given.

    Raises
    ------
    BadUse
        If the DSN is malformed, or what it names cannot be reached or opened.
    """
    try:
        name = database or database_of(dsn) or DEFAULT_DATABASE
        if not _IDENTIFIER.fullmatch(name):
            msg = f"{without_password(dsn)}: {name!r} is no database name (letters, digits, _)"
            raise BadUse(msg)
        client = clickhouse_connect.get_client(**_arguments(dsn))
    except (ClickHouseError, ValueError, OSError) as error:
        msg = f"ClickHouse at {without_password(dsn)}: {_advice(dsn, error)}"
        raise BadUse(msg) from error
    try:
        found = client.query(
            "SELECT count() FROM system.databases WHERE name = {name:String}",
            parameters={"name": name},
        )
        if not found.result_rows[0][0]:
            client.command(f"CREATE DATABASE IF NOT EXISTS {name}")
    except ClickHouseError as error:
        client.close()
        msg = f"ClickHouse at {without_password(dsn)}: no database {name}: {first_line(error)}"
        raise BadUse(msg) from error
    client.database = name
    return client


def _arguments(dsn: str) -> dict[str, Any]:
    # The database is left out of the DSN: a server refuses to connect to one that is not there yet.
    parts = urlsplit(dsn)
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query) if k != "database"])
    if parts.scheme == "chdb":
        if parts.netloc not in ("", "memory") or (not parts.netloc and len(parts.path) <= 1):
            msg = f"a chDB folder is absolute; write {_FORMS}"
            raise ValueError(msg)
        path = "" if parts.netloc else parts.path
        return {"dsn": urlunsplit(("chdb", parts.netloc, path, query, "")) if path else "chdb://"}
    interface = _SERVER_SCHEMES.get(parts.scheme)
    if interface is None or not parts.hostname:
        msg = f"no DSN of a server or of chDB; write {_FORMS}"
        raise ValueError(msg)
    return {
        "dsn": urlunsplit((parts.scheme, parts.netloc, "", query, "")),
        "interface": interface,
        "database": "default",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "send_receive_timeout": ANSWER_TIMEOUT_S,
        # A session id would forbid two inserts at a time through one client.
        "autogenerate_session_id": False,
    }


def _advice(dsn: str, error: Exception) -> str:
    text = str(error)
    if "already initialized with path" in text:
        return "this process already holds another chDB folder; it can hold only one"
    if "initializing EmbeddedServer" in text:
        return (
            "the folder cannot be opened: another process holds it, or it is not writable; "
            "stop that process, or name another folder"
        )
    if "AUTHENTICATION_FAILED" in text:
        return "user or password refused; check the DSN"
    if not isinstance(error, ClickHouseError):
        return first_line(error)
    if getattr(error, "code", None) is None and not dsn.startswith("chdb:"):
        return (
            "no server answers there; start one, check host and port (HTTP, usually 8123), "
            "or use chdb:///absolute/folder"
        )
    return first_line(error)


def first_line(error: Exception) -> str:
    """Return what an error says, cut to one line of a reasonable length."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
