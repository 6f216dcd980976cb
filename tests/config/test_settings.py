"""Settings: where a value comes from, what is refused by name, and what never leaks."""

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from config.settings import (
    ENV_PREFIX,
    FILE_NAME,
    ROLES,
    Settings,
    load,
    secrets_of,
    settings_of,
    without_secrets,
)
from domain.errors import BadUse

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take the settings of whoever runs the tests away."""
    for name in [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a settings file and return its path."""

    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return write


def test_defaults_without_a_file() -> None:
    """A run needs no settings at all."""
    settings = load()
    assert settings == settings_of({})
    assert settings.kafka.bootstrap == ""
    assert settings.ingest.grace_ms == 500
    assert settings.execution.start_balance == Decimal(100_000)


def test_a_file_gives_values(write: Write) -> None:
    """Named or found in the working folder; what it does not name keeps its default."""
    path = write('[ingest]\ngrace_ms = 250\n[execution]\naccount = "paper-2"\n')
    settings = load(path)
    assert (settings.ingest.grace_ms, settings.ingest.heartbeat_ms) == (250, 1_000)
    assert settings.execution.account == "paper-2"
    assert load() == settings_of({})
    path.rename(FILE_NAME)
    assert load() == settings


def test_the_environment_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name by name: what the environment does not say the file still does."""
    path = write("[ingest]\ngrace_ms = 250\nheartbeat_ms = 2000\n[models]\nhorizon_ms = 60000\n")
    monkeypatch.setenv("AIFX__INGEST__GRACE_MS", "125")
    settings = load(path)
    assert settings.ingest.grace_ms == 125
    assert settings.ingest.heartbeat_ms == 2_000
    assert settings.models.horizon_ms == 60_000


def test_a_whole_section_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section may be one variable, as orchestrators like it."""
    monkeypatch.setenv("AIFX__INGEST", '{"grace_ms": 125}')
    assert settings_of({}).ingest.grace_ms == 125


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[ingest]\ngrace_sm = 1\n", r"setting ingest\.grace_sm: Extra inputs are not permitted"),
        ("[ingests]\ngrace_ms = 1\n", r"setting ingests: Extra inputs are not permitted"),
        ("grace_ms = 1\n", r"setting grace_ms: Extra inputs are not permitted"),
        (
            "[ingest.grace_ms]\nx = 1\n",
            r"setting ingest\.grace_ms: Input should be a valid integer",
        ),
        ("ingest = 1\n", r"setting ingest: Input should be a valid dictionary"),
        ("[ingest\n", r"mine\.toml is no valid TOML"),
        ("[ingest]\ngrace_ms = 1\ngrace_ms = 2\n", r"is no valid TOML: .*line 3"),
    ],
)
def test_a_wrong_name_in_the_file_is_refused(write: Write, text: str, words: str) -> None:
    """A typing error is answered with the name that was typed."""
    with pytest.raises(BadUse, match=words):
        load(write(text))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("AIFX__INGEST__GRACE_SM", r"setting ingest\.grace_sm: Extra inputs are not permitted"),
        ("AIFX__INGESTS__GRACE_MS", r"AIFX__INGESTS__GRACE_MS names no settings section; known: "),
        ("AIFX__GRACE_MS", r"AIFX__GRACE_MS names no settings section"),
        ("AIFX__INGEST__GRACE_MS__X", r"setting ingest\.grace_ms: Input should be a valid integer"),
        ("AIFX__INGEST", r"environment: error parsing value for field .ingest."),
        ("AIFX__", r"AIFX__ names no settings section"),
    ],
)
def test_a_wrong_name_in_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    """A variable that nobody would read is an error, not a silence."""
    monkeypatch.setenv(name, "a word")
    with pytest.raises(BadUse, match=words):
        load()


