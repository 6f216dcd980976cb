"""Ids: golden values, for they are on the wire and in the ledger."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import client_order_id, digest, execution_id, signal_id

PARTS = st.lists(st.text(max_size=5), max_size=5)


def test_golden_digests() -> None:
    """The same parts give the same digits in every process, on every machine, in every version."""
    assert digest() == "cae66941d9efbd404e4d88758ea67670"
    assert digest("a", "bc") == "e88560e56e6241afeb2dfa841791b26b"
    assert digest("abc") == "5efbbb98675ac34f5f8aae3c369dc60d"
    assert digest(1) == "10f3e4456b563c650841f3b163e6d77a"


def test_golden_ids() -> None:
    """A replay after an upgrade must find the signals, orders and fills that it made before."""
    assert signal_id("model-1", "EURUSD", 1709625660000000000, "edge-hold") == (
        "dc98e6a91881b70617731528ec4354c0"
    )
    assert client_order_id("edge-hold", "s-1", 0, 1) == "axa518adf8576467767f5bb5f888e77aeb"
    assert execution_id("ax1", 1) == "px92c6138268638b0f2bb8192c70be7c55"


def test_an_order_id_fits_every_broker() -> None:
    """FIX and Interactive Brokers allow 36 characters; letters and digits are safe everywhere."""
    name = client_order_id("a strategy with a long name", "s" * 200, 1, 99)
    assert len(name) == 34
    assert name.isalnum()


@given(one=PARTS, other=PARTS)
def test_different_parts_give_different_digests(one: list[str], other: list[str]) -> None:
    """Every part counts, and so does where one ends and the next begins."""
    assert (digest(*one) == digest(*other)) == (one == other)


def test_every_cause_of_an_id_counts() -> None:
    """Change one argument, and it is another id."""
    signals = [("m", "EURUSD", 1, "r"), ("n", "EURUSD", 1, "r"), ("n", "NZDUSD", 1, "r")]
    signals += [("n", "NZDUSD", 2, "r"), ("n", "NZDUSD", 2, "q")]
    assert all(signal_id(*a) != signal_id(*b) for a, b in pairwise(signals))
    orders = [
        ("s", "i", 0, 0),
        ("t", "i", 0, 0),
        ("t", "j", 0, 0),
        ("t", "j", 1, 0),
        ("t", "j", 1, 1),
    ]
    assert all(client_order_id(*a) != client_order_id(*b) for a, b in pairwise(orders))
    assert execution_id("o", 1) != execution_id("o", 2) != execution_id("p", 2)
