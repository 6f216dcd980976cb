"""Stops, targets and algorithms at a broker: whole through fills, signals and restarts."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.nanos import MINUTE_NS, parse_ns
from domain.orders import Order
from domain.predictions import Side
from domain.ticks import TickBatch
from testkit.tapes import ticks
from testkit.venues.oanda.server import OandaServer
from tests.proofs.live.scene import (
    SYMBOL,
    TICKS_FROM,
    Life,
    Where,
    assert_at_peace,
    living,
    oanda_scene,
)
from tests.trading.tape import signal

D = Decimal
BRACKET = {"stop_pips": D(10), "target_pips": D(20)}
NAMES = {"stop_loss": "stop", "stop": "stop", "take_profit": "target", "limit": "target"}
"""A broker's record says how an exit rests, not what it is for."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[OandaServer, Where]]:
    """Start a broker with a market."""
    with oanda_scene(tmp_path) as found:
        yield found


def trading(where: Where, **execution: Any) -> Where:
    """Return where a life trades with these settings of its execution."""
    return replace(where, more=(("execution", tuple({"user": "ann", **execution}.items())),))


def resting(oanda: OandaServer) -> list[tuple[str, str, Decimal, Decimal | None]]:
    """Return what rests at the broker: its own type, how it may fill, signed units, price."""
    pending = oanda.exchange.account.pending()
    return sorted((one.kind, one.position_fill, one.units, one.price) for one in pending)


def ask(life: Life, side: Side) -> None:
    """Let the market pass the next minute, with a signal."""
    life.minute += 1
    at_ns = parse_ns(TICKS_FROM) + life.minute * MINUTE_NS
    wish = signal(SYMBOL, at_ns, at_ns, side)
    second = 60.0 * life.minute
    quotes = ticks(SYMBOL, [(second, 1.1, 1.1001), (second + 0.5, 1.1, 1.1001)], TICKS_FROM)
    life.out += life.logic.on_batch([TickBatch(SYMBOL, quotes), wish], ready=life.account.ready)


def pass_time(life: Life, second: float) -> None:
    """Let the market come to a second of the minute."""
    quotes = ticks(SYMBOL, [(60.0 * life.minute + second, 1.1, 1.1001)], TICKS_FROM)
    life.out += life.logic.on_batch([TickBatch(SYMBOL, quotes)], ready=life.account.ready)


def is_protected(life: Life) -> bool:
    """Say whether the broker has taken a stop and a target, and nothing else is open."""
    orders = [state.order for state in life.book.open_states()]
    kinds = sorted(NAMES.get(order.order_type, order.order_type) for order in orders)
    accepted = all(order.status == "accepted" for order in orders)
    return kinds == ["stop", "target"] and accepted


def is_flat(life: Life) -> bool:
    """Say whether nothing is held and nothing open."""
    holding = life.book.holdings().get(SYMBOL)
    return not life.book.open_states() and holding is not None and not holding.units


def ended(life: Life) -> list[tuple[str, str]]:
    """Return type and end of every order of the life, in the order of their ends."""
    done = {"filled", "canceled", "rejected", "denied"}
    return [
        (NAMES.get(one.order_type, one.order_type), one.status)
        for one in life.out
        if isinstance(one, Order) and one.status in done
    ]


def test_what_fills_is_protected_at_the_broker_and_a_stop_ends_its_target(
    scene: tuple[OandaServer, Where],
) -> None:
    """Both exits rest at OANDA, reduce-only, ten and twenty pips from the ask of the decision."""
    oanda, where = scene
    where = trading(where, **BRACKET)
    with living(where) as life:
        life.rest()
        ask(life, "buy")
        life.until(lambda: is_protected(life), "a stop and a target")
        units = oanda.exchange.account.position_units("EUR_USD")
        assert units > 1_000
        assert resting(oanda) == [
            ("LIMIT", "REDUCE_ONLY", -units, D("1.10210")),
            ("STOP", "REDUCE_ONLY", -units, D("1.09910")),
        ]
        oanda.quote(SYMBOL, D("1.09900"), D("1.09910"))
        life.until(lambda: is_flat(life), "flat")
        assert ended(life) == [
            ("market", "filled"),
            ("stop", "filled"),
            ("target", "canceled"),
        ]
        life.rest()
    assert_at_peace(oanda, where)


def test_a_bracket_survives_a_restart(scene: tuple[OandaServer, Where]) -> None:
    """The next life finds its group in the journal: no second stop; the target ends the first."""
    oanda, where = scene
    where = trading(where, **BRACKET)
    with living(where) as life:
        life.rest()
        ask(life, "buy")
        life.until(lambda: is_protected(life), "a stop and a target")
    sent = list(oanda.submits)
    with living(where) as life:
        life.rest()
        pass_time(life, 20.0)
        pass_time(life, 25.0)
        life.rest()
        assert is_protected(life)
        assert oanda.submits == sent
        oanda.quote(SYMBOL, D("1.10220"), D("1.10230"))
        life.until(lambda: is_flat(life), "flat")
        assert ended(life) == [("target", "filled"), ("stop", "canceled")]
        life.rest()
    assert oanda.submits == sent
    assert_at_peace(oanda, where)


def test_a_signal_closes_a_bracket_and_then_turns(scene: tuple[OandaServer, Where]) -> None:
    """Exits are canceled before the close goes out, and the other side follows by itself."""
    oanda, where = scene
    where = trading(where, **BRACKET)
    with living(where) as life:
        life.rest()
        ask(life, "buy")
        life.until(lambda: is_protected(life), "a stop and a target")
        ask(life, "sell")
        life.until(lambda: is_flat(life), "flat")
        pass_time(life, 2.0)
        life.until(lambda: len(ended(life)) >= 5 and is_protected(life), "the other side")
        first, *canceled, closed, turned = ended(life)
        assert first == closed == turned == ("market", "filled")
        assert sorted(canceled) == [("stop", "canceled"), ("target", "canceled")]
        assert oanda.exchange.account.position_units("EUR_USD") < -1_000
        ask(life, "flat")
        life.until(lambda: is_flat(life), "flat")
        life.rest()
    assert_at_peace(oanda, where)


def test_a_twap_is_worked_at_the_broker_and_goes_on_after_a_restart(
    scene: tuple[OandaServer, Where],
) -> None:
    """Slices follow the time of the log; a new life sends the ones that are left, and no more."""
    oanda, where = scene
    where = trading(where, algorithm="twap", algorithm_ms=40_000, slices=4)
    with living(where) as life:
        life.rest()
        ask(life, "buy")
        life.rest()
        pass_time(life, 11.0)
        life.rest()
    assert len(oanda.submits) == 2
    with living(where) as life:
        life.rest()
        # The log is played again from before the signal.
        ask(life, "buy")
        for second in (21.0, 22.0, 31.0, 32.0, 41.0):
            pass_time(life, second)
            life.rest()
        children = [state.order for state in life.book.states()]
    assert len(oanda.submits) == 4
    assert {child.status for child in children} == {"filled"}
    assert len({child.parent_id for child in children}) == 1
    sizes = sorted(child.filled_units for child in children)
    assert sizes[-1] - sizes[0] <= 1
    assert sum(sizes) == oanda.exchange.account.position_units("EUR_USD")
    assert_at_peace(oanda, where)
