"""OCO and OTO without a position between them."""

from decimal import Decimal

from msgspec.structs import replace

from domain.orders import OrderTerms
from tests.trading.algos.floor import Floor
from tests.trading.contingency.grouped import MARKET, Desk, request
from trading.contingency.requests import Oco, Oto

D = Decimal
ABOVE = OrderTerms(D(1000), "stop", "GTC", trigger_price=D("1.10200"))
BELOW = OrderTerms(D(500), "stop", "GTC", trigger_price=D("1.09800"))
BREAKOUT = Oco("buy", ABOVE, "sell", BELOW)
THEN = OrderTerms(D(600), "limit", "GTC", D("1.10500"))


def test_one_that_fills_cancels_the_other() -> None:
    """A breakout upwards leaves nothing to sell below."""
    floor = Floor()
    desk = Desk(request(BREAKOUT), floor)
    desk.run(0, 2)
    assert desk.live() == [("stop", 1000, D("1.102")), ("stop", 500, D("1.098"))]
    desk.at(5, "1.10200")
    desk.run(6, 8)
    assert (floor.position, desk.live()) == (D(1000), [])
    assert (desk.view.status, desk.view.reason) == ("done", "filled")


def test_one_that_fills_in_part_leaves_the_other_its_share() -> None:
    """Four tenths of the one are filled: six tenths of the other are left."""
    floor = Floor(liquidity=D(400))
    desk = Desk(request(BREAKOUT), floor)
    desk.run(0, 2)
    floor.step(floor.now_ns + 1, "1.10200", "1.10210")
    desk.at(5, "1.10000")
    assert floor.position == 400
    assert desk.live() == [("stop", 600, D("1.102")), ("stop", 300, D("1.098"))]


def test_one_that_is_refused_or_expires_ends_the_other() -> None:
    """By whatever cause: half an OCO is another order than was asked for."""
    floor = Floor()
    floor.reject = lambda terms: terms.trigger_price == D("1.09800")
    desk = Desk(request(BREAKOUT), floor)
    desk.run(0, 5)
    assert (int(floor.position), desk.live()) == (0, [])
    assert (desk.view.status, desk.view.reason) == ("done", "canceled")

    floor = Floor()
    desk = Desk(request(BREAKOUT), floor)
    desk.run(0, 2)
    floor.end(desk.sent[0][1].client_order_id, "expired")
    desk.run(3, 6)
    assert (desk.live(), desk.view.status) == ([], "done")


def test_a_market_faster_than_the_cancel_is_told() -> None:
    """Both have filled: a person has to know."""
    floor = Floor()
    desk = Desk(request(BREAKOUT), floor)
    desk.run(0, 2)
    floor.step(floor.now_ns + 1, "1.10200", "1.10210")
    floor.step(floor.now_ns + 2, "1.09700", "1.09710")
    desk.run(3, 6)
    assert floor.position == 500
    assert desk.codes() == ["both_filled"]
    assert desk.view.status == "done"


def test_a_canceled_oco_leaves_nothing() -> None:
    """Either scope withdraws both: there is no position to protect."""
    for scope in ("entry", "all", "close"):
        desk = Desk(request(BREAKOUT), Floor())
        desk.run(0, 2)
        desk.cancel(scope)
        desk.run(3, 6)
        assert (desk.live(), desk.view.status) == ([], "done")


def test_an_order_triggers_another_in_proportion_to_its_fills() -> None:
    """Three tenths filled are three tenths of the second; more fills make it larger."""
    entry = replace(MARKET, order_type="limit", time_in_force="GTC", limit_price=D("1.10000"))
    floor = Floor(liquidity=D(300))
    desk = Desk(request(Oto("buy", entry, "sell", THEN)), floor)
    desk.run(0, 3)
    assert len(desk.sent) == 1
    floor.step(floor.now_ns + 1, "1.09990", "1.10000")
    desk.at(5, "1.10000")
    assert desk.live()[1:] == [("limit", 180, D("1.105"))]
    floor.step(floor.now_ns + 1, "1.09990", "1.10000")
    desk.at(10, "1.10000")
    assert desk.live()[1:] == [("limit", 360, D("1.105"))]
    desk.cancel("entry")
    desk.run(11, 14)
    assert desk.live() == [("limit", 360, D("1.105"))]
    floor.liquidity = None
    desk.at(20, "1.10600")
    desk.run(21, 23)
    assert (floor.position, desk.view.status, desk.view.reason) == (D(240), "done", "filled")


def test_an_order_that_never_fills_triggers_nothing() -> None:
    """And ends the group."""
    floor = Floor()
    floor.deny = lambda _: True
    desk = Desk(request(Oto("buy", MARKET, "sell", THEN)), floor)
    desk.run(0, 3)
    assert len(desk.sent) == 1
    assert (desk.view.status, desk.view.reason) == ("done", "entry_unfilled")


def test_a_triggered_order_that_is_refused_is_told() -> None:
    """After as many tries as the group allows."""
    floor = Floor()
    floor.reject = lambda terms: terms.limit_price == D("1.10500")
    desk = Desk(request(Oto("buy", MARKET, "sell", THEN)), floor)
    desk.run(0, 8)
    assert len(desk.sent) == 4
    assert desk.codes() == ["not_triggered"]
    assert (desk.view.status, desk.view.reason) == ("done", "then_refused")
