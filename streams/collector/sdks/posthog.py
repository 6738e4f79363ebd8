"""PostHog's events: who is meant by a `distinct_id`, and which side of an alias is the user."""

import re
from typing import Any, Final

from schemas.sdks.posthog import ALIAS_IS_USER, BY_PROGRAMS, POSTHOG, TRAITS
from streams.collector.sdks.asked import Asked
from streams.collector.sdks.making import Surroundings, account, parts, text, touchpoint
from streams.collector.segment import moment

VISITOR: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""An id that PostHog's libraries for browsers and phones make for somebody whom nobody has identified: UUID 7."""
RANDOM: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""An id that its libraries for servers make for an event of nobody: UUID 4."""


def keys(asked: Asked) -> list[Any]:
    """Where a write key may be, the likeliest first."""
    one = events(asked)[:1]
    inside = parts(one[0]) if one else {}
    found = asked.object
    return [
        found.get("api_key"), found.get("token"), inside.get("api_key"),
        parts(inside.get("properties")).get("token"), asked.fields.get("token"),
    ]  # fmt: skip


def events(asked: Asked) -> list[Any]:
    """The events of a request."""
    if isinstance(asked.document, list):
        return asked.document
    batch = asked.object.get("batch")
    return batch if isinstance(batch, list) else [asked.document]


def shared(asked: Asked) -> list[Any]:
    """The events with the time of sending, and without the key, which is kept nowhere."""
    sent_at = asked.object.get("sent_at")
    found = []
    for event in events(asked):
        if not isinstance(event, dict):
            found.append(event)
            continue
        made = {name: value for name, value in event.items() if name not in {"api_key", "token"}}
        if isinstance(made.get("properties"), dict):
            made["properties"] = {
                key: value for key, value in made["properties"].items() if key not in {"token", "$ip"}
            }
        found.append(made if sent_at is None else {"sent_at": sent_at, **made})
    return found


def adapt(event: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The fields of a touchpoint."""
    name, said = text(event.get("event")), parts(event.get("properties"))
    library = text(said.get("$lib"))
    at = moment(event.get("timestamp"))
    offset = event.get("offset")
    if at is None and isinstance(offset, int):
        at = around.now_ms - offset
    # A server's clock is right, and its libraries send a request again with the first one's `sent_at`.
    is_server = said.get("$is_server") is True or library in {"posthog-python", "posthog-node"}
    sent_at = None if is_server or at is None else moment(event.get("sent_at"))
    content = {key: value for key, value in event.items() if key != "sent_at"}
    places = TRAITS.get(name)
    if name == "$groupidentify":
        # The address of a group is nobody's.
        content = {key: value for key, value in content.items() if not key.startswith("$")}
        content["properties"] = {key: value for key, value in said.items() if not key.startswith("$set")}
    by = is_server and name in BY_PROGRAMS
    who = _who(name, event, said)
    return touchpoint(POSTHOG, content, who, around, at=at, sent_at=sent_at, places=places, by_business=by)


def _who(name: str, event: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    distinct = event.get("distinct_id") or said.get("distinct_id") or event.get("$distinct_id")
    device = said.get("$device_id")
    is_known = said.get("$is_identified") is True or bool(said.get("$user_id"))
    ids = {"account_id": account(said.get("$groups"))}
    if name == "$identify":
        return ids | {"customer_id": distinct, "anonymous_id": said.get("$anon_distinct_id") or device}
    if name in {"$create_alias", "$merge_dangerously"}:
        return ids | _aliased(distinct, said.get("alias"), name, said, is_known=is_known)
    if name == "$groupidentify":
        ids["account_id"] = said.get("$group_key") or ids["account_id"]
        if device is None:
            # Libraries for servers send an invented id with a group.
            return ids
    if is_known:
        return ids | {"customer_id": distinct, "anonymous_id": device}
    if device is not None or _is(VISITOR, distinct):
        return ids | {"anonymous_id": distinct}
    if said.get("$process_person_profile") is False and _is(RANDOM, distinct):
        return ids
    return ids | {"customer_id": distinct}


def _aliased(distinct: Any, alias: Any, name: str, said: dict[str, Any], *, is_known: bool) -> dict[str, Any]:
    user, visitor = distinct, alias
    if name == "$create_alias" and not is_known and text(said.get("$lib")) in ALIAS_IS_USER:
        user, visitor = alias, distinct
    if _is(VISITOR, user) and not _is(VISITOR, visitor):
        user, visitor = visitor, user
    return {"customer_id": user, "anonymous_id": visitor}


def _is(form: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
