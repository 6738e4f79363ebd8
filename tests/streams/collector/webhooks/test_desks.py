"""Webhooks of help desks and surveys: whose a ticket is, and what is an answer."""

import pytest

from streams.collector.problems import Refused
from tests.streams.collector.webhooks.letters import NOW, NOW_S, told, why, wire

TICKET = {
    "id": "evt-1", "type": "zen:event-type:ticket.created", "time": NOW,
    "detail": {"id": "35436", "status": "OPEN", "requester_id": "900", "assignee_id": "1", "submitter_id": "2",
               "external_id": "erp-9", "organization_id": "12"},
    "event": {},
}  # fmt: skip
CSAT = "zen:event-type:ticket.csat_received"


def rated(event: dict, type_: str = CSAT, **detail) -> dict:
    return TICKET | {"id": "evt-2", "type": type_, "event": event, "detail": TICKET["detail"] | detail}


def test_a_ticket_is_its_requester_s() -> None:
    """Requester and organisation are numbers of the desk; the ticket's own numbers name nobody."""
    assert wire("zendesk", TICKET)["ids"] == {"zendesk_requester@zendesk": "900", "account_id": "zendesk:12"}
    nobody = TICKET | {"detail": {"id": "35436", "external_id": "erp-9"}}
    assert wire("zendesk", nobody)["ids"] == {}
    company = TICKET | {"detail": {"id": "35436", "organization_id": "12", "requester_id": None}}
    assert wire("zendesk", company)["ids"] == {}


@pytest.mark.parametrize(
    ("event", "score"),
    [
        ({"satisfaction_score": {"score": "GOOD"}}, 5),
        ({"satisfaction_score": {"score": "bad"}}, 1),
        ({"satisfaction_score": "good"}, 5),
        ({"satisfaction_rating": {"score": "good"}}, 5),
        ({"current": "BAD"}, 1),
        ({"current": {"score": "good"}}, 5),
        ({"satisfaction_score": {"score": "4"}}, 4),
        ({"satisfaction_score": {"score": 2}}, 2),
        ({"satisfaction_score": {"score": "OFFERED"}}, None),
        ({"current": "unoffered"}, None),
        ({"satisfaction_score": {"score": 4.5}}, None),
        ({"satisfaction_score": {"score": "6"}}, None),
        ({"satisfaction_score": {"score": 0}}, None),
        ({}, None),
    ],
)
def test_ratings_of_zendesk(event, score) -> None:
    """Good and bad are 5 and 1; a survey that was offered, half a point and a number off the scale are no answers."""
    if score is None:
        assert why("zendesk", rated(event)) == "no_answer"
        return
    made = wire("zendesk", rated(event))
    assert (made["type"], made["properties"]["score"], made["properties"]["scale"]) == (
        "Satisfaction Rated", score, "csat",
    )  # fmt: skip


def test_agents_of_zendesk_are_no_customers() -> None:
    """A user who is created is a contact, unless it is an agent; a comment of the staff is the business."""
    user = TICKET | {
        "type": "zen:event-type:user.created",
        "detail": {"id": "9", "role": "end-user", "email": "a@b.se"},
    }
    assert wire("zendesk", user)["ids"] == {"zendesk_requester@zendesk": "9", "email": "a@b.se"}
    # An agent has an id, so it is not nobody: no table maps it.
    assert why("zendesk", user | {"detail": user["detail"] | {"role": "agent", "requester_id": "9"}}) == "unmapped"
    comment = TICKET | {"type": "zen:event-type:ticket.comment_added"}
    assert wire("zendesk", comment | {"event": {"comment": {"author": {"is_staff": True}}}})["context"] == {
        "by": "business"
    }
    assert "context" not in wire("zendesk", comment | {"event": {"comment": {"author": {"is_staff": False}}}})


@pytest.mark.parametrize(
    ("rating", "score"),
    [("103", 5), (103, 5), ("102", 4), (101, 4), (100, 3), ("-101", 2), (-102, 2), ("-103", 1), ("Extremely happy", 5),
     ("99", None), ("", None), ("{{ticket.satisfaction_survey}}", None)],
)  # fmt: skip
def test_ratings_of_freshdesk(rating, score) -> None:
    """The seven grades from 103 to -103 are on the scale of five; everything else is no answer."""
    body = {"freshdesk_webhook": {"event": "survey", "ticket_id": 5, "ticket_survey_rating": rating,
                                  "ticket_contact_email": "ann@example.com"}}  # fmt: skip
    if score is None:
        assert why("freshdesk", body) == "no_answer"
    else:
        assert wire("freshdesk", body)["properties"]["score"] == score


