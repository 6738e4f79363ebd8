"""What a browser's key may say, whatever the format in which it says it."""

import json
import time

import pytest

from streams.collector.browser import MAX_AGE_S, TYPES, proof
from streams.collector.sources import NamedSource, load, user_secrets
from tests.streams.collector.asking import Collector

CLOUD = {"content-type": "application/cloudevents+json"}


@pytest.fixture
def collector(tmp_path) -> Collector:
    """A collector with a server's key of `shop`, and a browser's of `page` in `.page`."""
    made = Collector(tmp_path)
    made.page = made.add("page", browser=True)
    return made


def secret_of(collector: Collector, name: str = "page") -> bytes:
    return user_secrets(collector.file, load(collector.file).sources[name])[0]


def own(**fields) -> dict:
    return {
        "event_id": "e-1", "type": "Page Viewed", "channel": "web", "occurred_at": int(time.time() * 1000),
        "ids": {"anonymous_id": "a-1", "customer_id": "c-1"}, **fields,
    }  # fmt: skip


def in_each_format(proof_: str | None) -> list[tuple[str, dict, dict]]:
    """Requests that claim to be `c-1`: path, body, options."""
    shown = {"user_hash": proof_} if proof_ else {}
    return [
        ("/v1/touchpoints", own(ids={"anonymous_id": "a-1", "customer_id": "c-1", **shown}), {}),
        ("/v1/page", {"anonymousId": "a-1", "userId": "c-1", "context": shown}, {}),
        ("/v1/identify", {"anonymousId": "a-1", "userId": "c-1", "traits": {"plan": "silver", **shown}}, {}),
        ("/v1/identify", {"anonymousId": "a-1", "userId": "c-1", "context": {"traits": shown}}, {}),
        ("/v1/alias", {"previousId": "a-1", "userId": "c-1", "context": shown}, {}),
        ("/v1/cloudevents",
         {"specversion": "1.0", "id": "1", "source": "/page", "type": "Page Viewed", "channel": "web",
          "anonymousid": "a-1", "customerid": "c-1"} | ({"userhash": proof_} if proof_ else {}), {"headers": CLOUD}),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(6))
def test_an_unproven_customer_id_is_a_claim(collector, number) -> None:
    """Without its proof, or with a wrong one, a customer_id is kept beside the ids and links nothing."""
    for proof_ in (None, "0" * 64, "é", proof(secret_of(collector), "c-2")):
        path, body, options = in_each_format(proof_)[number]
        assert collector.ask(path, body, key=collector.page, **options).status == 200
    assert [kept["ids"] for kept in collector.kept] == [{"anonymous_id": "a-1", "claimed_customer_id": "c-1"}] * 4
    assert {message.key for message in collector.messages} == {b"anonymous_id:a-1"}


@pytest.mark.parametrize("number", range(6))
def test_a_proven_customer_id_counts(collector, number) -> None:
    """With its proof a customer_id is one, and the proof is not kept."""
    path, body, options = in_each_format(shown := proof(secret_of(collector), "c-1"))[number]
    assert collector.ask(path, body, key=collector.page, **options).status == 200
    (kept,) = collector.kept
    assert kept["ids"] == {"anonymous_id": "a-1", "customer_id": "c-1"}
    assert shown.encode() not in collector.messages[0].value


def test_the_proof_of_a_number(collector) -> None:
    """A customer_id that is a number is proven by its digits."""
    ids = {"customer_id": 17, "user_hash": proof(secret_of(collector), "17").upper()}
    assert collector.ask("/v1/touchpoints", own(ids=ids), key=collector.page).status == 200
    assert collector.kept[0]["ids"] == {"customer_id": 17}


def test_a_claim_alone_belongs_to_nobody(collector) -> None:
    """A touchpoint with nothing but an unproven customer_id is rejected, and the answer says what lacks."""
    answer = collector.ask("/v1/touchpoints", own(ids={"customer_id": "c-1"}), key=collector.page)
    assert (answer.status, answer.said["problems"][0]["reason"]) == (400, "no_id")
    assert "user_hash" in answer.said["problems"][0]["detail"]


