"""The gate of one account: every order passes all checks, or does not leave.

The first denial decides. Orders that only reduce a position answer for their form, the trading
state and their id, and for nothing else. Cancels always pass.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from domain.control import ControlEvent, TradingState
from domain.errors import BadUse, Corrupt
from domain.orders import Order, OrderSide, OrderTerms, with_terms
from trading.risk.case import Case, RiskContext, case_of
from trading.risk.control import Controls, lowered
from trading.risk.exposure import EMPTY, Held
from trading.risk.flow import Flow
from trading.risk.judge import PASSED, Verdict, judge
from trading.risk.limits import AccountLimits
from trading.risk.losses import LossWatch
from trading.risk.states import Action

STATE_VERSION = 1
_ZERO = Decimal(0)


@dataclass(frozen=True)
class GateConfig:
    """Whose orders, and within which limits; ``account_currency`` is an ISO 4217 code."""

    account: str
    account_currency: str
    limits: AccountLimits


class _Reserved(NamedTuple):
    symbol: str
    side: OrderSide
    units: Decimal


class RiskGate:
    """Judges orders, and remembers what it let through; safe to be called from several threads.

    An order goes through in three steps. `admit` judges it on a context that is read under the
    gate's own lock, and reserves its size; the caller books it; `sent` says that the positions and
    orders passed in count it from now on. So a hundred threads at the edge of a limit do not pass
    it together.

    Parameters
    ----------
    controls
        Trading states as folded from the ledger.
    state
        What `snapshot` gave, or None for a new account.
    losses
        Those of another gate of the same account: that one is marked and kept, this one looks on.

    Raises
    ------
    Corrupt
        If the state was kept by another version, or is none.
    """

    def __init__(
        self,
        config: GateConfig,
        controls: Controls,
        state: Mapping[str, Any] | None = None,
        losses: LossWatch | None = None,
    ) -> None:
        if controls.account != config.account:
            msg = f"controls of account {controls.account} at the gate of {config.account}"
            raise BadUse(msg)
        self._config = config
        self._controls = controls
        self._flow = Flow()
        self._shares = losses is not None
        self._losses = losses or LossWatch(config.limits.loss)
        self._reserved: dict[str, _Reserved] = {}
        self._lock = threading.RLock()
        if state is not None:
            self._restore(state)
        self._losses.rebase(controls.raised_ns)

    @property
    def losses(self) -> LossWatch:
        """What the account has lost; other gates of the same account may share it."""
        return self._losses

    @property
    def controls(self) -> Controls:
        """Trading states as they are now."""
        return self._controls

    def admit(self, order: Order, read: Callable[[], RiskContext]) -> Verdict:
        """Judge a new order, and if it passes note and reserve it in the same step.

        Parameters
        ----------
        read
            Gives the context; called under the gate's lock, so that it counts all that was sent.
        """
        with self._lock:
            case = self._case(order, None, read())
            verdict = judge(case)
            if verdict.passed:
                exits = case.action == Action.EXIT
                self._flow.note(order, case.now_ns, case.limits, exits=exits)
                self._reserve(order, case.units)
            return verdict

    def admit_replace(
        self, order: Order, terms: OrderTerms, read: Callable[[], RiskContext]
    ) -> Verdict:
        """Judge other terms for an order, and if they pass note and reserve what they add."""
        with self._lock:
            case = self._case(with_terms(order, terms), order, read())
            verdict = judge(case)
            if verdict.passed:
                self._flow.message(order.strategy, case.now_ns, case.limits)
                self._reserve(order, max(_ZERO, case.units - order.leaves_units))
            return verdict

    def admit_cancel(self, order: Order, now_ns: int) -> Verdict:
        """Let a cancel through, in every state and at every rate; it counts as a message."""
        with self._lock:
            limits = self._config.limits.of(order.strategy)
            self._flow.message(order.strategy, now_ns, limits)
            return PASSED

    def sent(self, client_order_id: str) -> None:
        """Note that the positions and orders passed in count this order as it was admitted."""
        with self._lock:
            self._reserved.pop(client_order_id, None)

    def filled(self, order: Order, ts_ns: int) -> tuple[ControlEvent, ...]:
        """Note a fill; return what it calls for, already in force here and to be kept.

        A strategy that executes too many orders within its window sends none any more, until a
        named person raises it again.
        """
        with self._lock:
            limits = self._config.limits.of(order.strategy).repeat
            if not self._flow.executed(order.client_order_id, order.strategy, ts_ns, limits):
                return ()
            return self._lower(
                TradingState.CANCEL_ONLY,
                "repeat_throttle",
                ts_ns,
                strategy=order.strategy,
                reason=f"{limits.max_executions} executions in {limits.execution_window_ns} ns",
            )

    def closed(self, client_order_id: str, ts_ns: int) -> None:
        """Note that an order has come to its end; its id stays known for a day."""
        with self._lock:
            self._reserved.pop(client_order_id, None)
            self._flow.closed(client_order_id, ts_ns)

    def mark(self, ts_ns: int, equity: Decimal | None) -> tuple[ControlEvent, ...]:
        """Note the account's equity; return what it calls for, already in force and to be kept.

        A fall from the high-water mark beyond its limit leaves the account REDUCING until a named
        person raises it; the mark begins anew then. Daily losses deny for as long as they last.

        Parameters
        ----------
        equity
            Account currency, with realised, unrealised, swap and commission; None if not known.
        """
        with self._lock:
            self._losses.mark(ts_ns, equity)
            fallen = self._losses.drawdown(ts_ns)
            most = self._config.limits.loss.max_drawdown_fraction
            if fallen is None or fallen <= most:
                return ()
            reason = f"equity is {fallen:.4f} below its high-water mark, {most} is allowed"
            return self._lower(TradingState.REDUCING, "drawdown", ts_ns, reason=reason)

    def transfer(self, amount: Decimal) -> None:
        """Note money paid in (> 0) or out, account currency: it is neither profit nor loss."""
        with self._lock:
            self._losses.transfer(amount)

    def control(self, event: ControlEvent) -> None:
        """Put a change of a trading state in force; a change upwards is kept in the ledger first.

        Raises
        ------
        Reject
            If nobody may do so like this: see `trading.risk.control`.
        """
        with self._lock:
            before = self._controls.scope(event.strategy).state
            self._controls = self._controls.apply(event)
            after = self._controls.scope(event.strategy).state
            if after == TradingState.ACTIVE and before != after:
                self._flow.forgive(event.strategy)
            self._losses.rebase(self._controls.raised_ns)

    def snapshot(self) -> dict[str, Any]:
        """Return what must be kept over a restart, but for the controls: the ledger has those."""
        with self._lock:
            return {
                "v": STATE_VERSION,
                "account": self._config.account,
                "flow": self._flow.snapshot(),
                "losses": None if self._shares else self._losses.snapshot(),
                "reserved": {
                    name: [one.symbol, one.side, str(one.units)]
                    for name, one in self._reserved.items()
                },
            }

    def _restore(self, state: Mapping[str, Any]) -> None:
        found = (state.get("v"), state.get("account"))
        if found != (STATE_VERSION, self._config.account):
            msg = f"a gate was kept as {found}; this is {(STATE_VERSION, self._config.account)}"
            raise Corrupt(msg)
        self._flow.restore(state["flow"])
        if not self._shares:
            self._losses.restore(state["losses"])
        self._reserved = {
            name: _Reserved(symbol, side, Decimal(units))
            for name, (symbol, side, units) in state["reserved"].items()
        }

    def _case(self, order: Order, old: Order | None, context: RiskContext) -> Case:
        config = self._config
        return case_of(
            order,
            old,
            context._replace(held=self._counted(context.held)) if self._reserved else context,
            account_currency=config.account_currency,
            limits=config.limits.of(order.strategy),
            controls=self._controls,
            flow=self._flow,
            losses=self._losses,
        )

    def _counted(self, held: Mapping[str, Held]) -> dict[str, Held]:
        """Return positions and orders with those that were admitted and are not booked yet."""
        counted = dict(held)
        for symbol, side, units in self._reserved.values():
            counted[symbol] = counted.get(symbol, EMPTY).adding(side, units)
        return counted

    def _reserve(self, order: Order, units: Decimal) -> None:
        earlier = self._reserved.get(order.client_order_id)
        more = units if earlier is None else units + earlier.units
        self._reserved[order.client_order_id] = _Reserved(order.symbol, order.side, more)

    def _lower(
        self, to: TradingState, rule: str, ts_ns: int, *, strategy: str = "", reason: str = ""
    ) -> tuple[ControlEvent, ...]:
        event = lowered(self._controls, to, rule, ts_ns, strategy=strategy, reason=reason)
        if event is None:
            return ()
        self.control(event)
        return (event,)
