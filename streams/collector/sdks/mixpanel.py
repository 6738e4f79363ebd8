"""Mixpanel's events and profiles: who is meant by a `distinct_id`, and what a profile's update says."""

from typing import Any

from schemas.sdks.mixpanel import DEVICE, GROUP, KEPT, MIXPANEL, MIXPANEL_PROFILES, PROFILE
from streams.collector.sdks.asked import Asked
from streams.collector.sdks.making import Surroundings, milliseconds, numbered, parts, touchpoint
from streams.collector.segment import moment


def listed(asked: Asked) -> list[Any]:
    """What was sent, as a list."""
    return asked.document if isinstance(asked.document, list) else [asked.document]


def keys(asked: Asked) -> list[Any]:
    """Where a write key may be, the likeliest first."""
    one = parts(next(iter(listed(asked)), None))
    return [
        parts(one.get("properties")).get("token"), one.get("$token"), one.get("token"),
        asked.fields.get("api_key"), asked.fields.get("token"),
    ]  # fmt: skip


def events(asked: Asked) -> list[Any]:
    """The events of `/track` and `/import`, without the key."""
    found = []
    for event in listed(asked):
        if isinstance(event, dict) and isinstance(event.get("properties"), dict):
            inside = {name: value for name, value in event["properties"].items() if name not in {"token", "ip"}}
            found.append({**event, "properties": inside})
        else:
            found.append(event)
    return numbered(found)


def updates(asked: Asked) -> list[Any]:
    """The updates of `/engage` and `/groups` that say what somebody is like; others are not kept."""
    return numbered([
        {name: value for name, value in update.items() if name not in {"$token", "$ip"}}
        if isinstance(update, dict) else update
        for update in listed(asked)
        if not isinstance(update, dict) or any(map(_tells, (update.get(part) for part in KEPT)))
    ])  # fmt: skip


def _tells(part: Any) -> bool:
    """Whether a part of an update says more than how a visit began, which browsers send unasked."""
    return isinstance(part, dict) and any(not name.startswith("$initial_") for name in part)


def adapt(event: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The fields of an event's touchpoint."""
    said = parts(event.get("properties"))
    return touchpoint(MIXPANEL, event, _who(event.get("event"), said), around, at=_at(said.get("time")))


def adapt_profile(update: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The fields of the touchpoint of a person's profile."""
    user, device = update.get("$user_id"), update.get("$device_id")
    ids, kind = _plain(update.get("$distinct_id"), user, device), MIXPANEL_PROFILES.events[PROFILE]
    at = _at(update.get("$time"))
    return touchpoint(MIXPANEL_PROFILES, update, ids, around, at=at, kind=kind, by_business=not device)


def adapt_group(update: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The fields of the touchpoint of a group, whose address is nobody's."""
    table = MIXPANEL_PROFILES
    at, kind = _at(update.get("$time")), table.events[GROUP]
    made = touchpoint(table, update, {}, around, at=at, kind=kind, by_business=True)
    made["ids"] = {"account_id": update.get("$group_id")}
    return made


def _at(value: Any) -> Any:
    return milliseconds(moment(value))


def _who(name: Any, said: dict[str, Any]) -> dict[str, Any]:
    distinct, user, device = said.get("distinct_id"), said.get("$user_id"), said.get("$device_id")
    if name == "$identify":
        before = said.get("$anon_distinct_id") or said.get("$anon_id")
        return {"customer_id": said.get("$identified_id") or distinct, "anonymous_id": device or _bare(before)}
    if name == "$create_alias":
        alias = said.get("alias")
        if user:
            return {"customer_id": distinct, "anonymous_id": alias}
        return {"customer_id": alias, "anonymous_id": _bare(distinct)}
    if name == "$merge":
        pair = said.get("$distinct_ids")
        both = pair[:2] if isinstance(pair, list) else []
        visitors = [each for each in both if _is_visitor(each)]
        users = [each for each in both if not _is_visitor(each)]
        rest = visitors or users[1:]
        return {"customer_id": users[0] if users else None, "anonymous_id": _bare(rest[0]) if rest else None}
    return _plain(distinct, user, device)


def _plain(distinct: Any, user: Any, device: Any) -> dict[str, Any]:
    if user:
        return {"customer_id": user, "anonymous_id": device}
    if _is_visitor(distinct) or (device and device == distinct):
        return {"anonymous_id": device or _bare(distinct)}
    return {"customer_id": distinct, "anonymous_id": device}


def _is_visitor(distinct: Any) -> bool:
    return isinstance(distinct, str) and distinct.startswith(DEVICE)


def _bare(distinct: Any) -> Any:
    return distinct[len(DEVICE) :] if _is_visitor(distinct) else distinct


def status_too(said: dict[str, Any], _status: int) -> dict[str, Any]:
    """The body of a refusal: the library for Python reads `status` from any answer, and tells its caller `error`."""
    return {**said, "status": 0, "error": said["message"]}
