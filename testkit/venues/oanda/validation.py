"""What v20 refuses at the door: a request becomes an order, or a reject reason."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from testkit.venues.oanda.account import TRADE_ORDERS, Account, BrokerOrder
from testkit.venues.oanda.instruments import BrokerInstrument
from testkit.venues.oanda.wire import Json, nanoseconds

KINDS = frozenset({"MARKET", "LIMIT", "STOP", "MARKET_IF_TOUCHED", *TRADE_ORDERS})
IMMEDIATE = frozenset({"FOK", "IOC"})
LASTING = frozenset({"GTC", "GTD", "GFD"})
ON_FILL = {
    "takeProfitOnFill": "TAKE_PROFIT",
    "stopLossOnFill": "STOP_LOSS",
    "trailingStopLossOnFill": "TRAILING_STOP_LOSS",
}
MAX_EXTENSION = 128
"""Characters that an id, a tag or a comment may have."""


class Refused(Exception):  # noqa: N818 - the API's own word
    """A request that becomes a ``*_REJECT`` transaction; carries the reject reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def refuse(reason: str) -> NoReturn:
    """Refuse a request for one of v20's reject reasons.

    Raises
    ------
    Refused
        Always.
    """
    raise Refused(reason)


class Malformed(Exception):  # noqa: N818 - the API's own word
    """A request that v20 cannot read: 400 with a message, and no transaction."""


def _decimal(request: Json, name: str, reason: str) -> Decimal | None:
    if name not in request:
        return None
    try:
        value = Decimal(str(request[name]))
    except InvalidOperation:
        refuse(reason)
    if not value.is_finite():
        refuse(reason)
    return value


def _on_grid(value: Decimal | None, step: Decimal, reason: str) -> Decimal | None:
    if value is not None and value % step:
        refuse(reason)
    return value


def _price(request: Json, name: str, step: Decimal, prefix: str) -> Decimal | None:
    value = _decimal(request, name, f"{prefix}_INVALID")
    if value is not None and value <= 0:
        refuse(f"{prefix}_INVALID")
    return _on_grid(value, step, f"{prefix}_PRECISION_EXCEEDED")


def _units(request: Json, instrument: BrokerInstrument) -> Decimal:
    units = _decimal(request, "units", "UNITS_INVALID")
    if units is None:
        refuse("UNITS_MISSING")
    if units == 0:
        refuse("UNITS_INVALID")
    _on_grid(
        units, Decimal(1).scaleb(-instrument.trade_units_precision), "UNITS_PRECISION_EXCEEDED"
    )
    if abs(units) < instrument.minimum_trade_size:
        refuse("UNITS_MINIMUM_NOT_MET")
    if abs(units) > instrument.maximum_order_units:
        refuse("UNITS_LIMIT_EXCEEDED")
    return units


def _extensions(request: Json, name: str, thing: str) -> Json | None:
    found: Json | None = request.get(name)
    for key in ("id", "tag", "comment"):
        value = (found or {}).get(key)
        if value is not None and not 0 < len(str(value)) <= MAX_EXTENSION:
            refuse(f"CLIENT_{thing}_{key.upper()}_INVALID")
    return found


def _time_in_force(request: Json, kind: str, now_ns: int) -> tuple[str, int | None]:
    given = request.get("timeInForce", "FOK" if kind == "MARKET" else "GTC")
    allowed = IMMEDIATE if kind == "MARKET" else LASTING
    if kind == "LIMIT":
        allowed = IMMEDIATE | LASTING
    if given not in allowed:
        refuse("TIME_IN_FORCE_INVALID")
    if given != "GTD":
        return given, None
    if "gtdTime" not in request:
        refuse("TIME_IN_FORCE_GTD_TIMESTAMP_MISSING")
    gtd_ns = nanoseconds(request["gtdTime"])
    if gtd_ns <= now_ns:
        refuse("TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST")
    return given, gtd_ns


