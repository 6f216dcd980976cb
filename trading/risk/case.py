"""What the checks look at: one order, the market and the account at the moment of its decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.instruments import Instrument
from domain.orders import Order, terms_of
from trading.quotes import Quote
from trading.risk.control import Controls
from trading.risk.exposure import EMPTY, Held, Valuation, only_reduces
from trading.risk.flow import Flow
from trading.risk.limits import AccountLimits
from trading.risk.losses import LossWatch
from trading.risk.states import Action
from trading.venues import PositionMode


class RiskContext(NamedTuple):
    """The market and the account as the caller knows them; what it does not know is None.

    Attributes
    ----------
    now_ns
        Time of the decision, on the clock of ``quote_recv_ns``; nanoseconds UTC.
    instrument
        Of the order's symbol, in the venue's own terms where it has them.
    quotes
        Last sound quotes by symbol: the order's, and all that values of positions need.
    quote_recv_ns
        When the quote of the order's symbol was received.
    verdict
        Bits of ``domain.ticks.Verdict`` of that quote.
    held
        Positions and what orders may still fill, by symbol; the order in question is not in it,
        unless it is being replaced.
    margin_rates
        Part of the notional that the venue asks as margin, by symbol.
    tradeable
        Whether the venue takes orders for the symbol now.
    position_mode
        How the account keeps positions of one symbol.
    reduce_only_enforced
        Whether the venue itself keeps a ``reduce_only`` order from opening a position.
    """

    now_ns: int
    instrument: Instrument
    quotes: Mapping[str, Quote]
    quote_recv_ns: int | None
    verdict: int | None
    held: Mapping[str, Held]
    margin_rates: Mapping[str, Decimal]
    tradeable: bool = True
    position_mode: PositionMode = "netting"
    reduce_only_enforced: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One question to the checks.

    Attributes
    ----------
    order
        With the terms that are asked for.
    units
        Base units of it that may fill: all of a new order, the rest of a replaced one.
    action
        What it amounts to.
    held
        As in the context, without this order but with all others that were let through.
    limits
        As they hold for the order's strategy.
    """

    order: Order
    units: Decimal
    action: Action
    held: Mapping[str, Held]
    context: RiskContext
    limits: AccountLimits
    account_currency: str
    values: Valuation
    controls: Controls
    flow: Flow
    losses: LossWatch

    @property
    def now_ns(self) -> int:
        """Time of the decision."""
        return self.context.now_ns

    @property
    def quote(self) -> Quote:
        """Quote of the order's symbol; only once `checks.market.quality` has found it there."""
        return self.context.quotes[self.order.symbol]

    @property
    def after(self) -> Held:
        """The order's symbol with the order working in it."""
        return self.held.get(self.order.symbol, EMPTY).adding(self.order.side, self.units)

    @property
    def all_after(self) -> dict[str, Held]:
        """Every symbol, with the order working in its own."""
        return {**self.held, self.order.symbol: self.after}

    def pips(self, distance: Decimal) -> Decimal:
        """Return a distance of prices in pips of the order's instrument."""
        return distance.scaleb(-self.context.instrument.pip_location)


def is_number(value: object) -> bool:
    """Say whether a value is a finite decimal: a float is none, however finite."""
    return isinstance(value, Decimal) and value.is_finite()


def is_sound(held: Held) -> bool:
    """Say whether all units of a symbol are finite and none is below 0."""
    return all(is_number(units) and units >= 0 for units in held)


def case_of(
    order: Order,
    old: Order | None,
    context: RiskContext,
    *,
    account_currency: str,
    limits: AccountLimits,
    controls: Controls,
    flow: Flow,
    losses: LossWatch,
) -> Case:
    """Return the question that a new order is, or an old one with other terms.

    Parameters
    ----------
    old
        The order as it is working, and as ``context.held`` counts it; None for a new one.
    """
    units = order.quantity_units
    held = context.held
    if old is not None and all(
        map(is_number, (units, old.quantity_units, old.filled_units, order.filled_units))
    ):
        units -= old.filled_units
        rest = held.get(old.symbol, EMPTY).adding(old.side, -old.leaves_units)
        held = {**held, old.symbol: rest}
    return Case(
        order=order,
        units=units,
        action=_action(order, units, old, held.get(order.symbol, EMPTY), context),
        held=held,
        context=context,
        limits=limits,
        account_currency=account_currency,
        values=Valuation(account_currency, context.quotes),
        controls=controls,
        flow=flow,
        losses=losses,
    )


def _action(
    order: Order, units: Decimal, old: Order | None, held: Held, context: RiskContext
) -> Action:
    """Say what an order amounts to; one that has no size, or nothing to compare with, opens."""
    exits = (
        is_number(units)
        and units > 0
        and is_sound(held)
        and only_reduces(
            order, units, held, context.position_mode, enforced=context.reduce_only_enforced
        )
    )
    if old is None:
        return Action.EXIT if exits else Action.OPEN
    return Action.REPLACE_EXIT if exits or _is_less(order, old) else Action.REPLACE


def _is_less(order: Order, old: Order) -> bool:
    """Say whether other terms are fewer units and nothing else."""
    if not (is_number(order.quantity_units) and is_number(old.quantity_units)):
        return False
    if order.quantity_units > old.quantity_units:
        return False
    same = msgspec.structs.replace(terms_of(order), quantity_units=old.quantity_units)
    return same == terms_of(old)
