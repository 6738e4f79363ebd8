"""`tracker journeys` and `tracker check --against` on a real Redis and Kafka, and what reads states after a change."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient
from redis import Redis

from streams.cli import main
from streams.errors import ExitCode
from streams.stores.keys import keys
from tests.servers import create_topics
from tests.stored import SHOP, crowd, fill

pytestmark = pytest.mark.integration
PARTITIONS = 4
MIDDLE = """
journey: shop
version: 3
stages:
  - {name: seen, touchpoints: [{channel: web}], drops_after: 14d}
  - {name: helped, touchpoints: [{channel: support}]}
  - {name: bought, touchpoints: [{channel: shop}], goal: true}
segments:
  type: {from: context.type, values: [b2b, b2c]}
"""
FEWER = MIDDLE.replace("  - {name: helped, touchpoints: [{channel: support}]}\n", "").replace("14d", "7d")


@pytest.fixture
def client(empty_redis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store of thirty customers, folded by the second version before there was a record."""
    for name, text in (("shop.yaml", SHOP), ("middle.yaml", MIDDLE), ("fewer.yaml", FEWER)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable, value in {
        "REDIS_URL": empty_redis, "TRACKER_JOURNEYS": "shop.yaml", "TRACKER_PARTITIONS": str(PARTITIONS),
    }.items():  # fmt: skip
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    with Redis.from_url(empty_redis) as client:
        fill(client, crowd(30), PARTITIONS)
        yield client


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str, str]:
        code = main.main(list(words))
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


def printed(run: Any, *words: str) -> Any:
    code, said, _ = run(*words, "--json")
    assert code == ExitCode.OK
    return json.loads(said)


def test_a_store_without_definitions_says_so(client, run):
    """Nothing was applied yet, and nothing ends with an error."""
    code, said, _ = run("journeys", "list")
    assert (code, said) == (0, "The store has no definitions yet. Workers apply TRACKER_JOURNEYS when they start.\n")
    assert run("journeys", "history")[:2] == (0, "The store has no definitions yet.\n")
    assert printed(run, "journeys", "list") == {"revision": 0, "journeys": [], "shadow": None, "partitions": []}
    code, _, err = run("journeys", "show", "shop")
    assert code == ExitCode.NOT_FOUND and "The store has no journey 'shop'." in err


def test_a_file_is_applied_shown_and_listed(client, run):
    """`show` prints the very text, `list` the version and what the partitions' markers say."""
    code, said, _ = run("journeys", "apply", "shop.yaml", "--dry-run")
    assert (code, said) == (0, "shop.yaml: shop 2 is new\n") and not client.exists("tracker:definitions")
    assert run("journeys", "apply", "shop.yaml")[:2] == (0, "shop.yaml: shop 2 is new\n")
    assert run("journeys", "apply", "shop.yaml")[:2] == (0, "shop.yaml: shop 2 is current already\n")
    assert run("journeys", "show", "shop")[1] == SHOP
    for partition in range(PARTITIONS):
        client.hset(keys(partition).definitions, mapping={"revision": 1, "left": 0})
    said = run("journeys", "list")[1]
    assert said.startswith("shop 2: seen → bought\n    since 20") and "revision 1 by apply\n" in said
    assert said.endswith("all 4 partitions are at revision 1\n")
    client.hset(keys(3).definitions, mapping={"revision": 0})
    assert run("journeys", "list")[1].endswith("1 of 4 partitions are not yet at revision 1 (the last at 0)\n")
    [journey] = printed(run, "journeys", "list")["journeys"]
    assert (journey["version"], journey["stages"], journey["by"]) == (2, ["seen", "bought"], "apply")


def test_a_lower_version_is_refused_with_both_remedies(client, run):
    """To go back needs a higher version; to read old states, --former."""
    run("journeys", "apply", "middle.yaml")
    code, said, err = run("journeys", "apply", "shop.yaml")
    assert (code, said) == (ExitCode.USAGE, "") and "set its `version` to 4" in err and "--former" in err
    assert run("journeys", "apply", "shop.yaml", "--dry-run")[0] == ExitCode.FAILED
    code, said, _ = run("journeys", "apply", "--former", "--dry-run", "shop.yaml")
    assert (code, said) == (0, "shop.yaml: shop 2 is stored as a former definition\n")
    code, said, _ = run("journeys", "apply", "--former", "shop.yaml")
    assert (code, said) == (0, "shop.yaml: shop 2 is stored as a former definition\n")
    for options in ((), ("--dry-run",)):
        said = run("journeys", "apply", "--former", *options, "shop.yaml")[1]
        assert said == "shop.yaml: shop 2 is in the store already\n"
    assert run("journeys", "show", "shop", "--version", "2")[1] == SHOP
    assert run("journeys", "show", "shop")[1] == MIDDLE
    code, _, err = run("journeys", "show", "shop", "--version", "9")
    assert code == ExitCode.NOT_FOUND and "It has 2, 3." in err


def test_the_history_says_when_what_changed(client, run):
    """The newest revision comes first, with the differences in words."""
    run("journeys", "apply", "shop.yaml")
    run("journeys", "apply", "middle.yaml")
    lines = run("journeys", "history", "shop")[1].splitlines()
    assert [line.partition(",")[0] for line in lines[::2]] == ["revision 2", "revision 1"]
    assert lines[1::2] == ["    shop 2 → 3: stages.helped is new", "    shop 2 is new"]
    newest, first = printed(run, "journeys", "history")["revisions"]
    [change] = newest["changes"]
    assert (change["from"], change["to"], change["differences"][0]["need"]) == (2, 3, "history")
    assert first["changes"][0]["from"] is None
    assert run("journeys", "history", "nobody")[0] == ExitCode.NOT_FOUND


