"""Options that several commands share, and how a command line becomes settings."""

import os
from pathlib import Path
from typing import Annotated

import typer

from config import settings as config
from config.settings import Settings
from domain.errors import BadUse
from domain.nanos import parse_ns

DEFAULT_DATA = Path(".aifx")

Symbols = Annotated[
    str, typer.Option("--symbols", help="Comma-separated, such as EURUSD,USDJPY; default: all.")
]
Data = Annotated[Path, typer.Option("--data", help="Folder of stores, models and runs.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="TOML settings; default: aifx.toml, if there.")
]
ClickHouse = Annotated[
    str, typer.Option("--clickhouse", help="DSN of a server; default: embedded chDB.")
]


def names_in(text: str) -> list[str]:
    """Return the parts of a comma-separated list, without empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def settings_with(
    path: Path | None,
    *,
    kafka: str = "",
    clickhouse: str = "",
    port: int | None = None,
    broker: str = "",
) -> Settings:
    """Read the settings; what the command line says wins, and reaches the workers too.

    Raises
    ------
    BadUse
        If the file is missing or broken, or a value is not valid.
    """
    for name, value in (
        ("KAFKA__BOOTSTRAP", kafka),
        ("CLICKHOUSE__DSN", clickhouse),
        ("BROKER__KIND", broker),
        ("DASHBOARD__PORT", "" if port is None else str(port)),
    ):
        if value:
            os.environ[config.ENV_PREFIX + name] = value
    return config.load(path)


def time_in(text: str, option: str) -> int:
    """Return a time of the command line in nanoseconds.

    Raises
    ------
    BadUse
        If it is none.
    """
    try:
        return parse_ns(text)
    except ValueError as error:
        msg = f"{option} {text}: give an ISO 8601 date or time in UTC"
        raise BadUse(msg) from error
