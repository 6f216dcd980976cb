"""Orders linked without a position between them: one cancels the other, one triggers the other."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from msgspec.structs import replace

from domain.orders import OrderSide, OrderTerms
from trading.algos.market import MarketView, on_grid, portion
from trading.algos.placed import ZERO
from trading.contingency.group_state import Finish, PlaceMember, Roles, Step, Warn
from trading.contingency.requests import Oco, Oto, Role


def oco_steps(oco: Oco, roles: Roles, market: MarketView, *, enters: bool) -> Iterator[Step]:
    """Return what an OCO needs now: both orders, then less of the one as the other fills.

    Whichever ends, by whatever cause, ends the other.
    """
    legs: tuple[tuple[Role, OrderSide, OrderTerms], ...] = (
        ("first", oco.first_side, oco.first),
        ("second", oco.second_side, oco.second),
    )
    done = {role: _part(roles.filled(role), terms) for role, _, terms in legs}
    if done["first"] + done["second"] > 1:
        yield Warn("both_filled", "both orders of an OCO have filled: more is held than was wanted")
    if not enters or any(roles.of(role) and not roles.open(role) for role, _, _ in legs):
        yield from roles.cancels("first", "second")
        if not roles.counted("first", "second"):
            yield Finish("filled" if done["first"] + done["second"] >= 1 else "canceled")
        return
    for role, side, terms in legs:
        rest = on_grid(
            _share(terms.quantity_units, 1 - done["first"] - done["second"]),
            market.instrument.units_step,
        )
        working = roles.open(role)
        if working and rest < market.instrument.min_units:
            yield from roles.cancels(role)
        elif working:
            yield from roles.resized(working[-1], working[-1].filled_units + rest)
        else:
            yield PlaceMember(role, side, terms)


def oto_steps(oto: Oto, roles: Roles, market: MarketView, *, enters: bool) -> Iterator[Step]:
    """Return what an OTO needs now: the first order, then as much of the second as it filled."""
    if not roles.of("entry"):
        if enters:
            yield PlaceMember("entry", oto.side, oto.entry)
        else:
            yield Finish("canceled")
        return
    if not enters:
        yield from roles.cancels("entry")
    part = min(Fraction(1), _part(roles.filled("entry"), oto.entry))
    due = on_grid(_share(oto.then.quantity_units, part), market.instrument.units_step)
    for working in roles.open("then"):
        others = roles.filled("then") - working.filled_units
        yield from roles.resized(working, max(due - others, working.filled_units))
    if not roles.open("then"):
        yield from _triggered(oto, roles, market, due)


def _triggered(oto: Oto, roles: Roles, market: MarketView, due: Decimal) -> Iterator[Step]:
    ended = not roles.counted("entry")
    rest = max(ZERO, due - roles.filled("then") - roles.counted("then"))
    units = portion(rest, rest, market.instrument)
    if roles.failed_in_a_row("then") >= roles.pace.attempts:
        yield Warn("not_triggered", f"the order that {due} units depend on is refused")
        yield Finish("then_refused")
    elif ended and not units:
        if not roles.counted("then"):
            yield Finish("filled" if roles.filled("entry") else "entry_unfilled")
    elif units and market.trades and roles.may_try("then"):
        yield PlaceMember("then", oto.then_side, replace(oto.then, quantity_units=units))


def _part(filled: Decimal, terms: OrderTerms) -> Fraction:
    return Fraction(filled) / Fraction(terms.quantity_units)


def _share(units: Decimal, part: Fraction) -> Decimal:
    """Return a part of a size, rounded down to a whole unit of its last digit where it is none."""
    share = Fraction(units) * max(Fraction(0), part)
    return Decimal(share.numerator) / Decimal(share.denominator)
