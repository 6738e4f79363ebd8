"""Routed messages: what is on its way to the partition where a name is at home (`journey.routed`, as msgpack).

A name is a customer or an alias. What each message means for whom it reaches is in docs/identity.md.
"""

import msgspec

Weight = tuple[int, str, str, str]
"""An edge in the order of edges: when it was first seen (ms), in which event, and between which two names."""


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """Who an alias belongs to, as it tells its peers."""

    path: tuple[str, ...]
    """From the customer to the alias, both included: each name was seen together with the one before."""
    weight: Weight | None = None
    """The youngest edge on the path; None where there is none."""


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """What an account needs to know of one of its people's journey. Times are milliseconds since 1970."""

    reached: dict[str, int]
    """By stage: when it was first reached."""
    exited_ms: int | None
    """When the person left the journey, and has not come back."""
    spans: tuple[tuple[int, int], ...]
    """From when to when touchpoints came with no gap in which one could have dropped off."""
    segments: dict[str, str]
    """By segment: the value, where there is one."""


class _Routed(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    """One message of `journey.routed`; its key is the name that it is for."""


class RoutedTouchpoint(_Routed, frozen=True, tag="touchpoint"):
    """A touchpoint that came to a partition where its customer is not at home."""

    value: bytes
    """The touchpoint's original bytes."""
    received_at_ms: int | None = None
    """When the broker first had it: its own timestamp here is later."""
    name: str | None = None
    """The customer whom it counts for, where that is not its own strongest alias."""
    alias: str | None = None
    """Its own strongest alias, with `name`."""
    schema: str = "routed/1"


class Tie(_Routed, frozen=True, tag="tie"):
    """Two names were seen together; and whom the one that tells belongs to."""

    name: str
    peer: str
    at_ms: int
    event_id: str
    offer: Offer | None = None
    """None: it refuses the tie, for it has too many."""


class Ruling(_Routed, frozen=True, tag="ruling"):
    """A person links two names, or says that they are not one; it outweighs what was seen, whenever that was."""

    name: str
    peer: str
    at_ms: int
    """When it was said: of several rulings the latest holds."""
    linked: bool


class History(_Routed, frozen=True, tag="history"):
    """Touchpoints of an alias, as a record's journeys, on their way to its home or from there to its customer."""

    name: str
    alias: str
    record: bytes


class Release(_Routed, frozen=True, tag="release"):
    """An alias belongs to another: the history that came under it goes back to the alias' home."""

    name: str
    alias: str


class Adopted(_Routed, frozen=True, tag="adopted"):
    """A customer holds history of an alias; the alias' home answers with a Release where that is not so."""

    name: str
    by: str


class Erase(_Routed, frozen=True, tag="erase"):
    """A person has a name erased: its record goes, and whatever comes for it from then on is dropped."""

    name: str
    at_ms: int
    """When it was asked for."""


class Forget(_Routed, frozen=True, tag="forget"):
    """A peer was erased: the name forgets that the two were seen together, and gives away what it holds of the peer."""

    name: str
    peer: str


class Member(_Routed, frozen=True, tag="member"):
    """How far one of an account's people has come; what was told of them before holds no more."""

    name: str
    """The account."""
    member: str
    journey: str
    """The people's."""
    since_ms: int = 0
    """When the person was first seen with the account."""
    trace: Trace | None = None
    """None: the person belongs to the account no more."""


class Enrolled(_Routed, frozen=True, tag="enrolled"):
    """An account counts a person as its own; the person's home tells it where that is not so."""

    name: str
    account: str
    journey: str


Routed = RoutedTouchpoint | Tie | Ruling | History | Release | Adopted | Erase | Forget | Member | Enrolled
