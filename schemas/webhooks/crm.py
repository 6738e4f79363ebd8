"""Webhooks of customer relations: HubSpot, Salesforce.

The number of an object is a number among objects of its kind: deal 512 is not contact 512. Only a contact's and a
lead's number names a person.
"""

from typing import Final

from schemas.webhooks.form import Conditions, Paths, Signature, Values, Webhook, WebhookSender

# `object.…` is the newer name of the same messages; the kind of the object is a field then.
_CONTACT: Final = "0-1"
_STAGE: Final[Values] = {"stage": "propertyValue"}


def _lifecycle(stages: tuple[str, ...], type_: str, channel: str = "shop") -> tuple[Webhook, ...]:
    where: Conditions = {"propertyName": ("lifecyclestage",), "propertyValue": stages}
    return (
        Webhook(topics=("contact.propertyChange",), where=where, type=type_, channel=channel, properties=_STAGE),
        Webhook(
            topics=("object.propertyChange",),
            where={**where, "objectTypeId": (_CONTACT, "contact")},
            type=type_,
            channel=channel,
            properties=_STAGE,
        ),
    )


HUBSPOT: Final = WebhookSender(
    # Beside it HubSpot sends signatures of older versions, which have no time and do not count.
    signature=Signature(
        header="x-hubspot-signature-v3", parts=("method", "decoded_url", "body", "header:x-hubspot-request-timestamp")
    ),
    window_s=300,
    moment=("header:x-hubspot-request-timestamp",),
    topic=("subscriptionType",),
    at=("occurredAt",),
    # HubSpot says that `eventId` is not unique; the number of the attempt changes in a retry.
    once=("eventId", "portalId", "objectId", "occurredAt", "propertyName", "propertyValue"),
    ids={"hubspot_contact@": ("objectId",)},
    mappings=(
        Webhook(topics=("contact.creation",), type="Contact Created", channel="shop"),
        Webhook(topics=("object.creation",), where={"objectTypeId": (_CONTACT, "contact")}, type="Contact Created",
                channel="shop"),
        *_lifecycle(("subscriber",), "Newsletter Subscribed", "web"),
        *_lifecycle(("lead",), "Lead Created"),
        *_lifecycle(("marketingqualifiedlead", "salesqualifiedlead"), "Lead Qualified"),
        *_lifecycle(("opportunity",), "Deal Created"),
        *_lifecycle(("customer",), "Customer Won"),
        *_lifecycle(("evangelist",), "Customer Advocated"),
        *_lifecycle(("other",), "Contact Updated"),
        # The address ties the number to what the person does elsewhere.
        Webhook(topics=("contact.propertyChange",), where={"propertyName": ("email",)}, type="Identified",
                channel="web", ids={"email": ("propertyValue",)}),
        Webhook(topics=("object.propertyChange",),
                where={"propertyName": ("email",), "objectTypeId": (_CONTACT, "contact")}, type="Identified",
                channel="web", ids={"email": ("propertyValue",)}),
    ),
    others=("contact.deletion", "contact.merge", "contact.associationChange", "contact.restore",
            "contact.privacyDeletion", "company.creation", "company.propertyChange", "company.deletion",
            "deal.creation", "deal.propertyChange", "deal.deletion", "ticket.creation", "ticket.propertyChange",
            "object.deletion", "object.merge", "object.associationChange"),
)  # fmt: skip

_LEAD: Final[Values] = {"status": "sObject.Status", "source": "sObject.LeadSource"}
_LEAD_IDS: Final[dict[str, Paths]] = {
    "salesforce_lead@": ("sObject.Id",),
    "email": ("sObject.Email",),
    "phone": ("sObject.Phone",),
}
_DEAL: Final[Values] = {
    "order_id": "sObject.Id",
    "stage": "sObject.StageName",
    "amount": "sObject.Amount",
    "currency": "sObject.CurrencyIsoCode",
}
_CASE: Final[Values] = {
    "ticket_id": ("sObject.CaseNumber", "sObject.Id"),
    "status": "sObject.Status",
    "priority": "sObject.Priority",
    "via": "sObject.Origin",
}
_CASE_IDS: Final[dict[str, Paths]] = {"email": ("sObject.SuppliedEmail", "sObject.ContactEmail")}

