"""Flow control: a feed has leave to go on only while every reader is known to be near."""

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from domain.log import LogAddress
from domain.topics import Topic
from jobs.kafka import embedded_broker, touch_embedded_topics
from sources import flow_control
from sources.flow_control import FlowControl
from sources.kafka import FLOW_SUFFIX
from tests.kafka.log import wait_until, write

BOUND = 20
READERS = {"near": (Topic.BARS,), "far": (Topic.BARS, Topic.SIGNALS)}
Control = Callable[[LogAddress], FlowControl]


@pytest.fixture
def control() -> Iterator[Control]:
    """Start flow controls that are stopped with the test."""
    started: list[FlowControl] = []

    def start(address: LogAddress) -> FlowControl:
        readers = {address.prefix + name: topics for name, topics in READERS.items()}
        found = FlowControl(address, readers, max_lag_records=BOUND)
        started.append(found)
        found.start()
        return found

    yield start
    for found in started:
        found.stop()


def told(address: LogAddress, reader: str, topic: Topic, offset: int) -> None:
    """Commit how far a reader has read a topic's first partition."""
    consumer = Consumer(
        {"bootstrap.servers": address.bootstrap, "group.id": address.prefix + reader + FLOW_SUFFIX}
    )
    place = TopicPartition(address.topic(topic), 0, offset)
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def records(count: int) -> list[tuple[int, bytes, bytes]]:
    """Make records of the first partition."""
    return [(0, b"k", b"x")] * count


def test_a_feed_waits_for_its_slowest_reader(address: LogAddress, control: Control) -> None:
    """One reader of one topic beyond the bound is enough; it is enough that it catches up."""
    flow = control(address)
    assert not flow.may_go_on()
    wait_until(flow.may_go_on, "leave to write into an empty log")
    write(address, Topic.BARS, records(BOUND))
    write(address, Topic.SIGNALS, records(BOUND + 5))
    wait_until(lambda: not flow.may_go_on(), "the end of the leave")
    assert flow.worst_lag() == BOUND + 5
    told(address, "far", Topic.SIGNALS, 5)
    wait_until(flow.may_go_on, "leave to go on")
    assert flow.worst_lag() == BOUND
    write(address, Topic.BARS, records(1))
    wait_until(lambda: not flow.may_go_on(), "the end of the leave")
    told(address, "far", Topic.BARS, 1)
    assert flow.worst_lag() == BOUND + 1
    told(address, "near", Topic.BARS, BOUND + 1)
    wait_until(flow.may_go_on, "leave to go on")


def test_without_a_broker_there_is_no_leave(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not knowing how far the readers are is no leave to go on."""
    monkeypatch.setattr(flow_control, "_TIMEOUT_S", 0.2)
    with embedded_broker() as bootstrap:
        address = LogAddress(bootstrap, "", touch_embedded_topics(bootstrap, ""))
        flow = control(address)
        wait_until(flow.may_go_on, "leave while the broker is there")
    wait_until(lambda: not flow.may_go_on(), "the end of the leave")
    never = control(LogAddress("127.0.0.1:1", "", 1))
    with pytest.raises(AssertionError):
        wait_until(never.may_go_on, "leave of a broker that never was", timeout_s=0.6)


def test_after_a_stop_there_is_no_leave(embedded: LogAddress) -> None:
    """Nobody looks any more, so nobody knows."""
    flow = FlowControl(embedded, {"r": (Topic.BARS,)})
    flow.start()
    wait_until(flow.may_go_on, "leave")
    flow.stop()
    assert not flow.may_go_on()
