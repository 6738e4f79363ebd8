"""docker-compose.yml without containers: its servers and services as processes, with its variables and secrets.

Addresses, ports and folders are this machine's; everything else is what the file says. Kafka's configuration is made by
the program that Kafka's image makes it with.
"""

import os
import re
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import yaml

from streams.servers import KafkaServer, RedisServer, jars, ports
from streams.servers.java import find_java
from streams.servers.process_group import ProcessGroup

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
WRAPPER = ("kafka.docker.KafkaDockerWrapper", "setup")
# Smaller and quicker than a broker that stays up.
QUICK = {"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0", "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4"}


def mounts(service: str) -> dict[str, str]:
    """Where each volume of a service is inside its container, by its name."""
    words = [volume.split(":") for volume in SERVICES[service].get("volumes", ())]
    return {source: target for source, target, *_ in words}


class ComposedKafka(KafkaServer):
    """Kafka as the service `kafka` configures it."""

    def __init__(self, group: ProcessGroup, directory: Path, secrets: Path) -> None:
        super().__init__(group, directory=directory)
        self._secrets = secrets
        self.inside, self.outside, self._controller = (ports.free_port() for _ in range(3))
        self.port = self.inside
        self._port_is_fixed = True

    def prepare(self) -> list[str]:
        """Make the configuration and format the storage by the image's program; the command to run."""
        java = [str(find_java()), *self.jvm_options, "-XX:-UsePerfData", "-cp", f"{jars.fetch()}/*"]
        placed = {"19092": self.inside, "9093": self._controller, "9092": self.outside}
        environ = {}
        for name, value in (SERVICES["kafka"]["environment"] | QUICK).items():
            text = re.sub(r"://(kafka)?:", "://127.0.0.1:", value).replace("@kafka:", "@127.0.0.1:")
            environ[name] = re.sub(r":(19092|9093|9092)\b", lambda found: f":{placed[found[1]]}", text)
        environ |= {"KAFKA_LOG_DIRS": str(self.directory / "data"), "CLUSTER_ID": "am91cm5leS10cmFja2Vy"}
        del environ["KAFKA_HEAP_OPTS"]
        defaults, final = self.directory / "default", self.directory / "final"
        for folder in (defaults, final):
            folder.mkdir(exist_ok=True)
        (defaults / "server.properties").touch()
        words = [
            "--default-configs-dir",
            defaults,
            "--mounted-configs-dir",
            self._secrets,
            "--final-configs-dir",
            final,
        ]
        made = [*java, *WRAPPER, *map(str, words)]
        if not (self.directory / "data").exists():
            subprocess.run(made, env=os.environ | environ, cwd=self.directory, check=True, capture_output=True)
        return [*java, "kafka.Kafka", str(final / "server.properties")]

    def is_ready(self) -> bool:
        """Whether it listens; who asks more must have a name."""
        return ports.answers(self.inside)


class Composed:
    """The stack in one folder; it ends with the `with`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = folder / "secrets"
        self._stack = ExitStack()
        self._ports: dict[tuple[str, str], int] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.kafka: ComposedKafka
        self.redis: RedisServer

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            group = stack.enter_context(ProcessGroup())
            self.once("secrets")
            self.kafka = ComposedKafka(group, group.directory / "kafka", self.secrets / "kafka")
            options = self._redis_options()
            self.redis = RedisServer(group, options=options, directory=group.directory / "redis")
            for server in (self.kafka, self.redis):
                stack.callback(server.kill9)
                server.start()
            stack.callback(self._end)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def environ(self, service: str) -> dict[str, str]:
        """The variables of a service, with this machine's addresses and folders."""
        found = {}
        for name, value in SERVICES[service]["environment"].items():
            text = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)
            for source, target in mounts(service).items():
                place = self.secrets / source.removeprefix("secrets-") if "secrets" in source else self.folder / source
                text = text.replace(f"{target}/", f"{place}/")
            if name.endswith("_PORT"):
                text = str(self.port(service, name))
            found[name] = text.replace("0.0.0.0", "127.0.0.1")
        if "KAFKA_BOOTSTRAP" in found:
            found["KAFKA_BOOTSTRAP"] = f"127.0.0.1:{self.kafka.inside}"
        if "REDIS_URL" in found:
            found["REDIS_URL"] = found["REDIS_URL"].replace("redis:6379", self.redis.address)
        return found

    def port(self, service: str, variable: str) -> int:
        """The port that stands for one of a service's."""
        return self._ports.setdefault((service, variable), ports.free_port())

    def once(self, service: str, *words: str) -> str:
        """What the command of a service prints, with more words."""
        told = [word for word in (*SERVICES[service]["command"], *words) if not word.startswith("--owner")]
        command = [sys.executable, "-m", "streams", *map(self._here, told)]
        environ = os.environ | self.environ(service)
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tracker(self, service: str, *words: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Another command with a service's variables; an empty one counts as unset."""
        command = [sys.executable, "-m", "streams", *words]
        environ = os.environ | self.environ(service) | changed
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    def _here(self, word: str) -> str:
        """A word of a command with this machine's folders and addresses."""
        if word in {"exporter:9464", "canary:9463"}:
            service = word.partition(":")[0]
            return f"127.0.0.1:{self.port(service, f'{service.upper()}_PORT')}"
        return word.replace("/secrets", str(self.secrets)) if word.startswith("/") else word

    def start(self, service: str) -> None:
        """Run a service."""
        (self.folder / "collector-data").mkdir(exist_ok=True)
        with self.log(service).open("ab") as log:
            words = [sys.executable, "-m", "streams", *SERVICES[service]["command"]]
            environ = os.environ | self.environ(service)
            self.processes[service] = subprocess.Popen(words, env=environ, stdout=log, stderr=log)

    def log(self, service: str) -> Path:
        """The file of what a service says."""
        return self.folder / f"{service}.log"

    def page(self, service: str, variable: str, path: str) -> str:
        """A page of a service; empty where it does not answer, or answers with an error."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port(service, variable)}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def secret(self, path: str) -> str:
        """The value in a file."""
        return (self.secrets / path).read_text(encoding="utf-8").strip()

    def _redis_options(self) -> dict[str, str]:
        words = SERVICES["redis"]["command"][1:]
        named = dict(zip(words[::2], words[1::2], strict=True))
        place = mounts("redis")["secrets-redis"]
        named["--aclfile"] = named["--aclfile"].replace(place, str(self.secrets / "redis"))
        return {name.removeprefix("--"): value for name, value in named.items()}

    def _end(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)
