"""What a fill does to the trades: oldest first, one side per instrument unless hedging is on."""

from dataclasses import dataclass, field
from decimal import Decimal

from testkit.venues.oanda.account import Account, BrokerOrder, BrokerTrade
from testkit.venues.oanda.market import Market
from testkit.venues.oanda.wire import Json, money, text


@dataclass
class Booked:
    """Parts of one fill, as the ``ORDER_FILL`` transaction lists them."""

    opened: Json | None = None
    closed: list[Json] = field(default_factory=list)
    reduced: Json | None = None
    profit: Decimal = Decimal(0)
    profit_quote: Decimal = Decimal(0)
    ended: list[BrokerTrade] = field(default_factory=list)


def reducible(account: Account, order: BrokerOrder) -> Decimal:
    """Return the signed units of the order that would reduce a position, at most its own."""
    if order.trade_id is not None:
        return -account.trades[order.trade_id].units
    opposite = sum(
        (
            trade.units
            for trade in account.open_trades(order.instrument)
            if (trade.units > 0) != (order.units > 0)
        ),
        Decimal(0),
    )
    room = min(abs(opposite), abs(order.units))
    return room if order.units > 0 else -room


def reduces_first(account: Account, order: BrokerOrder) -> bool:
    """Say whether a fill nets against open trades before it opens one."""
    if order.trade_id is not None or order.position_fill in {"REDUCE_FIRST", "REDUCE_ONLY"}:
        return True
    return order.position_fill == "DEFAULT" and not account.hedging


def book(
    account: Account,
    market: Market,
    order: BrokerOrder,
    units: Decimal,
    price: Decimal,
    fill_id: int,
    now_ns: int,
) -> Booked:
    """Apply a fill of signed ``units`` at ``price`` and say what it did."""
    booked = Booked()
    left = units
    if reduces_first(account, order):
        left = _reduce(account, market, order, left, price, fill_id, now_ns, booked)
    if left:
        account.trades[fill_id] = BrokerTrade(
            fill_id, order.instrument, price, now_ns, left, left, order.trade_client
        )
        booked.opened = {
            "tradeID": str(fill_id),
            "units": text(left),
            "price": text(price),
            "guaranteedExecutionFee": "0.0000",
            "halfSpreadCost": "0.0000",
            "initialMarginRequired": money(margin_of(market, account, order.instrument, left)),
        }
        if order.trade_client:
            booked.opened["clientExtensions"] = order.trade_client
    account.balance += booked.profit
    account.realised += booked.profit
    return booked


def _reduce(
    account: Account,
    market: Market,
    order: BrokerOrder,
    left: Decimal,
    price: Decimal,
    fill_id: int,
    now_ns: int,
    booked: Booked,
) -> Decimal:
    quote = market.instruments[order.instrument].quote
    factors = market.factors(quote, account.currency) or (Decimal(1), Decimal(1))
    for trade in account.open_trades(order.instrument):
        if not left:
            break
        if order.trade_id not in (None, trade.trade_id) or (trade.units > 0) == (left > 0):
            continue
        taken = min(abs(trade.units), abs(left)) * (1 if left > 0 else -1)
        profit_quote = (price - trade.price) * -taken
        profit = profit_quote * (factors[0] if profit_quote > 0 else factors[1])
        profit = profit.quantize(Decimal("0.0001"))
        trade.units += taken
        trade.realised += profit
        left -= taken
        booked.profit += profit
        booked.profit_quote += profit_quote
        part = {
            "tradeID": str(trade.trade_id),
            "units": text(taken),
            "price": text(price),
            "realizedPL": money(profit),
            "financing": "0.0000",
            "halfSpreadCost": "0.0000",
        }
        trade.closing_ids.append(fill_id)
        if trade.is_open:
            booked.reduced = part
        else:
            trade.closed_ns = now_ns
            booked.closed.append(part)
            booked.ended.append(trade)
    return left


def margin_of(market: Market, account: Account, instrument: str, units: Decimal) -> Decimal:
    """Return the margin that some units ask, in account currency; 0 where no rate is known."""
    price = market.price(instrument)
    known = market.instruments[instrument]
    factors = market.factors(known.quote, account.currency)
    if price is None or factors is None:
        return Decimal(0)
    return abs(units) * price.mid * factors[1] * known.margin_rate


def margin_used(market: Market, account: Account) -> Decimal:
    """Return the margin of all open trades."""
    return sum(
        (
            margin_of(market, account, trade.instrument, trade.units)
            for trade in account.open_trades()
        ),
        Decimal(0),
    )


def unrealised(market: Market, account: Account, trade: BrokerTrade) -> Decimal:
    """Return the profit of an open trade at the closing side, in account currency."""
    price = market.price(trade.instrument)
    factors = market.factors(market.instruments[trade.instrument].quote, account.currency)
    if price is None or factors is None:
        return Decimal(0)
    closing = price.bid if trade.units > 0 else price.ask
    profit = (closing - trade.price) * trade.units
    return profit * (factors[0] if profit > 0 else factors[1])


def net_asset_value(market: Market, account: Account) -> Decimal:
    """Return balance plus unrealised profit."""
    return account.balance + sum(
        (unrealised(market, account, trade) for trade in account.open_trades()), Decimal(0)
    )
