"""The files of passwords and keys: a folder for each role and server, made once with random values.

What exists is kept, so that making them again changes nothing; a deleted file is made anew, and the files that follow
from it too. Each file can be read by its owner alone (0600, its folder 0700). Nothing is printed.

    operator/  viewer/  worker/  collector/  exporter/  canary/  producer/  consumer/
               kafka-password, redis-password, hash-key, id-salt: as far as the role needs them (`roles.py`)
    kafka/     server.properties: the users with their passwords, as a broker reads them; client.properties: the broker
               as a client, for its health check; password
    redis/     users.acl: the users, their passwords as SHA-256, and their rights; health-password
    grafana/   admin-password
"""

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from streams.access.roles import ROLES, Role
from streams.errors import Mismatch, TrackerError
from streams.process import private_file

BYTES: Final = 32
FOLDER_MODE: Final = 0o700
BROKER: Final = "broker"
LISTENERS: Final = ("inside", "outside", "controller")
KEYS: Final = {"hash-key": "TRACKER_HASH_KEY", "id-salt": "TRACKER_ID_SALT"}
"""Keys of the whole installation, and the variables that may hold a value from before."""
LOGIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule required"

Owner = tuple[int, int]


@dataclass
class SecretFiles:
    """The files below one directory."""

    directory: Path
    owners: Mapping[str, Owner] = field(default_factory=dict)
    """Who owns a folder and its files, as user and group; `""` is for folders that are not named. None: whoever runs
    this."""
    made: list[str] = field(default_factory=list)
    """The files that were written, relative to the directory."""

    def make(self, given: Mapping[str, str]) -> list[str]:
        """Write what is missing or out of step; returns the written files.

        `given` has values from before by variable. Raises Mismatch where a file has another value.
        """
        try:
            self._make(given)
        except OSError as error:
            raise TrackerError(
                f"{error.filename or self.directory} cannot be written: {error.strerror}.",
                "Name a directory that this user may write to.",
            ) from error
        return self.made

    def _make(self, given: Mapping[str, str]) -> None:
        keys = {name: self._key(name, given.get(variable, "")) for name, variable in KEYS.items()}
        kafka: dict[str, str] = {}
        redis: dict[str, str] = {}
        for role in ROLES:
            if role.has_kafka:
                kafka[role.name] = self._random(f"{role.name}/kafka-password")
            if role.redis:
                redis[role.name] = self._random(f"{role.name}/redis-password")
            for name in role.secrets:
                self._write(f"{role.name}/{name}", keys[name])
        broker, health = self._random("kafka/password"), self._random("redis/health-password")
        self._write("kafka/server.properties", broker_properties(broker, kafka))
        self._write("kafka/client.properties", client_properties(broker))
        self._write("redis/users.acl", redis_users(ROLES, redis, health))
        self._random("grafana/admin-password")
        for folder in sorted(path for path in self.directory.iterdir() if path.is_dir()):
            self._hand_over(folder, FOLDER_MODE)

    def _key(self, name: str, before: str) -> str:
        path = f"operator/{name}"
        found = self._read(path)
        if found and before and found != before:
            raise Mismatch(
                f"{KEYS[name]} is set to another value than {self.directory / path} holds.",
                "Unset it, or stop everything and delete that file where the value of the variable is the right one.",
            )
        value = found or before or random_value()
        self._write(path, value)
        return value

    def _random(self, path: str) -> str:
        value = self._read(path) or random_value()
        self._write(path, value)
        return value

    def _read(self, path: str) -> str:
        try:
            return (self.directory / path).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    def _write(self, path: str, text: str) -> None:
        """Write a file whole or not at all; a file that holds the text already only gets owner and mode."""
        target = self.directory / path
        if self._read(path) != text.strip():
            target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            private_file.replace(target, (text if text.endswith("\n") else text + "\n").encode())
            self.made.append(path)
        self._hand_over(target, private_file.MODE)

    def _hand_over(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        folder = path.relative_to(self.directory).parts[0]
        owner = self.owners.get(folder, self.owners.get(""))
        if owner is not None and owner != (path.stat().st_uid, path.stat().st_gid):
            os.chown(path, *owner)


def random_value() -> str:
    """256 random bits as text that needs no quoting anywhere."""
    return secrets.token_urlsafe(BYTES)


def broker_properties(broker: str, users: Mapping[str, str]) -> str:
    """The broker's own login and the users that it knows, for each listener."""
    known = {BROKER: broker, **users}
    words = " ".join(f'user_{name}="{password}"' for name, password in known.items())
    login = f'{LOGIN} username="{BROKER}" password="{broker}" {words};'
    return "".join(f"listener.name.{listener}.plain.sasl.jaas.config={login}\n" for listener in LISTENERS)


def client_properties(broker: str) -> str:
    """The broker as a client of itself, for Kafka's own tools."""
    login = f'{LOGIN} username="{BROKER}" password="{broker}";'
    return f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={login}\n"


def redis_users(roles: Iterable[Role], passwords: Mapping[str, str], health: str) -> str:
    """Redis' file of users. Nobody comes in without a name; `health` may only PING."""
    lines = ["user default off", f"user health on #{_digest(health)} -@all +ping"]
    lines += [f"user {role.name} on #{_digest(passwords[role.name])} {role.redis}" for role in roles if role.redis]
    return "".join(line + "\n" for line in lines)


def _digest(password: str) -> str:
    return sha256(password.encode()).hexdigest()
