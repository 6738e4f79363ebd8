"""The workers: who is in the consumer group, which partitions nobody owns or looks after, and how often they end."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from streams.clients.clients import kafka_admin, redis_client
from streams.clients.group import describe_group
from streams.definitions.builds import group_of, prefix_of, topic_of
from streams.definitions.record import read_newest
from streams.doctor.finding import Inquiry, Result, span
from streams.errors import ExitCode, name_of
from streams.settings.settings import Settings
from streams.stores.attendance import Attendance, attendance, patience_s, quiet_s, spans
from streams.stores.restarted import Restarted, noted

START: Final = "Start workers: `tracker worker`. If they were started, their log says why they ended."
SETTLES_WITHIN_S: Final = 15.0
PAUSE_S: Final = 0.5
HOUR_S: Final = 3600
OFTEN: Final = 3
"""Restarts within an hour that no single outage explains."""


def workers(inquiry: Inquiry) -> Iterator[Result]:
    """Members of the group, the partitions that they own, and those that they look after."""
    settings = inquiry.settings
    with closing(redis_client(settings)) as client:
        build = read_newest(client).build
        settings = replace(settings, group=group_of(settings.group, build))
        with kafka_admin(settings) as admin:
            group = _settled(admin, settings.group)
        found = attendance(client, settings.partitions, prefix_of(build))
    members = group["members"]
    if not members:
        yield _nobody(settings, found)
        return
    if is_moving(group):
        message = f"The group {settings.group} has been rebalancing for {SETTLES_WITHIN_S:.0f} s."
        yield "warning", message, "Ask again. If it goes on, a worker joins and leaves: see the workers' logs."
        return
    owned = owned_partitions(
        members, [topic_of(topic.name, build) for topic in settings.topics() if topic.direction == "input"]
    )
    missing = set(range(settings.partitions)) - owned
    who = _workers(len(members))
    if missing:
        message = f"{_of(missing, settings)} belong to no worker: {spans(missing)}. The group has {who}."
        remedy = "Restart the workers one by one; all must have the same TRACKER_CHANNELS and TRACKER_PARTITIONS."
        yield "problem", message, remedy, ExitCode.STALLED
    yield from _looked_after(settings, [one for one in found if one.partition in owned], who)


def _nobody(settings: Settings, found: list[Attendance]) -> Result:
    """What it means that the group has no member."""
    since_s = quiet_s(found)
    if not any(one.is_taken for one in found):
        return "warning", "No worker has ever run here, so nothing is applied.", START
    if since_s is not None and since_s < patience_s(settings.session_timeout_s):
        message = f"The group {settings.group} has no worker, but one looked after a partition {span(since_s)} ago."
        remedy = "If workers run, give TRACKER_GROUP the value that they have. " + START
    else:
        ago = "" if since_s is None else f" The last one was seen {span(since_s)} ago."
        message, remedy = f"No worker is in the group {settings.group}: nothing is applied.{ago}", START
    return "problem", message, remedy, ExitCode.STALLED


def _looked_after(settings: Settings, found: list[Attendance], who: str) -> Iterator[Result]:
    """Whether the owners do their rounds: a member of the group may hang, and Kafka would not know."""
    longest_s = patience_s(settings.session_timeout_s)
    ages = {one.partition: one.looked_s_ago for one in found}
    never = [partition for partition, age_s in ages.items() if age_s is None]
    late = [partition for partition, age_s in ages.items() if age_s is not None and age_s > longest_s]
    if late:
        worst_s = max(age_s for age_s in ages.values() if age_s is not None)
        message = (
            f"{_of(late, settings)} have an owner who has not looked after them for {span(worst_s)}: {spans(late)}."
        )
        remedy = "Find the worker whose /health/ready fails or does not answer, keep its log, and restart it."
        yield "problem", message, remedy, ExitCode.STALLED
    if never:
        message = f"Nobody has left a note of looking after {_of(never, settings)}: {spans(never)}."
        yield "unknown", message, "Workers that have just started, or of an earlier version, leave none: ask again."
    if ages and not never and not late:
        worst_s = max(age_s for age_s in ages.values() if age_s is not None)
        own = "owns" if who.startswith("1 ") else "own"
        them = f"all {settings.partitions}" if len(ages) == settings.partitions else f"the other {len(ages)}"
        yield "ok", f"{who} {own} {them} partitions and looked after each within {span(worst_s)}", ""


def _settled(admin: Any, group: str) -> Mapping[str, Any]:
    """The group, once a rebalance is over; as it is, where that takes too long."""
    until_s = time.monotonic() + SETTLES_WITHIN_S
    while is_moving(found := describe_group(admin, group)) and time.monotonic() < until_s:
        time.sleep(PAUSE_S)
    return found


def is_moving(group: Mapping[str, Any]) -> bool:
    """Whether the group is between two assignments."""
    return "rebalance" in str(group.get("group_state", group.get("state", ""))).lower()


def owned_partitions(members: list[Mapping[str, Any]], topics: list[str]) -> set[int]:
    """The partitions that some member owns in every topic."""
    owned: Counter[int] = Counter()
    for member in members:
        assignment = member.get("member_assignment") or {}
        for one in assignment.get("assigned_partitions", ()) if isinstance(assignment, Mapping) else ():
            if one["topic"] in topics:
                owned.update(one["partitions"])
    return {partition for partition, count in owned.items() if count == len(topics)}


def restarts(inquiry: Inquiry) -> Iterator[Result]:
    """How often worker processes were started again within the hour."""
    with closing(redis_client(inquiry.settings)) as client:
        found = [one for one in noted(client) if one.at_s > time.time() - HOUR_S]
    if not found:
        yield "ok", "no worker process was started again in the last hour", ""
        return
    ends = Counter(name_of(one.exit_code) for one in found)
    message = (
        f"Worker processes were started again {_times(len(found))} in the last hour, the last time "
        f"{span(time.time() - found[0].at_s)} ago on {found[0].host}; they had ended by "
        f"{', '.join(f'{name} ({count})' for name, count in ends.most_common(3))}."
    )
    if len(found) < OFTEN:
        yield "remark", message, ""
    else:
        yield "warning", message, _remedy(found[0])


def _remedy(last: Restarted) -> str:
    if last.exit_code < 0:
        return "If nobody killed them, the system did, often for memory: see its log, and docs/capacity.md."
    return "The lines before `worker process ended` in the log of `tracker worker` say why."


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _of(partitions: Any, settings: Settings) -> str:
    return f"{len(partitions)} of {settings.partitions} partitions"
