"""Whether our clock is the venue's: what it says of the time of an act must lie within the act.

Between our send and its answer a venue stamps its own time. A stamp outside of that span proves
that the clocks are apart by at least the distance, however long the way is.
"""

from collections.abc import Callable

from domain.nanos import MS_NS

TOLERANCE_NS = 50 * MS_NS
"""Distance that is told: ages of signals and prices are judged by our clock, and theirs are
compared with it."""


class ClockCheck:
    """Compares one venue's clock with ours, and tells a person once when they part.

    Parameters
    ----------
    venue
        Its name, as people know it.
    say
        Told when they part, and when they agree again.
    """

    def __init__(self, venue: str, say: Callable[[str], None]) -> None:
        self._venue = venue
        self._say = say
        self._is_apart = False

    def heard(self, theirs_ns: int, received_ns: int) -> None:
        """Take a stamp that came unasked: it shows whether our clock is behind."""
        behind_ns = theirs_ns - received_ns
        if behind_ns > TOLERANCE_NS:
            self._tell(behind_ns, "behind")

    def answered(self, sent_ns: int, theirs_ns: int, received_ns: int) -> None:
        """Take the stamp of what was asked and answered between two moments of our clock."""
        ahead_ns, behind_ns = sent_ns - theirs_ns, theirs_ns - received_ns
        if ahead_ns > TOLERANCE_NS:
            self._tell(ahead_ns, "ahead of")
        elif behind_ns > TOLERANCE_NS:
            self._tell(behind_ns, "behind")
        elif self._is_apart and sent_ns <= theirs_ns <= received_ns:
            self._is_apart = False
            self._say(f"our clock agrees with that of {self._venue} again")

    def _tell(self, apart_ns: int, where: str) -> None:
        if not self._is_apart:
            self._is_apart = True
            self._say(
                f"our clock is at least {apart_ns // MS_NS} ms {where} that of {self._venue}: see "
                "to the time service of this machine"
            )
