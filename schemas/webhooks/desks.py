"""Webhooks of help desks: Zendesk, Freshdesk, Help Scout, Intercom.

A ticket is its requester's. Agents, colleagues and people in copy have addresses in the same bodies; no path leads
there.
"""

from typing import Final

from schemas.webhooks.form import (
    ANY,
    BY_BUSINESS,
    LARGE_BYTES,
    NONE,
    Conditions,
    Signature,
    Values,
    Webhook,
    WebhookSender,
    WebhookValue,
)

_TICKET: Final[Values] = {
    "ticket_id": ("detail.id", "ticket_id"),
    "status": ("detail.status", "ticket_status"),
    "priority": ("detail.priority", "ticket_priority"),
    "via": ("detail.via.channel", "ticket_source"),
}
_CSAT: Final = WebhookValue(value="csat")

# Which place the score has is not documented. Offering a survey is no answer: what is no number on the scale is none.
_ZENDESK_SCORE: Final = WebhookValue(
    paths=(
        "event.satisfaction_score.score",
        "event.satisfaction_score",
        "event.satisfaction_rating.score",
        "event.satisfaction_rating",
        "event.current.score",
        "event.current",
        "event.csat.rating",
        "event.csat.score",
        "event.rating",
        "event.score",
        "detail.satisfaction_score.score",
        "detail.satisfaction_rating.score",
        "detail.satisfaction_rating",
    ),
    words={
        "good": 5, "good_with_comment": 5, "good_without_comment": 5,
        "bad": 1, "bad_with_comment": 1, "bad_without_comment": 1,
    },
)  # fmt: skip

ZENDESK: Final = WebhookSender(
    signature=Signature(
        header="x-zendesk-webhook-signature", timestamp_header="x-zendesk-webhook-signature-timestamp"
    ),
    most_bytes=LARGE_BYTES,
    topic=("type",),
    window_s=600,
    moment=("header:x-zendesk-webhook-signature-timestamp",),
    at=("time",),
    once=("id",),
    ids={
        "customer_id": ("detail.requester_external_id",),
        "account_id@": ("detail.organization_id",),
        "email": ("detail.requester_email",),
        "zendesk_requester@": ("detail.requester_id",),
    },
    mappings=(
        Webhook(topics=("zen:event-type:ticket.created",), type="Ticket Opened", channel="support",
                properties=_TICKET),
        Webhook(topics=("zen:event-type:ticket.status_changed",), where={"event.current": ("solved",)},
                type="Ticket Solved", channel="support", properties=_TICKET),
        # Agents and rules of the desk change a status; what the requester writes is a comment.
        Webhook(topics=("zen:event-type:ticket.status_changed",), type="Ticket Updated", channel="support",
                properties=_TICKET, context=BY_BUSINESS),
        Webhook(topics=("zen:event-type:ticket.comment_added",), type="Ticket Updated", channel="support",
                properties=_TICKET,
                context={"by": WebhookValue(paths="event.comment.author.is_staff", words={"true": "business"},
                                            only=True)}),
        Webhook(topics=("zen:event-type:ticket.csat_received", "zen:event-type:ticket.csat_score_changed",
                        "zen:event-type:ticket.satisfaction_score_changed"),
                type="Satisfaction Rated", channel="support",
                properties={**_TICKET, "score": _ZENDESK_SCORE, "scale": _CSAT,
                            "comment": ("event.satisfaction_score.comment", "event.comment", "event.csat.comment")}),
        # Agents are users too.
        Webhook(topics=("zen:event-type:user.created",), unless={"detail.role": ("agent", "admin")},
                type="Contact Created", channel="shop", properties={"role": "detail.role"},
                ids={"customer_id": ("detail.external_id",), "email": ("detail.email",),
                     "zendesk_requester@": ("detail.id",)}),
    ),
    others=("zen:event-type:ticket.csat_requested", "zen:event-type:ticket.agent_assignment_changed",
            "zen:event-type:ticket.priority_changed", "zen:event-type:ticket.tags_changed",
            "zen:event-type:ticket.merged", "zen:event-type:ticket.soft_deleted",
            "zen:event-type:ticket.custom_status_changed", "zen:event-type:user.deleted",
            "zen:event-type:organization.created"),
)  # fmt: skip

