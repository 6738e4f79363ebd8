"""The collector as producers meet it: their own libraries, a broker that comes and goes, and a kill."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest
import rudderstack.analytics as rudderstack
from kafka import KafkaConsumer, TopicPartition
from segment.analytics.client import Client

from streams.servers import KafkaServer
from tests.servers import PrivateServers, start_private_servers, wait_until
from tests.streams.collector.serving import Pressure, Served

pytestmark = pytest.mark.integration
CHANNELS = ("web", "shop", "support")


@pytest.fixture(scope="module")
def own() -> Iterator[PrivateServers]:
    """Servers for this file."""
    with start_private_servers() as starter:
        yield starter


@pytest.fixture(scope="module")
def kafka(own: PrivateServers) -> KafkaServer:
    """A Kafka for this file, whose topics nobody else fills."""
    return own.kafka()


@pytest.fixture
def serve(tmp_path) -> Iterator:
    """Starts collectors that end with the test."""
    started: list[Served] = []

    def one(bootstrap: str, *words: str, **environ: str) -> Served:
        started.append(Served(tmp_path, bootstrap, *words, **environ))
        return started[-1]

    yield one
    for served in started:
        if served.process.poll() is None:
            served.stop()


def everything(bootstrap: str, *channels: str) -> list[dict]:
    """The touchpoints that the topics hold."""
    places = [
        TopicPartition(f"touchpoints.{channel}", number) for channel in channels or CHANNELS for number in range(8)
    ]
    found: list[dict] = []
    with closing(KafkaConsumer(bootstrap_servers=bootstrap, max_poll_records=5_000)) as consumer:
        consumer.assign(places)
        count = sum(consumer.end_offsets(places).values())
        consumer.seek_to_beginning()

        def read() -> bool:
            for records in consumer.poll(500).values():
                found.extend(json.loads(record.value) for record in records)
            return len(found) >= count

        wait_until(read)
    return found


def test_segments_library_for_python(kafka, serve) -> None:
    """Every call arrives as its touchpoint, from one batch in gzip, with the ids and the time it has."""
    served = serve(kafka.bootstrap)
    errors: list = []
    client = Client(served.key, host=served.url, on_error=lambda *error: errors.append(error), gzip=True, timeout=10)
    client.page(anonymous_id="segment-a", name="Home", properties={"path": "/"})
    client.identify(user_id="segment-c", anonymous_id="segment-a", traits={"email": "ann@example.com", "plan": "pro"})
    client.track(user_id="segment-c", event="Order Completed", properties={"order_id": "17", "revenue": 99.5})
    client.group(user_id="segment-c", group_id="acme")
    client.alias(previous_id="segment-a", user_id="segment-c")
    client.screen(user_id="segment-c", name="Basket")
    client.flush()
    client.join()
    assert errors == []
    found = {event["type"]: event for event in everything(kafka.bootstrap) if "segment-" in json.dumps(event["ids"])}
    assert set(found) == {
        "Page Viewed", "Identified", "Order Completed", "Grouped", "Aliased", "Screen Viewed",
    }  # fmt: skip
    assert found["Order Completed"]["channel"] == "shop"
    assert found["Order Completed"]["properties"] == {"order_id": "17", "revenue": 99.5, "amount": 99.5}
    assert found["Identified"]["ids"].keys() == {"customer_id", "anonymous_id", "email_sha256"}
    assert found["Aliased"]["ids"] == {"customer_id": "segment-c", "anonymous_id": "segment-a"}
    assert found["Grouped"]["ids"]["account_id"] == "acme"
    assert "example.com" not in json.dumps(found)


def test_rudderstacks_library_for_python(kafka, serve) -> None:
    """The same API by another library."""
    served = serve(kafka.bootstrap)
    errors: list = []
    client = rudderstack.Client(served.key, host=served.url, on_error=lambda *error: errors.append(error), gzip=True)
    client.track("rudder-c", "Product Added", {"price": 3})
    client.page("rudder-c", "category", "Home")
    client.flush()
    client.join()
    assert errors == []
    found = [event for event in everything(kafka.bootstrap, "web") if event["ids"].get("customer_id") == "rudder-c"]
    assert sorted(event["type"] for event in found) == ["Page Viewed", "Product Added"]


def test_the_largest_bad_call_is_put_aside_whole(kafka, serve) -> None:
    """450 kB of it stand in the topic of rejections, beside the good one that came with it."""
    served = serve(kafka.bootstrap)
    good = {"type": "track", "event": "Large", "userId": "large-c", "messageId": "large-1"}
    bad = good | {"messageId": "large-2", "properties": {"a": "x" * 450_000}}
    answer = served.said("/v1/batch", {"batch": [bad, good]})
    assert [(each["index"], each["reason"]) for each in answer["rejected"]] == [(0, "too_large")]
    held = [each for each in everything(kafka.bootstrap, "rejected") if each["reason"] == "too_large"]
    assert [json.loads(base64.b64decode(each["value"])) for each in held] == [bad]
    assert "large-1" in {each["event_id"] for each in everything(kafka.bootstrap, "web")}


def test_several_processes_share_the_port(kafka, serve) -> None:
    """Two processes, one address; SIGTERM ends both within seconds."""
    served = serve(kafka.bootstrap, "--processes", "2")
    with Pressure(served, 4) as pressure:
        wait_until(lambda: len(pressure.accepted) >= 200)
    assert set(pressure.answers.values()) == {200}
    assert served.stop() == 0
    assert pressure.accepted <= {event["event_id"] for event in everything(kafka.bootstrap, "web")}


def test_keys_change_without_a_restart(kafka, serve) -> None:
    """A new key opens within seconds, a revoked one no longer."""
    served = serve(kafka.bootstrap)
    event = {
        "event_id": "k1", "type": "t", "channel": "web", "occurred_at": 1_790_000_000_000, "ids": {"customer_id": "k"},
    }  # fmt: skip
    assert served.status("/v1/touchpoints", event) == 200
    made = json.loads(served.tracker("keys", "new", "shop", "--json"))
    book = json.loads(served.tracker("keys", "list", "--json"))
    served.tracker("keys", "revoke", next(key["id"] for key in book["keys"] if key["id"] != made["id"]))
    wait_until(lambda: served.status("/v1/touchpoints", event) == 401)
    served.key = made["key"]
    assert served.status("/v1/touchpoints", event) == 200
    assert made["key"] not in (served.log.parent / "keys.json").read_text()


@pytest.mark.slow
@pytest.mark.faults
def test_no_2xx_is_false(private_servers, serve) -> None:
    """Under load, with the broker frozen, killed and the collector killed: what was accepted is in Kafka."""
    kafka = private_servers.kafka()
    served = serve(kafka.bootstrap)
    with Pressure(served) as pressure:
        wait_until(lambda: len(pressure.accepted) >= 300)
        kafka.pause()
        wait_until(lambda: 503 in pressure.answers.values())
        time.sleep(2)
        kafka.resume()
        before = len(pressure.accepted)
        wait_until(lambda: len(pressure.accepted) >= before + 100)
        kafka.kill9()
        wait_until(lambda: served.status("/health/ready") == 503)
        kafka.start()
        before = len(pressure.accepted)
        wait_until(lambda: len(pressure.accepted) >= before + 100, 60)
        served.kill9()
        served.start()
        before = len(pressure.accepted)
        wait_until(lambda: len(pressure.accepted) >= before + 100)
    assert served.stop() == 0
    lost = pressure.accepted - {event["event_id"] for event in everything(kafka.bootstrap, "web")}
    assert lost == set(), f"{len(lost)} of {len(pressure.accepted)}"
    assert set(pressure.answers.values()) <= {200, 503, 0}
    assert pressure.longest_s < 8


@pytest.mark.slow
@pytest.mark.faults
def test_memory_is_bounded_while_kafka_is_frozen(private_servers, serve) -> None:
    """A hundred producers press with full batches for ten seconds: 503, and no more memory than is allowed."""
    kafka = private_servers.kafka()
    mib = 2**20
    served = serve(kafka.bootstrap, COLLECTOR_QUEUE_BYTES=str(32 * mib), COLLECTOR_KEY_EVENTS_PER_S="10000000")
    process, peak = psutil.Process(served.process.pid), 0
    with Pressure(served, 100, batch=800, size=400) as pressure:
        wait_until(lambda: len(pressure.accepted) >= 100, 120)
        before = process.memory_info().rss
        kafka.pause()
        until_s = time.monotonic() + 10
        while time.monotonic() < until_s:
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.02)
        kafka.resume()
        taken = len(pressure.accepted)
        wait_until(lambda: len(pressure.accepted) > taken, 60)
    refused = sum(status == 503 for status in pressure.answers.values())
    # With the size that the settings had (`-s` shows it): docs/collector.md has the figure.
    sys.stdout.write(f"{before / mib:.0f} MiB before, {peak / mib:.0f} MiB at most, {refused} batches refused\n")
    assert refused > 0
    # The queue, as much again of bodies being read, and what is made of each while it is looked at.
    assert peak - before < 4 * 32 * mib


def test_who_asks_too_often_learns_when_to_come_again(kafka, serve) -> None:
    """429 for an address that does not stop, while its health checks are answered."""
    served = serve(kafka.bootstrap, COLLECTOR_ADDRESS_REQUESTS_PER_S="1")
    statuses = [served.status("/v1/touchpoints", []) for _ in range(12)]
    assert set(statuses) == {400, 429}
    assert served.status("/health/live") == 200


@pytest.mark.slow
@pytest.mark.faults
def test_it_starts_without_kafka_and_works_once_it_is_there(private_servers, serve) -> None:
    """503 until then, not an end."""
    kafka = private_servers.kafka()
    served = serve(kafka.bootstrap)
    served.stop()
    kafka.kill9()
    served.start(ready=503)
    event = {
        "event_id": "s1", "type": "t", "channel": "web", "occurred_at": 1_790_000_000_000, "ids": {"customer_id": "s"},
    }  # fmt: skip
    assert served.status("/v1/touchpoints", event) == 503
    kafka.start()
    wait_until(lambda: served.status("/v1/touchpoints", event) == 200)


STORY = """
journey: story
stages:
  - {name: look, touchpoints: [{channel: web, type: Page Viewed}]}
  - {name: choose, touchpoints: [{type: Product Added}]}
  - {name: buy, touchpoints: [{channel: shop, type: Order Completed, where: {properties.status: paid}}], goal: true}
  - {name: ask, touchpoints: [{channel: support, type: Ticket Opened}]}
