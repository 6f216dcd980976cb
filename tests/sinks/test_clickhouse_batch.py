"""Tokens name what is inserted by its place in the log; places follow each other."""

import pytest

from domain.errors import Halt
from sinks.clickhouse_batch import ArchiveBatch, Stretches, deduplication_token


def batch(topic: str, partition: int, first: int, last: int) -> ArchiveBatch:
    """Return a batch without rows."""
    return ArchiveBatch(topic, partition, first, last, [])


def test_a_token_names_run_topic_partition_and_offsets() -> None:
    """In an order that does not depend on which partition was polled first."""
    batches = [batch("ticks", 1, 5, 9), batch("ticks", 0, 2, 3)]
    assert deduplication_token("r", batches) == "r:ticks:0:2-3,ticks:1:5-9"
    assert deduplication_token("r", batches[::-1]) == "r:ticks:0:2-3,ticks:1:5-9"


def test_other_cuts_of_the_same_offsets_have_the_same_token() -> None:
    """Stretches that touch are one; a gap stays a gap."""
    whole = deduplication_token("r", [batch("ticks", 0, 0, 9)])
    cut = deduplication_token("r", [batch("ticks", 0, 0, 3), batch("ticks", 0, 4, 9)])
    gap = deduplication_token("r", [batch("ticks", 0, 0, 3), batch("ticks", 0, 5, 9)])
    assert cut == whole
    assert gap == "r:ticks:0:0-3,ticks:0:5-9"


@pytest.mark.parametrize("again", [(0, 4), (3, 5), (2, 1), (4, 4)])
def test_an_offset_in_two_batches_is_refused(again: tuple[int, int]) -> None:
    """Its second half would be taken for a replay and lost."""
    stretches = Stretches()
    stretches.follow(batch("ticks", 0, 0, 4))
    with pytest.raises(Halt, match="does not follow"):
        stretches.follow(batch("ticks", 0, *again))
    stretches.follow(batch("ticks", 1, *sorted(again)))
