"""The settings tree.

A value comes from ``AIFX__SECTION__NAME`` in the environment, else the TOML file, else from the
default here. Unknown names are refused in both, so that a typing error cannot pass in silence.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from config.section import ENV_PREFIX as ENV_PREFIX
from config.section import Positive, Section
from config.trading_settings import (
    BrokerSettings,
    ExecutionSettings,
    FurtherBrokerSettings,
    PaperSettings,
    RiskSettings,
    check_together,
)
from domain.bars import DEFAULT_TIMEFRAMES, order_of
from domain.deployments import Slot
from domain.errors import BadUse

FILE_NAME = "aifx.toml"

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, le=1)]
AccountKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
"""Name of a further account's section, as a variable of the environment can spell it."""

ROLES = ("online", "xgboost", "forest", "lstm", "rules")
"""Roles of the ensemble; each has a weight of its own name."""


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
    lateness_ms: Annotated[int, Field(ge=0)] = 0
    """How long a bar waits for delayed ticks; every decision comes this much later."""
    gap_ms: Positive = 60_000
    learn_ticks: Positive = 100
    """Accepted ticks of a symbol before a rule compares with what was learned."""
    spread_ratio: Annotated[float, Field(gt=1, le=1_000)] = 5.0
    spread_floor_pips: Annotated[float, Field(ge=0, le=1_000)] = 2.0
    spike_sigmas: Annotated[float, Field(gt=0, le=100)] = 20.0
    spike_floor_pips: Annotated[float, Field(gt=0, le=1_000)] = 5.0
    spike_confirm_ticks: Annotated[int, Field(ge=2, le=16)] = 3
    spike_hold_ms: Positive = 400
    """Never longer than the grace, whatever is set."""
    stale_min_changes: Positive = 1_000
    burst_min_duplicates: Positive = 8
    burst_z_score: Annotated[float, Field(gt=0, le=1_000)] = 6.0
    one_sided_ticks: Positive = 50


