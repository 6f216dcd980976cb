"""What people say about the whole account of a proof."""

from domain.control import ControlEvent, ControlKind, TradingState
from testkit.venues.oanda.server import ACCOUNT
from trading.risk.control import control_event


def word(kind: ControlKind, by: str, role: str, ts_ns: int) -> ControlEvent:
    """Return a person's word on the whole account: halted by a kill, active by all else."""
    to = TradingState.HALTED if kind is ControlKind.KILL else TradingState.ACTIVE
    return control_event(
        kind, to, account=ACCOUNT, by=by, role=role, reason="a drill", ts_event_ns=ts_ns
    )
