"""Names on a real Kafka, a real Redis and a real worker: linked, cut, exported and erased by hand."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kafka import KafkaProducer
from redis import Redis

from streams.clients.clients import redis_client
from streams.clients.topic_shapes import create
from streams.errors import ExitCode
from streams.person import identity, redis_data
from streams.settings.settings import read as read_settings
from streams.stores.keys import keys
from tests.flow.harness import World, crash_at, run_through
from tests.integration.test_tools import Installation
from tests.servers import PrivateServers, start_private_servers, wait_until
from tests.touchpoints import START_MS, touchpoint
from tests.virtual_time import run
from tracker.identity.kinds import strongest
from tracker.identity.pseudonym import hidden

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(240)]
AT_MS = 1_795_000_000_000
SALT = "a long random text"
HASH_KEY = "a key of the collector"
KINDS = "customer_id,anonymous_id,email_sha256:25,phone_sha256,device_id:2,account_id"


@dataclass
class Shop(Installation):
    """An installation that may erase."""

    salt: str = SALT
    hash_key: str = HASH_KEY

    @property
    def environ(self) -> dict[str, str]:
        return super().environ | {
            "TRACKER_ID_SALT": self.salt,
            "TRACKER_ALIAS_KINDS": KINDS,
            "TRACKER_HASH_KEY": self.hash_key,
        }

    def see(
        self, event_id: str, type_: str = "Page Viewed", channel: str = "web", at_ms: int = AT_MS, **ids: str
    ) -> None:
        """A touchpoint under some ids, with the broker on return."""
        event = {"event_id": event_id, "type": type_, "channel": channel, "occurred_at": at_ms, "ids": ids}
        producer = KafkaProducer(bootstrap_servers=self.kafka)
        key = (strongest(ids) or "").encode()
        producer.send(f"touchpoints.{channel}", key=key, value=json.dumps(event).encode()).get(20)
        producer.close()

    def aliases(self, name: str) -> set[str]:
        """All names of the customer whom a name belongs to; empty while there is no record."""
        answer = self.tracker("identity", "show", name, "--json")
        if answer.returncode:
            return set()
        found = json.loads(answer.stdout)
        return {found["customer"], *(one["alias"] for one in found["aliases"])}

    def is_sound(self) -> bool:
        return self.printed("audit")["ok"]

    def everything(self) -> bytes:
        """All keys and values of Redis, as one text to search."""
        with Redis.from_url(self.redis) as client:
            return b"\n".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter())


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A worker that runs throughout this file."""
    with start_private_servers() as servers:
        made = Shop(servers.kafka().bootstrap, servers.redis().url)
        create(read_settings(made.environ))
        with made.running("worker"):
            yield made


def test_names_are_linked_and_cut_by_hand(shop: Shop) -> None:
    """What a person says shows in the store, in both journeys and in the figures; then it is taken back."""
    shop.see("e1", anonymous_id="l1")
    shop.see("e2", "Product Viewed", customer_id="c1")
    wait_until(lambda: shop.aliases("c1") and shop.aliases("l1"))
    linked = shop.tracker("identity", "link", "c1", "l1")
    assert (linked.returncode, linked.stdout.strip()) == (0, "c1 and anonymous_id:l1 are now one: c1")
    assert shop.aliases("l1") == {"c1", "anonymous_id:l1"}
    assert shop.printed("identity", "link", "c1", "anonymous_id:l1")["outcome"] == "linked"
    wait_until(lambda: [one["stage"] for one in stages(shop, "l1")] == ["awareness", "evaluation"])
    assert shop.tracker("show", "l1").stdout.startswith("anonymous_id:l1 belongs to c1")
    assert shop.printed("explain", "l1")["alias"] == "anonymous_id:l1"
    assert shop.is_sound()
    cut = shop.printed("identity", "unlink", "l1", "c1")
    assert (cut["outcome"], cut["customers"]) == ("unlinked", ["anonymous_id:l1", "c1"])
    wait_until(lambda: [one["stage"] for one in stages(shop, "c1")] == ["evaluation"])
    assert shop.printed("identity", "show", "c1")["cuts"][0]["from"] == "anonymous_id:l1"
    assert shop.is_sound()


