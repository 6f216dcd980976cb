"""What a client asks, and what the gateway answers."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

from testkit.venues.ib import messages
from testkit.venues.ib.book import CON_IDS, DONE, Book, Fill
from testkit.venues.ib.faults import Faults
from testkit.venues.ib.layouts import PLACE_ORDER
from testkit.venues.ib.matching import BookOrder
from testkit.venues.ib.wire import frame, read_fields

_STATUS_REPEATS = 2
"""TWS tells a state more than once; so does this."""

_MASTER_ONLY = 0
"""Client id of orders that people placed by hand."""


class Peer(Protocol):
    """One API client, as the desk sees it."""

    client_id: int
    subscriptions: dict[str, str]

    def send(self, raw: bytes) -> None:
        """Send a frame."""

    def cut(self) -> None:
        """Close the connection."""


class Desk:
    """Answers requests out of the book, as wrong as the switches want it.

    Parameters
    ----------
    book, faults
        Memory and switches.
    peers
        All connections.
    master_client_id
        Who hears of orders that people placed.
    """

    def __init__(
        self, book: Book, faults: Faults, peers: Sequence[Peer], master_client_id: int
    ) -> None:
        self._book, self._faults, self._peers = book, faults, peers
        self._master = master_client_id
        self.hidden = False
        self.proposed_order_id = 1
        self._answers: dict[int, Callable[[Peer, list[str]], list[bytes]]] = {
            5: self._open_orders,
            7: self._executions,
            9: self._contract_details,
            16: self._open_orders,
            61: self._positions,
            62: self._account_summary,
            71: self._start,
            99: self._completed,
        }

    def take(self, peer: Peer, fields: list[str]) -> None:
        """Do what a message asks."""
        kind = int(fields[0])
        if kind in {3, 4, 58}:
            self._order_request(peer, kind, fields[1:])
        elif kind == 1:
            self._subscribe(peer, fields)
        elif kind == 2:
            peer.subscriptions = {
                symbol: held for symbol, held in peer.subscriptions.items() if held != fields[2]
            }
        elif kind in self._answers and not self._faults.mute:
            for raw in self._answers[kind](peer, fields[1:]):
                peer.send(raw)

    def state(self, order: BookOrder, status: str = "") -> list[bytes]:
        """Return the state of an order, told as often as TWS tells it."""
        told = messages.order_status(order, status)
        return [messages.open_order(order, self._book), *[told] * _STATUS_REPEATS]

    def match(self, order: BookOrder) -> None:
        """Fill an order as far as it goes, and tell it."""
        before = order.status
        fill = self._book.match(order)
        if fill is not None:
            self.tell_fill(fill)
        elif order.status != before:
            self.tell(order.client_id, self.state(order))

    def tell_fill(self, fill: Fill) -> None:
        """Tell a fill: execution, state, commission."""
        order = fill.order
        if self._faults.cut_on_fill:
            self._faults.cut_on_fill = False
            for peer in self._peers:
                peer.cut()
            return
        told = [messages.execution(fill, self._book), *self.state(order)]
        self.tell(order.client_id, [*told, messages.commission(fill)])

    def tell(self, client_id: int, frames: list[bytes]) -> None:
        """Send messages about an order to its client."""
        reader = self._master if client_id == _MASTER_ONLY else client_id
        if self._faults.duplicate:
            frames = [raw for raw in frames for _ in range(2)]
        if self._faults.reorder:
            frames = frames[::-1]
        self._faults.duplicate = self._faults.reorder = False
        for peer in self._peers:
            if peer.client_id == reader:
                for raw in frames:
                    peer.send(raw)

    # Orders.

    def _order_request(self, peer: Peer, kind: int, fields: list[str]) -> None:
        faults = self._faults
        if faults.delay_s:
            delay_s, faults.delay_s = faults.delay_s, 0.0
            time.sleep(delay_s)
        if faults.cut_before_apply:
            faults.cut_before_apply = False
            peer.cut()
            return
        order_id = fields[1] if kind == 4 else fields[0]
        if faults.rate_limit:
            faults.rate_limit = False
            text = "Max rate of messages per second has been exceeded."
            peer.send(messages.error(order_id, 100, text))
            return
        if self.hidden:
            return
        silent = faults.drop_reply or faults.cut_after_apply
        cuts = faults.cut_after_apply
        faults.drop_reply = faults.cut_after_apply = False
        heard, peer.client_id = peer.client_id, peer.client_id
        if silent:
            peer.client_id = -1
        try:
            self._apply(peer, heard, kind, fields)
        finally:
            peer.client_id = heard
        if cuts:
            peer.cut()

    def _apply(self, peer: Peer, client_id: int, kind: int, fields: list[str]) -> None:
        if kind == 3:
            self._place(peer, client_id, read_fields(PLACE_ORDER, fields))
        elif kind == 4:
            self._cancel(peer, client_id, fields[1])
        else:
            for order in self._book.working():
                self._end(order)

    def _error(self, peer: Peer, request: str, code: int, text: str) -> None:
        if peer.client_id != -1:
            peer.send(messages.error(request, code, text))

    def _place(self, peer: Peer, client_id: int, fields: dict[str, str]) -> None:
        known = self._book.find(client_id, fields["orderId"])
        refusal = self._refusal(client_id, fields, known)
        if refusal is not None:
            self._error(peer, fields["orderId"], *refusal)
            return
        if known is not None:
            self._modify(known, fields)
            return
        if fields["orderRef"]:
            self._book.submits.append(fields["orderRef"])
        order = self._book.add(client_id, fields)
        if self._faults.reject:
            text, self._faults.reject = self._faults.reject, ""
            self._book.end(order, "Inactive")
            told = messages.error(fields["orderId"], 201, f"Order rejected - reason:{text}")
            self.tell(client_id, [told, *self.state(order)])
            return
        self.tell(client_id, self.state(order))
        if self._faults.partial:
            self._book.partial, self._faults.partial = Decimal(self._faults.partial), ""
        self.match(order)
        at_once = fields["tif"] in {"IOC", "FOK"}
        if at_once and order.status not in DONE:
            self._book.end(order, "Cancelled")
            self.tell(client_id, self.state(order))

    def _refusal(
        self, client_id: int, fields: dict[str, str], known: BookOrder | None
    ) -> tuple[int, str] | None:
        symbol, number = fields["symbol"] + fields["currency"], int(fields["orderId"])
        if symbol not in CON_IDS:
            return 200, "No security definition has been found for the request"
        if known is not None and known.status == "Filled":
            return 104, "Cannot modify a filled order"
        used = [int(each.fields["orderId"]) for each in self._book.orders_of(client_id)]
        if (known is not None and known.status in DONE) or (
            known is None and number <= max(used, default=0)
        ):
            return 103, "Duplicate order id"
        if Decimal(fields["totalQuantity"]) <= 0:
            return 434, "The order size cannot be zero"
        if Decimal(fields["totalQuantity"]) % 1:
            return 355, "Order size does not conform to market rule"
        prices = [fields[name] for name in ("lmtPrice", "auxPrice") if fields[name]]
        if any(Decimal(price) % self._book.min_tick(symbol) for price in prices):
            return 110, "The price does not conform to the minimum price variation"
        return None

    def _modify(self, order: BookOrder, fields: dict[str, str]) -> None:
        if fields["orderType"] != order.kind:
            told = messages.error(
                fields["orderId"], 329, "Order modify failed. Cannot change to the new order type."
            )
            self.tell(order.client_id, [told])
            return
        order.fields = dict(fields)
        if order.leaves <= 0:
            self._book.end(order, "Filled")
        self.tell(order.client_id, self.state(order))
        self.match(order)

    def _cancel(self, peer: Peer, client_id: int, order_id: str) -> None:
        order = self._book.find(client_id, order_id)
        if order is None:
            text = f"OrderId {order_id} that needs to be cancelled is not found."
            self._error(peer, order_id, 10147, text)
        elif order.status in DONE:
            text = f"OrderId {order_id} that needs to be cancelled can not be cancelled, state: "
            self._error(peer, order_id, 10148, f"{text}{order.status}.")
        else:
            self._end(order)

    def _end(self, order: BookOrder) -> None:
        pending = messages.order_status(order, "PendingCancel")
        self._book.end(order, "Cancelled")
        told = messages.error(order.fields["orderId"], 202, "Order Canceled - reason:")
        self.tell(order.client_id, [pending, told, *self.state(order)])

    # Questions.

    def _start(self, peer: Peer, fields: list[str]) -> list[bytes]:
        client_id = int(fields[1])
        if any(other.client_id == client_id for other in self._peers):
            peer.send(messages.error(-1, 326, "Unable to connect as the client id is in use"))
            peer.cut()
            return []
        peer.client_id = client_id
        farm = messages.error(-1, 2104, "Market data farm connection is OK:cashfarm")
        return [frame(15, 1, self._book.account), frame(9, 1, self.proposed_order_id), farm]

    def _open_orders(self, _peer: Peer, _fields: list[str]) -> list[bytes]:
        orders = [] if self.hidden else self._book.working()
        return [raw for order in orders for raw in self.state(order)] + [frame(53, 1)]

    def _completed(self, _peer: Peer, _fields: list[str]) -> list[bytes]:
        ended = [] if self.hidden else [one for one in self._book.orders if one.status in DONE]
        return [*(messages.completed_order(one, self._book) for one in ended), frame(102)]

    def _executions(self, _peer: Peer, fields: list[str]) -> list[bytes]:
        request = fields[1]
        told: list[bytes] = []
        for fill in [] if self.hidden else self._book.fills:
            told += [messages.execution(fill, self._book, int(request)), messages.commission(fill)]
        return [*told, frame(55, 1, request)]

    def _positions(self, _peer: Peer, _fields: list[str]) -> list[bytes]:
        held = {} if self.hidden else self._book.positions()
        account = self._book.account
        told = [messages.position(account, symbol, *row) for symbol, row in held.items()]
        return [*told, frame(62, 1)]

    def _account_summary(self, _peer: Peer, fields: list[str]) -> list[bytes]:
        request, tags = fields[1], fields[3].split(",")
        values = {"NetLiquidation": "100000.25", "TotalCashValue": "99000.5"}
        rows = [
            frame(63, 1, request, self._book.account, tag, values.get(tag, "1200"), "USD")
            for tag in tags
        ]
        return [*rows, frame(64, 1, request)]

    def _contract_details(self, _peer: Peer, fields: list[str]) -> list[bytes]:
        request, symbol = fields[1], fields[3] + fields[11]
        if symbol not in CON_IDS:
            text = "No security definition has been found for the request"
            return [messages.error(request, 200, text)]
        tick = self._book.min_tick(symbol)
        return [messages.contract_details(request, symbol, tick), frame(52, 1, request)]

    def _subscribe(self, peer: Peer, fields: list[str]) -> None:
        symbol = fields[4] + fields[12]
        if symbol in CON_IDS:
            peer.subscriptions[symbol] = fields[2]
        else:
            peer.send(messages.error(fields[2], 200, "No security definition has been found"))
