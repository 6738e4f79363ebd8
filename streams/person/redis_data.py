"""The data about one person in Redis: every record of an identity as plain data, and where else their data may be.

It only reads. `streams/person/identity.py` says which names belong to the identity.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.topics import ACTIONS, REJECTED, ROUTED, TRANSITIONS
from streams.clients.clients import kafka_admin
from streams.clients.topic_shapes import UNLIMITED, find
from streams.person.identity import Identity, IdentityMember
from streams.person.show import describe as describe_stored
from streams.person.show import moment, opened, presented
from streams.settings.settings import Settings
from streams.stores.keys import PREFIX, day_list, keys
from tracker.engine.customer import CustomerFold
from tracker.engine.instances import InstanceFold
from tracker.figures.feedback import latest
from tracker.identity.histories import short_ids
from tracker.identity.ties import Ties
from tracker.identity.trust import NEVER_MS, seen_ms, trust_of
from tracker.records.account_links import read as read_account_links
from tracker.records.log import is_browsers, readable_id
from tracker.records.state import Instance
from tracker.records.timer import DAY_MS

CONTENT: Final[Mapping[str, str]] = {
    ROUTED: "touchpoints, histories and requests on their way, also the request to erase",
    TRANSITIONS: "what happened to the customer's journeys",
    ACTIONS: "what to do next for the customer",
    REJECTED: "records that are not touchpoints, unchanged",
}
OUTSIDE: Final = (
    (
        "snapshots and append-only files of Redis, and every backup",
        "states as they were then",
        "as long as you keep it",
    ),
    ("whatever reads journey.transitions and journey.actions", "what it keeps of them", "as long as it keeps it"),
    ("producers, their logs, and files for import and replay", "what was sent", "as long as they keep it"),
    ("logs of the tracker", "nothing: customers are not named in them", ""),
)


@dataclass(frozen=True, slots=True)
class StoredPlace:
    """A place outside of the states where data of a person may be."""

    where: str
    what: str
    until: str

    def as_data(self) -> dict[str, str]:
        """The place as plain data."""
        return {"where": self.where, "what": self.what, "until": self.until}


def places(settings: Settings, now_ms: int) -> list[StoredPlace]:
    """The places where else data of a person may be, and until when. Raises TrackerError."""
    names = [topic.name for topic in settings.topics()]
    with kafka_admin(settings) as admin:
        shapes = find(admin, names)
    kafka = [
        StoredPlace(
            f"Kafka topic {name}",
            CONTENT.get(name, "touchpoints as they were sent"),
            "for ever: the topic has no retention"
            if shapes[name].retention_ms == UNLIMITED
            else f"{moment(now_ms + shapes[name].retention_ms)}, and until its segment is closed",
        )
        for name in names
        if name in shapes
    ]
    return kafka + [StoredPlace(*each) for each in OUTSIDE]


def export(client: Any, identity: Identity, journeys: CustomerFold, prefix: str = PREFIX) -> dict[str, Any]:
    """Every record of an identity as plain data. Raises TrackerError."""
    return {
        "asked": identity.asked,
        "customer": identity.customer,
        "names": [_name(client, member, journeys, prefix) for member in identity.members.values()],
    }


def counts(client: Any, member: IdentityMember, journeys: CustomerFold, prefix: str = PREFIX) -> dict[str, int]:
    """How much is stored under one name."""
    held = list(_logs(member, journeys))
    return {
        "journeys": len({instance_fold.definition.journey for instance_fold, _ in held}),
        "touchpoints": sum(instance_fold.engine.layout.count(one.log) for instance_fold, one in held),
        "links": len(member.ties.edges),
        "timers": len(timers(client, member, prefix)),
        "bytes": len(member.stored.record),
    }


def timers(client: Any, member: IdentityMember, prefix: str = PREFIX) -> list[int]:
    """The times (ms) of the timers of a name."""
    names = keys(member.stored.partition, prefix)
    exact = client.zscore(names.timers, member.name)
    found = [] if exact is None else [int(exact)]
    days = sorted(int(day) for day in client.hkeys(names.days))
    return found + [
        day * DAY_MS for day in days if client.lpos(day_list(names.days, day), member.name, rank=1) is not None
    ]


def _logs(member: IdentityMember, journeys: CustomerFold) -> Iterator[tuple[InstanceFold, Instance]]:
    record, instance_folds = presented(member.stored, journeys)
    for journey in record.journeys:
        if journey.name in instance_folds:
            yield from ((instance_folds[journey.name], instance) for instance in journey.instances)


def _name(client: Any, member: IdentityMember, journeys: CustomerFold, prefix: str) -> dict[str, Any]:
    record = opened(member.stored)
    account_links = read_account_links(record.account_links)
    came = {short: alias for alias, ids in member.ties.adopted.items() for short in short_ids(ids)}
    described = describe_stored(member.stored, journeys)
    return {
        "name": member.name,
        "partition": member.stored.partition,
        "bytes": len(member.stored.record),
        "looked_at_again": [moment(at_ms) for at_ms in timers(client, member, prefix)],
        "journeys": described["journeys"],
        "touchpoints": [
            each
            for instance_fold, instance in _logs(member, journeys)
            for each in _touchpoints(instance_fold, instance, came)
        ],
        "answers": [
            {"journey": instance_fold.definition.journey, "question": kind, "score": score}
            for instance_fold, instance in _logs(member, journeys)
            for kind, score, _ in latest(instance.feedback)
        ],
        "other_event_ids": sorted(map(readable_id, short_ids(record.other_ids))),
        "ties": _ties(member.ties),
        "accounts": [
            {"account": account, "came_under": alias, "since": moment(seen_ms(mark.since_ms)), "roles": mark.roles}
            for alias, accounts in account_links.marks.items()
            for account, mark in accounts.items()
        ],
        "people_of_this_account": sorted({person for people in account_links.members.values() for person in people}),
    }


def _touchpoints(
    instance_fold: InstanceFold, instance: Instance, came: Mapping[bytes, str]
) -> Iterator[dict[str, Any]]:
    """The touchpoints that are stored one by one, and the ids of older ones."""
    names = [stage.name for stage in instance_fold.definition.stages]
    whose = {"journey": instance_fold.definition.journey, "instance": instance.key}
    for former in sorted(map(readable_id, short_ids(instance.former_ids))):
        yield {**whose, "at": None, "event_id": former, "stages": [], "came_under": None}
    for entry in instance_fold.engine.layout.unpack(instance.log):
        stages = [name for place, name in enumerate(names) if entry.bits >> place & 1]
        yield {
            **whose,
            "at": moment(entry.at_ms),
            "event_id": readable_id(entry.id),
            "trust": "browser" if is_browsers(entry.id) else "server",
            "stages": stages,
            "came_under": came.get(entry.id),
        }


def _ties(ties: Ties) -> dict[str, Any]:
    return {
        "belongs_to": list(ties.offered.path) if ties.offered is not None else None,
        "seen_with": [
            {
                "name": peer,
                "seen_at": moment(seen_ms(edge.at_ms)) if edge.at_ms != NEVER_MS else None,
                "event_id": edge.event_id or None,
                "trust": trust_of(edge.at_ms),
                "ruled_at": moment(edge.ruled_ms) if edge.ruled_ms >= 0 else None,
                "cut": edge.is_cut,
            }
            for peer, edge in sorted(ties.edges.items())
        ],
        "holds_history_of": sorted(ties.adopted),
        "also_claimed_by": list(ties.refused),
    }
