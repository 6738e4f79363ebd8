"""Every table in examples/imports on a small file in the form that its vendor documents."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from schemas.properties import BY_CHANNEL
from schemas.vocabulary import TYPES
from streams.imports.files import format_of, rows
from streams.imports.mapping import BY_TYPE, load
from streams.imports.rows import RowFlaw, touchpoints

SAMPLES = Path(__file__).parent / "samples"
TABLES = {path.stem: path for path in sorted((Path(__file__).parents[3] / "examples" / "imports").glob("*.yaml"))}
ANN, BO, CY = (sha256(f"{name}@example.com".encode()).hexdigest() for name in ("ann", "bo", "cy"))
# Business' own doings: nobody's life.
BUSINESS = {"Email Sent", "Email Delivered", "Email Bounced", "Order Updated", "Ticket Updated"}


def told(name: str) -> list[tuple[str, str, dict]]:
    """What the sample of a table becomes: type, time and ids."""
    return [
        (each.type, datetime.fromtimestamp(each.occurred_at / 1000, UTC).strftime("%m-%d %H:%M"), each.ids)
        for each in made(name)
    ]


def made(name: str) -> list:
    """The touchpoints of the sample of a table, of which each row is good."""
    (sample,) = SAMPLES.glob(f"{name}.*")
    table = load(TABLES[name])
    found = []
    for row in rows(str(sample), format_of(sample.name), table):
        one = row.flaw or touchpoints(row.data, table)
        if name != "orders":
            assert not isinstance(one, RowFlaw), one
        found += [] if isinstance(one, RowFlaw) else one
    return found


def test_every_table_has_a_sample() -> None:
    """Each is tried on a file of its own."""
    assert sorted(path.stem for path in SAMPLES.iterdir()) == sorted(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_tables_write_the_shared_words(name) -> None:
    """Each type that a table may write is in the vocabulary, on its channel; what the business does says so."""
    for entry in load(TABLES[name]).entries:
        types = [entry.type.constant] if entry.type.constant else list(entry.type.words.values())
        assert types
        channel = entry.channel.constant
        assert {each: TYPES.get(each) for each in types} == {
            each: TYPES.get(each) if channel == BY_TYPE else channel for each in types
        }
        business = entry.context["by"].constant if "by" in entry.context else None
        assert (business == "business") == bool(BUSINESS & set(types))


@pytest.mark.parametrize("name", TABLES)
def test_shared_words_come_on_their_channel(name) -> None:
    """An event of the shared words is on the channel that the live doors give it, under its own name in the export."""
    found = [each for each in made(name) if each.type in TYPES]
    assert {each.type: each.channel for each in found} == {each.type: TYPES[each.type] for each in found}


@pytest.mark.parametrize("name", TABLES)
def test_numbers_are_their_systems(name) -> None:
    """A customer_id is one that the company gave: its column is not the system's own number."""
    ids = {kind for entry in load(TABLES[name]).entries for kind in entry.ids}
    assert {kind.partition("@")[2] for kind in ids if "@" in kind} <= {load(TABLES[name]).source}
    assert ids & {"customer_id", "anonymous_id", "email_sha256"} or any("@" in kind for kind in ids)


@pytest.mark.parametrize("name", TABLES)
def test_properties_have_their_types(name) -> None:
    """A property that the channel names has the type of the schema; currencies are as ISO 4217 writes them."""
    for each in made(name):
        hints = BY_CHANNEL[each.channel].__annotations__
        for key, value in (each.properties or {}).items():
            wanted = {"float": (int, float), "str": str}.get(getattr(hints.get(key), "__name__", ""), object)
            assert isinstance(value, wanted), (key, value)
            assert key != "currency" or value == value.upper()


def test_mailchimps_audience() -> None:
    """Contacts subscribe and leave, known by Mailchimp's number and their address."""
    ann = {"mailchimp_subscriber@mailchimp": "89501affba", "email_sha256": ANN}
    bo = {"mailchimp_subscriber@mailchimp": "c9b2705335", "email_sha256": BO}
    assert told("mailchimp-audience") == [
        ("Newsletter Subscribed", "01-05 07:05", ann), ("Unsubscribed", "02-01 08:00", ann),
        ("Newsletter Subscribed", "01-06 09:00", bo),
    ]  # fmt: skip


def test_mailchimps_activity() -> None:
    """Mails are opened and clicked; a bounce is no deed of the person."""
    assert told("mailchimp-activity") == [
        ("Email Opened", "01-10 07:05", {"email_sha256": ANN}),
        ("Email Link Clicked", "01-10 07:06", {"email_sha256": ANN}),
        ("Email Bounced", "01-10 07:00", {"email_sha256": CY}),
    ]
    assert made("mailchimp-activity")[2].context == {"by": "business"}


def test_salesforces_leads() -> None:
    """A converted lead ties the numbers of lead, contact and account; an account is told by its source."""
    ann = {
        "salesforce_lead@salesforce": "00Q5g000001aBcDEAU",
        "salesforce_contact@salesforce": "0035g000002xYzZAAU",
        "account_id": "salesforce:0015g000003pQrSAAU",
        "email_sha256": ANN,
    }
    bo = {"salesforce_lead@salesforce": "00Q5g000001aBcEEAU", "email_sha256": BO}
    assert told("salesforce-leads") == [
        ("Lead Created", "01-05 07:05", ann), ("Lead Qualified", "01-20 00:00", ann),
        ("Lead Created", "01-06 07:05", bo), ("Lead Disqualified", "01-21 10:00", bo),
    ]  # fmt: skip


