"""Webhooks of surveys: Typeform, SurveyMonkey.

Who answers may have written the ids that come with an answer, so only one of them counts, and it ties nothing.
"""

from typing import Final

from schemas.webhooks.form import ANY, Signature, Values, Webhook, WebhookSender, WebhookValue

_FORM: Final[Values] = {"form": "form_id", "title": "definition.title"}

TYPEFORM: Final = WebhookSender(
    signature=Signature(header="typeform-signature", prefix="sha256="),
    root="form_response",
    topic=("body:event_type",),
    at=("submitted_at",),
    once=("token",),
    # Hidden fields come from the address of the form.
    one_id=True,
    ids={
        "customer_id": ("hidden.customer_id", "hidden.user_id", "hidden.userid"),
        "anonymous_id": ("hidden.anonymous_id",),
        "email": ("hidden.email", "answers[type=email].email"),
        "phone": ("hidden.phone", "answers[type=phone_number].phone_number"),
    },
    mappings=(
        Webhook(topics=("form_response",), where={"answers[field.type=nps].number": (ANY,)}, type="Survey Answered",
                channel="support",
                properties={**_FORM, "score": "answers[field.type=nps].number", "scale": WebhookValue(value="nps"),
                            "kind": WebhookValue(value="nps"), "comment": "answers[field.type=long_text].text"}),
        Webhook(topics=("form_response",), type="Survey Answered", channel="support",
                properties={**_FORM, "comment": "answers[field.type=long_text].text"}),
    ),
    others=("form_response_partial",),
)  # fmt: skip

SURVEYMONKEY: Final = WebhookSender(
    # The secret is `CLIENT_ID&SECRET`.
    signature=Signature(header="sm-signature", algorithm="sha1"),
    topic=("event_type",),
    at=("event_datetime",),
    once=("object_id",),
    one_id=True,
    # `resources.user_id` is the owner of the survey: as a person's id it would make one of all who answer.
    ids={
        "surveymonkey_recipient@": ("resources.recipient_id",),
        "surveymonkey_respondent@": ("resources.respondent_id", "object_id"),
    },
    mappings=(
        Webhook(topics=("response_completed",), type="Survey Answered", channel="support",
                properties={"form": "resources.survey_id", "collector": "resources.collector_id"}),
    ),
    others=("response_created", "response_updated", "response_disqualified", "response_overquota", "response_deleted",
            "survey_created", "survey_updated", "survey_deleted", "collector_created", "collector_updated",
            "collector_deleted"),
)  # fmt: skip
