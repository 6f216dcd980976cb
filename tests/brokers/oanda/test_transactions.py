"""Transactions as v20 documents them, and the events that they mean."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.oanda.fills import fill_parts
from brokers.oanda.known import KnownOrders, KnownTrade
from brokers.oanda.terms import TYPES
from brokers.oanda.transactions import INFORMATIVE, Translator
from brokers.oanda.wire import UNREADABLE, time_ns, wire_time
from domain.errors import Drop
from domain.order_events import EventKind, OrderEvent
from domain.reasons import Reason
from tests.brokers.oanda.rig import order_of
from trading.venues import AccountCharge

NOW_NS = 1_700_000_000_000_000_000
OURS = order_of(1).client_order_id

TRANSACTION_TYPES = """
    CREATE CLOSE REOPEN CLIENT_CONFIGURE CLIENT_CONFIGURE_REJECT TRANSFER_FUNDS
    TRANSFER_FUNDS_REJECT MARKET_ORDER MARKET_ORDER_REJECT FIXED_PRICE_ORDER LIMIT_ORDER
    LIMIT_ORDER_REJECT STOP_ORDER STOP_ORDER_REJECT MARKET_IF_TOUCHED_ORDER
    MARKET_IF_TOUCHED_ORDER_REJECT TAKE_PROFIT_ORDER TAKE_PROFIT_ORDER_REJECT STOP_LOSS_ORDER
    STOP_LOSS_ORDER_REJECT GUARANTEED_STOP_LOSS_ORDER GUARANTEED_STOP_LOSS_ORDER_REJECT
    TRAILING_STOP_LOSS_ORDER TRAILING_STOP_LOSS_ORDER_REJECT ORDER_FILL ORDER_CANCEL
    ORDER_CANCEL_REJECT ORDER_CLIENT_EXTENSIONS_MODIFY ORDER_CLIENT_EXTENSIONS_MODIFY_REJECT
    TRADE_CLIENT_EXTENSIONS_MODIFY TRADE_CLIENT_EXTENSIONS_MODIFY_REJECT MARGIN_CALL_ENTER
    MARGIN_CALL_EXTEND MARGIN_CALL_EXIT DELAYED_TRADE_CLOSURE DAILY_FINANCING
    DIVIDEND_ADJUSTMENT RESET_RESETTABLE_PL
"""
"""``TransactionType`` of the page "Transaction Definitions"."""


def translator() -> Translator:
    """Return one that knows a trade, and nothing else."""
    known = KnownOrders()
    known.trades["7"] = KnownTrade("EURUSD", Decimal(500))
    return Translator(known, "USD", lambda: NOW_NS)


def transaction(kind: str, number: int = 10, **fields: Any) -> dict[str, Any]:
    """Return a transaction with all that any kind must have."""
    base = {
        "id": str(number),
        "time": "2014-05-01T12:00:00.123456789Z",
        "type": kind,
        "instrument": "EUR_USD",
        "units": "1000",
        "price": "1.38",
        "tradeID": "7",
        "orderID": "9",
        "amount": "5",
        "financing": "1",
        "dividendAdjustment": "1",
    }
    return base | fields


def only(events: list[Any]) -> OrderEvent:
    """Return the one event."""
    assert len(events) == 1
    event = events[0]
    assert isinstance(event, OrderEvent)
    return event


@pytest.mark.parametrize("kind", TRANSACTION_TYPES.split())
def test_every_documented_type_is_understood(kind: str) -> None:
    """Each is an event, a charge, or known to be informative: none is a surprise."""
    events = translator().events(transaction(kind))
    is_quiet = kind in INFORMATIVE or kind.endswith("_ORDER_REJECT")
    # The reject of an order that names no client is about nobody here.
    assert bool(events) != (is_quiet or kind == "ORDER_CANCEL_REJECT")


def test_the_types_of_orders_are_the_documented_ones() -> None:
    """One create type for each order type."""
    documented = {
        t.removesuffix("_ORDER") for t in TRANSACTION_TYPES.split() if t.endswith("_ORDER")
    }
    assert documented == TYPES


def test_a_type_of_tomorrow_is_unusable() -> None:
    """It is not passed over in silence."""
    with pytest.raises(Drop, match="SOMETHING_NEW"):
        translator().events(transaction("SOMETHING_NEW"))


def test_the_price_of_a_fill_is_that_of_its_parts() -> None:
    """The transaction's own price is deprecated and may differ."""
    parts = fill_parts(
        transaction(
            "ORDER_FILL",
            units="-1500",
            price="9.99",
            tradesClosed=[
                {"tradeID": "7", "units": "-500", "price": "1.38010"},
                {"tradeID": "8", "units": "-400", "price": "1.38000"},
            ],
            tradeReduced={"tradeID": "9", "units": "-100", "price": "1.38010"},
            tradeOpened={"tradeID": "10", "units": "-500", "price": "1.38010"},
        )
    )
    assert [(p.execution_id, p.units, p.price) for p in parts] == [
        ("10-0", Decimal(1100), Decimal("1.38010")),
        ("10-1", Decimal(400), Decimal("1.38000")),
    ]


