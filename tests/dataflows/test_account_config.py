"""From settings to the account and its paper venue: what is read, and what is refused."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.paper_venue.config import Margin
from brokers.paper_venue.terms import capabilities, venue_instruments
from config.settings import settings_of
from dataflows.account_config import (
    check_capabilities,
    execution_config,
    holidays_of,
    paper_config,
)
from domain.errors import BadUse
from trading.execution_config import ExecutionConfig
from trading.venues import PositionMode

D = Decimal


def config_of(mode: PositionMode) -> ExecutionConfig:
    """Return an account that keeps positions so."""
    settings = settings_of({"execution": {"position_mode": mode}})
    return execution_config(settings, ("EURUSD",), venue_instruments(paper_config(settings)))


def test_by_default_there_is_neither_swap_nor_margin_call() -> None:
    """Nothing is charged, nothing is called, and positions are netted."""
    config = paper_config(settings_of({}))
    assert config.margin is None
    assert not config.charges("EURUSD")
    assert (config.position_mode, config.holidays) == ("netting", {})
    assert config.terms_of("EURUSD").margin_rate == D("0.05")


def test_swap_and_margin_come_from_the_settings() -> None:
    """Rates of a long and of a short; other pairs are charged nothing."""
    paper = {
        "margin_rate": "0.02",
        "margin_call_level": "1",
        "margin_closeout_level": "0.5",
        "swap_rates": {"EURUSD": ["-0.02", "0.005"]},
    }
    execution = {"account_currency": "EUR", "position_mode": "hedging"}
    config = paper_config(settings_of({"paper": paper, "execution": execution}))
    terms = config.terms_of("EURUSD")
    assert (terms.long_rate, terms.short_rate) == (D("-0.02"), D("0.005"))
    assert config.charges("EURUSD")
    assert not config.charges("USDJPY")
    assert {config.terms_of(pair).margin_rate for pair in ("EURUSD", "USDJPY")} == {D("0.02")}
    assert config.margin == Margin(D(1), D("0.5"))
    assert (config.currency, config.position_mode) == ("EUR", "hedging")


def test_the_parameter_file_wins_over_the_section(tmp_path: Path) -> None:
    """And never over the account."""
    path = tmp_path / "parameters.json"
    path.write_text('{"terms": {"margin_rate": "0.1"}, "account": "other"}', encoding="ascii")
    config = paper_config(settings_of({"paper": {"parameters": str(path), "margin_rate": "0.02"}}))
    assert (config.terms_of("EURUSD").margin_rate, config.account) == (D("0.1"), "paper-1")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"paper": {"swap_rates": {"EUR/USD": ["0", "0"]}}}, "EUR/USD is no pair"),
        ({"paper": {"margin_closeout_level": "0.5"}}, "must not be above"),
        ({"execution": {"holidays": "/nowhere.json"}}, "execution.holidays"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], match: str) -> None:
    """With the name of the setting."""
    with pytest.raises(BadUse, match=match):
        paper_config(settings_of(settings))


def test_holidays_are_read_from_their_file(tmp_path: Path) -> None:
    """Days by currency."""
    path = tmp_path / "holidays.json"
    path.write_text('{"USD": ["2026-07-03"]}', encoding="ascii")
    settings = settings_of({"execution": {"holidays": str(path)}})
    assert holidays_of(settings) == {"USD": frozenset({date(2026, 7, 3)})}
    assert paper_config(settings).holidays == holidays_of(settings)


@pytest.mark.parametrize("mode", ["netting", "fifo", "hedging"])
def test_a_venue_that_keeps_positions_otherwise_is_refused(mode: PositionMode) -> None:
    """One line with the setting."""
    check_capabilities(config_of(mode), capabilities(mode))
    other: PositionMode = "hedging" if mode == "netting" else "netting"
    with pytest.raises(BadUse, match=f"keeps positions as {other}.*execution.position_mode"):
        check_capabilities(config_of(mode), capabilities(other))


def test_a_market_order_that_a_venue_does_not_take_is_refused() -> None:
    """So that no signal is refused one by one."""
    able = capabilities("netting")
    able = type(able)(
        times_in_force={"market": frozenset({"IOC", "GFD"})},
        native_replace=True,
        client_ids=True,
        position_modes=able.position_modes,
        max_requests_per_s=1.0,
    )
    config = config_of("netting")
    with pytest.raises(BadUse, match="market orders as GFD, IOC"):
        check_capabilities(config, able)
    check_capabilities(replace(config, time_in_force="IOC"), able)


def test_both_sides_count_in_the_margin_of_a_hedging_account() -> None:
    """A netting one asks for the net position."""
    assert config_of("hedging").limits.margin.rule == "both_legs"
    assert config_of("netting").limits.margin.rule == "net"
