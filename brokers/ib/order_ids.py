"""Order ids that no order had before, whatever the gateway says.

TWS asks of every order an id higher than any this client used. It proposes one (``nextValidId``),
but forgets it: after its reset it may propose an old one, and an order under an old id is taken as
a change of the old order. So the highest id ever used is kept here, in a file.
"""

import os
from pathlib import Path

from domain.errors import Corrupt, Halt

BLOCK = 100
"""Ids that are reserved with one write: a crash skips at most so many of the 2**30 there are."""

LAST_ORDER_ID = 2**30 - 1
"""Ids of requests lie above: an error names either by the same number."""


class OrderIds:
    """Hands out order ids of one account and client, ascending over all restarts.

    Parameters
    ----------
    folder
        Where the mark is kept; made if need be.
    name
        Of account and client; part of the file's name.

    Raises
    ------
    Corrupt
        If the file holds no number: no id is safe then.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"ib-order-ids-{name}"
        self._next = self._reserved = self._read()

    def raise_to(self, order_id: int) -> None:
        """Never hand out an id below this one: the gateway has seen those."""
        self._next = max(self._next, order_id)

    def take(self) -> int:
        """Return a new id; its use is on disk before this returns.

        Raises
        ------
        Halt
            If there is none left.
        """
        order_id = self._next
        if order_id >= LAST_ORDER_ID:
            msg = f"all order ids up to {LAST_ORDER_ID} are used: trade under another client id"
            raise Halt(msg)
        if order_id >= self._reserved:
            self._write(order_id + BLOCK)
        self._next = order_id + 1
        return order_id

    def _read(self) -> int:
        if not self._path.exists():
            return 1
        text = self._path.read_text().strip()
        if not text.isdigit() or int(text) < 1:
            msg = (
                f"{self._path} holds no order id: write a number into it that is above the id of "
                "every order ever placed by this client"
            )
            raise Corrupt(msg)
        return int(text)

    def _write(self, mark: int) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("w") as file:
            file.write(f"{mark}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        handle = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self._reserved = mark
