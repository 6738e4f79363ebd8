"""What somebody gains who has stolen a key: tried against the collector and a worker, line by line of docs/security.md.

The thief's requests go through the real collector, and what it accepts through the whole application.
"""

import base64
import hmac
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import REJECTED
from schemas.touchpoint import Touchpoint
from streams.collector.browser import proof
from streams.collector.sources import load, revoke, user_secrets
from tests.flow.harness import Worker, World
from tests.streams.collector.asking import Answer, Collector
from tests.virtual_time import run
from tracker.figures.fields import WITHIN

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
NOW_MS = int(time.time() * 1000)
needs_trust = pytest.mark.skipif("trust" not in Touchpoint.__struct_fields__, reason="the core does not know trust")


class Scene:
    """A shop with a server's key and a page's key, which is stolen; Ann is its customer."""

    def __init__(self, folder: Path) -> None:
        secret = folder / "webhook-secret"
        secret.write_text("what the shop signs with\n")
        environ = {"TRACKER_PARTITIONS": "2", "COLLECTOR_PLANS": ""}
        self.collector = Collector(folder, environ)
        self.server = self.collector.key
        self.page = self.collector.add("page", browser=True, channel="web")
        self.collector.add("hooks", sender="shopify", secret_file=secret)
        self._numbers = iter(range(1_000_000))

    def event(self, kind: str, ids: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """A touchpoint of now, in the tracker's own words."""
        number = next(self._numbers)
        said = {"event_id": f"e{number}", "type": kind, "channel": "web", "occurred_at": NOW_MS + number, "ids": ids}
        return said | fields

    def says(self, key: str, kind: str, ids: dict[str, Any], **fields: Any) -> Answer:
        """The answer to a touchpoint."""
        return self.collector.ask("/v1/touchpoints", self.event(kind, ids, **fields), key=key)

    def order(self, ids: dict[str, Any], **fields: Any) -> Answer:
        """The shop's own server says that somebody has bought."""
        return self.says(self.server, "Order Completed", ids, channel="shop", **fields)

    def proof(self, customer: str) -> str:
        """What the shop's server gives to the page of a customer."""
        return proof(user_secrets(self.collector.file, load(self.collector.file).sources["page"])[0], customer)

    def world(self, partitions: int = 2) -> World:
        """What a worker makes of all that was accepted."""
        world = World(partitions)
        world.now_ms = NOW_MS + 1_000_000
        for message in self.collector.messages:
            if message.topic != REJECTED:
                world.produce(message.topic, message.value, to=message.partition)

        async def scenario() -> None:
            worker = Worker(world)
            await worker.own()
            await worker.stop()

        run(scenario())
        assert world.figures() == world.contributions()
        return world


@pytest.fixture
def scene(tmp_path) -> Scene:
    """The shop."""
    return Scene(tmp_path)


def reached(world: World, stage: str) -> int:
    """How many customers of today's cohort have reached a stage."""
    day = datetime.fromtimestamp(NOW_MS / 1000, UTC).date().isoformat()
    return sum(world.figure(f"retail|reached|{day}|{stage}|{days}") for days in WITHIN)


def test_a_browsers_thief_invents_visitors(scene) -> None:
    """With a page's key anybody can invent visitors and what they do on pages: that is what it is for."""
    for number in range(3):
        assert scene.says(scene.page, "Page Viewed", {"anonymous_id": f"nobody-{number}"}).status == 200
    assert reached(scene.world(), "seen") == 3


def test_a_browsers_thief_is_no_customer(scene) -> None:
    """Without the proof a page's key says nothing about a customer, in whatever format."""
    scene.order({"customer_id": "ann"})
    for proof_ in ({}, {"user_hash": scene.proof("bob")}, {"user_hash": ""}):
        ids = {"anonymous_id": "thief", "customer_id": "ann", **proof_}
        assert scene.says(scene.page, "Product Added", ids).status == 200
        call = {"anonymousId": "thief", "userId": "ann", "context": proof_}
        assert scene.collector.ask("/v1/identify", call, key=scene.page).status == 200
    world = scene.world()
    assert set(world.states()) == {"ann", "anonymous_id:thief"}
    assert (reached(world, "bought"), reached(world, "cart")) == (1, 1), "the cart is the thief's own"
    assert not [one for one in world.transitions("ann") if one.stage == "cart"]


@needs_trust
def test_a_browsers_thief_visits_as_whom_he_knows(scene) -> None:
    """Who knows an address adds visits to its person, and no more; a source may drop addresses."""
    address = "ann@mail.example"
    scene.says(scene.server, "Page Viewed", {"customer_id": "ann", "email": address})
    rules = {"channel": "web", "personal": "drop", "drop": ("ids.email_sha256", "ids.phone_sha256")}
    careful = scene.collector.add("careful", browser=True, **rules)
    claims: tuple[dict[str, Any], ...] = (
        {"email": address}, {"email_sha256": sha256(address.encode()).hexdigest()}, {"anonymous_id": address},
        {"customer_id": address},
    )  # fmt: skip
    for key, status, carts in ((careful, 400, 0), (scene.page, 200, 1)):
        assert {scene.says(key, "Product Added", ids).status for ids in claims} == {status}
        assert reached(scene.world(), "cart") == carts
    assert scene.says(scene.page, "Order Completed", {"email": address}, channel="shop").status == 403


def test_a_proof_is_good_for_one_customer(scene) -> None:
    """Who has stolen a proof says what that customer's own page could say, and nothing of anybody else."""
    shown = scene.proof("ann")
    assert scene.says(scene.page, "Page Viewed", {"customer_id": "ann", "user_hash": shown}).status == 200
    assert scene.says(scene.page, "Page Viewed", {"customer_id": "bob", "user_hash": shown}).status == 400
    assert set(scene.world().states()) == {"ann"}


def test_a_browsers_thief_buys_nothing(scene) -> None:
    """Orders, refunds and closed accounts by a page's key are refused, whatever channel they name."""
    for kind in ("Order Completed", "Order Refunded", "Account Closed", "Survey Answered", "Anything Else"):
        for channel in ("web", "shop", "support"):
            answer = scene.says(scene.page, kind, {"anonymous_id": "thief"}, channel=channel)
            assert answer.status == 403
        assert scene.collector.ask("/v1/track", {"anonymousId": "t", "event": kind}, key=scene.page).status == 403
    assert scene.world().states() == {}


def test_a_browsers_thief_changes_no_history(scene) -> None:
    """Back-dated touchpoints are refused, so no past cohort moves."""
    for days in (3, 30, 3_000):
        old = scene.event("Page Viewed", {"anonymous_id": "thief"}, occurred_at=NOW_MS - days * 86_400_000)
        assert scene.collector.ask("/v1/touchpoints", old, key=scene.page).status == 400
        shifted = old | {"occurred_at": NOW_MS, "sent_at": NOW_MS + days * 86_400_000}
        assert scene.collector.ask("/v1/touchpoints", shifted, key=scene.page).status == 400
    assert scene.world().states() == {}


def test_a_browsers_thief_reaches_no_other_topic(scene) -> None:
    """No channel leads to the topics of the tracker itself, so nobody is linked, unlinked or erased by a key."""
    for channel in ("routed", "journey.routed", "../journey.routed", "rejected", "WEB", ""):
        for key in (scene.page, scene.server):
            assert scene.says(key, "Page Viewed", {"anonymous_id": "a"}, channel=channel).status == 400
    forged = scene.event("Page Viewed", {"anonymous_id": "a"}) | {"kind": "erase", "name": "ann", "unlink": ["ann"]}
    assert scene.collector.ask("/v1/touchpoints", forged, key=scene.page).status == 200
    scene.order({"customer_id": "ann"})
    assert "ann" in scene.world().states()


def test_a_browsers_thief_brings_nothing_back_from_what_was_rejected(scene) -> None:
    """What was put aside says no more when an operator sends it again."""
    call = scene.event("Order Completed", {"customer_id": "ann"}, channel="shop", trust="server")
    assert scene.collector.ask("/v1/batch", {"batch": [call]}, key=scene.page).status == 400
    (held,) = scene.collector.rejections
    said = json.loads(held.value)
    assert said["trust"] == "browser" and "customer_id" not in said["ids"]


def test_a_browsers_thief_starves_nobody(tmp_path) -> None:
    """A flood by a page's key uses up the page's rate, not that of the servers."""
    scene = Scene(tmp_path)
    scene.collector.settings = scene.collector.settings.__class__(
        **{**vars_of(scene.collector.settings), "collector_key_events_per_s": 1}
    )
    flood = [scene.event("Page Viewed", {"anonymous_id": "thief"}) for _ in range(2_500)]
    asked: list[tuple[str, Any, dict[str, Any]]] = [("/v1/touchpoints", flood, {"key": scene.page})] * 2
    asked.append(("/v1/touchpoints", scene.event("Page Viewed", {"customer_id": "ann"}), {"key": scene.server}))
    assert [answer.status for answer in scene.collector.ask_all(asked)] == [200, 429, 200]


def vars_of(settings: Any) -> dict[str, Any]:
    """The fields of the settings."""
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


@needs_trust
def test_a_browsers_thief_suppresses_no_order(scene) -> None:
    """An id that a page used first is free for the shop's own order: an event id counts once for each trust."""
    scene.says(scene.page, "Page Viewed", {"anonymous_id": "thief"}, event_id="order-1001")
    ids = {"anonymous_id": "annes-phone"}
    scene.says(scene.page, "Page Viewed", ids, event_id="order-1002")
    scene.order({"customer_id": "ann"}, event_id="order-1001")
    scene.order({"customer_id": "bob", **ids}, event_id="order-1002")
    assert reached(scene.world(), "bought") == 2


@needs_trust
@pytest.mark.parametrize("partitions", [1, 2])
def test_a_browsers_thief_merges_no_customers(scene, partitions) -> None:
    """Addresses of two customers in one call of a page leave both the customers that the shop knows."""
    for name in ("ann", "bob"):
        scene.order({"customer_id": name, "email": f"{name}@mail.example"})
    for name in ("ann", "bob"):
        ids = {"anonymous_id": "thief", "email": f"{name}@mail.example"}
        assert scene.says(scene.page, "Page Viewed", ids).status == 200
    world = scene.world()
    assert reached(world, "bought") == 2
    assert {"ann", "bob"} <= set(world.states())


@needs_trust
def test_a_browsers_thief_displaces_nothing(scene) -> None:
    """Junk aliases and carts beyond every limit push out nothing that the shop's server has said."""
    address = {"email": "ann@mail.example"}
    scene.order({"customer_id": "ann", **address})
    for number in range(130):
        scene.says(scene.page, "Product Added", {"anonymous_id": f"junk-{number}", **address})
    scene.order({"customer_id": "ann", "anonymous_id": "annes-phone"})
    scene.says(scene.server, "Product Added", {"anonymous_id": "annes-phone"})
    world = scene.world()
    assert "bought" in {one.stage for one in world.transitions("ann")}
    assert [one for one in world.transitions("ann") if one.stage == "cart"], "the phone is hers"


def test_a_servers_thief_says_everything_of_its_source(scene) -> None:
    """With a server's key anybody says what its source may, about any customer, until the key is revoked."""
    limited = scene.collector.add("limited", channel="shop", types=("Order Completed",))
    assert scene.says(limited, "Order Completed", {"customer_id": "ann"}, channel="shop").status == 200
    assert scene.says(limited, "Order Completed", {"customer_id": "ann"}, channel="web").status == 403
    assert scene.says(limited, "Account Closed", {"customer_id": "ann"}, channel="shop").status == 403
    entry = load(scene.collector.file).keys[-1]
    revoke(scene.collector.file, entry.id, 0)
    assert scene.says(limited, "Order Completed", {"customer_id": "ann"}, channel="shop").status == 401
    assert set(scene.world().states()) == {"ann"}


def signed(body: bytes, secret: bytes = b"what the shop signs with") -> dict[str, str]:
    """The header of Shopify."""
    given = base64.b64encode(hmac.digest(secret, body, sha256)).decode()
    return {"x-shopify-hmac-sha256": given, "x-shopify-topic": "orders/paid"}


def paid(**fields: Any) -> bytes:
    """An order of now, as Shopify tells of it."""
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC).isoformat()
    order = {"id": 17, "email": "ann@mail.example", "financial_status": "paid", "created_at": now, "updated_at": now}
    return json.dumps(order | {"processed_at": now, "total_price": "5.00", "currency": "EUR"} | fields).encode()


