"""The ladder of readiness: what a technical fault still lets through, and when it counts as healed.

Readiness stands beside the trading states and never changes one. It goes down by itself and at
once; up by itself too, since every cause here is technical, but only on proof: the fact is gone,
and has been for as long as its row asks. What a person has to judge, a difference that nothing
explains or a broker that bars the account, lowers the trading state besides, and that only a person
raises.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain.nanos import SECOND_NS


class Rung(StrEnum):
    """How much may leave; each lets less through than the one before. Cancels always may."""

    READY = "ready"
    DEGRADED = "degraded"
    """Nothing that opens or enlarges a position; exits pass."""
    CANCEL_ONLY = "cancel_only"
    """Nothing but cancels: what an order would meet is not known."""
    HALTED = "halted"
    """Nothing but cancels, and a person has to look."""


class Cause(StrEnum):
    """Technical faults, as far as they call for different steps."""

    LOG_SILENT = "log_silent"
    PRICES_DOWN = "prices_down"
    IN_DOUBT = "in_doubt"
    MANY_IN_DOUBT = "many_in_doubt"
    CIRCUIT_OPEN = "circuit_open"
    LINK_DOWN = "link_down"
    NOT_RECONCILED = "not_reconciled"
    UNEXPLAINED = "unexplained"
    ENDED = "ended"


class Step(NamedTuple):
    """What a cause leads to.

    Attributes
    ----------
    rung
        Where it holds the account.
    heals_ns
        How long it must have been gone before it counts as healed (>= 0).
    words
        What it is, for people.
    """

    rung: Rung
    heals_ns: int
    words: str


STEPS: Mapping[Cause, Step] = {
    Cause.LOG_SILENT: Step(Rung.DEGRADED, SECOND_NS, "market data is late"),
    Cause.PRICES_DOWN: Step(Rung.DEGRADED, SECOND_NS, "the venue's stream of prices is down"),
    Cause.IN_DOUBT: Step(Rung.DEGRADED, 0, "the outcome of a request is not known"),
    Cause.MANY_IN_DOUBT: Step(Rung.CANCEL_ONLY, 0, "the outcome of many requests is not known"),
    Cause.CIRCUIT_OPEN: Step(Rung.CANCEL_ONLY, 0, "requests have failed in a row"),
    Cause.LINK_DOWN: Step(Rung.CANCEL_ONLY, 0, "the order link is down"),
    Cause.NOT_RECONCILED: Step(Rung.CANCEL_ONLY, 0, "book and venue do not agree"),
    Cause.UNEXPLAINED: Step(Rung.HALTED, 0, "a difference that nothing explains"),
    Cause.ENDED: Step(Rung.HALTED, 0, "the process of the account has ended"),
}
"""Every cause, and its step. The proof of a healed link, circuit or difference is in its fact: a
whole record that agrees, a circuit that lets a request try. Streams must flow again for a while,
so that one that stutters does not open the door between two words."""

MANY = 3
"""Orders in doubt from which on it is no accident: the link is not to be trusted with a fourth."""

_RANK = {rung: rank for rank, rung in enumerate(Rung)}


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cause in force: since when, and the words of its fact."""

    cause: Cause
    words: str
    since_ns: int


