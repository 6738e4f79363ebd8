"""A real Apache Kafka of our own: KRaft, one node, on free loopback ports, in a private directory."""

import logging
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.errors import TrackerError
from streams.servers import jars, ports
from streams.servers.java import find_java
from streams.servers.process import Report, ServerProcess, silence
from streams.servers.process_group import ProcessGroup

CLUSTER_ID = "am91cm5leS10cmFja2Vy"
FORMAT_S = 60.0
ASK_MS = 2000

JVM_OPTIONS = (
    "-Xmx400m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # up in 2 s instead of 4; a benchmark gives its own options
)

# One broker keeps one copy of every topic. The sizes are small, so that a demo runs on any machine.
PROPERTIES: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "inter.broker.listener.name": "CLIENT",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.segment.bytes": "8388608",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",  # tests and demos do not wait for further members
    "group.min.session.timeout.ms": "1000",  # by default 6 s, which fault tests would wait for after each kill
    # After a kill the controller counts the old broker as alive for this long, and the new one waits: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.segment.bytes": "67108864",
    "log.index.size.max.bytes": "1048576",
    "log.cleaner.dedupe.buffer.size": "16777216",  # the default takes a third of the heap
    "num.network.threads": "2",
    "num.io.threads": "4",
}

LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %-5p %m (%c{1})%n%throwable{30}
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


class KafkaServer(ServerProcess):
    """One Kafka; `properties` override or extend the usual ones, `jvm_options` replace the usual ones.

    `listeners` are added to the plain one, as name and protocol: `{"GUARDED": "SASL_PLAINTEXT"}`.
    """

    name = "Kafka"

    def __init__(
        self,
        group: ProcessGroup,
        *,
        port: int | None = None,
        properties: Mapping[str, str] | None = None,
        jvm_options: Sequence[str] = JVM_OPTIONS,
        listeners: Mapping[str, str] | None = None,
        directory: Path | None = None,
        report: Report = silence,
    ) -> None:
        super().__init__(group, port=port, directory=directory)
        self.listeners = dict(listeners or {})
        self.properties = PROPERTIES | dict(properties or {})
        self.jvm_options = tuple(jvm_options)
        self._report = report
        self._java: list[str] = []
        self._more_ports: dict[str, int] = {}

    @property
    def bootstrap(self) -> str:
        """The bootstrap address for clients."""
        return self.address

    def listener(self, name: str) -> str:
        """The address of one of `listeners`."""
        return f"{ports.LOOPBACK}:{self._more_ports[name]}"

    def prepare(self) -> list[str]:
        """The command to run; fetches the jars, writes the configuration and formats the storage first."""
        if not self._java:
            self._java = self._java_command()
        for name in ["CONTROLLER", *self.listeners]:
            self._more_ports[name] = self._port_for(name)
        configuration = self._write_configuration()
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(configuration)
        return [*self._java, "kafka.Kafka", str(configuration)]

    def is_ready(self) -> bool:
        """Whether the broker answers a client and is registered in its cluster."""
        return ports.answers(self.port) and _brokers(self.bootstrap) > 0

    def _java_command(self) -> list[str]:
        scratch = self.directory / "tmp"
        scratch.mkdir(exist_ok=True)
        log4j = self.directory / "log4j2.properties"
        log4j.write_text(LOG4J, "ascii")
        return [
            str(find_java()),
            *self.jvm_options,
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",  # its file would stay in /tmp after a kill
            f"-XX:ErrorFile={self.directory / 'crash.log'}",
            f"-Djava.io.tmpdir={scratch}",  # where compression libraries unpack themselves
            f"-Dlog4j2.configurationFile={log4j}",
            "-cp",
            f"{jars.fetch(self._report)}/*",
        ]

    def _port_for(self, name: str) -> int:
        """The port of a listener: the same after a restart, while it is free."""
        before = self._more_ports.get(name)
        if before and self._port_is_fixed and ports.is_free(before):
            return before
        # Nothing listens yet on the broker's other ports, so the system may offer one of them again.
        taken = {self.port, *self._more_ports.values()}
        return next(port for port in iter(ports.free_port, None) if port not in taken)

    def _write_configuration(self) -> Path:
        more = {name: f"{name}://{self.listener(name)}" for name in self._more_ports}
        own = f"CLIENT://{self.address}"
        protocols = {"CLIENT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | self.listeners
        placed = {
            "listeners": ",".join([own, *more.values()]),
            "advertised.listeners": ",".join([own, *(more[name] for name in self.listeners)]),
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
            "controller.quorum.voters": f"1@{self.listener('CONTROLLER')}",
            "log.dirs": str(self.directory / "data"),
        }
        file = self.directory / "server.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in (placed | self.properties).items()), "utf-8")
        return file

    def _format(self, configuration: Path) -> None:
        command = [*self._java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(configuration)]
        try:
            failed = self.run(command).wait(FORMAT_S) != 0
        except subprocess.TimeoutExpired:
            self.kill9()
            raise TrackerError(
                f"Kafka's storage was not formatted within {FORMAT_S:g} s.", "Try again when the machine is less busy."
            ) from None
        except BaseException:
            self.kill9()
            raise
        self._reap()
        if failed:
            raise self.failure()


def _brokers(bootstrap: str) -> int:
    """How many brokers the cluster has; 0 while it does not answer."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    log = logging.getLogger("kafka")
    level = log.level
    log.setLevel(logging.CRITICAL)  # a server that is not up yet is expected here
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=ASK_MS, bootstrap_timeout_ms=ASK_MS)
        try:
            return len(admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    except (KafkaError, OSError):
        return 0
    finally:
        log.setLevel(level)
