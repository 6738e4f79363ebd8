"""A changed journey beside the live one, and the two change places under load: real Kafka, Redis and workers."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from redis import Redis

from streams.clients.topic_shapes import create
from streams.definitions.builds import prefix_of, routed_of
from streams.definitions.record import read_newest
from streams.definitions.switching import alive_key, announced
from streams.errors import ExitCode
from streams.exporter.figures import Figures, read
from streams.settings.settings import read as read_settings
from streams.shadow.lag import CLOSE
from tests.integration.test_tools import AT_MS, TYPES, Installation, touchpoint
from tests.servers import wait_until
from tracker.home import home

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

LIVE = """
journey: shop
version: 1
stages:
  - {name: seen, touchpoints: [{channel: web, type: Page Viewed}]}
  - {name: bought, touchpoints: [{channel: shop, type: Order Completed}], goal: true}
"""
CHANGED = """
journey: shop
version: 2
stages:
  - {name: seen, touchpoints: [{channel: web, type: Page Viewed}]}
  - {name: cart, touchpoints: [{channel: web, type: Product Added}]}
  - {name: bought, touchpoints: [{channel: shop, type: Order Completed}], goal: true}
"""


class Shop(Installation):
    """An installation with a live journey, and a changed one that nobody has tried yet."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        return super().environ | {
            "TRACKER_JOURNEYS": str(self.folder / "live.yaml"), "TRACKER_ID_SALT": "kept for the whole test",
        }  # fmt: skip

    @property
    def changed(self) -> str:
        return str(self.folder / "changed.yaml")

    def figures_of(self, build: str) -> Figures:
        with Redis.from_url(self.redis) as client:
            return read(client, self.partitions, prefix_of(build))

    def served(self) -> str:
        with Redis.from_url(self.redis) as client:
            return read_newest(client).build

    def reached_in(self, build: str) -> dict[str, int]:
        found = self.figures_of(build).by("shop", "reached", "stage")
        return {stage: count for (stage,), count in found.items()}

    def ok(self, *words: str) -> str:
        answer = self.tracker(*words)
        assert answer.returncode == ExitCode.OK, answer.stderr
        return answer.stdout


@pytest.fixture
def shop(private_servers, tmp_path) -> Shop:
    found = Shop(private_servers.kafka().bootstrap, private_servers.redis().url)
    found.folder = tmp_path
    (tmp_path / "live.yaml").write_text(LIVE)
    (tmp_path / "changed.yaml").write_text(CHANGED)
    create(read_settings(found.environ))
    return found


def replayed(shop: Shop, customers: int, halfway: int) -> dict[str, int]:
    """By stage, how many reach it when the same events are replayed by the changed journey."""
    events = shop.folder / "events.jsonl"
    lines = [
        touchpoint(f"c{number}", f"e{number}-{step}", channel, kind, AT_MS + step * 1000)
        for number in range(customers)
        for step, (channel, kind) in enumerate(TYPES[: 3 if number < halfway else 4])
    ]
    events.write_bytes(b"\n".join(lines) + b"\n")
    told = json.loads(shop.ok("replay", shop.changed, str(events), "--json"))
    return {stage["stage"]: stage["reached"] for stage in told["stages"]}


