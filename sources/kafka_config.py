"""Settings of a Kafka source."""

from dataclasses import dataclass

from domain.log import LogAddress
from domain.topics import Topic


@dataclass(frozen=True, slots=True)
class KafkaSourceConfig:
    """Settings of a Kafka source.

    Attributes
    ----------
    address
        Cluster, prefix and partition count.
    topics
        Topics to read to their end of stream.
    reader
        Name of the dataflow, in latency figures.
    group
        Consumer group of the committed offsets.
    side_topics
        Topics that have no end of their own: read while any of ``topics`` goes on.
    whole_topics
        Topics that every process reads in full, whatever its slice; each of their partitions to its
        end of stream, or until `KafkaSource` is told that they are over. In the group, the process
        with ``index`` 0 tells their positions.
    whole_partitions
        Which partitions of whole topics there is something in; None for all.
    index, count
        This process reads the partitions ``p`` with ``p % count == index``.
    idle_ms
        How long idle partitions sleep between looks; adds to latency. Three times as long where
        nothing has come for a while.
    flow_control
        Whether to publish positions for a feed that paces itself.
    """

    address: LogAddress
    topics: tuple[Topic, ...]
    reader: str
    group: str
    side_topics: tuple[Topic, ...] = ()
    whole_topics: tuple[Topic, ...] = ()
    whole_partitions: tuple[int, ...] | None = None
    index: int = 0
    count: int = 1
    idle_ms: float = 1.0
    flow_control: bool = False