CONVERSATION = {
    "id": 291938, "number": 349, "status": "active", "subject": "Help", "type": "email", "threads": 1,
    "createdAt": "2026-11-18T11:00:00", "userUpdatedAt": "2026-11-18T11:00:00", "closedAt": None,
    "primaryCustomer": {"id": 29418, "type": "customer", "email": "ann@example.com"},
    "createdBy": {"id": 4, "type": "user", "email": "agent@example.com"},
    "assignee": {"id": 4, "type": "user", "email": "agent@example.com"},
    "cc": ["colleague@example.com"], "source": {"type": "email", "via": "customer"},
}  # fmt: skip


def test_conversations_of_help_scout() -> None:
    """A conversation is its customer's, times without a zone are in UTC, and a closed one is solved."""
    made = wire("helpscout", CONVERSATION, x_helpscout_event="convo.created")
    assert (made["type"], made["occurred_at"]) == ("Ticket Opened", "2026-11-18T11:00:00Z")
    assert made["ids"] == {"helpscout_customer@helpscout": 29418, "email": "ann@example.com"}
    closed = CONVERSATION | {"status": "closed", "closedAt": "2026-11-18T11:05:00"}
    solved = wire("helpscout", closed, x_helpscout_event="convo.status")
    assert (solved["type"], solved["occurred_at"]) == ("Ticket Solved", "2026-11-18T11:05:00Z")
    for event, by in (("convo.customer.reply.created", None), ("convo.agent.reply.created", {"by": "business"})):
        reply = wire("helpscout", CONVERSATION, x_helpscout_event=event)
        assert (reply["type"], reply.get("context")) == ("Ticket Updated", by)


@pytest.mark.parametrize(
    ("rating", "score"), [("Great", 5), ("Okay", 3), ("Bad", 1), ("not-good", 1), ("Unknown", None)]
)
def test_ratings_of_help_scout(rating, score) -> None:
    """Great, okay and bad are 5, 3 and 1."""
    body = {"id": 5434, "rating": rating, "comments": "kind", "customer": {"id": 449379, "email": "ann@example.com"},
            "user": {"email": "agent@example.com"}, "createdAt": "2026-11-18T11:00:00"}  # fmt: skip
    if score is None:
        assert why("helpscout", body, x_helpscout_event="satisfaction.ratings") == "no_answer"
    else:
        made = wire("helpscout", body, x_helpscout_event="satisfaction.ratings")
        assert (made["properties"]["score"], made["properties"]["comment"]) == (score, "kind")


def test_a_body_of_help_scout_must_agree_with_its_event() -> None:
    """The event is not signed: a customer is no conversation and a conversation no rating."""
    customer = {"id": 5, "firstName": "Ann", "createdAt": NOW, "_embedded": {"emails": [{"value": "ann@example.com"}]}}
    made = wire("helpscout", customer, x_helpscout_event="customer.created")
    assert made["ids"] == {"helpscout_customer@helpscout": 5, "email": "ann@example.com"}
    tag = {"id": 9, "name": "vip", "slug": "vip", "createdAt": NOW}
    for body, event in (
        (tag, "customer.created"), (customer, "convo.created"), (CONVERSATION, "customer.created"),
        (CONVERSATION, "satisfaction.ratings"),
    ):  # fmt: skip
        with pytest.raises(Refused):
            told("helpscout", body, x_helpscout_event=event)


def intercom(topic: str, item: dict) -> dict:
    return {"type": "notification_event", "id": "notif_1", "topic": topic, "created_at": NOW_S, "app_id": "a",
            "data": {"type": "notification_event_data", "item": item}}  # fmt: skip


CONTACT = {"type": "contact", "id": "6329", "external_id": "c-17"}
CHAT = {
    "type": "conversation", "id": "123", "state": "open",
    "source": {"type": "conversation", "author": {"type": "user", "id": "6329", "email": "ann@example.com"}},
    "contacts": {"type": "contact.list", "contacts": [CONTACT]},
    "teammates": {"admins": [{"type": "admin", "id": "4", "email": "agent@example.com"}]},
}  # fmt: skip


