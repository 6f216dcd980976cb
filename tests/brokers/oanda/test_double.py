"""The double speaks v20: an independent client, `fivetwenty`, reads all that it says.

The client parses every answer into typed models of its own, so what it accepts is not merely what
our adapter happens to read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest
from fivetwenty import AsyncClient
from fivetwenty.exceptions import FiveTwentyError
from fivetwenty.models.transactions import parse_transaction

from testkit.venues.oanda.account import Account
from testkit.venues.oanda.server import ACCOUNT, TOKEN, OandaServer

T = TypeVar("T")


@pytest.fixture
def server() -> Iterator[OandaServer]:
    """Return a double with two quoted pairs."""
    with OandaServer(heartbeat_s=0.05, window_s=0.25) as made:
        made.quote("EURUSD", "1.10000", "1.10010")
        made.quote("USDJPY", "102.123", "102.130")
        yield made


def ask(server: OandaServer, work: Callable[[AsyncClient], Awaitable[T]], token: str = TOKEN) -> T:
    """Run some calls of the independent client against the double."""

    async def run() -> T:
        http = httpx.AsyncClient(base_url=f"{server.url}/v3", trust_env=False)
        client = AsyncClient(token=token, account_id=ACCOUNT, transport=http, max_retries=0)
        async with client:
            return await work(client)

    return asyncio.run(run())


def test_account_and_instruments_are_read(server: OandaServer) -> None:
    """Every field of both documents has the type that the client expects."""

    async def work(client: AsyncClient) -> Any:
        account = await client.accounts.get_account(ACCOUNT)
        summary = await client.accounts.get_account_summary(ACCOUNT)
        instruments = await client.accounts.get_account_instruments(ACCOUNT)
        return account, summary, instruments

    account, summary, instruments = ask(server, work)
    assert account["account"].balance == Decimal(100_000)
    assert summary["account"].hedging_enabled is False
    by_name = {str(getattr(i.name, "value", i.name)): i for i in instruments["instruments"]}
    assert by_name["EUR_USD"].pip_location == -4
    assert by_name["USD_JPY"].display_precision == 3
    assert len(by_name) == 28


def test_orders_and_their_transactions_are_read(server: OandaServer) -> None:
    """A market order, a limit, its replacement and its cancel."""

    async def work(client: AsyncClient) -> Any:
        bought = await client.orders.post_market_order(ACCOUNT, "EUR_USD", 1000)
        rests = await client.orders.post_limit_order(
            ACCOUNT, "EUR_USD", units=500, price=Decimal("1.05000")
        )
        number = rests["orderCreateTransaction"].id
        pending = await client.orders.get_pending_orders(ACCOUNT)
        ended = await client.orders.cancel_order(ACCOUNT, number)
        return bought, pending, ended

    bought, pending, ended = ask(server, work)
    assert bought["orderFillTransaction"].trade_opened.price == Decimal("1.10010")
    assert pending["orders"][0].price == Decimal("1.05000")
    assert ended["orderCancelTransaction"].reason == "CLIENT_REQUEST"


def test_every_transaction_in_the_log_is_one_of_v20s(server: OandaServer) -> None:
    """After orders of all types, rejects, financing and a close."""
    exchange = server.exchange
    on_fill = {
        "takeProfitOnFill": {"price": "1.20000"},
        "stopLossOnFill": {"price": "1.00000"},
        "trailingStopLossOnFill": {"distance": "0.05000"},
    }
    market = {"type": "MARKET", "instrument": "EUR_USD", "units": "1000"}
    exchange.create(market | on_fill, "r1")
    for kind in ("LIMIT", "STOP", "MARKET_IF_TOUCHED"):
        price = "1.30000" if kind == "STOP" else "1.05000"
        request = {**market, "type": kind, "price": price}
        exchange.create({**request, "timeInForce": "GTC"}, "r2")
        exchange.create({**request, "units": "0"}, "r3")
    exchange.create({**market, "units": "0"}, "r4")
    exchange.cancel("999", "r5")
    exchange.finance("EUR_USD", Decimal("-0.1"))
    exchange.close_trade("3", "400", "r6")
    exchange.close_trade("3", "ALL", "r7")
    log = exchange.log.between(2, exchange.log.last_id)
    parsed = [parse_transaction(transaction) for transaction in log]
    assert [int(one.id) for one in parsed] == list(range(2, exchange.log.last_id + 1))
    assert {
        "MARKET_ORDER",
        "ORDER_FILL",
        "ORDER_CANCEL",
        "ORDER_CANCEL_REJECT",
        "TAKE_PROFIT_ORDER",
        "STOP_LOSS_ORDER",
        "TRAILING_STOP_LOSS_ORDER",
        "MARKET_ORDER_REJECT",
        "LIMIT_ORDER_REJECT",
        "DAILY_FINANCING",
    } <= {str(transaction["type"]) for transaction in log}


def test_trades_positions_prices_and_changes_are_read(server: OandaServer) -> None:
    """The other GET endpoints."""

    async def work(client: AsyncClient) -> Any:
        await client.orders.post_market_order(ACCOUNT, "EUR_USD", 1000)
        trades = await client.trades.get_open_trades(ACCOUNT)
        positions = await client.positions.get_open_positions(ACCOUNT)
        prices = await client.pricing.get_pricing(ACCOUNT, ["EUR_USD", "USD_JPY"])
        since = await client.transactions.get_transactions_since_id(ACCOUNT, "1")
        changes = await client.accounts.get_account_changes(ACCOUNT, since_transaction_id="1")
        return trades, positions, prices, since, changes

    trades, positions, prices, since, changes = ask(server, work)
    assert trades["trades"][0].current_units == Decimal(1000)
    assert positions["positions"][0].long.average_price == Decimal("1.10010")
    assert [p.bids[0].price for p in prices["prices"]] == [Decimal("1.10000"), Decimal("102.123")]
    assert [t.type for t in since["transactions"]] == ["MARKET_ORDER", "ORDER_FILL"]
    assert len(changes["changes"].orders_filled) == 1


def test_a_wrong_token_is_401_and_a_foreign_account_403(server: OandaServer) -> None:
    """As v20 has it."""
    with pytest.raises(FiveTwentyError) as refused:
        ask(server, lambda client: client.accounts.get_account(ACCOUNT), token="no")  # noqa: S106 - a wrong one
    assert refused.value.status == 401
    with pytest.raises(FiveTwentyError) as foreign:
        ask(server, lambda client: client.accounts.get_account("101-004-1000001-002"))
    assert foreign.value.status == 403


def test_a_client_id_may_be_used_again_once_its_order_is_done(server: OandaServer) -> None:
    """v20 refuses it only while another pending order has it; then the trade's id collides."""
    exchange = server.exchange
    named = {"clientExtensions": {"id": "a"}, "tradeClientExtensions": {"id": "a"}}
    limit = {
        "type": "LIMIT",
        "instrument": "EUR_USD",
        "units": "1000",
        "price": "1.05000",
        "timeInForce": "GTC",
        **named,
    }
    assert exchange.create(limit, "r1")[0] == 201
    status, body = exchange.create(limit, "r2")
    assert (status, body["errorCode"]) == (400, "CLIENT_ORDER_ID_ALREADY_EXISTS")
    server.quote("EURUSD", "1.04980", "1.04990")
    status, body = exchange.create({**limit, "price": "1.05500"}, "r3")
    assert status == 201
    assert body["orderCancelTransaction"]["reason"] == "CLIENT_TRADE_ID_ALREADY_EXISTS"