class Readiness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an account stands on the ladder, and why; the cause that weighs most comes first."""

    rung: Rung
    causes: tuple[Standing, ...]
    since_ns: int

    @property
    def lets_exits(self) -> bool:
        """Whether orders may leave that only reduce a position."""
        return _RANK[self.rung] <= _RANK[Rung.DEGRADED]

    @property
    def lets_openings(self) -> bool:
        """Whether orders may leave that open or enlarge one."""
        return self.rung is Rung.READY

    @property
    def why(self) -> str:
        """The causes in words; empty if there is none."""
        return "; ".join(standing.words for standing in self.causes)


class Facts(NamedTuple):
    """What is known of an account's technical health at one moment.

    Attributes
    ----------
    reconciled
        Book and venue agreed when last compared, with nothing missed since.
    not_reconciled_why
        Why they do not, as far as it is known.
    link_down, prices_down, circuit_open
        Reasons of what is down or open; empty where all is well.
    unexplained
        Differences between book and venue; empty if there are none.
    in_doubt
        Orders of whose last request nobody knows the outcome (>= 0).
    silent_ns
        For how long the log gave no record though it should; None while it does.
    """

    reconciled: bool
    not_reconciled_why: str = ""
    link_down: str = ""
    prices_down: str = ""
    circuit_open: str = ""
    unexplained: str = ""
    in_doubt: int = 0
    silent_ns: int | None = None


def causes_of(facts: Facts) -> dict[Cause, str]:
    """Return the causes that are facts now, each with what makes it one; empty: nothing to add."""
    found: dict[Cause, str] = {}
    if facts.silent_ns is not None:
        found[Cause.LOG_SILENT] = f"no record for {facts.silent_ns // SECOND_NS} s"
    if facts.prices_down:
        found[Cause.PRICES_DOWN] = facts.prices_down
    if facts.in_doubt:
        many = facts.in_doubt >= MANY
        found[Cause.MANY_IN_DOUBT if many else Cause.IN_DOUBT] = f"{facts.in_doubt} in doubt"
    if facts.circuit_open:
        found[Cause.CIRCUIT_OPEN] = facts.circuit_open
    if facts.link_down:
        found[Cause.LINK_DOWN] = facts.link_down
    if facts.unexplained:
        found[Cause.UNEXPLAINED] = facts.unexplained
    elif not facts.reconciled:
        found[Cause.NOT_RECONCILED] = facts.not_reconciled_why
    return found


class Ladder:
    """Follows the causes of one account on a clock that is passed in.

    Parameters
    ----------
    now_ns
        When it begins; until the first facts the account is not reconciled.
    """

    def __init__(self, now_ns: int) -> None:
        self._gone_ns: dict[Cause, int] = {}
        first = Standing(Cause.NOT_RECONCILED, _words(Cause.NOT_RECONCILED, ""), now_ns)
        self.now = _readiness([first], None, now_ns)
        """Where the account stands."""

    def step(self, causes: Mapping[Cause, str], now_ns: int) -> bool:
        """Take in what is so now; say whether the rung or the causes have changed.

        Parameters
        ----------
        causes
            As `causes_of` gives them.
        now_ns
            Never before that of an earlier call.
        """
        before = {standing.cause: standing for standing in self.now.causes}
        standing = [
            Standing(cause, _words(cause, words), before[cause].since_ns)
            if cause in before
            else Standing(cause, _words(cause, words), now_ns)
            for cause, words in causes.items()
        ]
        standing += [before[cause] for cause in self._healing(before, causes, now_ns)]
        after = _readiness(standing, self.now, now_ns)
        changed = {one.cause for one in after.causes} != before.keys()
        self.now = after
        return changed

    def _healing(
        self, before: Iterable[Cause], causes: Mapping[Cause, str], now_ns: int
    ) -> list[Cause]:
        """Return the causes that are gone, and not for long enough."""
        for cause in causes:
            self._gone_ns.pop(cause, None)
        healing = []
        for cause in before:
            if cause in causes:
                continue
            gone_ns = self._gone_ns.setdefault(cause, now_ns)
            if now_ns - gone_ns < STEPS[cause].heals_ns:
                healing.append(cause)
            else:
                del self._gone_ns[cause]
        return healing


def ended(now_ns: int, why: str) -> Readiness:
    """Return the readiness of an account whose process has come to its end."""
    return _readiness([Standing(Cause.ENDED, _words(Cause.ENDED, why), now_ns)], None, now_ns)


def _words(cause: Cause, more: str) -> str:
    words = STEPS[cause].words
    return f"{words}: {more}" if more else words


def _readiness(standing: Iterable[Standing], before: Readiness | None, now_ns: int) -> Readiness:
    causes = sorted(standing, key=lambda one: (-_RANK[STEPS[one.cause].rung], one.cause))
    rung = STEPS[causes[0].cause].rung if causes else Rung.READY
    since_ns = before.since_ns if before is not None and before.rung is rung else now_ns
    return Readiness(rung, tuple(causes), since_ns)