def _trade_of(request: Json, account: Account, kind: str) -> tuple[int, str, Decimal]:
    if "tradeID" in request:
        trade = account.find_trade(str(request["tradeID"]))
    elif "clientTradeID" in request:
        trade = account.find_trade("@" + str(request["clientTradeID"]))
    else:
        refuse("TRADE_ID_UNSPECIFIED")
    if trade is None or not trade.is_open:
        refuse("TRADE_DOESNT_EXIST")
    replaced = request.get("replaces")
    for other in account.pending():
        if (
            other.trade_id == trade.trade_id
            and other.kind == kind
            and str(other.order_id) != replaced
        ):
            refuse(f"{kind}_ORDER_ALREADY_EXISTS")
    return trade.trade_id, trade.instrument, -trade.units


def parse_order(
    request: Json,
    account: Account,
    instruments: Mapping[str, BrokerInstrument],
    order_id: int,
    now_ns: int,
) -> BrokerOrder:
    """Turn the body of ``POST /orders`` into an order.

    Raises
    ------
    Refused
        With v20's reject reason.
    Malformed
        If the type is none of v20's.
    """
    kind = request.get("type")
    if kind not in KINDS:
        msg = "Invalid value specified for 'order.type'"
        raise Malformed(msg)
    client = _extensions(request, "clientExtensions", "ORDER")
    trade_client = _extensions(request, "tradeClientExtensions", "TRADE")
    trade_id: int | None = None
    if kind in TRADE_ORDERS:
        trade_id, name, units = _trade_of(request, account, kind)
        instrument = instruments[name]
    else:
        if "instrument" not in request:
            refuse("INSTRUMENT_MISSING")
        found = instruments.get(request["instrument"])
        if found is None:
            msg = "Invalid value specified for 'order.instrument'"
            raise Malformed(msg)
        instrument = found
        units = _units(request, instrument)
    step = instrument.price_step
    price = None if kind == "MARKET" else _price(request, "price", step, "PRICE")
    distance = _decimal(request, "distance", "PRICE_DISTANCE_INVALID")
    if kind == "TRAILING_STOP_LOSS":
        _check_distance(distance, instrument)
    elif price is None and kind != "MARKET":
        refuse("PRICE_MISSING")
    time_in_force, gtd_ns = _time_in_force(request, kind, now_ns)
    replaced = request.get("replaces")
    if client and any(
        other.client_id == client.get("id") and str(other.order_id) != replaced
        for other in account.pending()
        if client.get("id")
    ):
        refuse("CLIENT_ORDER_ID_ALREADY_EXISTS")
    return BrokerOrder(
        order_id=order_id,
        kind=kind,
        instrument=instrument.name,
        units=units,
        created_ns=now_ns,
        time_in_force=time_in_force,
        position_fill=request.get("positionFill", "DEFAULT"),
        trigger=request.get("triggerCondition", "DEFAULT"),
        price=price,
        bound=_price(request, "priceBound", step, "PRICE_BOUND"),
        distance=distance,
        gtd_ns=gtd_ns,
        trade_id=trade_id,
        client=client,
        trade_client=trade_client,
        on_fill={kind: request[name] for name, kind in ON_FILL.items() if name in request},
    )


def _check_distance(distance: Decimal | None, instrument: BrokerInstrument) -> None:
    if distance is None:
        refuse("PRICE_DISTANCE_MISSING")
    if distance <= 0:
        refuse("PRICE_DISTANCE_INVALID")
    _on_grid(distance, instrument.price_step, "PRICE_DISTANCE_PRECISION_EXCEEDED")
    if distance < instrument.minimum_trailing_distance:
        refuse("PRICE_DISTANCE_MINIMUM_NOT_MET")
    if distance > instrument.maximum_trailing_distance:
        refuse("PRICE_DISTANCE_MAXIMUM_EXCEEDED")
