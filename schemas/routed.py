"""Routed messages: messages to the home partition of a name, on `journey.routed`, as msgpack.

A name is a customer or an alias. docs/identity.md explains what each message makes its receiver do.
"""

from typing import Final

import msgspec

SCHEMA: Final = "routed/1"
"""The version of the messages that this program writes."""
READS: Final = ("routed/1",)
"""The versions that it reads. A program that writes a newer one reads the older ones too."""
UNSAID: Final = "routed/1"
"""The version of a message that names none. It never changes: who left it out knew no other."""

Weight = tuple[int, str, str, str]
"""An edge in the order of edges: when it was first seen (ms, plus BROWSER_MS where only browsers said so), in which
event, and between which two names."""
BROWSER_MS: Final = 1 << 52
"""Added to the moment of what only a browser's touchpoints say: it sorts behind all that a server says."""


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """The customer that an alias belongs to, as reported to its peers."""

    path: tuple[str, ...]
    """The names from the customer to the alias, both included; each was seen together with the one before."""
    weight: Weight | None = None
    """The youngest edge on the path; None where there is none."""
    is_anchored: bool = False
    """Whether a server has tied the customer to other names, where the path does not show it."""


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """The journey of one of an account's people, as far as the account needs it. Times are milliseconds since 1970."""

    reached: dict[str, int]
    """By stage: when it was first reached."""
    exited_ms: int | None
    """When the person left the journey, and has not come back."""
    spans: tuple[tuple[int, int], ...]
    """Spans (start, end) of touchpoints without a gap long enough for a drop-off."""
    segments: dict[str, str]
    """By segment: its value; segments without one are left out."""


class _Routed(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", kw_only=True):
    """One message of `journey.routed`; its key is the name that it is for."""

    schema: str = UNSAID
    """The version of the message; a worker that does not read it sets the message aside and loses nothing."""


class RoutedTouchpoint(_Routed, frozen=True, tag="touchpoint"):
    """A touchpoint that arrived at a partition other than its customer's home."""

    value: bytes
    """The touchpoint's original bytes."""
    received_at_ms: int | None = None
    """When the broker first received it (ms); the timestamp of this message is later."""
    name: str | None = None
    """The customer that it counts for, if that is not its own strongest alias."""
    alias: str | None = None
    """Its own strongest alias, if `name` is given."""


class Tie(_Routed, frozen=True, tag="tie"):
    """Two names were seen together, and the customer that the sender `peer` belongs to."""

    name: str
    peer: str
    at_ms: int
    """As in a weight."""
    event_id: str
    offer: Offer | None = None
    """None: the sender refuses the tie, or has nothing to offer."""


class Ruling(_Routed, frozen=True, tag="ruling"):
    """A person's decision that two names are one customer, or are not. It overrides what was seen at any time."""

    name: str
    peer: str
    at_ms: int
    """When it was decided; of several rulings the latest holds."""
    linked: bool


class Clearance(_Routed, frozen=True, tag="clearance"):
    """A person's decision that a name is not suspect, whatever it gathers, or that it may be suspect again."""

    name: str
    at_ms: int
    """When it was decided; of several decisions the latest holds."""
    is_cleared: bool


class History(_Routed, frozen=True, tag="history"):
    """Touchpoints of an alias, in the form of a record, on the way to its home or from there to its customer."""

    name: str
    alias: str
    record: bytes


class Release(_Routed, frozen=True, tag="release"):
    """The alias belongs to another customer now: send its history back to its home."""

    name: str
    alias: str


class Adopted(_Routed, frozen=True, tag="adopted"):
    """The customer `by` holds history of an alias. The alias' home answers with a Release if it belongs elsewhere."""

    name: str
    by: str


class Erase(_Routed, frozen=True, tag="erase"):
    """A person requested the erasure of a name: its record is removed, and what comes for it later is dropped."""

    name: str
    at_ms: int
    """When it was requested."""


class Forget(_Routed, frozen=True, tag="forget"):
    """A peer was erased: the name forgets that the two were seen together, and drops what it holds of the peer."""

    name: str
    peer: str


class Member(_Routed, frozen=True, tag="member"):
    """How far one of an account's people has come; it replaces the message before."""

    name: str
    """The account."""
    member: str
    journey: str
    """The journey of the people, from which the account's is derived."""
    since_ms: int = 0
    """When the person was first seen with the account, as in a weight."""
    trace: Trace | None = None
    """None: the person no longer belongs to the account."""


class Enrolled(_Routed, frozen=True, tag="enrolled"):
    """An account counts a person. The person's home answers if the person does not belong to it."""

    name: str
    account: str
    journey: str
    is_question: bool = False
    """Whether the home is to answer in any case, with how far the person has come."""


Routed = RoutedTouchpoint | Tie | Ruling | Clearance | History | Release | Adopted | Erase | Forget | Member | Enrolled
