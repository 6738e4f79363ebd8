"""Webhooks of shops, help desks and others as tables, by name of the sender: another sender is another table."""

from typing import Final

from schemas.webhooks.crm import HUBSPOT, SALESFORCE
from schemas.webhooks.desks import FRESHDESK, HELPSCOUT, INTERCOM, ZENDESK
from schemas.webhooks.form import WebhookSender
from schemas.webhooks.mail import KLAVIYO, MAILCHIMP, MANDRILL
from schemas.webhooks.payments import STRIPE
from schemas.webhooks.shops import ECWID, SHOPIFY, WOOCOMMERCE
from schemas.webhooks.surveys import SURVEYMONKEY, TYPEFORM

SENDERS: Final[dict[str, WebhookSender]] = {
    "shopify": SHOPIFY,
    "woocommerce": WOOCOMMERCE,
    "ecwid": ECWID,
    "stripe": STRIPE,
    "zendesk": ZENDESK,
    "freshdesk": FRESHDESK,
    "helpscout": HELPSCOUT,
    "intercom": INTERCOM,
    "hubspot": HUBSPOT,
    "salesforce": SALESFORCE,
    "typeform": TYPEFORM,
    "surveymonkey": SURVEYMONKEY,
    "klaviyo": KLAVIYO,
    "mailchimp": MAILCHIMP,
    "mandrill": MANDRILL,
}