def test_names_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what begins with the prefix, both its underscores included, is a setting."""
    for name in ("AIFX_DATA", "AIFX", "KAFKA__BOOTSTRAP", "INGEST"):
        monkeypatch.setenv(name, "x")
    assert load() == settings_of({})


BOUNDS: list[tuple[str, str, Any]] = [
    ("kafka", "partitions", 0),
    ("ingest", "future_skew_ms", 0),
    ("ingest", "grace_ms", -1),
    ("ingest", "grace_ms", 1.5),
    ("ingest", "heartbeat_ms", 0),
    ("ingest", "lateness_ms", -1),
    ("ingest", "gap_ms", 0),
    ("ingest", "learn_ticks", 0),
    ("ingest", "spread_ratio", 1),
    ("ingest", "spread_ratio", float("nan")),
    ("ingest", "spread_floor_pips", -0.1),
    ("ingest", "spike_sigmas", 0),
    ("ingest", "spike_sigmas", 101),
    ("ingest", "spike_floor_pips", 0),
    ("ingest", "spike_confirm_ticks", 1),
    ("ingest", "spike_confirm_ticks", 17),
    ("ingest", "spike_hold_ms", 0),
    ("ingest", "stale_min_changes", 0),
    ("ingest", "burst_min_duplicates", 0),
    ("ingest", "burst_z_score", 0),
    ("ingest", "burst_z_score", float("inf")),
    ("ingest", "one_sided_ticks", 0),
    ("models", "horizon_ms", 0),
    ("bars", "timeframes", []),
    ("bars", "timeframes", ["1s", "5m"]),
    ("bars", "timeframes", ["1m", "1s", "1m"]),
    ("bars", "timeframes", ["1m", "7m"]),
    ("bars", "timeframes", ["1m", "fortnight"]),
    ("bars", "timeframes", "1m"),
    ("models", "online_weight", -0.1),
    ("models", "xgboost_weight", -0.1),
    ("models", "forest_weight", float("inf")),
    ("models", "online_kind", "oracle"),
    ("models", "ensemble_learning_rate", -0.1),
    ("models", "ensemble_weight_floor", 0.2),
    ("models", "min_members", 0),
    ("models", "min_members", 6),
    ("models", "min_weight", 1.1),
    ("models", "min_agreement", -0.1),
    ("models", "max_age_days", -1),
    ("models", "trial_alpha", 0),
    ("models", "min_accuracy", 1),
    ("models", "min_signals", 0),
    ("models", "online_weight", float("nan")),
    ("models", "online_learning_rate", 0),
    ("models", "online_min_labels", 0),
    ("signals", "min_edge", 0),
    ("signals", "min_edge", 0.5),
    ("execution", "account_currency", "usd"),
    ("execution", "account_currency", "USDT"),
    ("execution", "start_balance", 0),
    ("execution", "start_balance", float("inf")),
    ("execution", "fraction", 0),
    ("execution", "fraction", "1.01"),
    ("execution", "time_in_force", "GTC"),
    ("execution", "max_slippage_pips", -1),
    ("execution", "max_slippage_pips", float("nan")),
    ("execution", "max_signal_age_ms", 0),
    ("execution", "lease_ms", 999),
    ("execution", "log_heartbeat_ms", -1),
    ("risk", "max_price_age_ms", 0),
    ("risk", "max_spread_pips", float("nan")),
    ("risk", "max_order_units", 0),
    ("risk", "max_position_notional", float("inf")),
    ("risk", "max_gross_notional", 0),
    ("risk", "min_margin_level", 0),
    ("risk", "max_daily_loss_fraction", 2),
    ("risk", "max_rolling_loss_fraction", 1),
    ("risk", "max_drawdown_fraction", 0),
    ("risk", "orders_per_min", 0),
    ("risk", "max_executions", 0),
    ("broker", "kind", "abacus"),
    ("broker", "mode", "real"),
    ("broker", "port", 65_536),
    ("broker", "client_id", -1),
    ("broker", "heartbeat_s", 0),
    ("broker", "session", "monthly"),
    ("broker", "session_from", "noon"),
    ("broker", "order_types", "iceberg"),
    ("paper", "latency_ms", -1),
    ("paper", "seed", -1),
    ("engine", "epoch_ms", 0),
    ("engine", "idle_ms", 0),
    ("dashboard", "port", -1),
    ("dashboard", "port", 65_536),
]


@pytest.mark.parametrize(("section", "name", "value"), BOUNDS)
def test_a_value_out_of_bounds_is_refused(section: str, name: str, value: Any) -> None:
    """The message names the setting; a limit that is no number would limit nothing."""
    with pytest.raises(BadUse, match=rf"setting {section}\.{name}: "):
        settings_of({section: {name: value}})


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("ingest", "lateness_ms", 0),
        ("ingest", "spread_floor_pips", 0),
        ("ingest", "spike_sigmas", 100),
        ("ingest", "spike_confirm_ticks", 2),
        ("ingest", "spike_confirm_ticks", 16),
        ("signals", "min_edge", 0.499),
        ("execution", "fraction", 1),
        ("execution", "max_slippage_pips", 0),
        ("execution", "lease_ms", 1_000),
        ("execution", "log_heartbeat_ms", 0),
        ("risk", "max_order_units", 1),
        ("broker", "port", 0),
        ("broker", "port", 65_535),
        ("paper", "latency_ms", 0),
        ("dashboard", "port", 0),
        ("dashboard", "port", 65_535),
        ("models", "online_weight", 0),
        ("models", "xgboost_weight", 0),
        ("models", "ensemble_learning_rate", 0),
        ("models", "min_members", 5),
        ("models", "min_weight", 1),
        ("models", "max_age_days", 0),
        ("models", "min_accuracy", 0),
        ("models", "min_signals", 1_000),
        ("bars", "timeframes", ("1m",)),
    ],
)
def test_a_value_at_its_bound_is_taken(section: str, name: str, value: Any) -> None:
    """Bounds are where the table says, and no nearer."""
    assert getattr(getattr(settings_of({section: {name: value}}), section), name) == value


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1s"], "must hold 1m, on which decisions are made, and none twice"),
        (["1m", "1m"], "must hold 1m, on which decisions are made, and none twice"),
        (["1m", "7m"], "timeframe 7m does not divide the day: its bars would not be aligned"),
        (["1m", "1d"], "'1d' is no timeframe; write 30s, 5m, 4h, 1000tick or 5pip"),
    ],
)
def test_timeframes_that_cannot_be_built_are_refused_in_one_line(
    names: list[str], words: str
) -> None:
    """What is wrong with the name, and what would do."""
    with pytest.raises(BadUse) as caught:
        settings_of({"bars": {"timeframes": names}})
    assert str(caught.value).startswith(f"setting bars.timeframes: Value error, {words}")
    assert "\n" not in str(caught.value)


def test_timeframes_stand_in_one_order(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they were written, and wherever: two runs of the same bars have the same settings."""
    ordered = ("10s", "1m", "4h", "1000tick", "5pip")
    path = write('[bars]\ntimeframes = ["5pip", "4h", "1000tick", "1m", "10s"]\n')
    assert load(path).bars.timeframes == ordered
    monkeypatch.setenv("AIFX__BARS__TIMEFRAMES", '["1m", "30s"]')
    assert load(path).bars.timeframes == ("30s", "1m")