def stages(shop: Shop, name: str) -> list[dict]:
    journeys = shop.printed("show", name)["journeys"]
    return [stage for journey in journeys for one in journey["instances"] for stage in one["stages"]]


def test_an_alias_of_two_customers_is_a_conflict(shop: Shop) -> None:
    """It stays with the first, is listed, and is not taken by a link without a cut."""
    shop.see("f1", customer_id="c2", anonymous_id="both")
    wait_until(lambda: shop.aliases("both") == {"c2", "anonymous_id:both"})
    shop.see("f2", customer_id="c3", anonymous_id="both")
    wait_until(lambda: shop.printed("identity", "conflicts")["conflicts"])
    [found] = shop.printed("identity", "conflicts")["conflicts"]
    assert (found["alias"], found["belongs_to"]) == ("anonymous_id:both", "c2")
    assert [(one["customer"], one["event_id"]) for one in found["claimed_by"]] == [("c3", "f2")]
    refused = shop.tracker("identity", "link", "c3", "both")
    assert (refused.returncode, "stays with" in refused.stdout) == (ExitCode.FAILED, True)
    assert shop.printed("identity", "unlink", "c2", "both")["outcome"] == "unlinked"
    wait_until(lambda: shop.aliases("c3") == {"c3", "anonymous_id:both"})
    assert shop.is_sound()


def test_a_number_belongs_to_its_system(shop: Shop) -> None:
    """Two shops' 731 are two people; a second number of one shop gets nothing, until the first is cut."""
    shop.see("n1", **{"woocommerce_customer@se": "731"}, anonymous_id="home")
    shop.see("n2", **{"woocommerce_customer@no": "731"}, anonymous_id="away")
    wait_until(lambda: shop.aliases("home") == {"woocommerce_customer@se:731", "anonymous_id:home"})
    wait_until(lambda: shop.aliases("away") == {"woocommerce_customer@no:731", "anonymous_id:away"})
    shop.see("n3", **{"woocommerce_customer@se": "732"}, anonymous_id="home")
    wait_until(lambda: any(one["alias"] == "anonymous_id:home" for one in conflicts(shop)))
    [found] = [one for one in conflicts(shop) if one["alias"] == "anonymous_id:home"]
    assert found["belongs_to"] == "woocommerce_customer@se:731"
    assert [one["customer"] for one in found["claimed_by"]] == ["woocommerce_customer@se:732"]
    assert shop.aliases("woocommerce_customer@se:732") == {"woocommerce_customer@se:732"}
    assert shop.printed("identity", "unlink", "woocommerce_customer@se:731", "home")["outcome"] == "unlinked"
    wait_until(lambda: shop.aliases("home") == {"woocommerce_customer@se:732", "anonymous_id:home"})
    assert shop.is_sound()


def test_a_suspect_is_listed_and_released(shop: Shop) -> None:
    """The till's number takes twenty addresses of a day; the next two come in when a person says so, and go again."""
    for place in range(22):
        shop.see(f"till-{place}", customer_id="till", email_sha256=f"{place:064x}a", at_ms=AT_MS + place * 60_000)
    wait_until(lambda: [one["refused"] for one in shop.printed("identity", "suspects")["suspects"]] == [2])
    [found] = shop.printed("identity", "suspects")["suspects"]
    assert (found["name"], found["seen_with"]) == ("till", {"email_sha256": 22})
    assert "till (till) suspect since" in shop.tracker("identity", "suspects").stdout
    assert len(shop.aliases("till")) == 21
    assert shop.printed("identity", "release", "till")["suspect"] is False
    wait_until(lambda: len(shop.aliases("till")) == 23)
    assert shop.is_sound()
    assert shop.tracker("identity", "release", "till", "--undo").stdout.strip() == "till is suspect"
    wait_until(lambda: len(shop.aliases("till")) == 21)
    assert shop.is_sound()


