"""Webhooks of HubSpot, Salesforce, Klaviyo, Mailchimp and Mandrill."""

import json
from urllib.parse import urlencode

import pytest

from schemas.webhooks import SENDERS
from streams.collector.problems import Refused
from tests.streams.collector.webhooks.letters import NOW, NOW_MS, NOW_S, judged, letter, signed, told, why, wire

CHANGE = {
    "eventId": 100, "subscriptionId": 1, "portalId": 33, "appId": 5, "occurredAt": NOW_MS - 100_000_000,
    "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": 512,
    "propertyName": "lifecyclestage", "propertyValue": "customer", "changeSource": "CRM",
}  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "type_"),
    [
        ("subscriber", "Newsletter Subscribed"), ("lead", "Lead Created"), ("marketingqualifiedlead", "Lead Qualified"),
        ("salesqualifiedlead", "Lead Qualified"), ("opportunity", "Deal Created"), ("customer", "Customer Won"),
        ("evangelist", "Customer Advocated"), ("other", "Contact Updated"),
    ],
)  # fmt: skip
def test_the_eight_stages_of_hubspot(stage, type_) -> None:
    """Each stage of a contact's life has its type, in the older and in the newer form of the message."""
    for event in (
        CHANGE | {"propertyValue": stage},
        CHANGE | {"propertyValue": stage, "subscriptionType": "object.propertyChange", "objectTypeId": "0-1"},
    ):
        made = wire("hubspot", [event])
        assert (made["type"], made["ids"]) == (type_, {"hubspot_contact@hubspot": 512})
        assert made["occurred_at"] == NOW_MS - 100_000_000


def test_hubspot_sends_lists() -> None:
    """Each event of a list is one; a retry has the same ids, and deal 512 is not contact 512."""
    deal = CHANGE | {"subscriptionType": "deal.propertyChange", "propertyName": "dealstage"}
    newer = CHANGE | {"subscriptionType": "object.propertyChange", "objectTypeId": "0-3"}
    first = told("hubspot", [CHANGE, CHANGE | {"objectId": 7}, deal, newer])
    assert [each.why for each in first] == [None, None, "unmapped", "unmapped"]
    again = told("hubspot", [CHANGE | {"attemptNumber": 3}])
    assert again[0].wire["event_id"] == first[0].wire["event_id"] != first[1].wire["event_id"]  # type: ignore[index]


def test_hubspot_tells_addresses() -> None:
    """The address of a contact ties the number to what the person does elsewhere."""
    made = wire("hubspot", [CHANGE | {"propertyName": "email", "propertyValue": "ann@example.com"}])
    assert made["ids"] == {"hubspot_contact@hubspot": 512, "email": "ann@example.com"}


def test_older_signatures_of_hubspot_do_not_count() -> None:
    """A request with the signature without a time, which could be sent again for ever, is refused."""
    raw = json.dumps([CHANGE]).encode()
    given = letter("hubspot", raw)
    older = {"x-hubspot-signature": "0" * 64, "x-hubspot-signature-version": "v1"}
    with pytest.raises(Refused) as refused:
        judged(SENDERS["hubspot"], given._replace(headers=older), "hubspot")
    assert refused.value.word == "bad_signature"
    late = given._replace(headers=signed("hubspot", raw, stamp_s=NOW_S - 600))
    with pytest.raises(Refused) as refused:
        judged(SENDERS["hubspot"], late, "hubspot")
    assert refused.value.word == "too_old"


