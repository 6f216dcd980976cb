"""The socket server: connections, requests, and what is told to whom."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from testkit.venues.ib import messages
from testkit.venues.ib.book import Book
from testkit.venues.ib.faults import Faults
from testkit.venues.ib.layouts import COUNTS, EXECUTION, PLACE_ORDER, SERVER_VERSION
from testkit.venues.ib.matching import BookOrder, Quote
from testkit.venues.ib.requests import Desk
from testkit.venues.ib.wire import frame, read_frames


class _Connection:
    """One API client."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.client_id = -1
        self.subscriptions: dict[str, str] = {}

    def send(self, raw: bytes) -> None:
        # A client that is gone is the client's matter.
        with suppress(OSError):
            self.peer.sendall(raw)

    def cut(self) -> None:
        with suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)


class IbGateway:
    """A gateway on a free port of the loopback.

    Parameters
    ----------
    account
        The one account that it manages.
    master_client_id
        The client that hears of orders that no API client placed.
    wall_ns
        Clock of executions and expiries.
    pip_parts
        Steps of a price per pip.

    Attributes
    ----------
    book, faults, desk
        Its memory, its switches, and what answers requests.
    """

    def __init__(
        self,
        account: str = "DU1234567",
        master_client_id: int = 1,
        wall_ns: Callable[[], int] = time.time_ns,  # noqa: TID251 - the edge: a server's own clock
        pip_parts: int = 2,
    ) -> None:
        self.book = Book(account, wall_ns, pip_parts)
        self.faults = Faults()
        self._lock = threading.RLock()
        self._connections: list[_Connection] = []
        self.desk = Desk(self.book, self.faults, self._connections, master_client_id)
        self._threads: list[threading.Thread] = []
        self._listener = self._listen(0)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Stop listening and cut everybody."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in tuple(self._threads):
            thread.join()

    # The market, and acts of people.

    def quote(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Move a pair; orders expire, trigger and fill."""
        with self._lock:
            self.book.quotes[symbol] = Quote(bid, ask)
            for order in self.book.expire():
                self.desk.tell(order.client_id, self.desk.state(order))
            for order in self.book.working():
                self.desk.match(order)
            for connection in self._connections:
                request = connection.subscriptions.get(symbol)
                if request is not None:
                    ticks = ((1, bid), (2, ask))
                    size = Decimal(1_000_000)
                    for kind, price in ticks:
                        connection.send(messages.tick_price(request, kind, price, size))

    def external(self, symbol: str, action: str, units: Decimal, limit: Decimal) -> BookOrder:
        """Place a limit order by hand in TWS's own window: order id 0, no reference."""
        fields = {name: "0" if name in COUNTS else "" for name in PLACE_ORDER}
        fields |= {
            "orderId": "0",
            "symbol": symbol[:3],
            "currency": symbol[3:],
            "action": action,
            "totalQuantity": str(units),
            "orderType": "LMT",
            "lmtPrice": str(limit),
            "tif": "GTC",
        }
        with self._lock:
            order = self.book.add(0, fields)
            self.desk.tell(0, self.desk.state(order))
            self.desk.match(order)
        return order

    def correct(self, execution_id: str, units: Decimal, price: Decimal) -> None:
        """Correct an execution; to 0 units it is a bust."""
        with self._lock:
            fill = self.book.correct(execution_id, units, price)
            self.desk.tell(fill.order.client_id, [messages.execution(fill, self.book)])

    def cancel_by_venue(self, order: BookOrder, text: str = "") -> None:
        """End an order that nobody asked to cancel."""
        with self._lock:
            self.book.end(order, "Cancelled")
            told = messages.error(order.fields["orderId"], 202, f"Order Canceled - reason:{text}")
            self.desk.tell(order.client_id, [told, *self.desk.state(order)])

    def notice(self, code: int, text: str = "", request: int | str = -1) -> None:
        """Send a code to everybody."""
        with self._lock:
            for connection in self._connections:
                connection.send(messages.error(request, code, text))

    def tell_garbage(self) -> None:
        """Send everybody an execution whose fields are nonsense."""
        with self._lock:
            for connection in self._connections:
                connection.send(frame(11, *["nonsense"] * len(EXECUTION)))

    # Misbehaviour that is not of the next request.

    def cut(self) -> None:
        """Cut all connections."""
        with self._lock:
            for connection in self._connections:
                connection.cut()

    def restart(self) -> None:
        """Go down and come back on the same port; the book is kept."""
        port = self.port
        self.close()
        self._listener = self._listen(port)

    def begin_reset(self) -> None:
        """Begin the daily reset: everybody is cut, and all lists are empty until `end_reset`."""
        self.desk.hidden = True
        self.notice(1100, "Connectivity between IB and Trader Workstation has been lost.")
        self.cut()

    def end_reset(self) -> None:
        """End the daily reset."""
        self.desk.hidden = False
        self.notice(1102, "Connectivity between IB and Trader Workstation has been restored.")

    # Connections.

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self._run(lambda: self._accept(listener))
        return listener

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            if self.faults.refuse_logons:
                self.faults.refuse_logons -= 1
                peer.close()
                continue
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(peer)
            self._run(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: _Connection) -> None:
        with self._lock:
            self._connections.append(connection)
        try:
            for number, body in enumerate(read_frames(connection.peer)):
                fields = body.decode().split("\0")[:-1]
                if number == 0:
                    connection.send(frame(SERVER_VERSION, "20260114 10:00:00 UTC"))
                else:
                    self._take(connection, fields)
        except OSError:
            pass  # The client went away in the middle of a message.
        finally:
            with self._lock:
                self._connections.remove(connection)
            connection.peer.close()

    def _take(self, connection: _Connection, fields: list[str]) -> None:
        with self._lock:
            self.desk.take(connection, fields)
