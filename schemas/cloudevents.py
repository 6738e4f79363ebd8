"""CloudEvents 1.0 as tables: which attribute becomes which field of a touchpoint.

It knows nothing of HTTP, where attributes in binary mode are the headers `ce-…`.
"""

from typing import Final

VERSIONS: Final = ("1.0",)
REQUIRED: Final = ("specversion", "id", "source", "type")
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
JSON_TYPES: Final = ("application/json", "text/json", "")
"""Content types of data that are JSON, beside those that end with `+json`; the empty one is of data without a type."""

# Extension attributes are lower case without separators, by the specification. The first path with a value wins.
# `subject` is what the event is about, often a thing: it is an id only of a source that says so, and only where the
# event has no other one. An address among the data may be anybody's; `data.ids` is about the customer.
IDS: Final[dict[str, tuple[str, ...]]] = {
    "customer_id": ("customerid", "data.ids.customer_id", "data.customer_id"),
    "anonymous_id": ("anonymousid", "data.ids.anonymous_id", "data.anonymous_id"),
    "account_id": ("accountid", "data.ids.account_id", "data.account_id"),
    "email_sha256": ("emailsha256", "data.ids.email_sha256"),
    "phone_sha256": ("phonesha256", "data.ids.phone_sha256"),
    "email": ("data.ids.email",),
    "phone": ("data.ids.phone",),
    "user_hash": ("userhash", "data.ids.user_hash"),
}
SUBJECT: Final = "subject"
CHANNELS: Final = ("channel", "data.channel")
# Attributes that have a field of their own, or say nothing of the event. All other extensions go into `context`.
OWN: Final = frozenset(
    {"specversion", "id", "source", "type", "time", "datacontenttype", "dataschema", "data", "data_base64",
     "channel", "customerid", "anonymousid", "accountid", "emailsha256", "phonesha256", "userhash"}
)  # fmt: skip
