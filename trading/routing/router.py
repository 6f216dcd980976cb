"""The choice among accounts: by what they can do, then by what they cost, always explained."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal

import msgspec

from domain.orders import Order
from trading.algos.legs import part_id
from trading.algos.placed import ZERO
from trading.routing.candidates import Candidate, Objection, Wanted, capacity, objections
from trading.routing.costs import CostTable, Expected
from trading.tca.config import TcaConfig
from trading.tca.market_time import session_of
from trading.tca.measures import size_bucket


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of an order and the account that it goes to."""

    account: str
    venue: str
    quantity_units: Decimal


class Judged(msgspec.Struct, frozen=True):
    """How one account fared.

    Attributes
    ----------
    units
        What it was given; 0 if it lost.
    objections
        Why it cannot take the order; empty if it could have.
    expected
        What it would cost; None where it cannot take the order.
    why
        In words.
    """

    account: str
    venue: str
    units: Decimal
    objections: tuple[Objection, ...]
    expected: Expected | None
    why: str


class Routed(msgspec.Struct, frozen=True):
    """Where an order goes.

    Attributes
    ----------
    parts
        The cheapest first; empty if no account, or all together, can take it.
    unrouted_units
        What none can take (>= 0): then nothing is routed, and whoever asks decides on a smaller
        order.
    judged
        Every account that was looked at: the eligible by rank, then the others by name.
    """

    parts: tuple[Part, ...]
    unrouted_units: Decimal
    judged: tuple[Judged, ...]


class _Ranked(msgspec.Struct, frozen=True):
    candidate: Candidate
    expected: Expected
    most: Decimal
    least: Decimal
    step: Decimal


def route(
    wanted: Wanted,
    candidates: Iterable[Candidate],
    costs: CostTable,
    now_ns: int,
    config: TcaConfig,
) -> Routed:
    """Choose the accounts that an order goes to.

    Parameters
    ----------
    wanted
        The order; its quantity lies above 0.
    candidates
        Accounts; the order in which they come does not matter.
    costs
        What they have cost.
    now_ns
        Says which session it is, receive time of the log.
    config
        Of execution quality: its size buckets are those of the costs.
    """
    session = session_of(now_ns)
    bucket = size_bucket(wanted.terms.quantity_units, config.size_buckets)
    able: list[_Ranked] = []
    unable: list[Judged] = []
    for one in sorted(candidates, key=lambda candidate: (candidate.account, candidate.venue)):
        against = objections(one, wanted)
        if against:
            why = "cannot take it: " + ", ".join(against)
            unable.append(Judged(one.account, one.venue, ZERO, against, None, why))
            continue
        expected = costs.expected(one.venue, wanted.symbol, session, bucket, one.commission_pips)
        instrument = one.instruments[wanted.symbol]
        able.append(
            _Ranked(
                one,
                expected,
                capacity(one, wanted),
                instrument.min_units,
                instrument.units_step,
            )
        )
    # Sorting is stable: of equal costs the account that comes first by name.
    able.sort(key=lambda ranked: ranked.expected.pips)
    shares = _shares(wanted, able)
    rest = wanted.terms.quantity_units - sum(shares, ZERO)
    if rest:
        shares = [ZERO] * len(able)
    judged = [
        _judged(ranked, units, able[0], rest) for ranked, units in zip(able, shares, strict=True)
    ]
    parts = tuple(
        Part(ranked.candidate.account, ranked.candidate.venue, units)
        for ranked, units in zip(able, shares, strict=True)
        if units
    )
    return Routed(parts, rest, (*judged, *unable))


def parts_of(order: Order, routed: Routed, leg: int = 0) -> tuple[Order, ...]:
    """Return the orders that a routed one becomes: itself if one account takes all of it.

    Parameters
    ----------
    order
        As built (``initialized``).
    leg
        Leg of the signal that it stands for (0 to 99).

    Returns
    -------
    tuple of Order
        Parts of several accounts name the order as their parent; their ids are functions of its
        strategy, signal and leg, and of the rank of the account.
    """
    if len(routed.parts) == 1:
        part = routed.parts[0]
        return (msgspec.structs.replace(order, account=part.account, venue=part.venue),)
    return tuple(
        msgspec.structs.replace(
            order,
            client_order_id=part_id(order.strategy, order.signal_id, leg, number),
            parent_id=order.client_order_id,
            account=part.account,
            venue=part.venue,
            quantity_units=part.quantity_units,
        )
        for number, part in enumerate(routed.parts)
    )


def _shares(wanted: Wanted, able: Sequence[_Ranked]) -> list[Decimal]:
    """Return what each account takes, in their order: the whole order, or all that they can."""
    quantity = wanted.terms.quantity_units
    for row, ranked in enumerate(able):
        fits = ranked.most >= quantity and quantity % ranked.step == 0
        if fits and row == 0:
            return [quantity, *([ZERO] * (len(able) - 1))]
        if fits and wanted.terms.time_in_force == "FOK":
            # All or none has no meaning for a part.
            return [quantity if other is ranked else ZERO for other in able]
    if wanted.terms.time_in_force == "FOK":
        return [ZERO] * len(able)
    return _split(quantity, able)


def _split(quantity: Decimal, able: Sequence[_Ranked]) -> list[Decimal]:
    """Fill the cheapest first; what would leave the next less than its least size gives way."""
    shares = [ZERO] * len(able)
    rest = quantity
    for row, ranked in enumerate(able):
        units = min(ranked.most, rest // ranked.step * ranked.step)
        if units < ranked.least:
            missing = ((ranked.least - units) / ranked.step).to_integral_value(ROUND_CEILING)
            needed = ranked.least - rest
            if units and missing > 0 and _give_way(shares, able[:row], needed):
                rest += needed
                units = ranked.least
            else:
                continue
        shares[row] = units
        rest -= units
        if not rest:
            break
    return shares


def _give_way(shares: list[Decimal], before: Sequence[_Ranked], units: Decimal) -> bool:
    """Take units off the dearest share that stays large enough; say whether one could."""
    for row in range(len(before) - 1, -1, -1):
        left = shares[row] - units
        if shares[row] and left >= before[row].least and units % before[row].step == 0:
            shares[row] = left
            return True
    return False


def _judged(ranked: _Ranked, units: Decimal, best: _Ranked, rest: Decimal) -> Judged:
    one, expected = ranked.candidate, ranked.expected
    cost = (
        f"{expected.pips:.3f} pips ({expected.low_pips:.3f} to {expected.high_pips:.3f}, "
        f"{expected.fills} fills)"
    )
    if rest:
        why = f"{cost}; all together lack {rest} units, so that nothing is routed"
    elif units:
        why = f"{cost}; takes {units} of at most {ranked.most}"
    elif expected.pips > best.expected.pips:
        more = expected.pips - best.expected.pips
        why = f"{cost}; dearer than {best.candidate.account} by {more:.3f} pips"
    else:
        why = f"{cost}; as dear as {best.candidate.account}, which comes first by name"
    return Judged(one.account, one.venue, units, (), expected, why)
