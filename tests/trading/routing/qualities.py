"""Records of execution quality with few words."""

from decimal import Decimal
from typing import Any

from domain.quality import ExecutionQuality, OrderQuality
from tests.trading.algos.floor import TUESDAY_NS


def _filled(kind: type[Any], fields: dict[str, Any]) -> Any:
    known: dict[str, Any] = {name: None for name in kind.__struct_fields__ if name not in ("v",)}
    known |= {"stale_benchmarks": 0}
    known |= {
        "client_order_id": "o",
        "execution_id": "e",
        "account": "a",
        "symbol": "EURUSD",
        "side": "buy",
        "venue": "oanda",
        "strategy": "trend",
        "algorithm": "market",
        "session": "london",
        "size_bucket": "<=100000",
        "ts_event_ns": TUESDAY_NS,
        "ts_recv_ns": TUESDAY_NS,
        "quantity_units": Decimal(1000),
        "price": Decimal("1.1"),
    }
    known |= fields
    return kind(**{name: known[name] for name in kind.__struct_fields__ if name in known})


def fill(pips: float | None, **fields: Any) -> ExecutionQuality:
    """Return a fill that cost so many pips."""
    made: ExecutionQuality = _filled(ExecutionQuality, {"arrival_slippage_pips": pips} | fields)
    return made


def order(ratio: float, **fields: Any) -> OrderQuality:
    """Return an order of which this part was filled."""
    defaults = {"status": "filled", "reason": "", "order_type": "market", "fill_ratio": ratio}
    made: OrderQuality = _filled(OrderQuality, {"filled_units": Decimal(0)} | defaults | fields)
    return made
