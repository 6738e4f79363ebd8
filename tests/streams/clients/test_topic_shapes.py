import dataclasses
import json

import pytest

from streams.cli import main
from streams.clients import topic_shapes as topics
from streams.errors import Denied, ExitCode, Mismatch, Unreachable
from streams.settings import settings

NEED = topics.TopicShape("touchpoints.web", partitions=8, replication=2, retention_ms=30 * topics.DAY_MS)


def different(**as_it_is) -> list[str]:
    there = dataclasses.replace(NEED, **as_it_is)
    return [str(each) for each in topics.differences([NEED], {NEED.name: there})]


def test_same_is_no_difference() -> None:
    """A topic that is as it should be has no differences."""
    assert different() == []


def test_missing_topic_can_be_created() -> None:
    """A topic that is not there is one difference, and the remedy makes it."""
    (found,) = topics.differences([NEED], {})
    assert (str(found), found.remedy) == ("touchpoints.web: topic missing", "Run `tracker topics create`.")


@pytest.mark.parametrize(
    ("as_it_is", "said"),
    [
        ({"partitions": 4}, "partitions 4, 8 wanted"),
        ({"partitions": 16}, "partitions 16, 8 wanted"),
        ({"replication": 1}, "replication 1, at least 2 wanted"),
        ({"retention_ms": topics.DAY_MS}, "retention 1 days, at least 30 days wanted"),
        ({"cleanup": "compact,delete"}, "cleanup.policy compact,delete, delete wanted"),
        ({"max_message_bytes": 1000}, "max.message.bytes 1000, at least 262144 wanted"),
    ],
)
def test_each_difference_is_found(as_it_is, said) -> None:
    """What would lose touchpoints or split customers is told."""
    assert different(**as_it_is) == [f"touchpoints.web: {said}"]


@pytest.mark.parametrize("more", [{"replication": 3}, {"retention_ms": topics.UNLIMITED}, {"max_message_bytes": 2**24}])
def test_more_is_no_difference(more) -> None:
    """More copies, longer retention or room for larger messages is nothing to mend."""
    assert different(**more) == []


def test_the_remedy_for_partitions_names_the_whole_command() -> None:
    """More may be there because customers were moved already, or because somebody added them; fewer are kept."""
    for there, said in (
        (16, "`tracker repartition` has finished; else run `tracker repartition --to 16` first"),
        (4, "Set TRACKER_PARTITIONS=4. For more partitions run `tracker repartition --to 8`"),
    ):
        [found] = topics.differences([NEED], {NEED.name: dataclasses.replace(NEED, partitions=there)})
        assert said in found.remedy


def test_outputs_may_have_more_partitions() -> None:
    """Messages of a partition go to the same number, which has to exist; more are the readers' affair."""
    need = dataclasses.replace(NEED, is_input=False)
    assert topics.differences([need], {need.name: dataclasses.replace(need, partitions=NEED.partitions + 1)}) == []
    assert topics.differences([need], {need.name: dataclasses.replace(need, partitions=1)}) != []


def test_all_topics_are_asked_for() -> None:
    """Each channel, and each topic of the table, is wanted with the settings' partitions and retention."""
    asked = settings.read({"TRACKER_CHANNELS": "web,kiosk", "TRACKER_PARTITIONS": "3", "TRACKER_RETENTION_DAYS": "2"})
    need = {shape.name: shape for shape in topics.wanted(asked)}
    assert {"touchpoints.web", "touchpoints.kiosk", "journey.routed", "touchpoints.rejected"} <= need.keys()
    assert {(shape.partitions, shape.retention_ms) for shape in need.values()} == {(3, 2 * topics.DAY_MS)}


def test_all_differences_are_told_at_once() -> None:
    """The error names every difference, and each remedy once."""
    found = topics.differences([NEED, dataclasses.replace(NEED, name="touchpoints.shop")], {})
    with pytest.raises(Mismatch) as caught:
        topics.require(found)
    assert "touchpoints.web" in caught.value.message and "touchpoints.shop" in caught.value.message
    assert caught.value.remedy == "Run `tracker topics create`."


def test_no_kafka_is_told() -> None:
    """Where nothing listens, checking the topics says so."""
    with pytest.raises(Unreachable):
        topics.check(settings.read({"KAFKA_BOOTSTRAP": "127.0.0.1:9"}))


@pytest.fixture
def own_channel(servers, names, monkeypatch):
    """An installation on the shared Kafka whose one channel nobody else has."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
    monkeypatch.setenv("TRACKER_CHANNELS", names.group("channel").replace(".", "-"))
    monkeypatch.setenv("TRACKER_PARTITIONS", "8")


@pytest.mark.integration
def test_creating_twice_is_creating_once(own_channel, capsys) -> None:
    """The second `topics create` finds nothing to do, and `topics check` agrees."""
    assert main.main(["topics", "create", "--json"]) == ExitCode.OK
    assert any(name.startswith("touchpoints.") for name in json.loads(capsys.readouterr().out)["created"])
    assert main.main(["topics", "create", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"created": []}
    assert main.main(["topics", "check"]) == ExitCode.OK


@pytest.mark.integration
def test_wrong_partitions_are_a_mismatch(own_channel, monkeypatch, capsys) -> None:
    """Topics with other partitions than the settings say end both commands with MISMATCH and a remedy."""
    assert main.main(["topics", "create"]) == ExitCode.OK
    monkeypatch.setenv("TRACKER_PARTITIONS", "4")
    assert main.main(["topics", "check"]) == ExitCode.MISMATCH
    assert "partitions 8, 4 wanted\n    Set TRACKER_PARTITIONS=8" in capsys.readouterr().out
    assert main.main(["topics", "create"]) == ExitCode.MISMATCH
    assert "remedy: Set TRACKER_PARTITIONS=8" in capsys.readouterr().err


class Guarded:
    """An admin client that may describe some topics and read the configuration of others, as kafka-python answers."""

    def __init__(self, listed: set[str], configured: set[str]) -> None:
        self._listed, self._configured = listed, configured

    def list_topics(self) -> list[str]:
        return sorted(self._listed)

    def describe_topics(self, names: list[str]) -> list[dict]:
        return [{"name": name, "error_code": 0 if name in self._listed else 29, "partitions": []} for name in names]

    def describe_configs(self, resources, config_filter) -> dict:
        words = {"retention.ms": {"value": "1"}, "cleanup.policy": {"value": "delete"}}
        words["max.message.bytes"] = {"value": "9"}
        return {"topic": {each.name: words if each.name in self._configured else {} for each in resources}}


@pytest.mark.parametrize(
    ("listed", "configured", "said"),
    [({"a"}, {"a"}, "the operation Describe on b"), ({"a", "b"}, {"a"}, "the operation DescribeConfigs on b")],
)
def test_a_right_that_is_missing_is_no_missing_topic(listed, configured, said) -> None:
    """A topic that may not be described, or whose configuration may not be read, does not count as missing."""
    with pytest.raises(Denied, match=said) as caught:
        topics.find(Guarded(listed, configured), ["a", "b"])
    assert "tracker access grant" in caught.value.remedy
    assert set(topics.find(Guarded({"a", "b"}, {"a", "b"}), ["a", "b"])) == {"a", "b"}
