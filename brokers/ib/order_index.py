"""Orders under all the names that TWS and we have for them."""

from brokers.ib.rows import OrderKey, own_id
from brokers.ib.tracked import Tracked
from domain.orders import Order


class OrderIndex:
    """Finds an order by TWS's own id, by client and number, or by our client order id."""

    def __init__(self) -> None:
        self.orders: list[Tracked] = []
        self._by_number: dict[tuple[int, int], Tracked] = {}
        self._by_perm: dict[int, Tracked] = {}
        self._by_client_id: dict[str, Tracked] = {}

    def add(self, one: Tracked) -> None:
        """Take an order."""
        self.orders.append(one)
        self._enter(one)

    def learn(self, one: Tracked, key: OrderKey) -> None:
        """Take names of an order that were not known before."""
        if key.perm_id and not one.key.perm_id:
            one.key = one.key._replace(perm_id=key.perm_id)
        if key.order_id > 0 and one.key.order_id <= 0:
            one.key = one.key._replace(client_id=key.client_id, order_id=key.order_id)
        self._enter(one)

    def find(self, key: OrderKey) -> Tracked | None:
        """Return the order that TWS calls so."""
        found = self._by_perm.get(key.perm_id) if key.perm_id else None
        if found is None and key.order_id > 0:
            found = self._by_number.get((key.client_id, key.order_id))
        own = own_id(key.ref) or key.ref
        return found or (self._by_client_id.get(own) if own else None)

    def find_order(self, order: Order) -> Tracked | None:
        """Return what is known of an order of ours."""
        perm = order.venue_order_id
        found = self._by_client_id.get(order.client_order_id)
        return found or (self._by_perm.get(int(perm)) if perm.isdigit() else None)

    def numbered(self, client_id: int, order_id: int) -> Tracked | None:
        """Return the order of a client under a number."""
        return self._by_number.get((client_id, order_id))

    def forget_closed(self, before_ns: int) -> None:
        """Drop closed orders from before a time."""
        kept = [one for one in self.orders if not one.closed or one.since_ns >= before_ns]
        self.orders = kept
        for table in (self._by_number, self._by_perm, self._by_client_id):
            table.clear()
        for one in kept:
            self._enter(one)

    def _enter(self, one: Tracked) -> None:
        if one.key.order_id > 0:
            self._by_number[one.key.client_id, one.key.order_id] = one
        if one.key.perm_id:
            self._by_perm[one.key.perm_id] = one
        if one.client_order_id:
            self._by_client_id[one.client_order_id] = one
