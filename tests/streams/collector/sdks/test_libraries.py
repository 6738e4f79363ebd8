"""The vendors' own libraries for Python, unchanged, as the package manager gives them."""

import logging
from collections.abc import Iterator

import pytest
from amplitude import Amplitude, BaseEvent, EventOptions, Identify, Revenue
from mixpanel import BufferedConsumer, Consumer, Mixpanel, MixpanelException
from posthog import Posthog
from snowplow_tracker import (
    Emitter,
    PageView,
    ScreenView,
    SelfDescribing,
    SelfDescribingJson,
    StructuredEvent,
    Subject,
    Tracker,
)

from tests.servers import wait_until
from tests.streams.collector.asking import Collector
from tests.streams.collector.living import living, require_readable
from tests.streams.collector.sdks.replaying import told

VISITOR = "01a22518-abb7-7913-a08f-7702f1d13213"
ECOMMERCE = "iglu:com.snowplowanalytics.snowplow.ecommerce"


@pytest.fixture
def collector(tmp_path) -> Collector:
    return Collector(tmp_path)


@pytest.fixture
def url(collector) -> Iterator[str]:
    with living(collector) as address:
        yield address


@pytest.mark.parametrize("gzip", [False, True])
def test_posthog(collector, url, gzip) -> None:
    """Every call arrives once, of the person it is about; asking for flags neither fails nor tells of an error."""
    errors: list = []
    client = Posthog(collector.key, host=url, gzip=gzip, on_error=lambda *error: errors.append(error))
    client.capture("$pageview", distinct_id=VISITOR, properties={"$current_url": "https://shop.example/spring"})
    client.alias(previous_id=VISITOR, distinct_id="u-1")
    client.capture("Order Completed", distinct_id="u-1", properties={"order_id": "17", "revenue": 99.5})
    client.set(distinct_id="u-1", properties={"email": "ann@example.com"})
    client.group_identify("company", "acme", {"email": "info@acme.example"})
    client.capture("seen", distinct_id="u-1", groups={"company": "acme"})
    assert client.get_all_flags("u-1") == {}
    client.shutdown()
    assert errors == []
    assert told(collector) == [
        f"Page Viewed anonymous={VISITOR}",
        f"Aliased customer=u-1 anonymous={VISITOR}",
        "Order Completed customer=u-1",
        "Identified customer=u-1 email",
        "Grouped account=acme",
        "seen customer=u-1 account=acme",
    ]
    require_readable(collector)


def test_mixpanel(collector, url) -> None:
    """Every call arrives once; the library raises for none, and what is charged is no second order."""
    places = {f"{name}_url": f"{url}/{path}" for name, path in
              [("events", "track"), ("people", "engage"), ("import", "import"), ("groups", "groups")]}  # fmt: skip
    buffered = BufferedConsumer(**{name: place for name, place in places.items() if name != "groups_url"})
    client = Mixpanel(collector.key, Consumer(**places))
    client.track("u-1", "Order Completed", {"order_id": "17", "revenue": 99.5})
    client.people_set("u-1", {"$email": "ann@example.com"})
    client.people_track_charge("u-1", 99.5)
    client.people_increment("u-1", {"visits": 1})
    client.group_set("company", "acme", {"$email": "info@acme.example"})
    client.import_data(collector.key, "u-1", "Old", 1_700_000_000, {"a": 1}, api_secret="theirs")
    waiting = Mixpanel(collector.key, buffered)
    waiting.track("u-1", "A")
    waiting.track("u-1", "A")
    buffered.flush()
    assert told(collector) == [
        "Order Completed customer=u-1",
        "Identified customer=u-1 email",
        "Grouped account=acme",
        "Old customer=u-1",
        "A customer=u-1",
        "A customer=u-1",
    ]
    assert len({event["event_id"] for event in collector.kept}) == 6
    assert collector.kept[3]["occurred_at"] == 1_700_000_000_000


def test_mixpanel_learns_what_was_refused(collector, url) -> None:
    """With a wrong key, and for an event of nobody, the library raises its own exception with our sentence."""
    with pytest.raises(MixpanelException, match="write key"):
        Mixpanel("wk_unknown", Consumer(events_url=f"{url}/track")).track("u-1", "A")
    with pytest.raises(MixpanelException, match="1 refused"):
        Mixpanel(collector.key, Consumer(events_url=f"{url}/track")).track("", "A")


@pytest.mark.parametrize("batch", [False, True])
def test_amplitude(collector, url, batch) -> None:
    """Every call arrives once, and the library tells its caller that each was accepted."""
    client, codes = Amplitude(collector.key), []
    client.configuration.use_batch = batch
    client.configuration.server_url = f"{url}/{'batch' if batch else '2/httpapi'}"
    client.configuration.callback = lambda event, code, _message: codes.append((event.event_type, code))
    whose = EventOptions(user_id="u-1", device_id="d-1")
    client.track(BaseEvent("Order Completed", user_id="u-1", device_id="d-1", event_properties={"order_id": "17"}))
    client.identify(Identify().set("email", "ann@example.com"), whose)
    client.set_group("company", "acme", whose)
    client.group_identify("company", "acme", Identify().set("email", "info@acme.example"), whose)
    client.revenue(Revenue(price=99.5, quantity=1, product_id="p"), whose)
    client.flush()
    wait_until(lambda: len(codes) == 5)
    client.shutdown()
    assert {code for _, code in codes} == {200}
    assert told(collector) == [
        "Order Completed customer=u-1 anonymous=d-1",
        "Identified customer=u-1 anonymous=d-1 email",
        "Grouped customer=u-1 anonymous=d-1 account=acme",
        "Grouped customer=u-1 anonymous=d-1 account=acme",
        "revenue_amount customer=u-1 anonymous=d-1",
    ]


@pytest.mark.parametrize("method", ["post", "get"])
def test_snowplow(collector, url, method) -> None:
    """Every event arrives once, by POST and by GET, and the library tells its caller so."""
    done: list = []
    emitter = Emitter(
        url.removeprefix("http://"), protocol="http", method=method, batch_size=20,
        on_success=lambda events: done.append(len(events)), on_failure=lambda *failed: done.append(failed),
    )  # fmt: skip
    subject = Subject().set_user_id("u-1").set_domain_user_id("d-1")
    tracker = Tracker("t", emitter, subject=subject, app_id=collector.key, encode_base64=method == "post")
    order = SelfDescribingJson(f"{ECOMMERCE}/transaction/jsonschema/1-0-0", {"transaction_id": "17", "revenue": 99.5})
    action = SelfDescribingJson(f"{ECOMMERCE}/snowplow_ecommerce_action/jsonschema/1-0-2", {"type": "transaction"})
    tracker.track(PageView("https://shop.example/spring", "Spring"))
    tracker.track(StructuredEvent("shop", "add-to-basket"))
    tracker.track(SelfDescribing(action, context=[order]))
    tracker.track(ScreenView(id_="1", name="Home"))
    tracker.flush()
    assert done == [4]
    types = ["Page Viewed", "add-to-basket", "Order Completed", "Screen Viewed"]
    assert told(collector) == [f"{type_} customer=u-1 anonymous=d-1" for type_ in types]
    assert collector.kept[2]["properties"]["amount"] == 99.5
    logging.getLogger("snowplow_tracker").handlers.clear()