def workers(supervisor: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(supervisor.pid).children(recursive=True)


def test_a_shadow_counts_what_a_replay_counts(shop: Shop) -> None:
    """A new stage in the past, counted while customers come; it touches nothing live, and nothing is left of it."""
    shop.send(range(100), steps=3)
    with shop.running("worker", "-p", "2"):
        wait_until(lambda: shop.reached_in("").get("seen") == 100, 60)
        assert shop.tracker("switch", "--yes").returncode == ExitCode.NOT_FOUND
        assert shop.tracker("shadow", str(shop.folder / "live.yaml")).returncode == ExitCode.USAGE
        with shop.load(100, step=10) as sent:
            told = shop.ok("shadow", shop.changed, "--samples", "3")
            assert "seen" in told and "cart" in told
            assert shop.tracker("shadow", shop.changed).returncode == ExitCode.MISMATCH
        build = json.loads(shop.ok("shadow", "--status", "--json"))["build"]
        assert f"shadow {build}: shop 2, beside them" in shop.ok("journeys", "list")
        assert json.loads(shop.ok("journeys", "list", "--json"))["shadow"]["build"] == build
        wait_until(
            lambda: shop.reached_in(build).get("bought") == shop.reached_in("").get("bought") == sent[0] - 100, 60
        )
        assert shop.reached_in(build) == replayed(shop, sent[0], 100)
        told = json.loads(shop.ok("shadow", "--status", "--json", "--samples", "5"))
        [journey] = told["journeys"]
        assert (journey["served_version"], journey["shadow_version"]) == (1, 2)
        assert (journey["customers"], journey["differing"], len(journey["samples"])) == (sent[0], 100, 5)
        assert {(one["served"], one["shadow"]) for one in journey["samples"]} == {("seen", "cart")}
        assert shop.tracker("repartition", "--to", "4", "--dry-run").returncode == ExitCode.MISMATCH

        # Whoever is erased, is erased in both.
        shop.ok("erase", "c7", "--yes")
        assert shop.reached_in(build)["seen"] == shop.reached_in("")["seen"] == sent[0] - 1

        shop.ok("shadow", "--drop", "--yes")
        assert shop.tracker("shadow", "--status").returncode == ExitCode.NOT_FOUND
        assert_gone(shop, build)
    assert {one.version for one in shop.transitions()[0] if one.journey} == {1}


def assert_gone(shop: Shop, build: str) -> None:
    """No key, group or topic of a build is left, and none comes back."""
    time.sleep(2)
    with Redis.from_url(shop.redis) as client:
        assert not list(client.scan_iter(f"{prefix_of(build)}:*"))
    admin = KafkaAdminClient(bootstrap_servers=shop.kafka)
    try:
        assert f"journey.routed.{build}" not in admin.list_topics()
        assert f"journey-tracker-{build}" not in [group["group_id"] for group in admin.list_groups()]
    finally:
        admin.close()


def test_builds_change_places_under_load(shop: Shop) -> None:
    """There and back and there again, with workers killed meanwhile: each transition comes once."""
    with shop.running("worker", "-p", "2") as supervisor:
        shop.send(range(50), steps=3)
        wait_until(lambda: shop.reached_in("").get("seen") == 50, 60)
        with shop.load(50, step=10) as sent:
            shop.ok("shadow", shop.changed)
            build = json.loads(shop.ok("shadow", "--status", "--json", "--samples", "0"))["build"]
            for number, served in enumerate((build, "", build)):
                if number:
                    with struck(supervisor, number):
                        switched(shop)
                else:
                    switched(shop)
                assert shop.served() == served
                wait_until(
                    lambda: json.loads(shop.ok("shadow", "--status", "--json", "--samples", "0"))["behind"] < 200, 60
                )
            late = sent[0]
            wait_until(lambda: sent[0] > late + 50, 30)
        wait_until(
            lambda: shop.reached_in(build).get("bought") == shop.reached_in("").get("bought") == sent[0] - 50, 60
        )
        assert "cart" in shop.ok("show", "c60")
        assert shop.printed("audit")["ok"]
        shop.ok("shadow", "--drop", "--yes")
        assert shop.printed("audit")["ok"]
        shop.send(range(sent[0], sent[0] + 10))
        wait_until(lambda: shop.reached_in(build).get("bought") == sent[0] - 40, 60)
    told = shop.transitions()[0]
    for kind in ("entered", "completed"):
        customers = {one.customer for one in told if one.kind == kind}
        expected = sent[0] + 10 - (50 if kind == "completed" else 0)
        assert len(customers) == expected, kind
    assert {one.version for one in told} == {1, 2}
    with Redis.from_url(shop.redis) as client:
        assert not list(client.scan_iter("tracker:{*"))


def switched(shop: Shop) -> None:
    """Switch, again where it was called off because workers were away for too long."""
    wait_until(lambda: shop.tracker("switch", "--yes", "--wait", "40").returncode == ExitCode.OK, 120)


@contextmanager
def struck(supervisor: subprocess.Popen, seed: int) -> Iterator[None]:
    """Workers are killed now and then while something is done."""
    over, choice = threading.Event(), random.Random(seed)

    def strike() -> None:
        for _ in range(3):
            if over.wait(choice.uniform(1, 4)):
                return
            victims = workers(supervisor)
            if victims:
                os.kill(choice.choice(victims).pid, signal.SIGKILL)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_rulings_of_before_hold_after_a_switch(shop: Shop) -> None:
    """Who was linked, or cut, before there was a shadow is so in what is switched to."""
    shop.send(range(3), steps=2)
    with KafkaProducer(bootstrap_servers=shop.kafka) as producer:
        for name in ("linked", "cut"):
            value = touchpoint(name, f"e-{name}", *TYPES[0], AT_MS).replace(b"customer_id", b"anonymous_id")
            producer.send("touchpoints.web", value, partition=home(f"anonymous_id:{name}", shop.partitions))

    def customer(name: str) -> str:
        answer = shop.tracker("identity", "show", f"anonymous_id:{name}", "--json")
        return json.loads(answer.stdout)["customer"] if answer.returncode == 0 else ""

    with shop.running("worker"):
        wait_until(lambda: customer("linked") and customer("cut"), 60)
        for name in ("linked", "cut"):
            shop.ok("identity", "link", "c1", f"anonymous_id:{name}")
        shop.ok("identity", "unlink", "c1", "anonymous_id:cut")
        shop.ok("shadow", shop.changed)
        shop.ok("switch", "--yes")
        wait_until(lambda: customer("linked") == "c1", 30)
        assert customer("cut") != "c1"
        assert shop.served() != ""


def test_a_switch_that_is_left_alone_is_called_off(shop: Shop) -> None:
    """`tracker switch` is killed while the shadow's workers are away: the live figures go on, nothing has changed."""
    with shop.running("worker", "-p", "1") as supervisor:
        shop.send(range(50))
        wait_until(lambda: shop.reached_in("").get("bought") == 50, 60)
        shop.ok("shadow", shop.changed)
        shadows = [each for each in workers(supervisor) if "--shadow" in each.cmdline()]
        assert shadows
        for each in shadows:
            each.suspend()
        try:
            command = [sys.executable, "-m", "streams", "switch", "--yes"]
            with subprocess.Popen(command, env=shop.environ) as switching, Redis.from_url(shop.redis) as client:
                wait_until(lambda: read_newest(client).switching, 30)
                switching.kill()
                wait_until(lambda: read_newest(client).by == "called off", 30)
        finally:
            for each in shadows:
                each.resume()
        assert shop.served() == ""
        shop.send(range(50, 60))
        wait_until(lambda: shop.reached_in("").get("bought") == 60, 60)


def test_after_a_switch_an_emptied_redis_is_built_again(shop: Shop) -> None:
    """The workers write the record again, so the build that was served is served, and nothing is told as new."""
    with shop.running("worker", "-p", "2"):
        shop.send(range(60))
        wait_until(lambda: shop.reached_in("").get("bought") == 60, 60)
        shop.ok("shadow", shop.changed)
        switched(shop)
        build = shop.served()
        shop.send(range(60, 100))
        wait_until(lambda: shop.reached_in(build).get("bought") == shop.reached_in("").get("bought") == 100, 60)
        with Redis.from_url(shop.redis) as client:
            client.flushall()
            wait_until(lambda: read_newest(client).build == build, 30)
        for each in (build, ""):
            wait_until(lambda each=each: shop.reached_in(each).get("bought") == 100, 60)
        shop.send(range(100, 110))
        wait_until(lambda: shop.reached_in(build).get("bought") == 110, 60)
        assert shop.served() == build
    told = [one for one in shop.transitions()[0] if one.kind == "completed"]
    assert len({one.customer for one in told}) == len(told) == 110


def test_a_shadow_that_no_worker_has_begun_is_dropped_whole(shop: Shop) -> None:
    """It has not caught up, and a switch that was killed does not keep it; its topic goes too."""
    with shop.running("worker", "-p", "1"):
        shop.send(range(20))
        wait_until(lambda: shop.reached_in("").get("bought") == 20, 60)
    assert not json.loads(shop.ok("shadow", shop.changed, "--detach", "--json"))["caught_up"]
    with Redis.from_url(shop.redis) as client, closing(KafkaAdminClient(bootstrap_servers=shop.kafka)) as admin:
        shadow = read_newest(client).shadow
        assert shadow is not None
        assert routed_of(shadow.build) in admin.list_topics()
        assert announced(client, read_newest(client)) is not None
        assert shop.tracker("shadow", "--drop", "--yes").returncode == ExitCode.MISMATCH
        client.delete(alive_key())
        assert json.loads(shop.ok("shadow", "--drop", "--yes", "--json")) == {"dropped": [shadow.build]}
        assert read_newest(client).shadow is None
        assert not read_newest(client).switching
        wait_until(lambda: routed_of(shadow.build) not in admin.list_topics(), 30)


def test_deleted_records_do_not_hold_a_switch_up(shop: Shop) -> None:
    """A topic whose records Kafka has all deleted is not behind: the shadow lacks them, and is served."""
    customers = CLOSE // 3 + 100
    with shop.running("worker", "-p", "1"):
        shop.send(range(customers))
        wait_until(lambda: shop.reached_in("").get("bought") == customers, 60)
        with closing(KafkaAdminClient(bootstrap_servers=shop.kafka)) as admin:
            names = [name for name in admin.list_topics() if name.startswith("touchpoints.")]
            places = [TopicPartition(name, partition) for name in names for partition in range(shop.partitions)]
            ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
            admin.delete_records({place: found.offset for place, found in ends.items()})
        build = json.loads(shop.ok("shadow", shop.changed, "--detach", "--json"))["build"]
        shop.send(range(customers, customers + 10))
        wait_until(lambda: shop.reached_in(build).get("bought") == 10, 60)
        switched(shop)
        assert shop.served() == build
