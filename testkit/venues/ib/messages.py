"""What the gateway says, as frames."""

from decimal import Decimal

from testkit.venues.ib.book import CON_IDS, Book, Fill
from testkit.venues.ib.layouts import (
    COMPLETED_ORDER,
    CONTRACT_DETAILS,
    EXECUTION,
    OPEN_ORDER,
)
from testkit.venues.ib.matching import BookOrder
from testkit.venues.ib.wire import frame, lay_out

ORDER_TYPES = "ACTIVETIM,AD,ADJUST,ALERT,COND,DAY,GTC,GTD,IOC,LMT,MIT,MKT,STP,STPLMT,TRAIL,WHATIF"


def contract_fields(symbol: str) -> dict[str, object]:
    """Return the contract of a pair."""
    pair = f"{symbol[:3]}.{symbol[3:]}"
    return {
        "conId": CON_IDS[symbol],
        "symbol": symbol[:3],
        "secType": "CASH",
        "exchange": "IDEALPRO",
        "currency": symbol[3:],
        "localSymbol": pair,
        "tradingClass": pair,
    }


def symbol_of(order: BookOrder) -> str:
    """Return the pair of an order."""
    return order.fields["symbol"] + order.fields["currency"]


def _order_values(order: BookOrder, book: Book) -> dict[str, object]:
    return {
        **order.fields,
        **contract_fields(symbol_of(order)),
        "account": book.account,
        "clientId": order.client_id,
        "permId": order.perm_id,
        "status": order.status,
        "trailStopPrice": "" if order.trail is None else order.trail,
    }


def open_order(order: BookOrder, book: Book) -> bytes:
    """``openOrder``."""
    return frame(5, *lay_out(OPEN_ORDER, _order_values(order, book)))


def order_status(order: BookOrder, status: str = "") -> bytes:
    """``orderStatus``."""
    average = order.cost / order.filled if order.filled else Decimal(0)
    state = status or order.status
    held = "trigger" if state == "PreSubmitted" else ""
    return frame(
        3,
        order.fields["orderId"],
        state,
        order.filled,
        order.leaves,
        average,
        order.perm_id,
        0,
        average,
        order.client_id,
        held,
        0,
    )


def completed_order(order: BookOrder, book: Book) -> bytes:
    """``completedOrder``."""
    ended = book.moment(order.ended_ns).strftime("%Y%m%d %H:%M:%S UTC")
    values = {
        **_order_values(order, book),
        "filledQuantity": order.filled,
        "completedTime": ended,
        "completedStatus": f"{order.status} Size: {order.filled}",
    }
    return frame(101, *lay_out(COMPLETED_ORDER, values))


def execution(fill: Fill, book: Book, request: int = -1) -> bytes:
    """``execDetails``; request -1 when nobody asked."""
    order = fill.order
    values: dict[str, object] = {
        **contract_fields(symbol_of(order)),
        "reqId": request,
        "orderId": order.fields["orderId"],
        "execId": fill.execution_id,
        "time": book.moment(fill.at_ns).strftime("%Y%m%d %H:%M:%S UTC"),
        "acctNumber": book.account,
        "executionExchange": "IDEALPRO",
        "side": "BOT" if order.buys else "SLD",
        "shares": fill.units,
        "price": fill.price,
        "permId": order.perm_id,
        "clientId": order.client_id,
        "liquidation": 0,
        "cumQty": fill.cum_units,
        "avgPrice": fill.average,
        "orderRef": order.fields["orderRef"],
        "lastLiquidity": 1,
    }
    return frame(11, *lay_out(EXECUTION, values))


def commission(fill: Fill) -> bytes:
    """``commissionReport``."""
    return frame(59, 1, fill.execution_id, fill.commission, "USD", "", "", "")


def error(request: int | str, code: int, text: str) -> bytes:
    """``errMsg``."""
    return frame(4, 2, request, code, text, "")


def contract_details(request: str, symbol: str, min_tick: Decimal) -> bytes:
    """``contractDetails``."""
    values: dict[str, object] = {
        **contract_fields(symbol),
        "reqId": request,
        "marketName": f"{symbol[:3]}.{symbol[3:]}",
        "minTick": min_tick,
        "orderTypes": ORDER_TYPES,
        "validExchanges": "IDEALPRO",
        "priceMagnifier": 1,
        "longName": f"{symbol[:3]} against {symbol[3:]}",
        "timeZoneId": "US/Eastern",
        "minSize": 1,
        "sizeIncrement": 1,
        "suggestedSizeIncrement": 1,
    }
    return frame(10, *lay_out(CONTRACT_DETAILS, values))


def position(account: str, symbol: str, units: Decimal, cost: Decimal) -> bytes:
    """``position``."""
    pair = contract_fields(symbol)
    return frame(
        61,
        3,
        account,
        pair["conId"],
        pair["symbol"],
        "CASH",
        "",
        0,
        "",
        "",
        "",
        pair["currency"],
        pair["localSymbol"],
        pair["tradingClass"],
        units,
        cost,
    )


def tick_price(request: str, tick_type: int, price: Decimal, size: Decimal) -> bytes:
    """``tickPrice``: type 1 is the bid, 2 the ask."""
    return frame(1, 6, request, tick_type, price, size, 0)
