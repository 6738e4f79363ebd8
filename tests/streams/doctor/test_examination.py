import json
import time
from dataclasses import replace

import pytest
from redis import Redis

from streams.cli import main
from streams.doctor import examination, names, stored
from streams.doctor.examination import examine
from streams.doctor.finding import Finding, Inquiry, verdict, worst_first
from streams.errors import ExitCode, Unreachable
from streams.settings import settings
from streams.stores.keys import keys
from tracker.identity.erasure import Digests

HEALTHY = {"redis_version": "7.2.1", "role": "master", "aof_enabled": 1, "maxmemory_policy": "noeviction"}
DEFAULTS = settings.read({})


def redis_states(**info) -> list[tuple[str, str]]:
    results = stored.redis_node("Redis", HEALTHY | info, DEFAULTS)
    return [(state, message) for state, message, _remedy in results if state != "ok"]


def test_healthy_redis_has_no_finding() -> None:
    """A Redis that is new enough, keeps what it has and writes to disk is in order."""
    assert redis_states() == []


@pytest.mark.parametrize(
    ("info", "state", "said"),
    [
        ({"redis_version": "6.0.9"}, "problem", "too old"),
        ({"role": "slave"}, "problem", "replica"),
        ({"maxmemory_policy": "allkeys-lru"}, "problem", "may evict customers"),
        ({"aof_enabled": 0}, "warning", "appendonly no"),
        ({"aof_last_write_status": "err"}, "problem", "cannot write its append-only file"),
        ({"maxmemory": 100, "used_memory": 95}, "warning", "95% of its maxmemory"),
        ({"cluster_enabled": 1}, "problem", "part of a cluster"),
    ],
)
def test_what_bites_in_redis_is_found(info, state, said) -> None:
    """Each way in which Redis would lose or refuse states is reported."""
    ((found, message),) = redis_states(**info)
    assert found == state and said in message


def test_mistyped_variable_is_a_warning(monkeypatch) -> None:
    """A variable that is none of ours is reported with the one that was meant."""
    monkeypatch.setattr(examination, "CHECKS", {})
    (found,) = examine(Inquiry(DEFAULTS), {"TRACKER_GROUPE": "x"})
    assert (found.state, found.remedy) == ("warning", "Did you mean TRACKER_GROUP?")


NAMED = settings.read({"KAFKA_BOOTSTRAP": "127.0.0.1:9", "REDIS_URL": "redis://127.0.0.1:9"})


def test_failing_area_is_one_problem_and_the_rest_goes_on(monkeypatch) -> None:
    """What does not answer is a problem with its remedy; what needs it is unknown; the others are looked at."""

    def silent(_inquiry):
        raise Unreachable("Kafka does not answer.", "Start it.")
        yield

    def broken(_inquiry):
        raise KeyError("x")
        yield

    def fine(_inquiry):
        yield "ok", "fine", ""

    checks = {"kafka": silent, "topics": fine, "lag": fine, "redis": fine, "journeys": broken}
    monkeypatch.setattr(examination, "CHECKS", checks)
    found = list(examine(Inquiry(NAMED), {}))
    assert [(each.area, each.state, each.exit_code) for each in found] == [
        ("kafka", "problem", ExitCode.UNREACHABLE),
        ("redis", "ok", ExitCode.OK),
        ("journeys", "problem", ExitCode.FAULT),
        ("kafka", "unknown", ExitCode.OK),
    ]
    assert found[0].remedy == "Start it."
    assert found[3].message == "Not asked, since the check of kafka failed: topics, lag."


def test_what_no_address_is_known_of_is_unknown() -> None:
    """Without addresses nothing that runs is said to be in order: each server's areas are named once, with a remedy."""
    unknown = [each for each in examine(Inquiry(DEFAULTS), {}) if each.state == "unknown"]
    assert [each.area for each in unknown] == ["kafka", "redis"]
    assert "workers, lag" in unknown[0].message and "exporter, canary" in unknown[1].message
    assert "Set REDIS_URL" in unknown[1].remedy


def test_the_worst_comes_first() -> None:
    """By state, and within a state in the order of the checks, where a cause comes before what follows from it."""
    states = ["ok", "remark", "problem", "unknown", "warning", "problem"]
    found = worst_first([Finding(str(number), state, "x") for number, state in enumerate(states)])
    assert "".join(each.area for each in found) == "254310"


def test_verdict_is_the_first_problem() -> None:
    """Warnings do not fail; the first problem gives the exit code."""
    warning = Finding("redis", "warning", "x")
    problem = Finding("kafka", "problem", "x", "", ExitCode.DENIED)
    later = Finding("topics", "problem", "x", "", ExitCode.MISMATCH)
    assert (verdict([warning]), verdict([warning, problem, later])) == (ExitCode.OK, ExitCode.DENIED)