def envelope(*notifications: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D24</OrganizationId>
<ActionId>04k</ActionId><SessionId xsi:nil="true"/>{"".join(notifications)}</notifications></soapenv:Body>
</soapenv:Envelope>""".encode()


def notification(kind: str, id_: str = "04l1", **fields: str) -> str:
    inside = "".join(f"<sf:{name}>{value}</sf:{name}>" for name, value in fields.items())
    return (
        f'<Notification><Id>{id_}</Id><sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"{inside}</sObject></Notification>"
    )


@pytest.mark.parametrize(
    ("kind", "fields", "type_"),
    [
        ("Lead", {"Status": "Open - Not Contacted"}, "Lead Created"),
        ("Lead", {"Status": "Qualified"}, "Lead Qualified"),
        ("Lead", {"IsConverted": "true"}, "Lead Qualified"),
        ("Lead", {"Status": "Closed - Not Converted"}, "Lead Disqualified"),
        ("Contact", {}, "Contact Created"),
        ("Opportunity", {"StageName": "Prospecting", "ContactId": "003A"}, "Deal Created"),
        ("Opportunity", {"StageName": "Proposal", "ContactId": "003A"}, "Deal Advanced"),
        ("Opportunity", {"StageName": "Closed Won", "ContactId": "003A", "Amount": "1200.50"}, "Deal Won"),
        ("Opportunity", {"IsClosed": "true", "IsWon": "false", "ContactId": "003A"}, "Deal Lost"),
        ("Case", {"Status": "New", "ContactId": "003A"}, "Ticket Opened"),
        ("Case", {"IsClosed": "true", "ContactId": "003A"}, "Ticket Solved"),
    ],
)
def test_objects_of_salesforce(kind, fields, type_) -> None:
    """Leads, contacts, opportunities and cases get their types; an owner's address is nobody's."""
    made = wire("salesforce", envelope(notification(kind, Id="00Q1", OwnerEmail="agent@example.com", **fields)))
    assert made["type"] == type_
    assert made["ids"].keys() <= {"salesforce_lead@salesforce", "salesforce_contact@salesforce"}
    assert made["ids"]
    assert made.get("properties", {}).get("amount") == (1200.5 if "Amount" in fields else None)


def test_a_deal_may_be_an_account_s() -> None:
    """An opportunity without a contact belongs to its account, whose number is that of the source."""
    made = wire("salesforce", envelope(notification("Opportunity", Id="006A", StageName="Proposal", AccountId="001A")))
    assert made["ids"] == {"account_id": "salesforce:001A"}


def test_a_lead_is_qualified_after_it_was_made() -> None:
    """Salesforce tells a conversion by its day; the change of the record has the time."""
    lead = notification("Lead", Id="00Q1", Email="ann@example.com", IsConverted="true", ConvertedDate="2026-11-18",
                        CreatedDate="2026-11-18T08:00:00Z", LastModifiedDate="2026-11-18T09:00:00Z")  # fmt: skip
    assert wire("salesforce", envelope(lead))["occurred_at"] == "2026-11-18T09:00:00Z"


def test_salesforce_sends_up_to_a_hundred_notifications() -> None:
    """Each notification is one event, and one that is sent again has the same id."""
    lead = notification("Lead", Id="00Q1", Email="ann@example.com", CreatedDate=NOW)
    many = told("salesforce", envelope(*[lead.replace("00Q1", f"00Q{number}") for number in range(100)]))
    assert len({each.wire["event_id"] for each in many}) == 100  # type: ignore[index]
    again = wire("salesforce", envelope(lead.replace("04l1", "04l2").replace("00Q1", "00Q5")))
    assert again["event_id"] == many[5].wire["event_id"]  # type: ignore[index]
    assert again["ids"] == {"salesforce_lead@salesforce": "00Q5", "email": "ann@example.com"}


def klaviyo(*events: tuple[str, str]) -> dict:
    return {"data": [
        {"external_id": id_, "topic": f"event:klaviyo.{topic}", "payload": {
            "data": {"type": "event", "attributes": {"timestamp": NOW_S - 500_000, "event_properties": {
                "Campaign Name": "Spring", "Subject": "New", "URL": "https://shop.example/"}},
                "relationships": {"profile": {"data": {"type": "profile", "id": "01GD"}}}},
            "included": [{"type": "metric", "attributes": {"name": "Opened Email"}},
                         {"type": "profile", "id": "01GD", "attributes": {"email": "ann@example.com",
                                                                        "external_id": "c-17"}}]}}
        for topic, id_ in events], "meta": {"klaviyo_webhook_id": "w1", "timestamp": NOW}}  # fmt: skip


def test_events_of_klaviyo() -> None:
    """A list of events, each with the person of its profile; what is sent is the business, what is opened is not."""
    made = told("klaviyo", klaviyo(("received_email", "1"), ("opened_email", "2"), ("clicked_email", "3"),
                                   ("unsubscribed_from_email_marketing", "4"), ("sent_sms", "5")))  # fmt: skip
    assert [each.wire and each.wire["type"] for each in made] == [
        "Email Delivered", "Email Opened", "Email Link Clicked", "Unsubscribed", None,
    ]  # fmt: skip
    assert [each.wire.get("context") for each in made if each.wire] == [{"by": "business"}, None, None, None]
    opened = made[1].wire
    assert opened is not None
    assert opened["ids"] == {"customer_id": "c-17", "klaviyo_profile@klaviyo": "01GD", "email": "ann@example.com"}
    assert (opened["properties"]["campaign"], opened["occurred_at"]) == ("Spring", (NOW_S - 500_000) * 1000)


def mailchimp(type_: str, **data: str) -> bytes:
    fields = {"type": type_, "fired_at": "2026-11-18 11:06:35", "data[id]": "8a25ff1d98", "data[list_id]": "a6b5da1054",
              "data[email]": "ann@example.com"}  # fmt: skip
    return urlencode(fields | {f"data[{name}]": value for name, value in data.items()}).encode()


@pytest.mark.parametrize(
    ("raw", "type_", "by"),
    [
        (mailchimp("subscribe"), "Newsletter Subscribed", None),
        (mailchimp("unsubscribe", action="unsub", reason="manual"), "Unsubscribed", None),
        (mailchimp("unsubscribe", action="delete"), "Unsubscribed", "business"),
        (mailchimp("cleaned", reason="hard"), "Email Bounced", "business"),
        (mailchimp("cleaned", reason="abuse"), "Email Marked as Spam", None),
        (mailchimp("upemail", new_id="x", new_email="ann@b.se"), "Identified", None),
    ],
)
def test_events_of_mailchimp(raw, type_, by) -> None:
    """The forms of an audience's webhook get their types; their times are in UTC."""
    made = wire("mailchimp", raw)
    assert (made["type"], made.get("context", {}).get("by")) == (type_, by)
    assert made["occurred_at"] == "2026-11-18T11:06:35Z"
    assert made["ids"] == {"mailchimp_subscriber@mailchimp": "8a25ff1d98", "email": "ann@example.com"}
    assert why("mailchimp", mailchimp("campaign", status="sent")) == "unmapped"


def mandrill(*names: str) -> bytes:
    events = [
        {"event": name, "_id": f"m{place}", "ts": NOW_S, "url": "https://shop.example/",
         "msg": {"email": "ann@example.com", "sender": "shop@example.com", "subject": "New", "tags": ["spring"]}}
        for place, name in enumerate(names)
    ]  # fmt: skip
    return urlencode({"mandrill_events": json.dumps(events)}).encode()


def test_events_of_mandrill() -> None:
    """A list of JSON in a form, signed with the address; the person is the recipient and not the sender."""
    made = told("mandrill", mandrill("send", "open", "click", "unsub", "deferral"))
    assert [each.wire and each.wire["type"] for each in made] == [
        "Email Sent", "Email Opened", "Email Link Clicked", "Unsubscribed", None,
    ]  # fmt: skip
    assert {json.dumps(each.wire["ids"]) for each in made if each.wire} == {'{"email": "ann@example.com"}'}
    assert told("mandrill", urlencode({"mandrill_events": "[]"}).encode()) == []