WEIGHTS = [f"{role}_weight" for role in ROLES]


@pytest.mark.parametrize("one", WEIGHTS)
def test_some_model_is_deployed(one: str) -> None:
    """All weights but one may be 0, not all: a run without a model would decide nothing."""
    others = {name: 0 for name in WEIGHTS if name != one}
    assert list(settings_of({"models": others}).models.weights) == [one.removesuffix("_weight")]
    with pytest.raises(BadUse, match=r"setting models: .*are all 0: no model would be deployed"):
        settings_of({"models": {**others, one: 0}})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"min_members": 5, "lstm_weight": 0}, "min_members is 5, and 4 roles have a weight"),
        ({"min_signals": 1_001}, "window_signals must be at least min_signals"),
    ],
)
def test_settings_of_models_fit_together(values: dict[str, Any], words: str) -> None:
    """What could never be reached is refused when it is read."""
    with pytest.raises(BadUse, match=words):
        settings_of({"models": values})


def test_settings_do_not_change_once_read() -> None:
    """Neither the tree nor a section can be written to."""
    settings = settings_of({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.ingest.grace_ms = 1
    with pytest.raises(ValidationError, match="frozen"):
        settings.ingest = settings.ingest


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, a folder, or no text at all: each is one line."""
    with pytest.raises(BadUse, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(BadUse, match="cannot be read: Is a directory"):
        load(tmp_path)
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"\xff\xfe")
    with pytest.raises(BadUse, match="is no valid TOML"):
        load(odd)


SECRET = "clickhouse://user:hunter2@host"  # noqa: S105 - no real one
SECRETS = {
    ("clickhouse", "dsn"): SECRET,
    ("execution", "ledger_dsn"): "postgresql+psycopg://user:hunter2-ledger@host/aifx",
    ("broker", "token"): "hunter2-token",
    ("broker", "password"): "hunter2-password",
}


def _secret() -> Settings:
    sections: dict[str, dict[str, str]] = {}
    for (section, name), value in SECRETS.items():
        sections.setdefault(section, {})[name] = value
    return settings_of(sections)


def test_every_secret_is_in_these_tests() -> None:
    """A new one must prove that it never leaks."""
    found = {
        (section, name)
        for section, field in Settings.model_fields.items()
        for name, value in type(field.default).model_fields.items()
        if value.annotation is SecretStr
    }
    assert found == set(SECRETS)


def test_a_secret_is_masked_where_it_is_shown() -> None:
    """Neither repr nor str nor a dump tells it; who needs it must ask for it by name."""
    settings = _secret()
    shown = f"{settings} {settings!r} {settings.model_dump()}"
    assert "hunter2" not in shown + settings.model_dump_json()
    for (section, name), value in SECRETS.items():
        part = getattr(settings, section)
        assert "hunter2" not in f"{part!r} {part}"
        assert getattr(part, name).get_secret_value() == value


def test_a_secret_is_not_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is refused is not repeated, nor is its cause printed beside it."""
    monkeypatch.setenv("AIFX__CLICKHOUSE", '{"dsn": "' + SECRET)
    with pytest.raises(BadUse) as broken:
        settings_of({})
    monkeypatch.setenv("AIFX__CLICKHOUSE", '{"dsn": ["' + SECRET + '"]}')
    with pytest.raises(BadUse) as wrong:
        settings_of({})
    for error in (broken.value, wrong.value):
        assert "hunter2" not in str(error)
    assert broken.value.__cause__ is None


def test_a_tree_without_secrets_can_be_stored_and_read() -> None:
    """It is plain JSON, holds everything but the secrets, and gives the same settings again."""
    settings = _secret()
    plain = without_secrets(settings)
    raw = msgspec.json.encode(plain)
    assert b"hunter2" not in raw
    again = settings_of(msgspec.json.decode(raw))
    for section, field in Settings.model_fields.items():
        for name in type(field.default).model_fields:
            kept, given = getattr(getattr(again, section), name), getattr(settings, section)
            if (section, name) in SECRETS:
                assert name not in plain[section]
                assert kept == SecretStr("")
            else:
                assert kept == getattr(given, name)


def test_a_worker_gets_its_secrets_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stored tree has none, and the environment adds what the parent has put there."""
    plain = without_secrets(_secret())
    handed = secrets_of(_secret())
    assert handed == {
        f"AIFX__{section.upper()}__{name.upper()}": value
        for (section, name), value in SECRETS.items()
    }
    for name, value in handed.items():
        monkeypatch.setenv(name, value)
    assert settings_of(plain) == _secret()


def test_a_secret_that_is_not_set_is_not_handed_on() -> None:
    """An empty variable would take the worker's own away."""
    assert secrets_of(settings_of({"broker": {"token": "t"}})) == {"AIFX__BROKER__TOKEN": "t"}


def test_details_of_tls_ask_for_tls() -> None:
    """Whoever names whom to trust believes that the line is encrypted."""
    with pytest.raises(BadUse, match=r"broker\.tls_ca_file is of no use without broker\.tls"):
        settings_of({"broker": {"tls_ca_file": "/etc/ca.pem"}})
    assert settings_of({"broker": {"tls": True, "tls_ca_file": "/etc/ca.pem"}}).broker.tls


@pytest.mark.parametrize("kind", ["oanda", "ib", "fix"])
def test_a_real_broker_asks_for_the_account_by_its_id(kind: str) -> None:
    """Orders never go to whatever account the broker finds first."""
    with pytest.raises(BadUse, match=f"broker.account_id must name the account at {kind}"):
        settings_of({"broker": {"kind": kind}})
    settings_of({"broker": {"kind": kind, "account_id": "101-004-1"}})
