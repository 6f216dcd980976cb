"""Further accounts of a run: what is refused, what each inherits, and that no secret leaks."""

import os
from decimal import Decimal
from typing import Any

import pytest

from config.settings import ENV_PREFIX, Settings, secrets_of, settings_of, without_secrets
from domain.errors import BadUse


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the settings of whoever runs the tests away."""
    for name in [name for name in os.environ if name.upper().startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)


def two(**second: Any) -> Settings:
    """Return the settings of a run with two accounts at brokers."""
    first = {"kind": "oanda", "account_id": "001", "token": "hunter2-first"}
    further = {"kind": "oanda", "account_id": "002"} | second
    return settings_of({"broker": first, "brokers": {"second": further}})


def test_one_account_is_the_run() -> None:
    """By default there is one, it is not routed, and its settings are those of the run."""
    settings = settings_of({})
    assert settings.accounts == (settings,)
    assert not settings.is_routed
    assert settings.account == "paper-1"
    assert settings_of({"broker": {"symbols": ["EURUSD"]}}).is_routed


def test_each_account_has_a_tree_of_its_own() -> None:
    """Its broker, its currency and balance, its paper venue; all else is the run's."""
    settings = settings_of(
        {
            "execution": {"fraction": "0.1"},
            "paper": {"latency_ms": 7},
            "brokers": {
                "b": {"account_id": "p-3", "paper": {"latency_ms": 90}},
                "a": {"account_id": "p-2", "account_currency": "EUR", "start_balance": "5"},
            },
        }
    )
    first, second, third = settings.accounts
    assert first is settings
    assert settings.is_routed
    assert [one.account for one in settings.accounts] == ["paper-1", "p-2", "p-3"]
    assert [one.paper.latency_ms for one in settings.accounts] == [7, 50, 90]
    currencies = [one.execution.account_currency for one in settings.accounts]
    assert currencies == ["USD", "EUR", "USD"]
    assert second.execution.start_balance == 5
    assert third.execution.start_balance == first.execution.start_balance
    assert {one.execution.fraction for one in settings.accounts} == {Decimal("0.1")}
    assert [one.broker.suffix for one in settings.accounts] == ["", "_a", "_b"]
    assert (second.brokers, second.broker.section) == ({}, "brokers.a")
    assert second.accounts == (second,)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"brokers": {"x": {}}}, "setting brokers.x: .*account_id must name the account"),
        ({"brokers": {"x": {"account_id": "paper-1"}}}, "settings: .* names of their own"),
        (
            {"brokers": {"x": {"kind": "oanda", "account_id": "1"}}},
            "accounts on paper and at brokers cannot share a run",
        ),
        (
            {
                "broker": {"kind": "ib", "account_id": "1"},
                "brokers": {"x": {"kind": "ib", "account_id": "2"}},
            },
            "two accounts have one logon",
        ),
        (
            {
                "broker": {"kind": "fix", "account_id": "1", "sender": "a"},
                "brokers": {"x": {"kind": "fix", "account_id": "2", "sender": "a"}},
            },
            "two accounts have one logon",
        ),
        ({"brokers": {"X y": {"account_id": "1"}}}, "setting brokers"),
        ({"brokers": {"x": {"account_id": "1", "colour": "red"}}}, "brokers.x.colour: Extra"),
        (
            {"brokers": {"x": {"account_id": "1", "account_currency": "dollars"}}},
            "brokers.x.account_currency",
        ),
    ],
)
def test_accounts_that_do_not_fit_together_are_refused(values: dict[str, Any], words: str) -> None:
    """By the name of the section where one is to blame."""
    with pytest.raises(BadUse, match=words):
        settings_of(values)


def test_accounts_with_logons_of_their_own_share_a_run() -> None:
    """By client id, by sender, or at OANDA as they are."""
    ib = {"kind": "ib", "account_id": "1"}
    settings_of({"broker": ib, "brokers": {"x": ib | {"account_id": "2", "client_id": 2}}})
    fix = {"kind": "fix", "account_id": "1", "sender": "a"}
    settings_of({"broker": fix, "brokers": {"x": fix | {"account_id": "2", "sender": "b"}}})
    assert len(two().accounts) == 2


def test_secrets_of_a_further_account_reach_the_worker_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a variable of its own, which is also where its adapter looks for the token."""
    settings = two(token="hunter2-second", password="hunter2-third")  # noqa: S106 - no real ones
    plain = without_secrets(settings)
    assert "hunter2" not in f"{settings!r} {settings} {plain}"
    handed = secrets_of(settings)
    assert handed == {
        "AIFX__BROKER__TOKEN": "hunter2-first",
        "AIFX__BROKERS__SECOND__TOKEN": "hunter2-second",
        "AIFX__BROKERS__SECOND__PASSWORD": "hunter2-third",
    }
    tokens = [one.broker.token_variable for one in settings.accounts]
    assert tokens == ["AIFX__BROKER__TOKEN", "AIFX__BROKERS__SECOND__TOKEN"]
    for name, value in handed.items():
        monkeypatch.setenv(name, value)
    assert settings_of(plain) == settings
