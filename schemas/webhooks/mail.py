"""Webhooks of mail and newsletters: Klaviyo, Mailchimp, and Mailchimp's mails of programs (Mandrill).

What is sent, delivered or bounced is the business's; what is opened, clicked or left is the person's.
"""

from typing import Final

from schemas.webhooks.form import BY_BUSINESS, LARGE_BYTES, Signature, Values, Webhook, WebhookSender, WebhookValue

_MAIL: Final[Values] = {
    "campaign": (
        "payload.data.attributes.event_properties.Campaign Name",
        "payload.data.attributes.event_properties.$flow",
    ),
    "subject": "payload.data.attributes.event_properties.Subject",
    "url": "payload.data.attributes.event_properties.URL",
}
_KLAVIYO: Final = "event:klaviyo."

KLAVIYO: Final = WebhookSender(
    signature=Signature(header="klaviyo-signature", encoding="hex", parts=("body", "header:klaviyo-timestamp")),
    window_s=600,
    moment=("header:klaviyo-timestamp",),
    # Up to 1,000 events in one request.
    most_bytes=LARGE_BYTES,
    each="data",
    topic=("topic",),
    at=("payload.data.attributes.datetime", "payload.data.attributes.timestamp"),
    once=("external_id",),
    ids={
        # The number that the company gave to the profile.
        "customer_id": ("payload.included[type=profile].attributes.external_id",),
        "klaviyo_profile@": ("payload.data.relationships.profile.data.id", "payload.included[type=profile].id"),
        "email": ("payload.included[type=profile].attributes.email",),
        "phone": ("payload.included[type=profile].attributes.phone_number",),
    },
    mappings=(
        Webhook(topics=(f"{_KLAVIYO}received_email",), type="Email Delivered", channel="web", properties=_MAIL,
                context=BY_BUSINESS),
        Webhook(topics=(f"{_KLAVIYO}bounced_email", f"{_KLAVIYO}dropped_email"), type="Email Bounced", channel="web",
                properties=_MAIL, context=BY_BUSINESS),
        Webhook(topics=(f"{_KLAVIYO}opened_email",), type="Email Opened", channel="web", properties=_MAIL),
        Webhook(topics=(f"{_KLAVIYO}clicked_email",), type="Email Link Clicked", channel="web", properties=_MAIL),
        Webhook(topics=(f"{_KLAVIYO}marked_email_as_spam",), type="Email Marked as Spam", channel="web",
                properties=_MAIL),
        Webhook(topics=(f"{_KLAVIYO}subscribed_to_email_marketing", f"{_KLAVIYO}subscribed_to_list"),
                type="Newsletter Subscribed", channel="web"),
        Webhook(topics=(f"{_KLAVIYO}unsubscribed_from_email_marketing", f"{_KLAVIYO}unsubscribed_from_list"),
                type="Unsubscribed", channel="web"),
        Webhook(topics=(f"{_KLAVIYO}submitted_review",), type="Review Submitted", channel="support",
                properties={"product": "payload.data.attributes.event_properties.Product Name",
                            "rating": "payload.data.attributes.event_properties.Rating"}),
    ),
    others=tuple(f"{_KLAVIYO}{name}" for name in (
        "clicked_email_to_unsubscribe", "updated_email_preferences", "manually_suppressed_from_email_marketing",
        "sent_sms", "received_sms", "clicked_sms", "subscribed_to_sms_marketing", "unsubscribed_from_sms_marketing",
        "ready_to_review",
    )),
)  # fmt: skip

_LIST: Final[Values] = {"list": "data.list_id", "reason": "data.reason"}

# Mailchimp's webhooks of audiences know nothing of opened and clicked mails: its export and Mandrill do.
MAILCHIMP: Final = WebhookSender(
    signature=None,
    key_parameter="key",
    body="form",
    topic=("type",),
    at=("fired_at",),
    once=("type", "fired_at", "data.list_id", "data.id|data.new_id|data.email"),
    ids={
        "mailchimp_subscriber@": ("data.id", "data.new_id"),
        "email": ("data.email", "data.new_email", "data.merges.EMAIL"),
    },
    mappings=(
        Webhook(topics=("subscribe",), type="Newsletter Subscribed", channel="web", properties=_LIST),
        # `delete`: the business has removed somebody from its list.
        Webhook(topics=("unsubscribe",), where={"data.action": ("delete",)}, type="Unsubscribed", channel="web",
                properties=_LIST, context=BY_BUSINESS),
        Webhook(topics=("unsubscribe",), type="Unsubscribed", channel="web", properties=_LIST),
        Webhook(topics=("cleaned",), where={"data.reason": ("abuse",)}, type="Email Marked as Spam", channel="web",
                properties=_LIST),
        Webhook(topics=("cleaned",), type="Email Bounced", channel="web", properties=_LIST, context=BY_BUSINESS),
        Webhook(topics=("upemail", "profile"), type="Identified", channel="web", properties=_LIST),
    ),
    others=("campaign",),
)  # fmt: skip

_SENT: Final[Values] = {"subject": "msg.subject", "campaign": ("msg.metadata.campaign", "msg.tags.0"), "url": "url"}

MANDRILL: Final = WebhookSender(
    signature=Signature(
        header="x-mandrill-signature",
        algorithm="sha1",
        parts=("url", "text:mandrill_events", "body:mandrill_events"),
    ),
    body="form",
    each="mandrill_events",
    topic=("event",),
    at=("ts",),
    once=("event", "_id", "ts", "url"),
    # The sender's address stands beside the recipient's.
    ids={"customer_id": ("msg.metadata.customer_id",), "email": ("msg.email",)},
    mappings=(
        Webhook(topics=("send",), type="Email Sent", channel="web", properties=_SENT, context=BY_BUSINESS),
        Webhook(topics=("delivered",), type="Email Delivered", channel="web", properties=_SENT, context=BY_BUSINESS),
        Webhook(topics=("hard_bounce", "soft_bounce", "reject"), type="Email Bounced", channel="web",
                properties={**_SENT, "reason": WebhookValue(paths=("msg.bounce_description", "msg.reject.reason"))},
                context=BY_BUSINESS),
        Webhook(topics=("open",), type="Email Opened", channel="web", properties=_SENT),
        Webhook(topics=("click",), type="Email Link Clicked", channel="web", properties=_SENT),
        Webhook(topics=("spam",), type="Email Marked as Spam", channel="web", properties=_SENT),
        Webhook(topics=("unsub",), type="Unsubscribed", channel="web", properties=_SENT),
    ),
    others=("deferral", "whitelist", "blacklist"),
)  # fmt: skip
