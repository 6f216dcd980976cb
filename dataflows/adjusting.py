"""Adjustments that people ask for, on their way from a folder to the account."""

from collections.abc import Callable

from domain.adjustments import PositionAdjustment
from domain.errors import Halt, Reject
from domain.nanos import MS_NS
from sources.adjustment_folder import AdjustmentFolder

_LOOK_NS = 100 * MS_NS
"""Distance of two looks: a person waits for two seconds."""


class Adjusting:
    """Has the requests of one account booked and answered.

    Parameters
    ----------
    requests
        Their folder.
    say
        Told what a person should know.
    """

    def __init__(self, requests: AdjustmentFolder, say: Callable[[str], None]) -> None:
        self._requests = requests
        self._say = say
        self._looked_ns = 0

    def settle(self, book: Callable[[PositionAdjustment], None], now_ns: int) -> None:
        """Take each waiting request; rarely enough to be called with every record.

        Parameters
        ----------
        book
            Journals and books one, or raises `Reject` with the reason why not.
        now_ns
            Time now, nanoseconds.

        Raises
        ------
        Halt
            If an answer cannot be written.
        """
        if now_ns - self._looked_ns < _LOOK_NS:
            return
        self._looked_ns = now_ns
        try:
            for request in self._requests.waiting():
                refused = ""
                try:
                    book(request)
                except Reject as error:
                    refused = str(error)
                self._requests.done(request, refused)
                what = f"adjustment of {request.symbol} by {request.units}, asked by {request.by}"
                self._say(f"{what}: {refused or 'booked'}")
        except OSError as error:
            msg = f"adjustments in {self._requests.path} cannot be answered: {error}"
            raise Halt(msg) from error
        for words in self._requests.complaints():
            self._say(words)
