"""The error tree: every error is named by one reaction."""

from itertools import combinations

from domain import errors
from domain.errors import AifxError, BadUse, Corrupt, Drop, Halt, Reject, Retry

REACTIONS = (Halt, Reject, Retry, Drop)


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """Each class of the module stands in the picture at its top, and none besides."""
    drawn = {word for word in (errors.__doc__ or "").split() if word.isidentifier()}
    classes = {c for c in vars(errors).values() if isinstance(c, type)}
    assert classes == {AifxError, Halt, BadUse, Corrupt, Reject, Retry, Drop}
    assert {c.__name__ for c in classes} <= drawn


def test_an_error_calls_for_one_reaction() -> None:
    """No class is of two reactions, and all are of one root."""
    for reaction in REACTIONS:
        assert reaction.__bases__ == (AifxError,)
    for one, other in combinations(REACTIONS, 2):
        assert not issubclass(one, other)
    assert issubclass(BadUse, Halt)
    assert issubclass(Corrupt, Halt)
