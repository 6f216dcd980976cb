"""What a topic's partition holds already: its extent, and the highest number of each stream."""

from time import monotonic, sleep

from confluent_kafka import Consumer, KafkaException, TopicPartition

from domain.errors import Halt, Retry
from domain.log import STAMP_HEADER, Stamp, find_header

_SCAN_TIMEOUT_S = 30.0
_ASK_AGAIN_S = 0.05


def reader(bootstrap: str) -> Consumer:
    """Return a consumer that reads what the log holds, and leaves no trace in it."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "aifx.scan",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 2,
            "log_level": 3,
        }
    )


def extent(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """Return the first offset of a partition and the next one to be written.

    A topic that was created a moment ago may have no leader yet: waits for it.

    Raises
    ------
    Retry
        If nobody tells in time.
    """
    place = TopicPartition(topic, partition)
    until = monotonic() + _SCAN_TIMEOUT_S
    while True:
        try:
            first, following = consumer.get_watermark_offsets(place, timeout=_SCAN_TIMEOUT_S)
        except KafkaException as error:
            if monotonic() > until:
                msg = f"{topic}[{partition}] cannot be reached: {error.args[0].str()}"
                raise Retry(msg) from error
            sleep(_ASK_AGAIN_S)
        else:
            return first, following


def held_since(
    bootstrap: str, topic: str, partition: int, offset: int
) -> tuple[dict[str, int], int]:
    """Read what a partition holds from ``offset`` on.

    Returns
    -------
    tuple[dict[str, int], int]
        Highest number by stream, and the next offset to be written.

    Raises
    ------
    Retry
        If the partition cannot be read to its end in time.
    Halt
        If it ends before ``offset``.
    """
    consumer = reader(bootstrap)
    try:
        low, high = extent(consumer, topic, partition)
        if high < offset:
            msg = (
                f"{topic}[{partition}] ends at {high}, and {offset} was written once: records were "
                "lost; rebuild from a full log with a fresh run"
            )
            raise Halt(msg)
        held: dict[str, int] = {}
        next_offset = max(offset, low)
        if next_offset < high:
            consumer.assign([TopicPartition(topic, partition, next_offset)])
        while next_offset < high:
            # The client waits until it has as many as asked for: never ask for more than there are.
            messages = consumer.consume(min(high - next_offset, 1_000), _SCAN_TIMEOUT_S)
            if not messages:
                msg = f"{topic}[{partition}] could not be read from {next_offset} to {high}"
                raise Retry(msg)
            for message in messages:
                error = message.error()
                if error is not None:
                    msg = f"{topic}[{partition}] could not be read: {error.str()}"
                    raise Retry(msg)
                next_offset = (message.offset() or 0) + 1
                header = find_header(message.headers(), STAMP_HEADER)
                if header is not None:
                    stamp = Stamp.unpack(header)
                    held[stamp.stream] = max(held.get(stamp.stream, 0), stamp.seq)
        return held, high
    finally:
        consumer.close()
