"""Which checks are asked of what, in which order, and what an unanswered one means."""

from collections.abc import Callable
from typing import NamedTuple

from trading.risk.case import Case
from trading.risk.checks import exposure, form, market, money, pace, price, size
from trading.risk.codes import Denial, Deny, deny
from trading.risk.states import Action

Check = Callable[[Case], Denial | None]

ALWAYS: tuple[Check, ...] = (form.well_formed, form.trading_state, form.new_id)
"""Asked of every order and every replace."""

OPENING: tuple[Check, ...] = (
    form.known_positions,
    market.quality,
    market.price_age,
    market.session,
    market.spread,
    price.collar,
    price.through,
    size.order_size,
    size.usual_size,
    exposure.position,
    exposure.gross,
    exposure.currencies,
    money.margin,
    money.losses,
    pace.duplicate,
    pace.order_rate,
    pace.message_rate,
)
"""Asked of what may open or enlarge a position, and only of that: exits are never blocked."""

_GROUNDS: frozenset[Check] = frozenset({form.well_formed, form.known_positions, market.quality})
"""What the checks after them rely on: once one of these denies, no more are asked."""

_EXITS = frozenset({Action.EXIT, Action.REPLACE_EXIT})


class Verdict(NamedTuple):
    """Whether something may leave, and what speaks against it; the first denial decides."""

    denials: tuple[Denial, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it may leave."""
        return not self.denials

    @property
    def reason(self) -> str:
        """The deciding code; empty if it passed."""
        return self.denials[0].code.value if self.denials else ""


PASSED = Verdict()


def judge(case: Case, *, every: bool = False) -> Verdict:
    """Ask the checks about a case.

    Parameters
    ----------
    every
        Whether all denials are wanted, not only the first.
    """
    denials = []
    for check in ALWAYS if case.action in _EXITS else ALWAYS + OPENING:
        try:
            denial = check(case)
        except (ArithmeticError, TypeError, ValueError) as error:
            # A figure that nobody foresaw: what cannot be computed denies.
            denial = deny(Deny.NOT_COMPUTABLE, f"{check.__name__}, {type(error).__name__}")
        if denial is None:
            continue
        denials.append(denial)
        if not every or check in _GROUNDS:
            break
    return Verdict(tuple(denials)) if denials else PASSED