# Outbound messages carry the fields that were chosen for them, as they are when the message is sent.
SALESFORCE: Final = WebhookSender(
    signature=None,
    key_parameter="key",
    body="xml",
    each="Envelope.Body.notifications.Notification",
    topic=("sObject.@type",),
    at=("sObject.LastModifiedDate", "sObject.SystemModstamp", "sObject.CreatedDate"),
    # Each notification has an id of its own, which is the same when it is sent again.
    once=("Id",),
    # Opportunities often name the account alone.
    account_alone=True,
    answer="soap",
    ids={
        "salesforce_contact@": ("sObject.ContactId", "sObject.ConvertedContactId"),
        "account_id@": ("sObject.AccountId", "sObject.ConvertedAccountId"),
    },
    mappings=(
        Webhook(topics=("Lead",), where={"sObject.IsConverted": ("true",)}, type="Lead Qualified", channel="shop",
                # The date of the conversion has no time: at midnight a lead would be qualified before it was made.
                at=("sObject.LastModifiedDate", "sObject.SystemModstamp", "sObject.ConvertedDate"),
                once=("sObject.Id",), properties=_LEAD, ids=_LEAD_IDS),
        Webhook(topics=("Lead",), where={"sObject.Status": ("qualified", "closed - converted")}, type="Lead Qualified",
                channel="shop", once=("sObject.Id",), properties=_LEAD, ids=_LEAD_IDS),
        Webhook(topics=("Lead",), where={"sObject.Status": ("unqualified", "closed - not converted")},
                type="Lead Disqualified", channel="shop", once=("sObject.Id",), properties=_LEAD, ids=_LEAD_IDS),
        Webhook(topics=("Lead",), type="Lead Created", channel="shop", at=("sObject.CreatedDate",),
                once=("sObject.Id",), properties=_LEAD, ids=_LEAD_IDS),
        Webhook(topics=("Contact",), type="Contact Created", channel="shop", at=("sObject.CreatedDate",),
                once=("sObject.Id",),
                ids={"salesforce_contact@": ("sObject.Id",), "email": ("sObject.Email",),
                     "phone": ("sObject.Phone", "sObject.MobilePhone")}),
        Webhook(topics=("Opportunity",), where={"sObject.IsWon": ("true",)}, type="Deal Won", channel="shop",
                once=("sObject.Id",), properties=_DEAL),
        Webhook(topics=("Opportunity",), where={"sObject.StageName": ("closed won",)}, type="Deal Won",
                channel="shop", once=("sObject.Id",), properties=_DEAL),
        Webhook(topics=("Opportunity",), where={"sObject.StageName": ("closed lost",)}, type="Deal Lost",
                channel="shop", once=("sObject.Id",), properties=_DEAL),
        Webhook(topics=("Opportunity",), where={"sObject.IsClosed": ("true",), "sObject.IsWon": ("false",)},
                type="Deal Lost", channel="shop", once=("sObject.Id",), properties=_DEAL),
        Webhook(topics=("Opportunity",), where={"sObject.StageName": ("prospecting",)}, type="Deal Created",
                channel="shop", at=("sObject.CreatedDate",), once=("sObject.Id",), properties=_DEAL),
        Webhook(topics=("Opportunity",), type="Deal Advanced", channel="shop",
                once=("sObject.Id", "sObject.StageName"), properties=_DEAL),
        Webhook(topics=("Case",), where={"sObject.IsClosed": ("true",)}, type="Ticket Solved", channel="support",
                once=("sObject.Id", "sObject.ClosedDate"), at=("sObject.ClosedDate",), properties=_CASE, ids=_CASE_IDS),
        Webhook(topics=("Case",), where={"sObject.Status": ("closed",)}, type="Ticket Solved", channel="support",
                once=("sObject.Id", "sObject.ClosedDate"), at=("sObject.ClosedDate",), properties=_CASE, ids=_CASE_IDS),
        Webhook(topics=("Case",), type="Ticket Opened", channel="support", once=("sObject.Id",),
                at=("sObject.CreatedDate",), properties=_CASE, ids=_CASE_IDS),
    ),
    others=("Account", "Campaign", "CampaignMember", "Order", "Task", "Event", "User"),
)  # fmt: skip
