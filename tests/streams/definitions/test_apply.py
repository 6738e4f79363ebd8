"""Applying journey files to the record of a real Redis."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from streams.definitions import apply as applying
from streams.definitions.apply import JourneyFile, RefusedFile, apply, change, keep_former, read_files, read_record
from streams.definitions.markers import doubts, progress_of
from streams.definitions.reader import customer_fold
from streams.definitions.record import Revision
from streams.definitions.served import read_markers
from streams.errors import ExitCode, Mismatch, UsageError
from streams.settings.settings import read
from streams.stores.keys import keys
from tests.stored import MONDAY_MS, SHOP, definition
from tests.tracker.making import touches
from tracker.engine.customer import CustomerFold
from tracker.journey.versions import digest
from tracker.records.state import decode

pytestmark = pytest.mark.integration
THIRD = SHOP.replace("version: 2", "version: 3").replace("drops_after: 14d", "drops_after: 7d")
FIRMS = "accounts: {rule: furthest, journey: "


@pytest.fixture
def client(empty_redis: str) -> Iterator[Any]:
    with Redis.from_url(empty_redis) as client:
        yield client


def given(text: str = SHOP, path: str = "shop.yaml") -> JourneyFile:
    return JourneyFile(path, text, definition(text))


def verdicts(client: Any, *texts: str, by: str = "apply") -> list[str]:
    applied = apply(client, [given(text) for text in texts], by, wall_s=lambda: MONDAY_MS / 1000)
    return [each.decision.verdict for each in applied]


def test_what_was_applied_is_read_back(client):
    """The record holds the text, the moment and what applied it, and the journeys are read from it."""
    assert read_record(client).newest.number == 0
    assert verdicts(client, SHOP, by="start") == ["new"]
    record = read_record(client)
    newest = record.newest
    assert (newest.number, newest.at_ms, newest.by) == (1, MONDAY_MS, "start")
    assert record.current(newest) == (definition(),)
    [stored] = record.stored.values()
    assert (stored.journey, stored.version, stored.text, stored.file) == ("shop", 2, SHOP, "shop.yaml")


def test_only_a_change_makes_a_revision(client):
    """Files that the store has already change nothing; a higher version is taken; a lower one is not."""
    assert verdicts(client, SHOP) == ["new"] and verdicts(client, SHOP) == ["same"]
    assert verdicts(client, THIRD) == ["taken"] and verdicts(client, SHOP) == ["older"]
    record = read_record(client)
    assert sorted(record.revisions) == [1, 2]
    assert record.current(record.newest) == (definition(THIRD),)
    assert record.former(record.newest.journeys) == (definition(SHOP),)
    assert (record.before(2).number, record.before(1).number, record.since("shop").number) == (1, 0, 2)


def test_other_content_under_the_same_version_is_refused(client):
    """One line says the difference and the remedy, and none of the files is applied."""
    verdicts(client, SHOP)
    other = THIRD.replace("version: 3", "version: 2")
    new = SHOP.replace("journey: shop", "journey: other")
    with pytest.raises(RefusedFile) as refused:
        apply(client, [given(new), given(other)], "apply")
    assert refused.value.exit_code == ExitCode.USAGE
    assert str(refused.value).startswith(
        "shop.yaml: shop 2 differs from the store's 2: stages.seen.drops_after: 14d → 7d. (Raise `version` to 3"
    )
    assert read_record(client).newest.number == 1


def test_texts_are_taken_without_a_version(client):
    """A title changes nothing that is counted: the digest stays, and the text is the new one."""
    verdicts(client, SHOP)
    titled = SHOP + "title: The shop\n"
    assert verdicts(client, titled) == ["wording"]
    record = read_record(client)
    assert [each.text for each in record.stored.values()] == [titled]
    assert record.revisions[1].journeys == record.revisions[2].journeys and record.since("shop").number == 1


def test_two_who_apply_at_once_lose_nothing(client, monkeypatch):
    """Who comes second reads the record again: both journeys are there."""
    changing, seen = change, []

    def late(*arguments: Any) -> bool:
        if not seen:
            seen.append(True)
            monkeypatch.setattr(applying, "change", changing)
            verdicts(client, SHOP.replace("journey: shop", "journey: other"))
        return changing(*arguments)

    monkeypatch.setattr(applying, "change", late)
    assert verdicts(client, SHOP) == ["new"]
    record = read_record(client)
    assert sorted(record.newest.journeys) == ["other", "shop"] and record.newest.number == 2
    assert not change(client, 1, Revision(2, 0, "", {}), {})


def test_a_revision_is_higher_than_every_marker(client):
    """Where the record was lost, partitions bear a marker that is higher than its first number."""
    apply(client, [given()], "start", at_least=7)
    assert read_record(client).newest.number == 8


def test_two_files_of_one_journey_are_refused(client, tmp_path: Path):
    """Neither of them would be the right one."""
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(SHOP, encoding="utf-8")
    with pytest.raises(UsageError, match="are both the journey 'shop'"):
        read_files([tmp_path / "one.yaml", tmp_path / "two.yaml"])
    with pytest.raises(UsageError, match="cannot be opened"):
        read_files([tmp_path / "none.yaml"])


def test_a_journey_of_accounts_keeps_its_name_to_itself(client):
    """A file whose accounts are named as a journey of the store is refused before anything is written."""
    verdicts(client, SHOP)
    other = SHOP.replace("journey: shop", "journey: deals") + FIRMS + "shop}\n"
    with pytest.raises(UsageError, match="is named 'shop', as another journey is"):
        apply(client, [given(other)], "apply")
    assert read_record(client).newest.number == 1


def test_a_former_definition_reads_the_states_of_an_earlier_program(client):
    """Before it is stored, states of another shape are of a definition that nobody has."""
    wider = THIRD.replace("  - {name: bought", "  - {name: cart, touchpoints: [{type: cart}]}\n  - {name: bought")
    record = CustomerFold([definition(SHOP)]).fold("c", None, touches("a0"), MONDAY_MS).after
    settings = read({"TRACKER_JOURNEYS": ""})
    with pytest.raises(UsageError, match="The store has no journey 'shop'"):
        keep_former(client, [given()])
    verdicts(client, wider)
    assert customer_fold(client, settings).unknown(decode(record)) == ["shop"]
    assert keep_former(client, [given()]) == [given()]
    assert keep_former(client, [given()]) == []
    assert customer_fold(client, settings).unknown(decode(record)) == []
    record_now = read_record(client)
    assert (record_now.newest.number, record_now.newest.by) == (2, "former")
    assert record_now.current(record_now.newest) == (definition(wider),)


def test_a_text_that_this_program_cannot_read_is_one_line(client):
    """A newer program may have applied keys that this one does not know."""
    verdicts(client, SHOP)
    record = read_record(client)
    [identifier] = record.stored
    newer = record.stored[identifier].__class__("shop", 2, SHOP + "inventions: yes\n", "shop.yaml", 0)
    change(client, 1, Revision(2, 0, "apply", {"shop": identifier}), {identifier: newer})
    with pytest.raises(Mismatch, match="cannot read shop 2, which the store holds: line 9"):
        customer_fold(client, read({}))


def test_without_a_record_the_files_are_read(client, tmp_path: Path):
    """As long as no worker has applied anything."""
    (tmp_path / "shop.yaml").write_text(SHOP, encoding="utf-8")
    settings = read({"TRACKER_JOURNEYS": str(tmp_path)})
    assert customer_fold(client, settings).definitions == (definition(),)
    verdicts(client, THIRD)
    assert customer_fold(client, settings).definitions == (definition(THIRD),)


def test_doubts_about_the_definitions(client, tmp_path: Path):
    """Files against the record, and partitions that are behind or not done."""
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP, encoding="utf-8")
    settings = read({"TRACKER_JOURNEYS": str(tmp_path), "TRACKER_PARTITIONS": "2"})

    def said() -> list[tuple[str, bool]]:
        return [(each.message.replace(f"{file}: ", ""), each.is_problem) for each in doubts(client, settings)]

    assert said() == [("The store has no definitions yet.", False)]
    verdicts(client, THIRD)
    for partition, held in enumerate(({"revision": 1, "left": 1_500}, {"revision": 1, "left": 500})):
        client.hset(keys(partition).definitions, mapping=held)
    assert said() == [
        ("shop 2 is older than the store's 3, which is used.", False),
        ("2000 states may still be of earlier definitions, so the figures are not complete.", False),
    ]
    assert doubts(client, settings)[1].remedy.startswith("Wait: running workers need about 2 s. Where")
    file.write_text(SHOP.replace("version: 2", "version: 3"), encoding="utf-8")
    client.hset(keys(1).definitions, "revision", 0)
    behind = "1 of 2 partitions are not yet at revision 1 (the last at 0)"
    assert said() == [
        ("shop 3 differs from the store's, and the store's is used.", True),
        (f"{behind}; 2000 states may still be of earlier definitions.", False),
    ]
    file.write_text(SHOP.replace("journey: shop", "journey: other"), encoding="utf-8")
    client.hset(keys(1).definitions, mapping={"revision": 1, "left": 0})
    client.hset(keys(0).definitions, "left", 0)
    assert said() == [
        ("other 2 is new, once it is applied.", False),
        ("The store counts the journey 'shop', which TRACKER_JOURNEYS does not name.", False),
    ]
    assert progress_of(read_markers(client, 2), 1) == "all 2 partitions are at revision 1"


def test_a_record_stands_for_its_digest(client):
    """The digest names the definition in each revision."""
    verdicts(client, SHOP)
    assert read_record(client).newest.journeys == {"shop": digest(definition())}