# Grades of its surveys, of which a survey may have three, five or all seven.
_FRESHDESK_SCORE: Final = WebhookValue(
    paths=("ticket_survey_rating", "survey_rating"),
    words={
        "103": 5, "102": 4, "101": 4, "100": 3, "-101": 2, "-102": 2, "-103": 1,
        "extremely happy": 5, "very happy": 4, "happy": 4, "neutral": 3, "unhappy": 2, "very unhappy": 2,
        "extremely unhappy": 1,
    },
)  # fmt: skip

# A Freshdesk automation sends a body that its user writes: JSON with these placeholders, see docs/webhooks.md.
FRESHDESK: Final = WebhookSender(
    signature=None,
    key_parameter="key",
    root="freshdesk_webhook",
    topic=("event",),
    # Freshdesk's placeholders for times are in a form for people, so they are not read.
    once=("event", "ticket_id", "ticket_status", "ticket_survey_rating"),
    ids={
        "customer_id": ("customer_id", "ticket_contact_unique_external_id"),
        "email": ("ticket_contact_email", "ticket_requester_email"),
        "phone": ("ticket_contact_phone",),
        "freshdesk_contact@": ("ticket_contact_id", "ticket_requester_id"),
    },
    mappings=(
        Webhook(topics=("ticket_created",), type="Ticket Opened", channel="support", properties=_TICKET),
        Webhook(topics=("ticket_updated",), where={"ticket_status": ("resolved", "closed")}, type="Ticket Solved",
                channel="support", properties=_TICKET),
        Webhook(topics=("ticket_updated",), type="Ticket Updated", channel="support", properties=_TICKET),
        Webhook(topics=("survey",), type="Satisfaction Rated", channel="support",
                properties={**_TICKET, "score": _FRESHDESK_SCORE, "scale": _CSAT, "comment": "ticket_survey_comment"}),
    ),
)  # fmt: skip

_CONVERSATION: Final[Values] = {
    "ticket_id": "id",
    "status": "status",
    "topic": "subject",
    "via": ("source.type", "type"),
}

# The name of the event is not signed: conversations, ratings and customers are told apart by their bodies.
_IS_CONVERSATION: Final[Conditions] = {"status": (ANY,), "rating": (NONE,)}

HELPSCOUT: Final = WebhookSender(
    signature=Signature(header="x-helpscout-signature", algorithm="sha1"),
    most_bytes=LARGE_BYTES,
    topic=("header:x-helpscout-event",),
    at=("userUpdatedAt", "userModifiedAt", "modifiedAt", "updatedAt", "createdAt"),
    once=("id", "userUpdatedAt", "userModifiedAt", "modifiedAt", "threads"),
    ids={
        "helpscout_customer@": ("primaryCustomer.id", "customer.id"),
        "email": ("primaryCustomer.email", "customer.email", "customer.emails.0.value"),
    },
    mappings=(
        Webhook(topics=("convo.created",), agrees=_IS_CONVERSATION, where={"source.via": ("user",)},
                type="Ticket Opened", channel="support", at=("createdAt",), once=("id",), properties=_CONVERSATION,
                context=BY_BUSINESS),
        Webhook(topics=("convo.created",), agrees=_IS_CONVERSATION, type="Ticket Opened", channel="support",
                at=("createdAt",), once=("id",), properties=_CONVERSATION),
        Webhook(topics=("convo.status",), agrees=_IS_CONVERSATION, where={"status": ("closed",)}, type="Ticket Solved",
                channel="support", at=("closedAt",), once=("id", "closedAt"), properties=_CONVERSATION),
        Webhook(topics=("convo.customer.reply.created",), agrees=_IS_CONVERSATION, type="Ticket Updated",
                channel="support", properties=_CONVERSATION),
        Webhook(topics=("convo.agent.reply.created", "convo.status"), agrees=_IS_CONVERSATION, type="Ticket Updated",
                channel="support", properties=_CONVERSATION, context=BY_BUSINESS),
        Webhook(topics=("satisfaction.ratings",), agrees={"rating": (ANY,)}, type="Satisfaction Rated",
                channel="support", at=("modifiedAt", "createdAt"), once=("id", "modifiedAt"),
                properties={"ticket_id": ("conversationId", "ticketId"), "scale": _CSAT, "comment": "comments",
                            "score": WebhookValue(paths="rating", only=True,
                                                  words={"great": 5, "okay": 3, "ok": 3, "bad": 1, "not good": 1,
                                                         "not_good": 1, "not-good": 1})}),
        Webhook(topics=("customer.created",), type="Contact Created", channel="shop", at=("createdAt",),
                agrees={"status": (NONE,), "rating": (NONE,), "slug": (NONE,)}, once=("id",),
                ids={"helpscout_customer@": ("id",), "email": ("_embedded.emails.0.value", "emails.0.value")}),
    ),
    others=("convo.assigned", "convo.deleted", "convo.merged", "convo.moved", "convo.tags", "convo.custom-fields",
            "convo.note.created", "customer.updated", "customer.deleted", "beacon.chat.created",
            "beacon.chat.customer.replied", "tag.created", "tag.updated", "tag.deleted",
            "message.survey.response.received"),
)  # fmt: skip