def test_what_a_refused_file_is_told(client, run):
    """The same version with other content: the difference, and what to do."""
    run("journeys", "apply", "middle.yaml")
    code, _, err = run("journeys", "apply", "fewer.yaml")
    assert code == ExitCode.USAGE and "fewer.yaml: shop 3 differs from the store's 3" in err
    code, said, _ = run("journeys", "apply", "fewer.yaml", "--dry-run")
    assert code == ExitCode.FAILED and "    stages.helped is gone\n" in said and "drops_after: 14d → 7d" in said


def test_states_are_read_by_what_the_store_counts(client, run):
    """A stage in the middle: show, explain and audit go on with states of the version before, and say so."""
    run("journeys", "apply", "shop.yaml")
    run("journeys", "apply", "middle.yaml")
    [journey] = printed(run, "show", "c3")["journeys"]
    assert (journey["version"], journey["folded_by"], journey["known"]) == (3, 2, True)
    [instance] = journey["instances"]
    assert (instance["current"], [one["stage"] for one in instance["stages"]]) == ("bought", ["seen", "bought"])
    assert "the figures count it by version 2 until it is folded again" in run("show", "c3")[1]
    code, said, _ = run("explain", "c3")
    assert code == 0 and "bought, rule 1: shop" in said and "skipping helped" in said
    assert run("audit")[:2] == (0, "30 customers in 4 partitions: every figure is their sum\n")


def test_states_of_a_definition_that_nobody_has_are_no_traceback(client, run):
    """`show` says what is missing and how to give it; `explain` and `audit` end with the same remedy."""
    run("journeys", "apply", "middle.yaml")
    code, said, _ = run("show", "c3")
    assert code == 0 and "stage 2" in said and "nobody has the definition of version 2" in said
    for command in (("explain", "c3"), ("audit",)):
        code, _, err = run(*command)
        assert code == ExitCode.MISMATCH and "`tracker journeys apply --former FILE`" in err
    run("journeys", "apply", "--former", "shop.yaml")
    assert run("explain", "c3")[0] == run("audit")[0] == ExitCode.OK


def test_an_unreachable_store_is_one_line(run, monkeypatch, tmp_path):
    """With its exit code, for each of the commands."""
    (tmp_path / "shop.yaml").write_text(SHOP, encoding="utf-8")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    file = str(tmp_path / "shop.yaml")
    for words in (("list",), ("show", "shop"), ("apply", file), ("history",)):
        code, _, err = run("journeys", *words)
        assert code == ExitCode.UNREACHABLE and "does not answer" in err
    assert run("check", file, "--against")[0] == ExitCode.UNREACHABLE


def test_check_says_beforehand_what_a_change_means(client, run, empty_redis, monkeypatch):
    """Nothing, texts, a fold, history, or a refusal; nothing is applied."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert "a new journey: it counts from now on" in run("check", "shop.yaml", "--against", empty_redis)[1]
    monkeypatch.setenv("REDIS_URL", empty_redis)
    run("journeys", "apply", "shop.yaml")
    assert "nothing: the store has it already" in run("check", "--against", "shop.yaml")[1]
    Path("shop.yaml").write_text(SHOP + "title: The shop\n", encoding="utf-8")
    assert "only texts change" in run("check", "shop.yaml", "--against")[1]
    code, said, _ = run("check", "fewer.yaml", "--against")
    assert code == 0 and "stored states are folded again" in said
    assert "stages.seen.drops_after: 14d → 7d  [fold]" in said
    assert "Workers fold 30 states in 4 partitions again: about 1s." in said
    said = run("check", "middle.yaml", "--against")[1]
    assert "KAFKA_BOOTSTRAP is not set, so nothing is known of the history." in said
    assert said.endswith("Build it beside the present one: `tracker shadow middle.yaml`.\n")
    run("journeys", "apply", "middle.yaml")
    code, said, _ = run("check", "fewer.yaml", "--against")
    assert code == ExitCode.FAILED and "it would be refused" in said and "Raise `version` to 4" in said
    code, _, err = run("check", "shop.yaml", "--against", "redis://:secret@127.0.0.1:1")
    assert code == ExitCode.USAGE and "REDIS_PASSWORD" in err and "secret" not in err


def test_check_says_whether_kafka_holds_enough(client, run, servers, names, monkeypatch):
    """All records are there; then retention has deleted the first, after the customers began."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
    monkeypatch.setenv("TRACKER_CHANNELS", names.prefix)
    topic = f"touchpoints.{names.prefix}"
    create_topics(servers.kafka_bootstrap, topic, partitions=PARTITIONS)
    from kafka import KafkaProducer, TopicPartition

    with KafkaProducer(bootstrap_servers=servers.kafka_bootstrap) as producer:
        for _ in range(3):
            producer.send(topic, b"{}", partition=0)
    run("journeys", "apply", "shop.yaml")
    Path("own.yaml").write_text(MIDDLE.replace("support", names.prefix), encoding="utf-8")
    said = run("check", "own.yaml", "--against")[1]
    assert "Kafka holds 3 records; one worker process builds them up in about 1s." in said
    assert "Kafka holds enough: the first customers began on 2025-11-24." in said
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    admin.delete_records({TopicPartition(topic, 0): 1})
    admin.close()
    found = printed(run, "check", "own.yaml", "--against")["against"]
    assert (found["files"][0]["history_is_kept"], found["kafka"][0]["gone"]) == (False, 1)
    assert "Kafka does not hold enough" in run("check", "own.yaml", "--against")[1]