def test_a_fill_of_an_order_that_was_never_seen_still_says_all() -> None:
    """Which order, which pair, which side, how much, at what; and what was not filled."""
    fill, rest = translator().events(
        transaction(
            "ORDER_FILL",
            units="-600",
            requestedUnits="-1000",
            clientOrderID=OURS + "01",
            commission="0.5",
            guaranteedExecutionFee="0.25",
            financing="0",
            tradeOpened={"tradeID": "10", "units": "-600", "price": "1.38010"},
        )
    )
    assert isinstance(fill, OrderEvent)
    assert isinstance(rest, OrderEvent)
    assert (fill.client_order_id, fill.venue_order_id, fill.symbol, fill.side) == (
        OURS,
        "9",
        "EURUSD",
        "sell",
    )
    assert (fill.quantity_units, fill.price, fill.average_price) == (
        Decimal(600),
        Decimal("1.38010"),
        Decimal("1.38010"),
    )
    assert (fill.commission, fill.commission_currency) == (Decimal("0.75"), "USD")
    assert (fill.ts_event_ns, fill.ts_recv_ns) == (1_398_945_600_123_456_789, NOW_NS)
    assert (rest.kind, rest.reason) == (EventKind.CANCELED, Reason.NO_LIQUIDITY)


def test_financing_that_a_fill_settles_is_a_charge() -> None:
    """It is no part of the fill's price."""
    events = translator().events(
        transaction(
            "ORDER_FILL",
            financing="-0.75",
            tradesClosed=[{"tradeID": "7", "units": "-1000", "price": "1.38"}],
        )
    )
    charge = events[-1]
    assert isinstance(charge, AccountCharge)
    assert (charge.charge_id, charge.amount, charge.symbol) == (
        "10-financing",
        Decimal("-0.75"),
        "EURUSD",
    )


def test_a_days_financing_is_a_charge_for_each_position() -> None:
    """With ids of their own."""
    events = translator().events(
        transaction(
            "DAILY_FINANCING",
            financing="-1",
            positionFinancings=[
                {"instrument": "EUR_USD", "financing": "-3"},
                {"instrument": "USD_JPY", "financing": "2"},
            ],
        )
    )
    assert [(e.charge_id, e.symbol, e.amount) for e in events if isinstance(e, AccountCharge)] == [
        ("10-EUR_USD", "EURUSD", Decimal(-3)),
        ("10-USD_JPY", "USDJPY", Decimal(2)),
    ]


def test_an_order_of_another_program_is_external() -> None:
    """Its client id is none of ours, whatever it says."""
    made = only(translator().events(transaction("LIMIT_ORDER", clientExtensions={"id": "theirs"})))
    assert (made.kind, made.client_order_id, made.venue_order_id) == (EventKind.EXTERNAL, "", "10")
    assert made.terms is not None
    assert (made.terms.limit_price, made.terms.time_in_force) == (Decimal("1.38"), "GTC")


def test_our_order_that_somebody_else_replaces_stays_ours() -> None:
    """The web page gives the new order no id of ours."""
    one = translator()
    made = only(one.events(transaction("LIMIT_ORDER", clientExtensions={"id": OURS})))
    assert (made.kind, made.client_order_id, made.request) == (EventKind.ACK, OURS, 0)
    canceled = transaction(
        "ORDER_CANCEL",
        11,
        orderID="10",
        reason="CLIENT_REQUEST_REPLACED",
        replacedByOrderID="12",
    )
    assert one.events(canceled) == []
    replaced = only(one.events(transaction("LIMIT_ORDER", 12, price="1.39", replacesOrderID="10")))
    assert (replaced.kind, replaced.client_order_id) == (EventKind.REPLACED, OURS)
    assert (replaced.venue_order_id, replaced.request) == ("12", -1)
    assert replaced.terms is not None
    assert replaced.terms.limit_price == Decimal("1.39")


def test_a_reject_of_a_second_order_of_a_living_id_does_not_end_the_first() -> None:
    """Nobody here asked for it: it is logged and changes nothing."""
    one = translator()
    one.events(transaction("LIMIT_ORDER", clientExtensions={"id": OURS}))
    refused = transaction(
        "LIMIT_ORDER_REJECT",
        11,
        clientExtensions={"id": OURS},
        rejectReason="CLIENT_ORDER_ID_ALREADY_EXISTS",
    )
    assert one.events(refused) == []


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_times_keep_all_nine_digits(ts_ns: int) -> None:
    """There and back."""
    assert time_ns({"time": wire_time(ts_ns)}) == ts_ns


_values = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats()
_json = st.recursive(
    _values,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(TRANSACTION_TYPES.split()),
    spoiled=st.dictionaries(
        st.sampled_from(
            ["time", "units", "price", "instrument", "tradeOpened", "tradesClosed", "orderID"]
        ),
        _json,
        min_size=1,
        max_size=3,
    ),
)
def test_a_spoiled_transaction_is_unusable_or_read_and_nothing_else(
    kind: str, spoiled: dict[str, Any]
) -> None:
    """Whatever stands in a field: events, or an error that the session takes for unusable."""
    try:
        events = translator().events(transaction(kind) | spoiled)
    except UNREADABLE:
        return
    assert all(isinstance(event, OrderEvent | AccountCharge) for event in events)