def test_environment_of_the_tests_is_in_order(monkeypatch, capsys) -> None:
    """Without addresses the doctor looks at versions and journeys, and finds the servers that would be started."""
    for variable in ("KAFKA_BOOTSTRAP", "REDIS_URL"):
        monkeypatch.delenv(variable, raising=False)
    assert main.main(["doctor", "--settings"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "faust-streaming" in said and "seven_stages" in said and "TRACKER_PARTITIONS=8" in said
    assert main.main(["doctor"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "seven_stages" in said and "TRACKER_PARTITIONS" not in said and "faust-streaming" not in said
    assert said.startswith("All is well; 2 things that could not be asked.")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_fit_the_terminal(monkeypatch, capsys, columns) -> None:
    """Messages and remedies are wrapped beside their area; in a pipe each stays one line."""
    for variable in ("KAFKA_BOOTSTRAP", "REDIS_URL"):
        monkeypatch.delenv(variable, raising=False)
    main.main(["doctor"])
    whole = capsys.readouterr().out.splitlines()
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    main.main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    # A path is never cut: it could not be copied.
    assert all(len(line) <= columns or len(line.split()) == 1 for line in lines)
    assert len(whole) < len(lines) and max(map(len, whole)) > columns


def test_unreachable_servers_are_reported_within_ten_seconds(monkeypatch, capsys) -> None:
    """Kafka and Redis that do not answer are two problems, and the exit code says unreachable."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setenv("REDIS_URL", "redis://:pa55@127.0.0.1:9")
    begun = time.monotonic()
    assert main.main(["doctor", "--json"]) == ExitCode.UNREACHABLE
    assert time.monotonic() - begun < 10
    said = capsys.readouterr().out
    problems = [each["area"] for each in json.loads(said)["findings"] if each["state"] == "problem"]
    assert problems == ["kafka", "redis"] and "pa55" not in said


def test_reference_is_printed(capsys) -> None:
    """`--reference-env` prints the file that explains every setting."""
    assert main.main(["doctor", "--reference-env"]) == ExitCode.OK
    assert capsys.readouterr().out == settings.reference()


@pytest.mark.integration
def test_real_servers_are_examined(servers, monkeypatch, capsys) -> None:
    """With Kafka and Redis there, their versions are reported, and missing topics with the way to make them."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
    monkeypatch.setenv("REDIS_URL", servers.redis_url)
    monkeypatch.setenv("TRACKER_CHANNELS", "nobody")
    assert main.main(["doctor"]) == ExitCode.MISMATCH
    said = capsys.readouterr().out
    assert "Kafka 4." in said and "touchpoints.nobody: topic missing" in said and "tracker topics create" in said
    assert "Not asked, since topics or partitions are missing: lag" in said


@pytest.mark.integration
def test_wrong_redis_password_is_denied(private_servers, monkeypatch, capsys) -> None:
    """A password that Redis refuses is a problem that names the variables, without the password."""
    guarded = private_servers.redis(requirepass="right")
    monkeypatch.setenv("REDIS_URL", guarded.url.replace(":right@", ":wr0ng@"))
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    assert main.main(["doctor"]) == ExitCode.DENIED
    said = capsys.readouterr().out
    assert "refuses the name or password" in said and "REDIS_PASSWORD" in said and "wr0ng" not in said


@pytest.mark.integration
def test_ids_that_look_alike_are_told(empty_redis) -> None:
    """With what they differ by, a number of a spreadsheet too; others are in order."""
    mine = Inquiry(settings.read({"REDIS_URL": empty_redis, "TRACKER_PARTITIONS": "2"}))
    assert list(names.alike(mine)) == []
    with Redis.from_url(empty_redis) as client:
        client.hset(keys(0).states, mapping={"12345": b"", "c-1": b"", "anonymous_id:C-1": b""})
        client.hset(keys(1).states, mapping={"12345.0": b"", "C-1": b""})
    [(state, message, remedy)] = names.alike(mine)
    assert state == "warning" and message.startswith("2 of 5 ids looked at differ") and "link them" in remedy
    assert "'12345.0' beside '12345' (decimals)" in message and "'C-1' beside 'c-1' (case)" in message


@pytest.mark.integration
def test_erasures_of_another_salt_are_a_problem(empty_redis) -> None:
    """Workers would not take the partitions, and say nothing before they do."""
    mine = settings.read({"REDIS_URL": empty_redis, "TRACKER_ID_SALT": "mine", "TRACKER_PARTITIONS": "2"})
    assert list(stored.erasures(Inquiry(mine))) == []
    with Redis.from_url(empty_redis) as client:
        client.sadd(keys(1).suppressed, *Digests("mine").entries("c1"), *Digests("mine").entries("c2"))
    assert list(stored.erasures(Inquiry(mine))) == [("ok", "2 erased names are kept out", "")]
    [(state, message, _)] = stored.erasures(Inquiry(replace(mine, id_salt="another")))
    assert state == "problem" and "TRACKER_ID_SALT" in message
