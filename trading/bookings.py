"""What a fill makes of a position, and the records that say so."""

from typing import NamedTuple

from msgspec.structs import replace

from domain.instruments import Instrument
from domain.orders import Execution, Order, Position
from trading.conversion import Quotes, profit_rate, to_account
from trading.ports import Fill
from trading.positions import NetPosition, net, realise, signed, unrealised


class Booking(NamedTuple):
    """A fill once applied: the new position, and the execution, order and position records."""

    position: NetPosition
    execution: Execution
    order: Order
    statement: Position


def book(
    held: NetPosition,
    order: Order,
    fill: Fill,
    instrument: Instrument,
    account_currency: str,
    quotes: Quotes,
) -> Booking:
    """Apply a whole fill of an order to a position.

    Parameters
    ----------
    quotes
        Quotes that convert the profit: the pair's own at the fill (the last one before it, if that
        is suspect), others of the last mark.
    """
    position, profit = net(held, signed(order.side, fill.quantity_units), fill.price)
    conversion_rate = profit_rate(profit, instrument.quote, account_currency, quotes)
    profit_account = to_account(profit, conversion_rate)
    position = realise(position, profit_account)
    execution = Execution(
        execution_id=fill.execution_id,
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        quantity_units=fill.quantity_units,
        price=fill.price,
        ts_event_ns=fill.ts_event_ns,
        ts_recv_ns=fill.ts_recv_ns,
        pnl_quote=profit,
        pnl_account=profit_account,
        conversion_rate=conversion_rate,
    )
    filled = replace(
        order,
        status="filled",
        filled_units=fill.quantity_units,
        average_price=fill.price,
        ts_event_ns=fill.ts_event_ns,
        ts_recv_ns=fill.ts_recv_ns,
    )
    statement = Position(
        account=order.account,
        symbol=order.symbol,
        ts_event_ns=fill.ts_event_ns,
        ts_recv_ns=fill.ts_recv_ns,
        units=position.units,
        average_price=position.average_price,
        realised_account=position.realised_account,
        unrealised_account=unrealised(position, instrument, account_currency, quotes),
    )
    return Booking(position, execution, filled, statement)