"""


@pytest.mark.slow
def test_a_story_from_a_strangers_page_to_a_ticket(kafka, own, serve, tmp_path) -> None:
    """A stranger looks around, says who they are, buys, and asks for help by e-mail: one journey of one customer.

    The order and the ticket come twice, as senders do that were not answered, and count once.
    """
    redis, journey = own.redis(aof=False), tmp_path / "story.yaml"
    journey.write_text(STORY)
    served = serve(kafka.bootstrap, REDIS_URL=redis.url, TRACKER_GROUP="story", TRACKER_JOURNEYS=str(journey))
    worker = subprocess.Popen([sys.executable, "-m", "streams", "worker"], env=served.environ)
    try:
        client = Client(served.key, host=served.url, timeout=10)
        client.page(anonymous_id="story-a", name="Home")
        client.track(anonymous_id="story-a", event="Product Added")
        client.identify(user_id="story-c", anonymous_id="story-a", traits={"email": "story@example.com"})
        for _ in range(2):
            order = {"order_id": "17", "status": "paid"}
            client.track(user_id="story-c", event="Order Completed", properties=order, message_id="story-17")
        client.join()
        served.tracker("keys", "new", "desk", "--sender", "freshdesk")
        ticket = {"event": "ticket_created", "ticket_id": 5, "ticket_contact_email": "Story@Example.com"}
        served.key = served.tracker("keys", "new", "desk").strip()
        for _ in range(2):
            assert served.status("/v1/webhooks/desk", {"freshdesk_webhook": ticket}) == 200
        wait_until(lambda: visits(served, "story-c") == {"look": 1, "choose": 1, "buy": 1, "ask": 1}, 60)
    finally:
        worker.terminate()
        worker.wait(20)
    ticket, _ = [
        event for event in everything(kafka.bootstrap, "support") if event["properties"].get("ticket_id") == "5"
    ]
    assert ticket["ids"].keys() == {"email_sha256"}, "only linking knows whose ticket this is"


def visits(served: Served, customer: str) -> dict[str, int]:
    """How often a customer was in each stage, as `tracker show` prints it; empty while it knows nobody."""
    words = [sys.executable, "-m", "streams", "show", customer, "--json"]
    done = subprocess.run(words, env=served.environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return {}
    (instance,) = json.loads(done.stdout)["journeys"][0]["instances"]
    return {stage["stage"]: stage["visits"] for stage in instance["stages"]}


PLAN = """
sources:
  shop:
    violations: reject
    types: {Order Completed: {required: [order_id]}}
