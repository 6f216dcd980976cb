"""The settings of the one broker node, whichever way it is started.

Belongs here: broker properties and how they are written down for Java and for the container.
Does not belong here: topic settings, which are the callers'.
"""

import base64
from collections.abc import Mapping

NODE_ID = 1
# Sixteen bytes, as Kafka wants them; one node never meets another, so one id serves all.
CLUSTER_ID = base64.urlsafe_b64encode(b"aifx-testkit-kfk").decode().rstrip("=")


def server_properties(
    *, listen_host: str, listen_port: int, controller_port: int, advertised: str
) -> dict[str, str]:
    """Give the properties of a combined controller and broker.

    Parameters
    ----------
    listen_host
        The address that the broker's listener binds.
    listen_port
        The port that the broker's listener binds.
    controller_port
        The port of the controller's listener, bound on the loopback address.
    advertised
        ``HOST:PORT`` that clients are told to use.

    Returns
    -------
    dict of str to str
        Property names and values, without the log directories.
    """
    controller = f"127.0.0.1:{controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        "controller.quorum.voters": f"{NODE_ID}@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{listen_host}:{listen_port},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        # A topic that nobody declared is a mistake, here as in production.
        "auto.create.topics.enable": "false",
        # One node: every internal topic has one replica.
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        # Small and quick: tests wait for groups and the machine has few cores.
        "group.initial.rebalance.delay.ms": "0",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    }


def as_properties(properties: Mapping[str, str]) -> str:
    """Write settings as a Java properties file.

    Parameters
    ----------
    properties
        Names and values.

    Returns
    -------
    str
        The file's text; a backslash in a value is escaped.
    """
    return "".join(
        f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in properties.items()
    )


def as_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """Write settings as the environment that the ``apache/kafka`` image reads.

    Parameters
    ----------
    properties
        Names and values.

    Returns
    -------
    dict of str to str
        ``KAFKA_`` variables.
    """
    return {
        "KAFKA_" + name.upper().replace("_", "__").replace(".", "_"): value
        for name, value in properties.items()
    }


def log4j2_properties(log_file: str) -> str:
    """Write a log4j 2 configuration with one file as its only output.

    Parameters
    ----------
    log_file
        The path that is written to.

    Returns
    -------
    str
        The configuration's text.
    """
    return as_properties(
        {
            "status": "error",
            "appender.file.type": "File",
            "appender.file.name": "file",
            "appender.file.fileName": log_file,
            "appender.file.layout.type": "PatternLayout",
            "appender.file.layout.pattern": "%d{ISO8601} %p %m (%c)%n",
            "rootLogger.level": "info",
            "rootLogger.appenderRef.file.ref": "file",
        }
    )
