"""Whether what was measured as it happened is what the stored records say."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from domain.quality import ExecutionQuality, OrderQuality, QualityCode, QualityEvent
from trading.tca.monitor import Quality
from trading.tca.tracks import targets

Kind = Literal["fill", "order", "event"]
_Key = tuple[Kind, tuple[str, ...]]


class Difference(msgspec.Struct, frozen=True):
    """A field that is not the same in all records of one kind.

    Attributes
    ----------
    count
        In how many records it differs (>= 1).
    largest
        Largest absolute difference, in the unit of the field; None where no two numbers differ: one
        of them was unknown, or they are no numbers.
    name, account
        Execution id or client order id of that record; of the first one without a largest.
    measured, computed
        What it said as it happened, and what the stored records say.
    """

    kind: Kind
    field: str
    count: int
    largest: float | None
    name: str
    account: str
    measured: Any
    computed: Any


class Agreement(msgspec.Struct, frozen=True):
    """How two ways to measure the same fills and orders compare.

    Attributes
    ----------
    compared
        Records that both have.
    differing
        How many of them are not equal in every bit.
    at_end
        Records that are not equal, or that only one has, and that no other number counts: their
        last horizon lies behind the moment up to which the stored quotes are known to be whole.
    measured_alone, computed_alone
        Names of records that only one has.
    differences
        By field, in the order of the records' fields.
    """

    compared: int
    differing: int
    at_end: int
    measured_alone: list[str]
    computed_alone: list[str]
    differences: list[Difference]

    @property
    def holds(self) -> bool:
        """Say whether nothing differs."""
        return not (self.differing or self.measured_alone or self.computed_alone)


def compare(measured: Iterable[Quality], computed: Iterable[Quality], until_ns: int) -> Agreement:
    """Hold what was measured as it happened against what the stored records say.

    A fill that was taken back after its record was out has no record afterwards: it is left out,
    with what told of it.

    Parameters
    ----------
    until_ns
        Event time up to which the stored quotes are whole.
    """
    before, after = _by_key(_standing(measured)), _by_key(computed)
    in_doubt = {
        key for key, one in (before | after).items() if targets(one.ts_event_ns)[-1] > until_ns
    }
    both = [key for key in before if key in after]
    differing = [key for key in both if before[key] != after[key]]
    alone = before.keys() ^ after.keys()
    sure = [key for key in differing if key not in in_doubt]
    return Agreement(
        compared=len(both),
        differing=len(sure),
        at_end=len((alone | set(differing)) & in_doubt),
        measured_alone=_names(key for key in before if key not in after and key not in in_doubt),
        computed_alone=_names(key for key in after if key not in before and key not in in_doubt),
        differences=_differences([(key, before[key], after[key]) for key in sure]),
    )


def _standing(measured: Iterable[Quality]) -> list[Quality]:
    """Return the records without those of fills that were taken back later."""
    records = list(measured)
    busted = {
        (one.account, one.execution_id)
        for one in records
        if isinstance(one, QualityEvent) and one.code == QualityCode.BUSTED
    }
    return [
        one
        for one in records
        if isinstance(one, OrderQuality) or (one.account, one.execution_id) not in busted
    ]


def _by_key(records: Iterable[Quality]) -> dict[_Key, Quality]:
    return {_key(one): one for one in records}


def _key(one: Quality) -> _Key:
    match one:
        case ExecutionQuality():
            return "fill", (one.execution_id, one.account)
        case OrderQuality():
            return "order", (one.client_order_id, one.account)
        case QualityEvent():
            return "event", (one.execution_id, one.account, one.code, one.measure)


def _names(keys: Iterable[_Key]) -> list[str]:
    return [f"{kind} {' '.join(filter(None, names))}" for kind, names in keys]


def _differences(pairs: Sequence[tuple[_Key, Quality, Quality]]) -> list[Difference]:
    found: dict[tuple[Kind, str], Difference] = {}
    for (kind, (name, account, *_)), before, after in pairs:
        for field in before.__struct_fields__:
            was, now = getattr(before, field), getattr(after, field)
            if was == now:
                continue
            off = _distance(was, now)
            known = found.get((kind, field))
            this = Difference(kind, field, 1, off, name, account, was, now)
            if known is None:
                found[kind, field] = this
                continue
            larger = off is not None and (known.largest is None or off > known.largest)
            found[kind, field] = msgspec.structs.replace(
                this if larger else known, count=known.count + 1
            )
    return list(found.values())


def _distance(was: Any, now: Any) -> float | None:
    """Return how far two numbers are apart; None where one is none."""
    if was is None or now is None or isinstance(was, str):
        return None
    return abs(float(now - was))
