"""Kafka: its version and brokers, and the topics against what the settings need."""

from collections.abc import Iterator
from typing import Final

from streams.clients.clients import kafka_admin
from streams.doctor.finding import Inquiry, Result, Unaskable

OLDEST_KAFKA: Final = (2, 4)


def kafka(inquiry: Inquiry) -> Iterator[Result]:
    """The cluster."""
    settings = inquiry.settings
    if settings.kafka_bootstrap is None:
        from streams.servers.java import find_java

        java = find_java()
        yield "ok", f"KAFKA_BOOTSTRAP is not set: the demo and the tests start their own Kafka ({java}).", ""
        return
    with kafka_admin(settings) as admin:
        cluster = admin.describe_cluster()
        its_version = tuple(admin._manager.broker_version)  # noqa: SLF001  # the client has no public attribute for it
    brokers = len(cluster["brokers"])
    spoken = ".".join(map(str, its_version))
    if its_version < OLDEST_KAFKA:
        yield "problem", f"Kafka {spoken} is too old.", "Use Kafka 2.4 or newer; 4.1 is tested."
    yield "ok", f"Kafka {spoken} at {settings.kafka_bootstrap}, {brokers} broker{'s' * (brokers != 1)}", ""
    if brokers < settings.replication:
        message = f"TRACKER_REPLICATION is {settings.replication}, and Kafka has {brokers} brokers."
        yield "problem", message, "Lower it or add brokers."
    elif settings.replication == 1 and brokers > 1:
        message = "TRACKER_REPLICATION is 1: touchpoints are lost with the broker that holds them."
        yield "warning", message, "Set it to 3 before the topics are created."
    if settings.kafka_security_protocol == "SASL_PLAINTEXT":
        yield "warning", "The password travels to Kafka unencrypted.", "Use SASL_SSL."


def topics(inquiry: Inquiry) -> Iterator[Result]:
    """The topics. Raises Unaskable where partitions are missing, whose records nobody can count."""
    settings = inquiry.settings
    from streams.clients import topic_shapes

    found = topic_shapes.check(settings)
    for each in found:
        yield "problem", str(each), each.remedy
    if any(each.lacks_partitions for each in found):
        raise Unaskable("topics or partitions are missing")
    if not found:
        yield "ok", f"{len(topic_shapes.wanted(settings))} topics of {settings.partitions} partitions", ""
