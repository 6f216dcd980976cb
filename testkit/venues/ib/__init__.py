"""A TWS or IB Gateway for tests: one account, currency pairs, the real socket protocol.

Written from the public TWS API documentation (connection handshake, order and execution messages,
message codes) and from the field order that public API clients read and write. It announces server
version 178: the newest that ``ib_async`` speaks, and the newest without protobuf messages.

Belongs here: the wire (`wire`, `layouts`), a book with matching (`book`, `matching`), the socket
server (`gateway`), and switches to misbehave (`faults`).
Does not belong here: anything that production code could reach.
"""

from testkit.venues.ib.faults import Faults
from testkit.venues.ib.gateway import IbGateway

__all__ = ["Faults", "IbGateway"]