"""


def test_what_a_plan_put_aside_is_driven_again(kafka, own, serve, tmp_path) -> None:
    """It waits in the topic of rejections until it is sent again, and a draft of what came lets it pass."""
    plans = tmp_path / "plans.yaml"
    plans.write_text("sources: {}")
    redis = own.redis(aof=False)
    served = serve(kafka.bootstrap, COLLECTOR_PLANS=str(plans), REDIS_URL=redis.url)
    event = {
        "type": "Order Completed",
        "channel": "shop",
        "occurred_at": 1_790_000_000_000,
        "ids": {"customer_id": "p"},
    }
    assert served.status("/v1/touchpoints", {"event_id": "planned-1", **event}) == 200
    plans.write_text(PLAN)
    wait_until(lambda: served.said("/v1/touchpoints", {"event_id": "planned-2", **event}).get("rejected"))
    ids = {each["event_id"] for each in everything(kafka.bootstrap, "shop")}
    assert "planned-1" in ids
    retried = json.loads(served.tracker("rejected", "retry", "--reason", "plan", "--json"))
    assert retried["sent"] >= 1 and retried["by_topic"].keys() == {"touchpoints.shop"}
    assert "planned-2" in {each["event_id"] for each in everything(kafka.bootstrap, "shop")}
    draft = served.tracker("plan", "infer", "shop", "--channel", "shop", "--type", "Order Completed", "--closed")
    plans.write_text(draft)
    found = served.tracker("plan", "check", str(plans), "--channel", "shop", "--type", "Order Completed")
    assert "\n0 of " in found


def test_the_end_answers_what_is_on_its_way(kafka, serve) -> None:
    """SIGTERM under load: every answer that came is 200 or 503, and what was accepted is there."""
    served = serve(kafka.bootstrap)
    with Pressure(served, 4) as pressure:
        wait_until(lambda: len(pressure.accepted) >= 100)
        assert served.stop() == 0
    assert set(pressure.answers.values()) <= {200, 503, 0}
    assert pressure.accepted <= {event["event_id"] for event in everything(kafka.bootstrap, "web")}
