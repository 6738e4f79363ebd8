"""The files of passwords and keys."""

import os
import re
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from streams.access.roles import ROLES
from streams.access.secret_files import BROKER, SecretFiles, redis_users
from streams.errors import Mismatch, TrackerError


def texts(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text("utf-8") for path in place.rglob("*") if path.is_file()}


def test_each_role_has_what_it_needs_and_no_more(tmp_path) -> None:
    """A role's folder has the passwords of the servers that it uses, and the keys that it needs."""
    SecretFiles(tmp_path).make({})
    found = {each.name: {path.name for path in (tmp_path / each.name).iterdir()} for each in ROLES}
    assert found["collector"] == {"kafka-password", "hash-key", "id-salt"}
    assert found["exporter"] == {"redis-password", "id-salt"}
    assert found["consumer"] == {"kafka-password"}
    assert found["operator"] == {"kafka-password", "redis-password", "hash-key", "id-salt"}


def test_only_the_owner_may_read(tmp_path) -> None:
    """Files have the mode 0600 and folders 0700, whatever the umask."""
    before = os.umask(0)
    try:
        SecretFiles(tmp_path).make({})
    finally:
        os.umask(before)
    paths = list(tmp_path.rglob("*"))
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert modes == {True: 0o700, False: 0o600} and len(paths) > 20


def test_no_two_passwords_are_the_same(tmp_path) -> None:
    """Each password has 256 random bits of its own, and another installation has others."""
    for name in ("one", "two"):
        SecretFiles(tmp_path / name).make({})
    found = [text for path, text in texts(tmp_path).items() if "password" in path]
    assert len(set(found)) == len(found) and all(len(text.strip()) == 43 for text in found)


def test_what_exists_is_kept(tmp_path) -> None:
    """Made a second time, nothing is written."""
    SecretFiles(tmp_path).make({})
    before = texts(tmp_path)
    assert SecretFiles(tmp_path).make({}) == [] and texts(tmp_path) == before


def test_a_deleted_password_is_made_anew(tmp_path) -> None:
    """With it change the files of the servers that follow from it, and nothing else."""
    SecretFiles(tmp_path).make({})
    before = texts(tmp_path)
    (tmp_path / "worker/redis-password").unlink()
    assert SecretFiles(tmp_path).make({}) == ["worker/redis-password", "redis/users.acl"]
    after = texts(tmp_path)
    digest = sha256(after["worker/redis-password"].strip().encode()).hexdigest()
    assert f"user worker on #{digest}" in after["redis/users.acl"]
    assert before["kafka/server.properties"] == after["kafka/server.properties"]


def test_an_interrupted_start_is_finished(tmp_path) -> None:
    """Whatever is missing is added, also beside what was left of a file half written."""
    SecretFiles(tmp_path).make({})
    before = texts(tmp_path)
    (tmp_path / "kafka/server.properties").unlink()
    (tmp_path / "kafka/.server.properties").write_text("listener.na")
    assert SecretFiles(tmp_path).make({}) == ["kafka/server.properties"] and texts(tmp_path) == before


def test_keys_from_before_are_taken_over(tmp_path) -> None:
    """The hash key and the salt of an installation that had them stay the same, in every folder that has them."""
    SecretFiles(tmp_path).make({"TRACKER_HASH_KEY": "the key from before", "TRACKER_ID_SALT": "the salt"})
    found = texts(tmp_path)
    assert {found[f"{name}/hash-key"] for name in ("operator", "collector", "producer")} == {"the key from before\n"}
    assert {text for path, text in found.items() if path.endswith("id-salt")} == {"the salt\n"}


def test_another_key_is_refused(tmp_path) -> None:
    """A variable with another value than the file would make other customers: an error that does not show either."""
    SecretFiles(tmp_path).make({"TRACKER_HASH_KEY": "the key from before"})
    with pytest.raises(Mismatch, match="TRACKER_HASH_KEY is set to another value") as caught:
        SecretFiles(tmp_path).make({"TRACKER_HASH_KEY": "another key of mine"})
    assert "before" not in str(caught.value) and "of mine" not in str(caught.value)


def test_kafka_knows_each_user(tmp_path) -> None:
    """Every listener has the users of all roles that use Kafka, and the broker itself."""
    SecretFiles(tmp_path).make({})
    lines = (tmp_path / "kafka/server.properties").read_text("utf-8").splitlines()
    assert [line.split(".")[2] for line in lines] == ["inside", "outside", "controller"]
    wanted = {each.name for each in ROLES if each.has_kafka} | {BROKER}
    assert all(set(re.findall(r'user_(\w+)="[\w-]{43}"', line)) == wanted for line in lines)


def test_redis_knows_each_user() -> None:
    """Nobody is let in without a name, and passwords are in Redis' file as digests alone."""
    passwords = {each.name: f"{each.name}'s" for each in ROLES if each.redis}
    lines = redis_users(ROLES, passwords, "health's").splitlines()
    assert lines[0] == "user default off" and lines[1].endswith("-@all +ping")
    assert [line.split()[1] for line in lines[2:]] == list(passwords)
    assert not any(password in line for password in passwords.values() for line in lines)
    assert "+@write" not in next(line for line in lines if line.startswith("user exporter"))


def test_owners_are_set(tmp_path, monkeypatch) -> None:
    """Each folder and its files go to the user that was named for it, the others to the one without a name."""
    given: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "chown", lambda path, *owner: given.update({str(Path(path).relative_to(tmp_path)): owner}))
    SecretFiles(tmp_path, {"": (10_001, 10_001), "redis": (999, 1000)}).make({})
    assert {owner for path, owner in given.items() if path.startswith("redis")} == {(999, 1000)}
    assert {owner for path, owner in given.items() if not path.startswith("redis")} == {(10_001, 10_001)}
    assert {"redis", "redis/users.acl", "worker", "worker/kafka-password"} <= given.keys()


def test_a_place_that_cannot_be_written(tmp_path) -> None:
    """A directory that is a file is one line with a remedy."""
    (tmp_path / "file").touch()
    with pytest.raises(TrackerError, match="cannot be written") as caught:
        SecretFiles(tmp_path / "file").make({})
    assert caught.value.remedy