def test_salesforces_opportunities() -> None:
    """Deals are made, won and lost; one without a contact is its account's."""
    found = told("salesforce-opportunities")
    assert [each[:2] for each in found] == [
        ("Deal Created", "01-20 10:05"), ("Deal Won", "02-10 00:00"), ("Deal Created", "01-22 10:05"),
        ("Deal Lost", "02-11 00:00"), ("Deal Created", "01-23 10:05"),
    ]  # fmt: skip
    assert found[3][2] == {"account_id": "salesforce:0015g000003pQrTAAU"}
    assert made("salesforce-opportunities")[1].properties == {
        "order_id": "0065g000004tUvWAAU", "stage": "Closed Won", "amount": 12000.0, "currency": "EUR",
    }  # fmt: skip


def test_ecwids_orders() -> None:
    """An order is placed, paid, shipped and refunded; a guest has no number."""
    ann = {"ecwid_customer@ecwid": "40201284", "email_sha256": ANN}
    found = told("ecwid-orders")
    assert found[:4] == [
        ("Order Placed", "01-05 07:05", ann), ("Order Completed", "01-05 07:05", ann),
        ("Order Refunded", "01-09 08:00", ann), ("Order Shipped", "01-06 08:00", ann),
    ]  # fmt: skip
    assert [each[:2] for each in found[4:]] == [("Order Placed", "01-06 07:05"), ("Order Cancelled", "01-07 07:05")]


def test_stripes_payments() -> None:
    """A payment completes an order, is refunded in part, or fails; amounts are in whole units."""
    ann = {"stripe_customer@stripe": "cus_9s6", "email_sha256": ANN}
    bo = {"stripe_customer@stripe": "cus_9s7", "email_sha256": BO}
    assert told("stripe-payments") == [
        ("Order Completed", "01-05 07:05", ann), ("Order Refunded", "01-09 08:00", ann),
        ("Payment Failed", "01-06 07:05", bo),
    ]  # fmt: skip
    paid, refunded, _ = made("stripe-payments")
    assert paid.properties == {"order_id": "1001", "amount": 49.9, "currency": "EUR", "status": "paid"}
    assert refunded.properties["amount"] == 10


def test_stripes_subscriptions() -> None:
    """A trial becomes a subscription, which ends; one that is still a trial has not begun."""
    assert [each[:2] for each in told("stripe-subscriptions")] == [
        ("Trial Started", "01-05 07:05"), ("Subscription Started", "01-19 07:05"),
        ("Subscription Cancelled", "02-19 07:05"), ("Trial Started", "01-06 07:05"),
    ]  # fmt: skip


def test_mixpanels_events() -> None:
    """A device is a visitor and no customer; events of one's own keep their name and their properties."""
    assert told("mixpanel-export") == [
        ("Page Viewed", "01-05 08:00", {"anonymous_id": "d-1"}),
        ("Signed In", "01-05 08:01", {"customer_id": "c-17", "anonymous_id": "d-1"}),
        ("Order Completed", "01-05 08:02", {"customer_id": "c-17"}),
    ]
    page, sign_in, order = made("mixpanel-export")
    assert page.properties == {"utm_campaign": "s", "path": "/spring", "title": "Spring"}
    assert sign_in.properties == {"plan": "pro", "price": 19.5}
    assert (order.channel, order.properties) == ("shop", {"order_id": "1001"})


def test_amplitudes_events() -> None:
    """Pages of the SDK have our words, and the sign-in ties the device to the user."""
    assert told("amplitude-export") == [
        ("Page Viewed", "01-05 10:00", {"anonymous_id": "d-1"}),
        ("Plan Chosen", "01-05 10:01", {"customer_id": "c-17", "anonymous_id": "d-1"}),
    ]
    assert made("amplitude-export")[0].properties == {"plan": "pro", "path": "/spring", "title": "Spring"}


def test_posthogs_events() -> None:
    """A device's own id is no customer, before an identification and after a reset; a server's distinct_id is one."""
    both = {"customer_id": "c-17", "anonymous_id": "dev-1"}
    assert told("posthog-export") == [
        ("Page Viewed", "01-05 10:00", {"anonymous_id": "dev-1"}), ("Plan Chosen", "01-05 10:01", both),
        ("Invoice Paid", "01-05 10:02", {"customer_id": "c-17"}),
        ("Page Viewed", "01-05 10:03", {"anonymous_id": "dev-1"}),
    ]  # fmt: skip
    assert made("posthog-export")[0].properties == {
        "utm_campaign": "s",
        "plan": "pro",
        "path": "/spring",
        "title": "Spring",
    }


def test_shopifys_orders() -> None:
    """An order of two products is one order."""
    assert [(each.type, each.event_id) for each in made("shopify-orders")] == [
        ("Order Placed", "shopify/Order Placed/#1050"), ("Order Completed", "shopify/Order Completed/#1050"),
        ("Order Shipped", "shopify/Order Shipped/#1050"), ("Order Placed", "shopify/Order Placed/#1051"),
        ("Order Cancelled", "shopify/Order Cancelled/#1051"),
    ]  # fmt: skip
    assert made("shopify-orders")[1].properties == {
        "order_id": "555", "number": "#1050", "amount": 100.9, "currency": "EUR", "coupon": "SPRING", "status": "paid",
    }  # fmt: skip


def test_woocommerces_orders() -> None:
    """A guest has no number, and a draft is no order."""
    ann = {"woocommerce_customer@shop": "12", "email_sha256": ANN}
    assert [each[:2] for each in told("woocommerce-orders")] == [
        ("Order Placed", "01-05 07:05"), ("Order Completed", "01-05 07:06"), ("Order Placed", "01-06 07:05"),
        ("Order Cancelled", "01-06 08:05"),
    ]  # fmt: skip
    assert told("woocommerce-orders")[0][2] == ann
