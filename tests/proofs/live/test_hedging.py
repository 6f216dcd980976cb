"""A hedging account at a broker: both sides are held, and signals close by trades."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import BadUse
from testkit.venues.oanda.account import Account
from testkit.venues.oanda.server import ACCOUNT, OandaServer
from tests.proofs.live.scene import (
    Life,
    assert_at_peace,
    living,
    oanda_scene,
    order_of,
)

D = Decimal
HEDGING = (("execution", (("position_mode", "hedging"),)),)


def trades_at(oanda: OandaServer) -> list[Decimal]:
    """Return the signed units of the open trades as the broker has them, oldest first."""
    return [trade.units for trade in oanda.exchange.account.open_trades("EUR_USD")]


def trades_here(life: Life) -> list[Decimal]:
    """Return the same as the account has them."""
    (lane,) = life.logic.snapshot()["lanes"]
    return [Decimal(trade["units"]) for trade in lane["trades"]]


def realised(life: Life) -> Decimal:
    """Return what the account has realised."""
    (lane,) = life.logic.snapshot()["lanes"]
    return Decimal(lane["position"]["realised_account"])


def test_both_sides_are_held_and_closed_by_trades_across_two_lives(tmp_path: Path) -> None:
    """A buy and a sale are two trades; two signals to be flat close one each."""
    account = Account(ACCOUNT, hedging=True)
    with oanda_scene(tmp_path, account=account) as (oanda, where):
        hedging = replace(where, more=HEDGING)
        with living(hedging) as life:
            for order in (order_of(1, "buy"), order_of(2, "sell")):
                assert life.submit(order)
                life.rest()
            assert trades_at(oanda) == trades_here(life) == [D(1_000), D(-1_000)]
            assert realised(life) == 0
        with living(hedging) as life:
            life.rest()
            assert trades_here(life) == [D(1_000), D(-1_000)]
            for side in ("sell", "buy"):
                order = life.signal("flat")
                assert (order.side, order.quantity_units) == (side, D(1_000))
                assert order.position_effect == "reduce_only"
                life.rest()
            assert trades_at(oanda) == trades_here(life) == []
            # Each was opened and closed across the spread of a pip: 0.10 dollars twice.
            assert realised(life) == oanda.exchange.account.realised == D("-0.2")
            assert not [line for line in life.said if "differ" in line]
        assert_at_peace(oanda, hedging)


def test_an_account_that_is_kept_otherwise_is_refused(tmp_path: Path) -> None:
    """One line names the setting, whichever way it differs."""
    with oanda_scene(tmp_path) as (_, where):
        other = replace(where, more=HEDGING)
        with pytest.raises(BadUse, match=r"not hedging at OANDA.*set execution\.position_mode"):
            Life(other)
    with (
        oanda_scene(tmp_path, account=Account(ACCOUNT, hedging=True)) as (_, where),
        pytest.raises(BadUse, match=r"is hedging at OANDA, and netting here"),
    ):
        Life(where)
