"""Numbers of the cancels of a kill: the book, which counts requests up, never comes there.

They count down from the highest number that a request can have: a kill cannot wait to ask the book
for one.
"""

from domain.ids import LAST_REQUEST

_COUNT = 100
"""How far down they go; then they begin again."""


def kill_number(tries: int) -> int:
    """Return the number of a kill's next cancel of an order, after some tries (>= 0)."""
    highest: int = LAST_REQUEST
    return highest - tries % _COUNT


def is_of_kill(request: int) -> bool:
    """Say whether a request was a kill's."""
    lowest: int = LAST_REQUEST - _COUNT + 1
    return request >= lowest
