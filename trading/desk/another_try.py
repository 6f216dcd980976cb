"""Whether an order that never left may leave now: the world has moved on since it was judged."""

from domain.orders import Order
from trading.orders.book import OrderBook
from trading.orders.holdings import Exposure
from trading.readiness import Readiness
from trading.risk.control import Controls
from trading.risk.exposure import held_of, only_reduces
from trading.risk.states import ALLOWED, DENIED, Action

MUST_WAIT = ""
"""The answer for an order that may leave later."""

_NOTHING = Exposure()


def refusal_of(
    order: Order, book: OrderBook, controls: Controls, readiness: Readiness
) -> str | None:
    """Return what speaks against another try now.

    Parameters
    ----------
    order
        As it stands in the book, which counts it as working.

    Returns
    -------
    str or None
        None if it may leave; the code of the trading state that forbids it for good, as only a
        person raises one; `MUST_WAIT` while the account is not ready for such an order, or the book
        has come to doubt it.
    """
    action = _action(order, book)
    state = controls.state(order.strategy)
    if action not in ALLOWED[state]:
        return DENIED[state].value
    lets = readiness.lets_exits if action is Action.EXIT else readiness.lets_openings
    if not lets or book[order.client_order_id].order.in_doubt:
        return MUST_WAIT
    return None


def _action(order: Order, book: OrderBook) -> Action:
    may = book.exposure().get(order.symbol, _NOTHING)
    held = held_of(book.position(order.symbol).units, may.buy_units, may.sell_units)
    others = held.adding(order.side, -order.leaves_units)
    return Action.EXIT if only_reduces(order, order.leaves_units, others) else Action.OPEN
