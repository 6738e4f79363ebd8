"""`tracker explain` from a real Redis: the account of a customer whom workers have stored."""

import json

import pytest
from redis import Redis

from streams.cli import main
from streams.errors import ExitCode
from tests.stored import DAY_MS, MONDAY_MS, SHOP, crowd, fill, touch
from tests.streams.process.test_terminal import HOSTILE, UNSEEN

pytestmark = pytest.mark.integration
PARTITIONS = 4


@pytest.fixture
def store(empty_redis, tmp_path, monkeypatch) -> str:
    """A Redis with ten customers, one of whom has an id of another kind and came back after a drop-off."""
    (tmp_path / "shop.yaml").write_text(SHOP, encoding="utf-8")
    for variable, value in {
        "REDIS_URL": empty_redis, "TRACKER_JOURNEYS": str(tmp_path), "TRACKER_PARTITIONS": str(PARTITIONS),
    }.items():  # fmt: skip
        monkeypatch.setenv(variable, value)
    back = [touch("anonymous_id:a1", "first"), touch("anonymous_id:a1", "again", at_ms=MONDAY_MS + 20 * DAY_MS)]
    with Redis.from_url(empty_redis) as client:
        fill(client, [*crowd(10), *back], PARTITIONS)
    return empty_redis


def explained(capsys, *words: str) -> dict:
    assert main.main(["explain", *words, "--json"]) == ExitCode.OK
    return json.loads(capsys.readouterr().out)


def test_each_touchpoint_is_explained_with_its_rule_and_what_it_changed(store, capsys) -> None:
    """What the log in Redis still holds, in order."""
    found = explained(capsys, "c3")
    (journey,) = found["journeys"]
    assert (found["customer"], journey["journey"], journey["version"]) == ("c3", "shop", 2)
    (instance,) = journey["instances"]
    first, last = instance["touchpoints"]
    assert (first["what"], first["rule"]) == ("touchpoint seen3", "seen, rule 1: web")
    assert last["effects"][:2] == ["moved on from seen to bought", "reached a goal"]


def test_a_person_reads_where_the_customer_is_and_why(store, capsys) -> None:
    """By an id of any kind; the drop-off and the recovery are there."""
    assert main.main(["explain", "anonymous_id:a1"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert all(
        word in said for word in ("shop", "first", "again", "2025-12-14", "came back after dropping off in seen")
    )


def test_a_customer_nobody_knows_is_one_clear_line(store, capsys) -> None:
    """With its own exit code, and no traceback."""
    assert main.main(["explain", "nobody"]) not in {ExitCode.OK, ExitCode.FAULT}
    said = capsys.readouterr().err
    assert "nobody" in said and "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [["show"], ["show", "--json"], ["explain"], ["explain", "--json"], ["identity", "show"]],
)
def test_no_name_takes_over_the_terminal(store, capsys, words) -> None:
    """A customer whose name and events hold a terminal's codes is shown without them by every command."""
    name = HOSTILE.replace("\0", "")
    with Redis.from_url(store) as client:
        fill(client, [touch(name, f"e{HOSTILE}", type=HOSTILE)], PARTITIONS)
    main.main([*words, name])
    said = capsys.readouterr()
    assert "gone" in said.out + said.err and "Traceback" not in said.err
    assert not UNSEEN.search(said.out + said.err)
