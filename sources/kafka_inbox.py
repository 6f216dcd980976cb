"""What has come in for one partition: messages taken apart without a step of Python for each."""

from typing import cast

from confluent_kafka import Message

from domain.errors import Halt
from domain.log import END_HEADER, STAMP_HEADER, Polled, Stamp, find_header
from domain.topics import Topic

_NO_STAMP = Stamp(0, 0, 0, "")


class Inbox:
    """Records of one partition between the client and the flow.

    Attributes
    ----------
    topic, partition
        Whose records they are.
    offset
        Behind the newest record that came in: where to go on when all that waits was taken.
    ended
        Whether the end of the partition came in. What comes after it is not looked at.
    waiting
        What was not taken yet.
    waiting_records
        How many records that are.
    """

    __slots__ = ("ended", "offset", "partition", "topic", "waiting", "waiting_records")

    def __init__(self, topic: Topic, partition: int, offset: int, *, ended: bool) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.ended = ended
        self.waiting: list[Polled] = []
        self.waiting_records = 0

    def put(self, messages: list[Message]) -> None:
        """Take in the next messages of the partition; none is an error, and there is at least one.

        Raises
        ------
        Halt
            If the client gave a message without its offset.
        """
        if self.ended:
            return
        first, last = _offset(messages[0]), _offset(messages[-1])
        if last - first + 1 != len(messages):
            # A foreign writer's transaction leaves gaps; places are counted from the first offset.
            for message in messages:
                self.put([message])
            return
        raw = list(map(Message.value, messages))
        if all(raw):
            values = cast("list[bytes]", raw)
        else:
            values = self._before_end(messages)
            if self.ended:
                last = first + len(values)
        self.offset = last + 1
        self._append(first, last, values, messages[0])

    def take(self) -> list[Polled]:
        """Give all that waits."""
        waiting, self.waiting = self.waiting, []
        self.waiting_records = 0
        return waiting

    def _append(self, first: int, last: int, values: list[bytes], message: Message) -> None:
        waiting = self.waiting
        self.waiting_records += len(values)
        if waiting and waiting[-1].last_offset + 1 == first:
            # What a poll brings in several runs is one batch to who comes after.
            waiting[-1].values.extend(values)
            waiting[-1] = waiting[-1]._replace(last_offset=last, ended=self.ended)
            return
        stamp = _stamp_of(message)
        polled = Polled(self.topic, self.partition, first, last, values, stamp, self.ended)
        waiting.append(polled)

    def _before_end(self, messages: list[Message]) -> list[bytes]:
        """Return the values before the end, if it is there. An empty one that is none stays."""
        kept: list[bytes] = []
        for message in messages:
            value = message.value()
            if not value and find_header(message.headers(), END_HEADER) is not None:
                self.ended = True
                break
            kept.append(value or b"")
        return kept


def _offset(message: Message) -> int:
    offset = message.offset()
    if offset is None:
        msg = "the Kafka client gave a message without offset"
        raise Halt(msg)
    return offset


def _stamp_of(message: Message) -> Stamp:
    header = find_header(message.headers(), STAMP_HEADER)
    return _NO_STAMP if header is None else Stamp.unpack(header)