class BarSettings(Section):
    """Bars."""

    timeframes: tuple[str, ...] = DEFAULT_TIMEFRAMES
    """Such as 30s, 5m, 4h, 1000tick or 5pip; 1m must be among them."""

    @field_validator("timeframes")
    @classmethod
    def _are_timeframes(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if "1m" not in names or len(set(names)) != len(names):
            msg = "must hold 1m, on which decisions are made, and none twice"
            raise ValueError(msg)
        try:
            return tuple(sorted(names, key=order_of))
        except BadUse as error:
            raise ValueError(str(error)) from error


class ModelSettings(Section):
    """Predictions."""

    store: str = ""
    """Folder or ``s3://bucket/prefix`` of the models; empty: in the data folder. Below it, models
    of simulated and of recorded feeds have a folder each."""
    horizon_ms: Positive = 300_000
    label_tolerance_ms: Positive = 120_000
    online_weight: Weight = 1.0
    """Weight of a role before any loss is known; only proportions count, 0: not deployed."""
    xgboost_weight: Weight = 1.0
    forest_weight: Weight = 1.0
    lstm_weight: Weight = 1.0
    rules_weight: Weight = 0.5
    online_kind: Literal["logistic", "choice"] = "logistic"
    """``choice`` adds a Hoeffding tree and a random forest, and costs their time at every bar."""
    online_learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    online_l2: Annotated[float, Field(ge=0, le=1)] = 0.001
    online_min_labels: Positive = 120
    ensemble_learning_rate: Annotated[float, Field(ge=0, le=10)] = 0.2
    """How far a nat of loss moves the logarithm of a weight; 0: weights never move. Labels of
    overlapping horizons repeat each other: one over the bars in a horizon is about right."""
    ensemble_half_life_labels: Positive = 240
    ensemble_weight_floor: Annotated[float, Field(ge=0, lt=0.2)] = 0.05
    min_members: Annotated[int, Field(ge=1, le=5)] = 1
    min_weight: Unit = 0.5
    """Share of the weight of the deployed members that must have answered for a view."""
    min_agreement: Unit = 0.6
    max_age_days: Annotated[int, Field(ge=0)] = 90
    """Event time after the last bar of its training in which a model may decide; 0: always."""
    trial_alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    trial_max_labels: Positive = 20_000
    drift: bool = True
    drift_rollback: bool = True
    """Whether a risen error takes models that are still on trial back to the champion before."""
    min_accuracy: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Floor of the measured directional accuracy of a symbol's signals; 0: no gate."""
    min_signals: Positive = 200
    window_signals: Positive = 1_000
    gate_until_measured: bool = False
    """Whether nothing is risked before ``min_signals`` outcomes are known."""
    gate_reopen_margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.01
    """How far above the floor a closed gate opens again."""
    training_days: Positive = 3
    """Trade days before a run on which first models are trained."""

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every role that is deployed."""
        named = {role: getattr(self, f"{role}_weight") for role in ROLES}
        return {role: weight for role, weight in named.items() if weight > 0}

    @model_validator(mode="after")
    def _fit_together(self) -> "ModelSettings":
        if not self.weights:
            names = ", ".join(f"{role}_weight" for role in ROLES)
            msg = f"{names} are all 0: no model would be deployed"
            raise ValueError(msg)
        if self.min_members > len(self.weights):
            msg = f"min_members is {self.min_members}, and {len(self.weights)} roles have a weight"
            raise ValueError(msg)
        if self.min_signals > self.window_signals:
            msg = f"window_signals must be at least min_signals ({self.min_signals})"
            raise ValueError(msg)
        return self


class TrainingSettings(Section):
    """How models are trained, and when anew."""

    run_kinds: tuple[Slot, ...] = ("xgboost",)
    """Trained for a run that finds no champion; ``aifx train`` trains all unless told otherwise."""
    folds: Annotated[int, Field(ge=3, le=50)] = 4
    """Walk-forward tests."""
    slippage_pips: Annotated[float, Field(ge=0, le=100)] = 0.1
    """Of each of the two orders of a trade, in figures, evidence and labels after costs."""
    barrier_width_up: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Distance of a barrier in deviations of the return over the horizon."""
    barrier_width_down: Annotated[float, Field(gt=0, le=100)] = 1.0
    max_age_days: Annotated[float, Field(gt=0, le=10_000)] = 7.0
    """Age of the champion's newest data at which ``aifx retrain`` trains."""
    drift_events: Positive = 3
    """How many within ``drift_window_hours`` are enough."""
    drift_window_hours: Annotated[float, Field(gt=0, le=10_000)] = 24.0
    min_accuracy: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Floor below which the champion's interval must lie; 0 turns it off."""
    min_signals: Positive = 1_000
    """Signals below which its accuracy is not judged; the newest so many are."""
    pause_hours: Annotated[float, Field(ge=0, le=10_000)] = 24.0
    """Shortest event time between two trainings of a slot."""

    @field_validator("run_kinds")
    @classmethod
    def _differ(cls, kinds: tuple[Slot, ...]) -> tuple[Slot, ...]:
        if len(set(kinds)) != len(kinds):
            msg = "must name no kind twice"
            raise ValueError(msg)
        return kinds


class SignalSettings(Section):
    """The rule."""

    min_edge: Annotated[float, Field(gt=0, lt=0.5)] = 0.04


class EngineSettings(Section):
    """The dataflow engine."""

    epoch_ms: Positive = 1_000
    """Snapshots, durable offsets and what a crash replays: all at this distance."""
    archive_epoch_ms: Positive = 2_000
    """Longer for the archive: ClickHouse likes few large inserts."""
    idle_ms: Annotated[float, Field(gt=0)] = 1.0
    trading_processes: Positive = 1
    """Processes that share the partitions of the trading dataflow; at most as many as there are."""


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
    bars: BarSettings = BarSettings()
    models: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    signals: SignalSettings = SignalSettings()
    execution: ExecutionSettings = ExecutionSettings()
    risk: RiskSettings = RiskSettings()
    broker: BrokerSettings = BrokerSettings()
    paper: PaperSettings = PaperSettings()
    engine: EngineSettings = EngineSettings()
    dashboard: DashboardSettings = DashboardSettings()
    brokers: dict[AccountKey, FurtherBrokerSettings] = {}
    """Further accounts of the run by the name of their section; ``broker`` is the first."""

    @property
    def account(self) -> str:
        """Name of the first account: the broker's own, where there is one."""
        return self.broker.account_id or self.execution.account

    @property
    def accounts(self) -> "tuple[Settings, ...]":
        """Settings of each account of the run as if it were the only one; the first comes first."""
        return (self, *(self._of_one(broker) for broker in self.brokers.values()))

    @property
    def is_routed(self) -> bool:
        """Whether it must be said for each signal which account may open a position for it."""
        return bool(self.brokers or self.broker.symbols)

    def _of_one(self, broker: FurtherBrokerSettings) -> "Settings":
        own = {"execution": broker.execution_of(self.execution), "paper": broker.paper}
        return self.model_copy(update={"broker": broker, "brokers": {}, **own})

    @field_validator("brokers")
    @classmethod
    def _name_sections(
        cls, brokers: dict[str, FurtherBrokerSettings]
    ) -> dict[str, FurtherBrokerSettings]:
        return {name: brokers[name].model_copy(update={"name": name}) for name in sorted(brokers)}

    @model_validator(mode="after")
    def _accounts_fit_together(self) -> "Settings":
        check_together([(one.account, one.broker) for one in self.accounts])
        return self

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
        what = f"setting {where}" if where else "settings"
        msg = f"{what}: {first['msg']} (see config/settings.py for names and bounds)"
        raise BadUse(msg) from error
    except SettingsError as error:
        # A whole section given as one variable must be JSON; the value may be secret, so no cause.
        msg = f"environment: {error} (prefer one variable a name: {ENV_PREFIX}SECTION__NAME)"
        raise BadUse(msg) from None


def without_secrets(settings: Settings) -> dict[str, Any]:
    """Return the tree as plain values, secrets left out: safe to write to disk."""
    plain = settings.model_dump(mode="json")
    for path, _ in _secrets(settings):
        *above, name = path
        part = plain
        for step in above:
            part = part[step]
        del part[name]
    return plain


def secrets_of(settings: Settings) -> dict[str, str]:
    """Return the secrets that are set, by the variable that hands each to a worker."""
    return {
        f"{ENV_PREFIX}{'__'.join(path)}".upper(): value.get_secret_value()
        for path, value in _secrets(settings)
        if value.get_secret_value()
    }


def _secrets(
    part: object, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], SecretStr]]:
    """Yield every secret below a part of the tree, with its way there."""
    if isinstance(part, SecretStr):
        yield path, part
    elif isinstance(part, Mapping | BaseModel):
        for name, value in part.items() if isinstance(part, Mapping) else part:
            yield from _secrets(value, (*path, name))
