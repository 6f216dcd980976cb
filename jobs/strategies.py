"""Which strategies a person may name: a misspelled one would stop nothing, and say that it did."""

from contextlib import suppress

from domain.errors import AifxError, Corrupt
from jobs.places import Place


def known_strategies(place: Place) -> frozenset[str] | None:
    """Return the strategies of an account: of its settings, journal and trading states.

    Returns
    -------
    frozenset of str or None
        None where the journal cannot be read now: then nobody can say that a name is wrong.
    """
    # Loaded only where a strategy is named: stopping everything does not wait for it.
    from trading.execution_config import ExecutionConfig
    from trading.journal.strategies import strategies_in

    known = {ExecutionConfig.strategy}
    with suppress(Corrupt):
        controls = place.control().state()
        known |= set() if controls is None else controls.scopes.keys() - {""}
    try:
        return frozenset(known | strategies_in(place.dsn, place.account))
    except AifxError:
        return None