def test_conversations_of_intercom() -> None:
    """A conversation is its only contact's; an admin who wrote first is not the customer."""
    made = wire("intercom", intercom("conversation.user.created", CHAT))
    assert made["type"] == "Ticket Opened"
    assert made["ids"] == {"customer_id": "c-17", "intercom_contact@intercom": "6329", "email": "ann@example.com"}
    admin = CHAT | {"source": {"author": {"type": "admin", "id": "4", "email": "agent@example.com"}}}
    written = wire("intercom", intercom("conversation.admin.replied", admin))
    assert written["ids"] == {"customer_id": "c-17", "intercom_contact@intercom": "6329"}
    assert written["context"] == {"by": "business"}
    two = admin | {"contacts": {"contacts": [CONTACT, {"type": "contact", "id": "7", "external_id": "c-18"}]}}
    assert wire("intercom", intercom("conversation.admin.replied", two))["ids"] == {}


def test_ratings_and_contacts_of_intercom() -> None:
    """A rating is a number of one to five; leads and users are told apart; a ping is mapped by no table."""
    rating = CHAT | {"conversation_rating": {"rating": 4, "remark": "quick"}}
    made = wire("intercom", intercom("conversation.rating.added", rating))
    assert made["properties"] == {"ticket_id": "123", "score": 4, "scale": "csat", "comment": "quick"}
    user = {"type": "contact", "id": "6329", "external_id": "c-17", "role": "user", "email": "ann@example.com",
            "owner": {"email": "agent@example.com"}}  # fmt: skip
    for topic, type_ in (
        ("contact.user.created", "Contact Created"), ("contact.lead.created", "Lead Created"),
        ("contact.lead.signed_up", "Account Created"), ("contact.unsubscribed", "Unsubscribed"),
    ):  # fmt: skip
        assert wire("intercom", intercom(topic, user))["type"] == type_
    assert why("intercom", intercom("ping", {"message": "hello"})) == "unmapped"


TYPEFORM = {
    "event_id": "01H", "event_type": "form_response",
    "form_response": {
        "form_id": "lT4Z3j", "token": "a3a12ec67a1365927098a606107fac15", "submitted_at": NOW,
        "hidden": {"user_id": "c-17"}, "definition": {"id": "lT4Z3j", "title": "How was it?", "fields": []},
        "answers": [
            {"type": "number", "number": 9, "field": {"id": "f1", "type": "nps"}},
            {"type": "email", "email": "colleague@example.com", "field": {"id": "f2", "type": "email"}},
            {"type": "text", "text": "all well", "field": {"id": "f3", "type": "long_text"}},
        ],
    },
}  # fmt: skip


def test_answers_of_typeform() -> None:
    """The question of NPS is an answer of it; one id counts, so that an address in an answer ties nobody."""
    made = wire("typeform", TYPEFORM)
    assert (made["type"], made["ids"]) == ("Survey Answered", {"customer_id": "c-17"})
    assert made["properties"] == {
        "form": "lT4Z3j", "title": "How was it?", "score": 9, "scale": "nps", "kind": "nps", "comment": "all well",
    }  # fmt: skip
    response = TYPEFORM["form_response"]
    alone = TYPEFORM | {"form_response": {**response, "hidden": {}}}
    assert wire("typeform", alone)["ids"] == {"email": "colleague@example.com"}
    placeholder = TYPEFORM | {"form_response": {**response, "hidden": {"user_id": "undefined", "email": "ann@b.se"}}}
    assert wire("typeform", placeholder)["ids"] == {"email": "ann@b.se"}
    without = TYPEFORM | {"form_response": {**response, "answers": []}}
    assert "score" not in wire("typeform", without)["properties"]
    two = TYPEFORM | {"form_response": {**response, "hidden": {}, "answers": [*response["answers"],
           {"type": "email", "email": "boss@example.com", "field": {"type": "email"}}]}}  # fmt: skip
    assert wire("typeform", two)["ids"] == {}


def test_answers_of_surveymonkey() -> None:
    """Who answers is the recipient, else the response itself; the owner of the survey is nobody."""
    body = {
        "name": "hook", "filter_type": "survey", "event_type": "response_completed", "event_id": "10027415",
        "object_type": "response", "object_id": "871", "event_datetime": "2026-11-18T11:06:31.182613+00:00",
        "resources": {"respondent_id": "871", "recipient_id": "555", "collector_id": "31", "survey_id": "12",
                      "user_id": "1"},
    }  # fmt: skip
    made = wire("surveymonkey", body)
    assert (made["type"], made["ids"]) == ("Survey Answered", {"surveymonkey_recipient@surveymonkey": "555"})
    link = body | {"resources": body["resources"] | {"recipient_id": "0"}}
    assert wire("surveymonkey", link)["ids"] == {"surveymonkey_respondent@surveymonkey": "871"}