def conflicts(shop: Shop) -> list[dict]:
    return shop.printed("identity", "conflicts")["conflicts"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["link", "c1", "c1"], ExitCode.USAGE, "Both names are 'c1'"),
        (["link", "c1", "c2"], ExitCode.USAGE, "never one customer"),
        (["link", "c1", "nobody"], ExitCode.NOT_FOUND, "no customer 'nobody'"),
        (["unlink", "c1", "both"], ExitCode.USAGE, "nothing to cut"),
    ],
)
def test_what_cannot_be_ruled_is_said(shop: Shop, words: list[str], code: ExitCode, said: str) -> None:
    """One clear line, and nothing is sent."""
    answer = shop.tracker("identity", *words)
    assert answer.returncode == code
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_erasure_is_asked_for_twice(shop: Shop) -> None:
    """Where nobody can be asked, by --yes; and it wants a salt."""
    shop.see("h1", customer_id="stays")
    wait_until(lambda: shop.aliases("stays"))
    assert shop.tracker("erase", "stays").returncode == ExitCode.USAGE
    assert shop.aliases("stays") == {"stays"}
    shop.salt = ""
    unsalted = shop.tracker("erase", "stays", "--yes")
    assert (unsalted.returncode, "TRACKER_ID_SALT" in unsalted.stderr) == (ExitCode.CONFIGURATION, True)
    shop.salt = "not the one of the workers"
    other = shop.tracker("erase", "stays", "--yes", "--wait", "5")
    assert (other.returncode, "another TRACKER_ID_SALT" in other.stderr) == (ExitCode.MISMATCH, True)
    assert json.loads(other.stdout)["done_at"] is None
    shop.salt = SALT
    assert shop.printed("doctor")["findings"]
    again = shop.tracker("erase", "stays", "--yes")
    assert (again.returncode, "was erased before" in again.stderr) == (ExitCode.NOT_FOUND, True)
    shop.see("h2", anonymous_id="stays")
    wait_until(lambda: shop.aliases("anonymous_id:stays"))
    assert "was erased before" in shop.tracker("erase", "stays", "--yes").stderr, "a namesake is not erased instead"
    assert shop.aliases("anonymous_id:stays")


def test_a_person_is_found_by_address_and_number(shop: Shop) -> None:
    """Every command takes what a request names; whose id is the address, and whose id is not; then it is erased."""
    jo, ann = hidden({"customer_id": "jo@mail.example"}, HASH_KEY), hidden({"phone": "+46 70-123 45 67"}, HASH_KEY)
    shop.see("p1", **jo)
    shop.see("p2", customer_id="ann", **ann)
    wait_until(lambda: shop.aliases("Jo@mail.example") == {jo["customer_id"], f"email_sha256:{jo['email_sha256']}"}, 60)
    wait_until(lambda: len(shop.aliases("+46701234567")) == 2, 60)
    assert shop.printed("show", "jo@mail.example")["customer"] == jo["customer_id"]
    assert shop.printed("explain", "+46 70 123 45 67")["customer"] == "ann"
    assert shop.tracker("identity", "show", "0046701234567").stdout.startswith(
        f"phone_sha256:{ann['phone_sha256']} belongs"
    )
    assert "p2" in shop.tracker("export", "+46701234567").stdout
    refused = replace(shop, hash_key="").tracker("show", "jo@mail.example")
    assert (refused.returncode, "Set TRACKER_HASH_KEY" in refused.stderr) == (ExitCode.NOT_FOUND, True)
    shop.see("p3", customer_id="other", anonymous_id="jo@mail.example")
    wait_until(lambda: shop.aliases("other"))
    several = shop.tracker("erase", "jo@mail.example", "--yes")
    assert (several.returncode, "several customers" in several.stderr) == (ExitCode.USAGE, True)
    assert shop.tracker("erase", jo["customer_id"], "--yes").returncode == 0
    assert json.loads(shop.tracker("erase", "+46701234567", "--yes").stdout)["erased"] == "ann"
    assert shop.is_sound()


