"""How a signal is carried out where nothing else is asked for: as one market order."""

from collections.abc import Callable

from domain.predictions import Signal
from trading.accounts.held import sides
from trading.decisions import Situation, wish_of
from trading.desk.desk import Desk
from trading.execution_config import ExecutionConfig
from trading.judgement import Shown
from trading.lanes import Lane
from trading.marks import AccountMark
from trading.ordering import order_of
from trading.risk.case import RiskContext
from trading.risk.codes import Deny


class OneOrder:
    """Decides on signals of one account; keeps nothing.

    Parameters
    ----------
    config, desk
        Of the account.
    shown
        What the gate sees of the market.
    note_working
        Told of a symbol whose orders have changed.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        desk: Desk,
        shown: Shown,
        note_working: Callable[[str], None],
    ) -> None:
        self._config = config
        self._desk = desk
        self._shown = shown
        self._note_working = note_working

    def decide(
        self, lane: Lane, signal: Signal, mark: AccountMark, *, refusal: str | None, ready: bool
    ) -> None:
        """Act on the signal of a boundary that has a view.

        Parameters
        ----------
        refusal
            Why nothing may be opened on it; empty if it may; None where another account acts on it,
            and this one only gives back what it holds against it.
        ready
            Whether orders may leave.
        """
        state, config = lane.state, self._config
        now = Situation(
            instrument=lane.instrument,
            account_currency=config.account_currency,
            units=state.position.units,
            in_flight_units=state.buy_units - state.sell_units,
            mark=mark,
            sides=sides(state.held) if config.position_mode == "hedging" else None,
        )
        wish = wish_of(signal.side, now, config.sizing)
        if wish is None:
            return
        order = order_of(config, lane, signal, wish.leg, wish.change_units, wish.effect)
        exits = wish.effect == "reduce_only" or state.position.units + wish.change_units == 0
        # The part of it by which a position that the signal is against is closed.
        close = (
            order_of(config, lane, signal, 1, -state.position.units)
            if (state.position.units and not now.in_flight_units and not exits)
            else None
        )

        def read() -> RiskContext:
            return self._shown(lane, signal.ts_recv_ns, signal.verdict, mark)

        reason = wish.reason
        if refusal is None:
            if now.in_flight_units or not state.position.units:
                return
            order, close, reason = close or order, None, ""
        elif not reason and not exits:
            reason = refusal
        if not ready:
            self._desk.deny(order, Deny.NOT_RECONCILED.value)
            return
        passed = False
        if reason:
            self._desk.deny(order, reason)
        else:
            passed = self._desk.submit(order, read)
        if not passed and close is not None:
            # What was denied was a flip: what is held is closed still.
            self._desk.submit(close, read)
        self._note_working(signal.symbol)
