"""Moments at which quotes are asked for, answered once their tapes have passed them."""

from collections.abc import Iterable, Mapping

import msgspec

from trading.tca.config import TcaConfig
from trading.tca.market_time import is_fresh
from trading.tca.tape import Mark, QuoteTape

Tapes = Mapping[str, QuoteTape]
"""Tapes by symbol."""


class Lookup(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One moment of one symbol; ``mark`` stays None where no fresh quote was there."""

    symbol: str
    ts_ns: int
    done: bool = False
    mark: Mark | None = None


class Lookups(msgspec.Struct, forbid_unknown_fields=True):
    """The lookups of one fill or order."""

    asked: list[Lookup] = msgspec.field(default_factory=list)

    def ask(self, symbol: str, ts_ns: int, tapes: Tapes) -> None:
        """Ask for a moment, once; of a symbol without a tape there will never be an answer."""
        if symbol in tapes and self._find(symbol, ts_ns) is None:
            self.asked.append(Lookup(symbol, ts_ns))

    def answer(self, tapes: Tapes, config: TcaConfig, *, final: bool = False) -> None:
        """Answer what can be answered now.

        Parameters
        ----------
        final
            Nothing more is waited for: what a tape has not reached has no answer.
        """
        for lookup in self.asked:
            if lookup.done:
                continue
            tape = tapes[lookup.symbol]
            if tape.clock_ns >= lookup.ts_ns:
                lookup.mark = fresh_mark(tape, lookup.ts_ns, config)
                lookup.done = True
            elif final:
                lookup.done = True

    def is_answered(self, symbol: str, *moments: int | None) -> bool:
        """Say whether no lookup at any of these moments is open."""
        return all(one.done for one in self.asked if one.symbol == symbol and one.ts_ns in moments)

    def complete(self) -> bool:
        """Say whether no lookup is open."""
        return all(one.done for one in self.asked)

    def last_ns(self) -> int | None:
        """Return the latest moment that was asked for, or None."""
        return max((one.ts_ns for one in self.asked), default=None)

    def mark(self, symbol: str, ts_ns: int | None) -> Mark | None:
        """Return the answer for a moment; None where there is none."""
        if ts_ns is None:
            return None
        found = self._find(symbol, ts_ns)
        return None if found is None else found.mark

    def _find(self, symbol: str, ts_ns: int) -> Lookup | None:
        return next((one for one in self.asked if (one.symbol, one.ts_ns) == (symbol, ts_ns)), None)


class Agenda:
    """All that is asked for, answered in one passage of each tape.

    Parameters
    ----------
    asked
        The lookups of every fill and order; nothing may be added to them afterwards.
    """

    def __init__(self, asked: Iterable[Lookups]) -> None:
        self._open: dict[str, list[Lookup]] = {}
        for lookup in (one for lookups in asked for one in lookups.asked):
            self._open.setdefault(lookup.symbol, []).append(lookup)
        for lookups_of_symbol in self._open.values():
            lookups_of_symbol.sort(key=lambda one: one.ts_ns, reverse=True)

    def answer(self, tape: QuoteTape, config: TcaConfig) -> None:
        """Answer what was asked of a tape up to its clock."""
        waiting = self._open.get(tape.symbol, [])
        while waiting and waiting[-1].ts_ns <= tape.clock_ns:
            lookup = waiting.pop()
            lookup.mark, lookup.done = fresh_mark(tape, lookup.ts_ns, config), True


def fresh_mark(tape: QuoteTape, ts_ns: int, config: TcaConfig) -> Mark | None:
    """Return the quote that stands at a moment, unless it is stale."""
    mark = tape.mark(ts_ns)
    if mark is None or not is_fresh(mark.ts_ns, ts_ns, config.max_quote_age_ns):
        return None
    return mark