_INTERCOM_TICKET: Final[Values] = {
    "ticket_id": "id",
    "status": ("state", "ticket_state"),
    "priority": "priority",
    "via": ("source.type", "source.delivered_as"),
}
# The author of what opened a conversation may be an admin; then the only contact in it is the customer.
_AUTHORS: Final = ("user", "lead", "contact")

INTERCOM: Final = WebhookSender(
    signature=Signature(header="x-hub-signature", algorithm="sha1", encoding="hex", prefix="sha1="),
    most_bytes=LARGE_BYTES,
    root="data.item",
    topic=("body:topic",),
    at=("body:created_at",),
    once=("body:id",),
    ids={
        # Intercom's `external_id` (`user_id` before) is the number that the company gave.
        "customer_id": ("contacts.contacts[type=contact].external_id", "user.user_id",
                        *(f"source.author[type={kind}].external_id" for kind in _AUTHORS)),
        "intercom_contact@": ("contacts.contacts[type=contact].id", "user.id",
                              *(f"source.author[type={kind}].id" for kind in _AUTHORS)),
        "email": ("contacts.contacts[type=contact].email", "user.email",
                  *(f"source.author[type={kind}].email" for kind in _AUTHORS)),
    },
    mappings=(
        Webhook(topics=("conversation.user.created", "ticket.created"), type="Ticket Opened", channel="support",
                properties=_INTERCOM_TICKET),
        Webhook(topics=("conversation.user.replied",), type="Ticket Updated", channel="support",
                properties=_INTERCOM_TICKET),
        Webhook(topics=("conversation.admin.replied",), type="Ticket Updated", channel="support",
                properties=_INTERCOM_TICKET, context=BY_BUSINESS),
        Webhook(topics=("conversation.admin.closed", "ticket.closed"), type="Ticket Solved", channel="support",
                properties=_INTERCOM_TICKET),
        Webhook(topics=("conversation.rating.added",), type="Satisfaction Rated", channel="support",
                properties={"ticket_id": "id", "score": "conversation_rating.rating", "scale": _CSAT,
                            "comment": "conversation_rating.remark"}),
        Webhook(topics=("contact.lead.created", "contact.created"), type="Lead Created", channel="shop",
                ids={"customer_id": ("external_id",), "intercom_contact@": ("id",), "email": ("email",),
                     "phone": ("phone",)}),
        Webhook(topics=("contact.user.created", "user.created"), type="Contact Created", channel="shop",
                ids={"customer_id": ("external_id", "user_id"), "intercom_contact@": ("id",), "email": ("email",),
                     "phone": ("phone",)}),
        Webhook(topics=("contact.lead.signed_up", "contact.signed_up"), type="Account Created", channel="shop",
                ids={"customer_id": ("external_id", "user_id"), "intercom_contact@": ("id",), "email": ("email",),
                     "phone": ("phone",)}),
        Webhook(topics=("contact.unsubscribed", "user.unsubscribed"), type="Unsubscribed", channel="web",
                ids={"customer_id": ("external_id", "user_id"), "intercom_contact@": ("id",), "email": ("email",)}),
    ),
    others=("ping", "conversation.admin.assigned", "conversation.admin.noted", "conversation.admin.opened",
            "conversation.admin.snoozed", "conversation.admin.single.created", "conversation.deleted",
            "contact.deleted", "contact.user.updated", "contact.lead.updated", "company.created", "user.deleted",
            "ticket.state.updated", "ticket.admin.replied", "ticket.contact.replied"),
)  # fmt: skip
