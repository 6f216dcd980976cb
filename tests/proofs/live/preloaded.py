"""What every life needs, loaded once by the process from which they are forked."""

import brokers.oanda.venue  # noqa: F401 - loaded, for the adapters are imported where they are chosen
from brokers.oanda.credentials import tls_context
from tests.proofs.live import children  # noqa: F401 - loaded
from trading import lane_kernel

lane_kernel.load()
tls_context()
