"""Importing River without its bridges to scikit-learn.

Where scikit-learn is installed, River imports it for converters that nobody here uses: about a
hundred megabytes and a second for every worker. Where it is not, River leaves them out by itself.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_BRIDGED = "sklearn"


@contextmanager
def lean_river() -> Iterator[None]:
    """Within, an import of scikit-learn fails, unless it is there already."""
    if _BRIDGED in sys.modules:
        yield
        return
    # None is what the import system itself keeps for a module that cannot be found.
    sys.modules[_BRIDGED] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[_BRIDGED]