def test_more_than_the_limit_of_requests_in_a_second_is_429(server: OandaServer) -> None:
    """120 over any second."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
        server.gate.limit = 5
        seen = [client.get(f"/v3/accounts/{ACCOUNT}/summary").status_code for _ in range(8)]
    assert seen == [200] * 5 + [429] * 3


def test_the_last_price_of_a_window_is_the_only_one_that_is_seen(server: OandaServer) -> None:
    """A sampled stream: two moves within 250 ms are one price."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    path = f"/v3/accounts/{ACCOUNT}/pricing/stream?instruments=EUR_USD"
    bids: list[str] = []
    with (
        httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client,
        client.stream("GET", path) as response,
    ):
        for line in response.iter_lines():
            document = httpx.Response(200, content=line).json()
            if document["type"] != "PRICE":
                continue
            bids.append(document["bids"][0]["price"])
            if len(bids) == 2:
                break
            server.quote("EURUSD", "1.10001", "1.10011")
            server.quote("EURUSD", "1.10002", "1.10012")
    assert bids == ["1.10000", "1.10002"]


@pytest.mark.parametrize(
    ("home", "symbol", "prices", "later", "profit"),
    [
        # Long 1,000 EUR from 1.10010 to 1.10500: 4.90 dollars.
        ("USD", "EURUSD", ("1.10000", "1.10010"), ("1.10500", "1.10510"), "4.9000"),
        # The same 4.90 dollars in euro, at the ask: 4.90 / 1.10510.
        ("EUR", "EURUSD", ("1.10000", "1.10010"), ("1.10500", "1.10510"), "4.4340"),
        # Long 1,000 USD from 102.130 to 101.000: a loss of 1,130 yen, at the bid: / 101.000.
        ("USD", "USDJPY", ("102.123", "102.130"), ("101.000", "101.010"), "-11.1881"),
    ],
)
def test_profit_is_in_the_accounts_currency(
    home: str, symbol: str, prices: tuple[str, str], later: tuple[str, str], profit: str
) -> None:
    """Worked out by hand."""
    server = OandaServer(Account(ACCOUNT, currency=home))
    server.quote(symbol, *prices)
    name = f"{symbol[:3]}_{symbol[3:]}"
    order = {"type": "MARKET", "instrument": name, "units": "1000"}
    server.exchange.create(order, "r1")
    server.quote(symbol, *later)
    _, body = server.exchange.create({**order, "units": "-1000"}, "r2")
    assert body["orderFillTransaction"]["pl"] == profit
    assert server.exchange.account.balance == Decimal(100_000) + Decimal(profit)
