"""The collector as producers meet it: their own libraries, a broker that comes and goes, and a kill."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

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
    client = Client(served.key, host=served.url, on_error=lambda *told: errors.append(told), gzip=True, timeout=10)
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
    assert found["Order Completed"]["properties"] == {"order_id": "17", "revenue": 99.5}
    assert found["Identified"]["ids"].keys() == {"customer_id", "anonymous_id", "email_sha256"}
    assert found["Aliased"]["ids"] == {"customer_id": "segment-c", "anonymous_id": "segment-a"}
    assert found["Grouped"]["ids"]["account_id"] == "acme"
    assert "example.com" not in json.dumps(found)


def test_rudderstacks_library_for_python(kafka, serve) -> None:
    """The same API by another library."""
    served = serve(kafka.bootstrap)
    errors: list = []
    client = rudderstack.Client(served.key, host=served.url, on_error=lambda *told: errors.append(told), gzip=True)
    client.track("rudder-c", "Product Added", {"price": 3})
    client.page("rudder-c", "category", "Home")
    client.flush()
    client.join()
    assert errors == []
    found = [event for event in everything(kafka.bootstrap, "web") if event["ids"].get("customer_id") == "rudder-c"]
    assert sorted(event["type"] for event in found) == ["Page Viewed", "Product Added"]


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


def test_a_slow_head_is_cut_off(kafka, serve) -> None:
    """Who does not finish a request's head is told 408 and let go, and an endless one is not kept."""
    served = serve(kafka.bootstrap)
    with (
        socket.create_connection(("127.0.0.1", served.port), 30) as slow,
        socket.create_connection(("127.0.0.1", served.port), 30) as endless,
    ):
        slow.sendall(b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\n")
        endless.sendall(b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000)
        time.sleep(0.2)
        endless.sendall(b"x")
        assert endless.recv(100).startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n1234",
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n1234",
        b"POST /v1/touchpoints HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/touchpoints\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /../v1/touchpoints HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"hello\r\n\r\n",
    ],
)
def test_smuggled_requests_are_refused(kafka, serve, sent) -> None:
    """What two could read differently is a 4xx, and the connection ends."""
    served = serve(kafka.bootstrap)
    with socket.create_connection(("127.0.0.1", served.port), 30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100).startswith(b"HTTP/1.1 4")


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


@pytest.mark.slow
def test_a_story_from_a_strangers_page_to_a_ticket(kafka, own, serve, tmp_path) -> None:
    """A library's calls and a help desk's webhook become one journey of one customer, as `tracker show` tells it."""
    redis = own.redis(aof=False)
    served = serve(kafka.bootstrap, REDIS_URL=redis.url, TRACKER_GROUP="story")
    worker = subprocess.Popen([sys.executable, "-m", "streams", "worker"], env=served.environ)
    try:
        client = Client(served.key, host=served.url, timeout=10)
        client.page(user_id="story-c", anonymous_id="story-a", name="Home")
        client.track(user_id="story-c", event="Product Viewed")
        client.track(user_id="story-c", event="Product Added")
        client.track(user_id="story-c", event="Order Completed", properties={"order_id": "17", "status": "paid"})
        client.join()
        served.tracker("keys", "new", "desk", "--sender", "freshdesk")
        ticket = {"event": "ticket_created", "ticket_id": 5, "customer_id": "story-c"}
        served.key = served.tracker("keys", "new", "desk").strip()
        assert served.status("/v1/webhooks/desk", {"freshdesk_webhook": ticket}) == 200
        wait_until(lambda: "purchase_decision" in shown(served), 40)
    finally:
        worker.terminate()
        worker.wait(20)
    support = [event for event in everything(kafka.bootstrap, "support") if event["ids"] == {"customer_id": "story-c"}]
    assert [event["type"] for event in support] == ["Ticket Created"]


def shown(served: Served) -> str:
    words = [sys.executable, "-m", "streams", "show", "story-c", "--json"]
    done = subprocess.run(words, env=served.environ, capture_output=True, text=True, check=False)
    return json.dumps(json.loads(done.stdout)["journeys"][0]["instances"]) if done.returncode == 0 else ""


def test_the_end_answers_what_is_on_its_way(kafka, serve) -> None:
    """SIGTERM under load: every answer that came is 200 or 503, and what was accepted is there."""
    served = serve(kafka.bootstrap)
    with Pressure(served, 4) as pressure:
        wait_until(lambda: len(pressure.accepted) >= 100)
        assert served.stop() == 0
    assert set(pressure.answers.values()) <= {200, 503, 0}
    assert pressure.accepted <= {event["event_id"] for event in everything(kafka.bootstrap, "web")}
