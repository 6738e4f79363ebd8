"""The form of tables of webhooks: how a sender signs, where its events lie, and the touchpoint of each message.

Tables of users in COLLECTOR_TABLES have the same form. A path such as `customer.id` points into the event; a list is
entered by a number (`items.0.name`) or by the only element that has a value (`contacts[role=user].email`, which also
asks an object for it). A path may begin with `header:` (a header, in small letters), `body:` (the whole body, where
events are parts of it) or `signature:` (a named part of the header with the signature, such as `t` of `t=1,v1=…`).
It knows nothing of HTTP and of hashing.
"""

from typing import Any, Final, Literal

import msgspec

Paths = tuple[str, ...]
"""Alternatives: the first path with a value is used."""

Conditions = dict[str, Paths]
"""By path: values, of which the message must have one; `*` is any value, `in_*` any that begins so, an empty text is
none."""

ANY: Final = "*"
"""In conditions: any value but an empty one."""
NONE: Final = ""
"""In conditions: no value."""

DAY_S: Final = 86_400
LARGE_BYTES: Final = 4_000_000
"""How large a message may be that holds many events, a whole conversation, or an order with what plug-ins write into
it. Senders switch off webhooks that refuse the same message again and again."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An HMAC in a header, with a secret that sender and collector share."""

    header: str
    """The header, in small letters."""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["base64", "hex"] = "base64"
    prefix: str = ""
    """What stands before each signature: `sha256=`."""
    separator: str = ""
    """What stands between several signatures in the header, of which one must match; empty: there is one."""
    parts: tuple[str, ...] = ("body",)
    """What is signed, in this order: `body` (the raw bytes), `method`, `url` (the public one of the source),
    `decoded_url` (without codes for `:`, `@` and the like), `text:…` (itself), or a path."""
    between: str = ""
    """What stands between the parts."""
    timestamp_header: str | None = None
    """Short for the parts `header:NAME` and `body`."""
    secret: Literal["text", "base64"] = "text"  # noqa: S105  # how it is written, not the secret
    """How a secret is written; `base64`: it may have `whsec_` before it, as Standard Webhooks say."""

    @property
    def signed(self) -> tuple[str, ...]:
        """The parts, in full."""
        return (f"header:{self.timestamp_header}", "body") if self.timestamp_header else self.parts


class Challenge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question that a sender asks before it sends events, and that is answered with a value of its own."""

    where: Conditions
    answer: str
    """The path of the value."""
    form: Literal["text", "json"] = "text"
    """The answer is the bare value, or an object with the value under its own name."""


class WebhookValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A property that is not taken over as it is."""

    paths: str | Paths = msgspec.field(name="from", default=())
    words: dict[str, Any] = {}
    """Replacements of single values, whether the sender writes them large or small. Other values stay."""
    only: bool = False
    """Values that are not among the words count for nothing."""
    minor: str = ""
    """For an amount in the smallest unit of money: the path of its currency."""
    value: Any = None
    """A constant, in place of paths."""


Values = dict[str, str | Paths | WebhookValue]


def alternatives(paths: str | Paths) -> Paths:
    """The paths where a table may write a single one as a text."""
    return (paths,) if isinstance(paths, str) else paths


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The touchpoint of one kind of message of a sender."""

    topics: tuple[str, ...]
    """The sender's names of the message; the other fields apply to each of them."""
    type: str
    channel: str
    where: Conditions = {}
    """What the message must say."""
    unless: Conditions = {}
    """What the message may not say; each condition for itself."""
    agrees: Conditions = {}
    """As `where`, of a message whose topic is not signed: where the body does not agree, the message is refused."""
    ids: dict[str, Paths] = {}
    """Further paths, tried before those of the sender. Without a path: an id of the sender that does not count here."""
    properties: Values = {}
    context: Values = {}
    once: tuple[str, ...] = ()
    """Paths whose values identify the event; if empty, those of the sender. `a|b` is the first that has a value."""
    at: tuple[str, ...] = ()


class WebhookSender(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form of one sender's messages."""

    signature: Signature | None
    """None: the sender cannot sign, and sends a write key instead."""
    key_parameter: str = ""
    """The name in the query of the address under which the write key may stand, for a sender that can neither sign nor
    set headers."""
    body: Literal["json", "form", "xml"] = "json"
    most_bytes: int = 512_000
    """How large a body may be; larger for a sender that puts many events into one."""
    each: str = ""
    """The path of the list whose elements are the events, as it is or as a text of JSON. Empty: the body is the event,
    or a list of events."""
    root: str = ""
    """The path in the event from which all other paths start."""
    topic: tuple[str, ...]
    """The paths of the name of the message."""
    window_s: int = 0
    """How old a message may be: as long as the same message is sent again, and no longer, against replay attacks."""
    moment: tuple[str, ...] = ()
    """The paths of the time of the message, if it is signed; empty: the age is not checked."""
    at: tuple[str, ...] = ()
    """The paths of the time of the event; without a value, it happened when it was received. Numbers are seconds or
    milliseconds since 1970, texts without an offset are in UTC."""
    once: tuple[str, ...] = ()
    """Paths whose values identify the event. They are the same in a retry, so that an event counts once."""
    once_of_any_type: bool = False
    """The values of `once` identify the message, whatever else it says: for a sender that signs nothing but them."""
    ids: dict[str, Paths] = {}
    """By kind of alias. A number that the sender gave has a kind that ends in `@`; the name of the source follows, so
    that it is another's number nowhere else."""
    one_id: bool = False
    """Only the first of the ids that is found counts: for ids that the person may have written, which tie nothing."""
    account_alone: bool = False
    """Whether what names an account and no person belongs to the account, and not to nobody."""
    challenge: Challenge | None = None
    ping: str = ""
    """What an unsigned message begins with that says nothing but a number, when a webhook is made."""
    answer: Literal["json", "soap"] = "json"
    """The form of the answer; `soap`: the acknowledgement of an outbound message of Salesforce."""
    mappings: tuple[Webhook, ...] = ()
    others: tuple[str, ...] = ()
    """Further names of messages. What no table maps is counted by its name if it is known, else as `other`."""

    @property
    def topics(self) -> frozenset[str]:
        """All names of messages that the table knows."""
        return frozenset(self.others).union(*(mapping.topics for mapping in self.mappings))


# The fields kept of each item of an order or cart; others describe the shop's stock.
ITEM: Final = ("product_id", "sku", "title", "name", "quantity", "price", "category")

# Decimals of amounts in the smallest unit; all other currencies have two (ISO 4217, and what Stripe says of its own).
DECIMALS: Final = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"), 0
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}

BY_BUSINESS: Final[Values] = {"by": WebhookValue(value="business")}
"""The context of what the business does: it is no sign of the customer's life."""