def test_a_number_of_another_system_is_a_claim(collector) -> None:
    """A browser cannot say under which number another system knows somebody."""
    ids = {"anonymous_id": "a-1", "woocommerce_customer@shop-se": "731"}
    assert collector.ask("/v1/touchpoints", own(ids=ids), key=collector.page).status == 200
    assert collector.kept[0]["ids"] == {"anonymous_id": "a-1", "claimed_woocommerce_customer": "731"}


def test_an_address_that_is_a_customer_id_is_hidden(collector) -> None:
    """An address in the place of a customer_id becomes its hash; as a customer_id it is proven as it was sent."""
    ids = {"customer_id": "ann@mail.example"}
    shown = {"user_hash": proof(secret_of(collector), "ann@mail.example")}
    for given in (ids, ids | shown):
        assert collector.ask("/v1/touchpoints", own(ids=given), key=collector.page).status == 200
    assert [kept["ids"].keys() for kept in collector.kept] == [
        {"claimed_customer_id", "email_sha256"}, {"customer_id", "email_sha256"},
    ]  # fmt: skip
    assert b"ann@" not in b"".join(message.value for message in collector.messages)


def test_a_number_of_an_own_kind_is_a_claim(tmp_path) -> None:
    """A listed kind that names a person is as little proven as a number of a system; a device may be named."""
    kinds = "customer_id,member_id,anonymous_id,device_id,email_sha256,phone_sha256,account_id"
    collector = Collector(tmp_path, {"TRACKER_ALIAS_KINDS": kinds})
    page = collector.add("page", browser=True, channel="web")
    ids = {"member_id": "m-7", "anonymous_id": "a-1", "device_id": "d-1", "account_id": "acme"}
    for key in (page, collector.key):
        assert collector.ask("/v1/touchpoints", own(ids=ids), key=key).status == 200
    by_page, by_server = (kept["ids"] for kept in collector.kept)
    assert by_page == {"claimed_member_id": "m-7", "anonymous_id": "a-1", "device_id": "d-1", "account_id": "acme"}
    assert by_server == ids


def test_only_the_collector_says_whom_to_trust(collector) -> None:
    """Touchpoints by a browser's key are marked; a sender's own mark is removed, a server's too."""
    for key in (collector.page, collector.key):
        for trust in ("server", "browser", None, 5):
            assert collector.ask("/v1/touchpoints", own(trust=trust), key=key).status == 200
    marks = [kept.get("trust") for kept in collector.kept]
    assert marks == ["browser"] * 4 + [None] * 4


def test_the_types_of_pages_are_a_browsers(collector) -> None:
    """A browser's key sends what people do on pages; an order is refused, unless its source lists it."""
    assert "Page Viewed" in TYPES and "Order Completed" not in TYPES and "Account Closed" not in TYPES
    order = {"anonymousId": "a-1", "event": "Order Completed", "properties": {"total": 5}}
    answer = collector.ask("/v1/track", order, key=collector.page)
    assert (answer.status, answer.said["problems"][0]["reason"]) == (403, "not_allowed")
    assert json.loads(collector.rejections[0].value)["trust"] == "browser"
    listed = collector.add("listed", browser=True, types=("Order Completed",))
    assert collector.ask("/v1/track", order, key=listed).status == 200
    assert collector.ask("/v1/page", {"anonymousId": "a-1"}, key=listed).status == 403
    assert collector.ask("/v1/track", order).status == 200, "a server's key sends every type"