def test_a_person_is_exported_and_erased(shop: Shop, tmp_path: Path) -> None:
    """Nothing of any of their names is left in Redis, the figures are right, and what comes late stays out."""
    shop.see("g1", anonymous_id="gone-a", email_sha256="gone-e")
    shop.see("g2", "Product Viewed", customer_id="gone-c", anonymous_id="gone-a", device_id="gone-d")
    names = {"gone-c", "anonymous_id:gone-a", "email_sha256:gone-e", "device_id:gone-d"}
    wait_until(lambda: shop.aliases("gone-e") == names)
    wait_until(lambda: len(held(shop)) == 2)
    found = json.loads(shop.tracker("export", "gone-a", "--with-kafka").stdout)
    assert {one["name"] for one in found["names"]} == names
    assert {one["value"]["event_id"] for one in found["kafka"] if one["topic"] == "touchpoints.web"} == {"g1", "g2"}
    assert any(place["where"] == "Kafka topic journey.routed" for place in found["elsewhere"])

    file = tmp_path / "receipt.json"
    done = shop.tracker("erase", "gone-a", "--yes", "--receipt", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text() == done.stdout
    assert "never overwritten" in shop.tracker("erase", "c2", "--yes", "--receipt", str(file)).stderr
    receipt = json.loads(done.stdout)
    assert {one["name"] for one in receipt["removed"]} == names
    assert receipt["removed_in_all"]["touchpoints"] == 2
    assert len(receipt["kept_to_keep_them_out"]) == 4
    wait_until(lambda: b"gone-" not in shop.everything())
    assert shop.is_sound()

    late(shop)
    again = shop.tracker("erase", "gone-c", "--yes")
    assert (again.returncode, "was erased before" in again.stderr) == (ExitCode.NOT_FOUND, True)


def held(shop: Shop) -> set[str]:
    """The touchpoints in the customer's own log."""
    found = json.loads(shop.tracker("export", "gone-c").stdout)
    return {each["event_id"] for one in found["names"] for each in one["touchpoints"] if one["name"] == "gone-c"}


def late(shop: Shop) -> None:
    """Touchpoints of erased names, and one of a stranger that mentions one, after the erasure."""
    shop.see("g3", customer_id="gone-c")
    shop.see("g4", anonymous_id="gone-a", email_sha256="other")
    shop.see("g5", customer_id="stranger", device_id="gone-d")
    shop.see("g6", customer_id="mark")
    wait_until(lambda: shop.aliases("mark") and shop.aliases("stranger"))
    wait_until(lambda: b"gone-" not in shop.everything())
    assert shop.aliases("stranger") == {"stranger"}
    assert shop.is_sound()


def test_an_erasure_survives_an_empty_redis(shop: Shop) -> None:
    """All is built again from Kafka, where the order to erase still stands."""
    with Redis.from_url(shop.redis) as client:
        before = sum(client.hlen(keys(each).states) for each in range(shop.partitions))
        client.flushall()
        wait_until(lambda: sum(client.hlen(keys(each).states) for each in range(shop.partitions)) == before, 60)
    wait_until(lambda: b"gone-" not in shop.everything())
    assert shop.aliases("c3") == {"c3", "anonymous_id:both"}
    assert shop.is_sound()


def test_who_is_who_is_read_from_a_cluster(private_servers: PrivateServers) -> None:
    """On a Redis Cluster of three nodes: all names of a customer, conflicts, and all that is held."""
    seen = World(4)
    for at_ms, ids in enumerate(
        [{"customer_id": "c1", "anonymous_id": "a"}, {"customer_id": "c2", "anonymous_id": "a"}]
    ):
        value = touchpoint("", at_ms=START_MS + at_ms, event_id=f"e{at_ms}", ids=ids)
        seen.produce("touchpoints.web", value, to=strongest(ids) or "")
    run(run_through(seen, crash_at()))
    url = private_servers.redis_cluster().url
    with closing(redis_client(read_settings({"REDIS_URL": url, "REDIS_CLUSTER": "true"}))) as client:
        for partition, kept in seen.store.partitions.items():
            for name, record in kept.states.items():
                client.hset(keys(partition).states, name, record)
        found = identity.whole(client, "a", 4)
        assert found.names == ["c1", "anonymous_id:a"]
        assert [one["alias"] for one in identity.conflicts(client, 4)] == ["anonymous_id:a"]
        exported = redis_data.export(client, found, seen.journeys)
        assert [len(one["touchpoints"]) for one in exported["names"]] == [1, 0]