def test_a_webhooks_thief_says_what_its_sender_could(scene) -> None:
    """With a webhook's secret anybody sends what its table makes of it; without it, or later, nobody does."""
    body = paid()
    path = "/v1/webhooks/hooks"
    for headers in ({}, signed(body, b"a guess"), signed(body, b""), signed(paid(id=18))):
        assert scene.collector.ask(path, body, key=None, headers=headers).status == 401
    assert scene.collector.ask(path, body, key=None, headers=signed(body)).status == 200
    old = paid(
        updated_at="2026-01-01T00:00:00Z", created_at="2026-01-01T00:00:00Z", processed_at="2026-01-01T00:00:00Z"
    )
    assert scene.collector.ask(path, old, key=None, headers=signed(old)).status == 409
    assert scene.collector.ask(path, body, key=scene.page, headers={"x-shopify-topic": "orders/paid"}).status == 401
    assert scene.collector.ask("/v1/webhooks/shop", body, key=None, headers=signed(body)).status == 404


@pytest.mark.parametrize("path", ["/v1/touchpoints", "/v1/track", "/v1/batch", "/v1/cloudevents", "/beacon/v1/batch"])
def test_without_a_key_nobody_says_anything(scene, path) -> None:
    """Every door asks for a key, and a key that was never made is none."""
    body = scene.event("Page Viewed", {"anonymous_id": "a"}) | {"batch": [{"type": "page", "anonymousId": "a"}]}
    headers = {"content-type": "application/cloudevents+json"} if "cloud" in path else {}
    for key in (None, "wk_" + "a" * 43, load(scene.collector.file).keys[0].sha256):
        assert scene.collector.ask(path, body, key=key, headers=headers).status == 401
    assert scene.collector.messages == []


def test_every_line_of_the_page_has_its_test() -> None:
    """The page on security names a test of this file for each line, and each test of this file is named there."""
    found: dict[str, Callable[..., Any]] = {name: each for name, each in globals().items() if name.startswith("test_")}
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named == found.keys() - {"test_every_line_of_the_page_has_its_test"}