def test_what_is_older_than_two_days_is_no_browsers(collector) -> None:
    """A browser's touchpoint is refused beyond the age of its key, by the time that counts."""
    now_ms = int(time.time() * 1000)
    for age_s, status in ((MAX_AGE_S - 60, 200), (MAX_AGE_S + 60, 400)):
        event = own(occurred_at=now_ms - age_s * 1000)
        assert collector.ask("/v1/touchpoints", event, key=collector.page).status == status
    slow = own(occurred_at=now_ms - 9 * MAX_AGE_S * 1000, sent_at=now_ms - 9 * MAX_AGE_S * 1000 + 60_000)
    assert collector.ask("/v1/touchpoints", slow, key=collector.page).status == 200, "its clock is wrong"
    fast = own(occurred_at=now_ms, sent_at=now_ms + 2 * MAX_AGE_S * 1000)
    answer = collector.ask("/v1/touchpoints", fast, key=collector.page)
    assert [each["reason"] for each in answer.said["problems"]] == ["too_old"]
    call = {"anonymousId": "a-1", "timestamp": "2020-01-01T00:00:00Z"}
    assert collector.ask("/v1/page", call, key=collector.page).status == 400
    assert [each.reason for each in collector.rejections] == ["too_old"]
    assert collector.ask("/v1/touchpoints", own(occurred_at=1_600_000_000_000)).status == 200, "a server's may be old"


def test_a_source_may_have_another_age(collector) -> None:
    """The age that a source names holds for all its keys."""
    old = own(occurred_at=int(time.time() * 1000) - MAX_AGE_S * 2000)
    for browser in (True, False):
        long = collector.add(f"long-{browser}", browser=browser, max_age_s=3 * MAX_AGE_S)
        short = collector.add(f"short-{browser}", browser=browser, max_age_s=3600)
        assert collector.ask("/v1/touchpoints", old, key=long).status == 200
        assert collector.ask("/v1/touchpoints", old, key=short).status == 400


def test_a_rejected_call_says_no_more_when_it_is_sent_again(collector) -> None:
    """A call that is put aside as it came holds no unproven id and no proof, even where it is a touchpoint too."""
    call = own(type="dance", ids={"customer_id": "c-1", "user_hash": "0" * 64}, context={"user_hash": "0" * 64})
    assert collector.ask("/v1/batch", {"batch": [call | {"trust": "server"}]}, key=collector.page).status == 400
    (held,) = collector.rejections
    kept = json.loads(held.value)
    assert (kept["trust"], kept["ids"], kept["context"]) == ("browser", {"claimed_customer_id": "c-1"}, {})


def test_a_browsers_key_sends_no_webhooks(collector) -> None:
    """A sender that does not sign must have a server's key of its source."""
    page, server = (collector.add("desk", browser=browser, sender="freshdesk") for browser in (True, False))
    body = {"freshdesk_webhook": {"event": "ticket_created", "ticket_id": "1", "ticket_contact_email": "a@b.example"}}
    assert collector.ask("/v1/webhooks/desk", body, key=page).status == 401
    assert collector.ask("/v1/webhooks/desk", body, key=server).status == 200


def test_a_flood_by_a_browsers_key_stops_no_server(tmp_path) -> None:
    """Each kind of key of a source has a rate of its own."""
    collector = Collector(tmp_path, {"COLLECTOR_KEY_EVENTS_PER_S": "1"})
    page = collector.add("shop", browser=True)
    many = [own() for _ in range(2_400)]
    answers = collector.ask_all([("/v1/touchpoints", many, {"key": key}) for key in (page, page, collector.key)])
    assert [answer.status for answer in answers] == [200, 429, 200]


def test_a_secret_is_renewed_without_a_gap(collector) -> None:
    """The former secret is valid until its line is removed; a line too short to be a secret signs nothing."""
    from streams.collector.sources import Sources, new_secret

    now_s = [0.0]
    sources = Sources(collector.file, lambda: now_s[0])
    former = secret_of(collector)
    file = new_secret(collector.file, "page")
    now_s[0] = 2.0
    assert sources.by_key(collector.page).user_secrets == (secret_of(collector), former)
    file.write_bytes(b"\n  \nshort\n" + former + b"\r\n")
    now_s[0] = 4.0
    assert sources.by_key(collector.page).user_secrets == (former,)
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert former.decode() not in repr(NamedSource("page", sources.by_key(collector.page).rules, True, (former,)))
