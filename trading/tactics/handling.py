"""How the signals of one account are carried out where one market order each is not all there is.

A position is closed before another side is opened: first whatever works or protects the wrong side
comes to its end, then what is held is given back, then the signal is decided on anew. So an exit is
never held back by what speaks against an entry, and no stop outlives its position.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from domain.control import TradingState
from domain.errors import Reject
from domain.nanos import floor_ns
from domain.orders import Order
from domain.predictions import Signal
from domain.ticks import REJECTED, Kind
from trading.algos.parents import ParentOrder
from trading.algos.tick_profile import TickProfile
from trading.contingency.requests import GroupRequest
from trading.decisions import Situation, Wish, is_settled, wish_of
from trading.desk.desk import Desk
from trading.desk.past import Past
from trading.execution_config import ExecutionConfig
from trading.judgement import Shown
from trading.lanes import Lane, Run
from trading.marks import AccountMark
from trading.ordering import order_of
from trading.orders.effects import Alert
from trading.orders.state import OrderState
from trading.risk.codes import Deny
from trading.risk.control import Controls
from trading.risk.states import DENIED
from trading.tactics.handler import LOOK_NS, Handler, HandlerState
from trading.tactics.looks import SIGNAL, Looks, reduces
from trading.tactics.plan import parent_of, protection_of
from trading.tactics.venue import LaneMarkets


class Handling:
    """The handlers of one account, by symbol. Not for several threads at once.

    Parameters
    ----------
    config, desk, lanes, past
        Of the account.
    handlers
        One a lane.
    markets, shown
        What algorithms and the gate see of the market.
    controls
        Gives the trading states as they are.
    note_working
        Told of a symbol whose orders have changed.
    alert
        Told of what a person should know, and when.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        desk: Desk,
        lanes: Mapping[str, Lane],
        past: Past,
        handlers: Mapping[str, Handler],
        markets: LaneMarkets,
        shown: Shown,
        controls: Callable[[], Controls],
        note_working: Callable[[str], None],
        alert: Callable[[Alert, int], None],
    ) -> None:
        self._config = config
        self._desk = desk
        self._lanes = lanes
        self._past = past
        self._handlers = handlers
        self._markets = markets
        self._shown = shown
        self._controls = controls
        self._note_working = note_working
        self._looks = Looks(desk, markets, shown, self._state, note_working, alert)
        self._ready = self._opens = True
        desk.on_change = self._on_change
        for symbol, handler in handlers.items():
            lanes[symbol].look_due_ns = handler.next_look_ns

    def snapshot(self) -> dict[str, HandlerState]:
        """Return what a snapshot must keep, by symbol."""
        return {symbol: handler.dump() for symbol, handler in self._handlers.items()}

    def decide(
        self,
        lane: Lane,
        signal: Signal,
        mark: AccountMark,
        *,
        refusal: str,
        ready: bool,
        opens: bool,
    ) -> None:
        """Act on the signal of a boundary; one without a view leaves all as it is.

        Parameters
        ----------
        refusal
            Why nothing may be opened on it; empty if it may.
        ready, opens
            Whether orders may leave, and whether such that open or enlarge a position.
        """
        handler = self._handlers[signal.symbol]
        handler.mark, handler.verdict, handler.pending = mark, signal.verdict, None
        self._ready, self._opens = ready, opens
        now_ns = max(signal.ts_recv_ns, handler.look_ns)
        if signal.actionable:
            self._want(lane, handler, signal, now_ns, refusal=refusal)
        self._look(lane, handler, now_ns)

    def before(self, lane: Lane, *, ready: bool, opens: bool) -> None:
        """Look at what is at work in a lane, if that is due before its next record.

        The time is that of the last look that may come before the record: in a silent market one
        look stands for all.
        """
        recv_ns = lane.look_ns()
        if recv_ns is not None:
            self._ready, self._opens = ready, opens
            handler = self._handlers[lane.state.symbol]
            self._look(lane, handler, max(floor_ns(recv_ns, LOOK_NS), handler.look_ns))

    def after(self, lane: Lane, run: Run, passed_ns: int | None) -> None:
        """Take in the records of a run: how many ticks, and what is thought of the last one.

        Parameters
        ----------
        passed_ns
            Boundary that the run has passed; None if none.
        """
        handler = self._handlers[lane.state.symbol]
        if lane.look_due_ns is None and handler.profile is None:
            return
        records = lane.records(run)
        ticks = records[(records["kind"] == Kind.TICK) & ((records["verdict"] & REJECTED) == 0)]
        handler.count(lane.state.symbol, len(ticks), passed_ns)
        if len(ticks):
            handler.verdict = int(ticks["verdict"][-1])

    def heard(self, *, ready: bool, opens: bool) -> None:
        """Look at everything that is at work: a venue has reported, whatever the log does."""
        self._ready, self._opens = ready, opens
        for symbol, handler in self._handlers.items():
            self._look(self._lanes[symbol], handler, handler.look_ns)

    # What a signal wants.

    def _want(
        self, lane: Lane, handler: Handler, signal: Signal, now_ns: int, *, refusal: str
    ) -> None:
        side, units = signal.side, lane.state.position.units
        if handler.spent != side:
            handler.spent = None
        in_flight = handler.in_flight_units(self._working(lane))
        if handler.spent == side or is_settled(side, units + in_flight):
            return
        waits = side != "flat" and not refusal
        if handler.is_busy:
            self._withdraw(lane, handler, now_ns)
            handler.pending = signal if waits else None
            return
        mark = handler.mark
        if mark is None:
            return
        config = self._config
        now = Situation(lane.instrument, config.account_currency, units, in_flight, mark)
        wish = wish_of(side, now, config.sizing)
        if wish is None:
            return
        if units and side != "flat" and not in_flight:
            wish = Wish(1, -units)
            handler.pending = signal if waits else None
        self._carry_out(lane, handler, signal, wish, mark, now_ns, refusal=refusal)

    def _withdraw(self, lane: Lane, handler: Handler, now_ns: int) -> None:
        """End what works for, or protects, a side that is not wanted; what closes it goes on."""
        for parent in handler.working_parents:
            if not (parent.stop or reduces(lane, parent)):
                self._looks.end_parent(handler, parent, now_ns, SIGNAL)
        for group in handler.working_groups:
            if not (group.stop or group.closing):
                self._looks.close_group(handler, group, now_ns, SIGNAL)

    def _carry_out(
        self,
        lane: Lane,
        handler: Handler,
        signal: Signal,
        wish: Wish,
        mark: AccountMark,
        now_ns: int,
        *,
        refusal: str,
    ) -> None:
        """Begin what is to change the position, unless it has begun before."""
        order = order_of(self._config, lane, signal, wish.leg, wish.change_units)
        if now_ns > signal.ts_recv_ns:
            # The signal has waited: what is sent is sent now.
            order = replace(order, ts_event_ns=now_ns, ts_recv_ns=now_ns)
        if order.client_order_id in self._desk.book or handler.knows(order.client_order_id):
            return
        opens = not lane.state.position.units
        reason = wish.reason
        if not self._ready:
            reason = Deny.NOT_RECONCILED.value
        elif not reason and opens:
            reason = refusal
        if reason:
            self._desk.deny(order, reason)
        else:
            self._begin(lane, handler, order, wish.leg, mark, now_ns, opens=opens)

    def _begin(
        self,
        lane: Lane,
        handler: Handler,
        order: Order,
        leg: int,
        mark: AccountMark,
        now_ns: int,
        *,
        opens: bool,
    ) -> None:
        tactics, market = self._config.tactics, self._markets.of(lane, now_ns)
        profile = TickProfile() if handler.profile is None else handler.profile
        parent: ParentOrder | None = None
        group: GroupRequest | None = None
        try:
            parent = parent_of(order, leg, tactics, market, now_ns, profile)
            group = protection_of(order, leg, tactics, market, now_ns) if opens else None
        except Reject:
            if opens:
                self._desk.deny(order, Deny.UNWORKABLE.value)
                return
            # An exit that cannot be worked is no less wanted: it goes out as one order.
        if parent is not None and (reason := self._refusal(order, now_ns, opens=opens)):
            self._desk.deny(order, reason)
            return
        handler.forget(now_ns)
        handler.rests = False
        if group is not None:
            self._desk.note(group)
            handler.groups.apply(group)
        if parent is not None:
            self._desk.note(parent)
            handler.parents.apply(parent)
        else:
            handler.sent_ns = now_ns
            self._desk.submit(order, lambda: self._shown(lane, now_ns, handler.verdict, mark))
            self._desk.dispatch()
            self._note_working(order.symbol)

    def _refusal(self, order: Order, now_ns: int, *, opens: bool) -> str:
        """Return the code by which the trading state, now or in the life before, refuses a parent.

        Its children would be refused one by one.
        """
        decided = self._past.decision(order.client_order_id)
        if decided is not None:
            return decided[1][-1].reason
        state = self._state(now_ns)
        if state == TradingState.ACTIVE or (state == TradingState.REDUCING and not opens):
            return ""
        return DENIED[state].value

    # How it goes on.

    def _look(self, lane: Lane, handler: Handler, now_ns: int) -> None:
        """Look, and decide anew on the signal that waits once nothing works against it."""
        if handler.is_busy and self._ready:
            self._looks.look(lane, handler, now_ns)
        signal = handler.pending
        if signal is not None and now_ns - signal.ts_recv_ns > self._config.max_signal_age_ns:
            handler.pending = None
        elif signal is not None and self._is_free(lane, handler, now_ns):
            handler.pending = None
            self._want(lane, handler, signal, now_ns, refusal="")
            if handler.is_busy and self._ready:
                self._looks.look(lane, handler, now_ns)
        handler.look_ns = now_ns
        lane.look_due_ns = handler.next_look_ns

    def _working(self, lane: Lane) -> Iterable[OrderState]:
        symbol = lane.state.symbol
        return [state for state in self._desk.book.open_states() if state.order.symbol == symbol]

    def _is_free(self, lane: Lane, handler: Handler, now_ns: int) -> bool:
        """Say whether nothing works in a lane, and an order may be as large as the last one.

        What closes a position and what opens the other side often have one size: at once they would
        be an order sent twice by mistake.
        """
        state, window_ns = lane.state, self._config.limits.repeat.duplicate_window_ns
        works = handler.is_busy or state.buy_units or state.sell_units
        return not works and now_ns - handler.sent_ns >= window_ns

    def _state(self, now_ns: int) -> TradingState:
        """Return the trading state to heed; a replay follows what was done before, up to its end.

        What lowered it is in force from the beginning of the new life on, wherever that begins.
        """
        if now_ns < self._past.until_ns:
            return TradingState.ACTIVE
        state = self._controls().state(self._config.strategy)
        # Where nothing may be opened, what is on its way to more goes no further.
        held_back = state == TradingState.ACTIVE and not self._opens
        return TradingState.REDUCING if held_back else state

    def _on_change(self, state: OrderState) -> None:
        handler = self._handlers.get(state.order.symbol)
        if handler is not None:
            handler.on_order(state)
