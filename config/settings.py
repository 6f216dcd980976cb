"""The settings tree.

A value comes from ``AIFX__SECTION__NAME`` in the environment, else the TOML file, else from the
default here. Unknown names are refused in both, so that a typing error cannot pass in silence.
"""

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from domain.errors import BadUse

ENV_PREFIX = "AIFX__"
FILE_NAME = "aifx.toml"

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[Decimal, Field(gt=0, le=1)]


class Section(BaseModel):
    """Base of all sections: frozen, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    """The log."""

    bootstrap: str = ""
    """``HOST:PORT`` of a broker; empty for the embedded one."""
    partitions: Positive = 12
    """Partitions of the topics that a run creates; the embedded broker has its own number."""


class ClickHouseSettings(Section):
    """The store."""

    dsn: SecretStr = SecretStr("")
    """DSN of a server; empty for the embedded engine in the data folder."""
    database: str = "aifx"


class IngestSettings(Section):
    """Tick quality and heartbeats."""

    future_skew_ms: Positive = 500
    grace_ms: Positive = 500
    heartbeat_ms: Positive = 1_000


class ModelSettings(Section):
    """Predictions."""

    horizon_ms: Positive = 300_000
    label_tolerance_ms: Positive = 120_000
    online_weight: Annotated[float, Field(ge=0)] = 0.5
    batch_weight: Annotated[float, Field(ge=0)] = 0.5
    online_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    online_l2: Annotated[float, Field(ge=0, le=1)] = 0.001
    online_min_labels: Positive = 120
    training_days: Positive = 3
    """Trade days before a run on which a first model is trained."""


class SignalSettings(Section):
    """The rule."""

    min_edge: Annotated[float, Field(gt=0, lt=0.5)] = 0.04


class ExecutionSettings(Section):
    """Account, sizing, risk and the paper broker."""

    account: str = "paper-1"
    account_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    start_balance: Annotated[Decimal, Field(gt=0)] = Decimal(100_000)
    fraction: Fraction = Decimal("0.2")
    max_position_notional: Annotated[Decimal, Field(gt=0)] = Decimal(50_000)
    max_order_notional: Annotated[Decimal, Field(gt=0)] = Decimal(100_000)
    max_price_age_ms: Positive = 30_000
    max_spread_pips: Annotated[float, Field(gt=0)] = 5.0
    max_daily_loss_fraction: Annotated[Decimal, Field(gt=0, lt=1)] = Decimal("0.02")
    paper_latency_ms: Annotated[int, Field(ge=0)] = 50


class EngineSettings(Section):
    """The dataflow engine."""

    epoch_ms: Positive = 1_000
    """Snapshots, durable offsets and what a crash replays: all at this distance."""
    archive_epoch_ms: Positive = 2_000
    """Longer for the archive: ClickHouse likes few large inserts."""
    idle_ms: Annotated[float, Field(gt=0)] = 1.0


class DashboardSettings(Section):
    """The page."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    ingest: IngestSettings = IngestSettings()
    models: ModelSettings = ModelSettings()
    signals: SignalSettings = SignalSettings()
    execution: ExecutionSettings = ExecutionSettings()
    engine: EngineSettings = EngineSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which comes in as initial values."""
        return env_settings, init_settings


def load(path: Path | None = None) -> Settings:
    """Read the settings.

    Parameters
    ----------
    path
        TOML file; None for ``aifx.toml`` in the working folder, if it is there.

    Raises
    ------
    BadUse
        If the file is missing or broken, or a name or value is not valid.
    """
    values: dict[str, Any] = {}
    chosen = path or Path(FILE_NAME)
    if path is not None or chosen.exists():
        try:
            values = tomllib.loads(chosen.read_text())
        except OSError as error:
            msg = f"settings file {chosen} cannot be read: {error.strerror}"
            raise BadUse(msg) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            msg = f"settings file {chosen} is no valid TOML: {error}"
            raise BadUse(msg) from error
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        section = ENV_PREFIX + name.removeprefix(ENV_PREFIX).split("__")[0]
        if name.startswith(ENV_PREFIX) and section not in known:
            msg = f"{name} names no settings section; known: {', '.join(sorted(known))}"
            raise BadUse(msg)
    return settings_of(values)


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Build the tree from a mapping by section; the environment wins over it.

    Raises
    ------
    BadUse
        If a name or value is not valid.
    """
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"setting {where}: {first['msg']} (see config/settings.py for names and bounds)"
        raise BadUse(msg) from error
    except SettingsError as error:
        # A whole section given as one variable must be JSON; the value may be secret, so no cause.
        msg = f"environment: {error} (prefer one variable a name: {ENV_PREFIX}SECTION__NAME)"
        raise BadUse(msg) from None


def without_secrets(settings: Settings) -> dict[str, Any]:
    """Return the tree as plain values, secrets left out: safe to write to disk."""
    return settings.model_dump(mode="json", exclude={"clickhouse": {"dsn"}})
