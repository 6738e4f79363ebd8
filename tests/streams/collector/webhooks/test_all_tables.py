"""What holds for every table of webhooks that ships."""

import contextlib
import json
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.properties import BY_CHANNEL
from schemas.topics import CHANNELS
from schemas.vocabulary import TYPES
from schemas.webhooks import SENDERS
from schemas.webhooks.form import ANY, NONE, Webhook, WebhookSender, WebhookValue
from streams.collector.problems import Refused
from streams.collector.sources import NamedSource, Source
from streams.collector.webhooks.mapped import Mapped, Mapper, Notification
from streams.collector.webhooks.places import steps, walk
from streams.collector.webhooks.route import messages
from streams.collector.webhooks.signatures import Letter
from streams.collector.webhooks.table_faults import faults
from tests.streams.collector.webhooks.letters import NOW, NOW_MS, NOW_S

PUBLISHED = json.loads((Path(__file__).parents[4] / "schemas/published/touchpoint.schema.json").read_text())
VALIDATOR = jsonschema.validators.validator_for(PUBLISHED)(PUBLISHED)
EACH = [(name, place) for name, sender in SENDERS.items() for place in range(len(sender.mappings))]
# Only a sender itself gives a number; these are given by whoever uses it.
GIVEN = {"customer_id", "anonymous_id", "email", "phone"}


def plant(document: dict[str, Any], path: str, value: Any) -> None:
    """Put a value where a path leads."""
    place: Any = document
    way = steps(path)
    for number, step in enumerate(way):
        is_last = number == len(way) - 1
        if not step.name:
            plant(place, ".".join(step.where), step.wanted)
            continue
        key: Any = step.name
        if isinstance(place, list):
            key = int(step.name)
            place.extend({} for _ in range(key + 1 - len(place)))
        below = [] if not is_last and way[number + 1].name.isdigit() else {}
        if is_last:
            place[key] = value
        elif isinstance(place, dict) and not isinstance(place.get(key), dict | list):
            place[key] = below
        place = place[key]


def sample(  # noqa: C901  # a straight list of what a message holds
    sender: WebhookSender, mapping: Webhook, value: Any
) -> Notification:
    """A message that the mapping is for, with the value for everything it may take, numbers for ids and times."""
    event: dict[str, Any] = {}
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}

    def put(path: str, what: Any) -> None:
        if path.startswith("header:"):
            headers[path[7:]] = str(what)
        elif path.startswith("signature:"):
            headers[sender.signature.header] = f"{path[10:]}={what}"  # type: ignore[union-attr]
        elif path.startswith("body:"):
            plant(body, path[5:], what)
        else:
            plant(event, path, what)

    for path in (path for each in (*sender.once, *mapping.once) for path in each.split("|")):
        put(path, 77)
    for paths in (*sender.ids.values(), *mapping.ids.values()):
        for path in paths:
            put(path, 512)
    for path in (*sender.at, *mapping.at):
        put(path, NOW_S)
    for spec in (*mapping.properties.values(), *mapping.context.values()):
        paths = spec.paths if isinstance(spec, WebhookValue) else spec
        for path in reversed([paths] if isinstance(paths, str) else paths):
            put(path, next(iter(spec.words)) if isinstance(spec, WebhookValue) and spec.words else value)
    for path, values in (*mapping.agrees.items(), *mapping.where.items()):
        wanted = next((each for each in values if each not in {ANY, NONE}), None)
        if wanted is None and ANY in values and walk(event, path) not in (None, ""):
            continue
        put(path, wanted if wanted is not None else "x" if ANY in values else None)
    for path in mapping.unless:
        if path not in mapping.where:
            put(path, None)
    put(sender.topic[0], mapping.topics[0])
    whole = body
    if sender.root:
        plant(whole, sender.root, event)
        return Notification(sender, Letter("POST", "", headers, b"", whole), whole)
    return Notification(sender, Letter("POST", "", headers, b"", whole or event), event)


def mapped(name: str, place: int, value: Any) -> Mapped:
    sender = SENDERS[name]
    # Alone, so that no other mapping is met first.
    alone = WebhookSender(**{
        **{field: getattr(sender, field) for field in sender.__struct_fields__}, "mappings": (sender.mappings[place],),
    })  # fmt: skip
    message = sample(alone, alone.mappings[0], value)
    return Mapper("key").touchpoint(NamedSource("desk-1", Source()), alone, message, NOW_MS)


@pytest.mark.parametrize("name", SENDERS)
def test_each_table_has_the_form_of_a_table(name) -> None:
    """A table that ships has no fault that would be found in a user's own."""
    assert list(faults(name, SENDERS[name], CHANNELS)) == []


@pytest.mark.parametrize(("name", "place"), EACH)
def test_each_touchpoint_has_a_type_of_the_vocabulary(name, place) -> None:
    """The type is one that shipped journeys listen to, on the channel that the vocabulary gives it."""
    mapping = SENDERS[name].mappings[place]
    assert TYPES.get(mapping.type) == mapping.channel


@pytest.mark.parametrize(
    "value", ["12.50", 7, "x" * 200, True, None, [], {}, [{"price": "3", "quantity": "2", "sku": 9}]], ids=range(8)
)
@pytest.mark.parametrize(("name", "place"), EACH)
def test_each_touchpoint_obeys_the_published_schema(name, place, value) -> None:
    """Whatever a sender writes, a touchpoint has the types of the schema: amounts are numbers, order ids texts."""
    made = mapped(name, place, value)
    if made.wire is None:
        assert made.why == "no_answer"
        return
    # A touchpoint whose ids are numbers of a sender alone is valid by the identity's schema, which is tested there.
    VALIDATOR.validate({**made.wire, "ids": {"customer_id": "c", **made.wire["ids"]}})
    properties = made.wire.get("properties", {})
    hints = {key: hint for table in BY_CHANNEL.values() for key, hint in get_type_hints(table).items()}
    for key, found in properties.items():
        if key in hints:
            assert isinstance(found, (int, float) if hints[key] is float else str), (key, found)
            assert not isinstance(found, bool)
    for item in properties.get("items", []):
        assert isinstance(item, dict)
        assert all(isinstance(item[key], int | float) for key in item.keys() & {"price", "quantity"})
        assert all(isinstance(item[key], str) for key in item.keys() - {"price", "quantity"})


@pytest.mark.parametrize(("name", "place"), EACH)
def test_a_number_of_a_sender_is_scoped_by_its_source(name, place) -> None:
    """The number that a sender gave is an alias of the sender and the source; nothing else is called a customer id."""
    mapping = SENDERS[name].mappings[place]
    made = mapped(name, place, "5")
    assert made.wire is not None
    for kind in made.wire["ids"]:
        assert kind in GIVEN | {"account_id"} or kind.endswith("@desk-1")
    for kind, paths in (*SENDERS[name].ids.items(), *mapping.ids.items()):
        for path in paths if kind == "customer_id" else ():
            assert any(word in path for word in ("external_id", "user_id", "userid", "customer_id")), path
            # The owner of a survey is not who answers it.
            assert path != "resources.user_id"


def test_no_address_of_somebody_else_is_the_customers() -> None:
    """No path of an id leads to an agent, an assignee, an owner, a person in copy or a sender of a mail."""
    for name, sender in SENDERS.items():
        tables = [sender.ids, *(mapping.ids for mapping in sender.mappings)]
        paths = [path for table in tables for found in table.values() for path in found]
        for path in paths:
            assert not {
                "agent",
                "assignee",
                "owner",
                "cc",
                "bcc",
                "sender",
                "submitter",
                "actor_id",
                "closedBy",
                "createdBy",
                "collaborator_ids",
                "resources.user_id",
            } & set(path.split(".")), (name, path)


def test_mails_sent_and_orders_edited_are_the_business() -> None:
    """What the business does bears `context.by: business`, and what is the customer's does not."""
    for sender in SENDERS.values():
        for mapping in sender.mappings:
            by = mapping.context.get("by")
            always = isinstance(by, WebhookValue) and by.value == "business"
            if mapping.type in {"Email Sent", "Email Delivered", "Email Bounced", "Order Updated"}:
                assert always, mapping
            if mapping.type in {"Email Opened", "Email Link Clicked", "Order Placed", "Order Completed"}:
                assert by is None, mapping


NAMES = sorted({
    step.name
    for sender in SENDERS.values()
    for paths in (*sender.ids.values(), sender.topic, sender.at)
    for path in paths
    if ":" not in path
    for step in steps(path)
    if step.name
} | {"type", "status", "0", "data"})  # fmt: skip
WORDS = sorted({topic for sender in SENDERS.values() for topic in sender.topics} | {"paid", "contact", "", "0", NOW})
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
ANYTHING = st.recursive(
    LEAVES,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inside, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize("name", SENDERS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(event=ANYTHING, topic=st.sampled_from(WORDS))
def test_no_content_breaks_a_table(name, event, topic) -> None:
    """Whatever a signed message holds, it becomes a touchpoint, is passed over, or is refused with a reason."""
    sender = SENDERS[name]
    if isinstance(event, dict):
        with contextlib.suppress(TypeError, ValueError, IndexError):
            plant(event, sender.topic[0].partition(":")[2] or sender.topic[0], topic)
    headers = {sender.topic[0].removeprefix("header:"): topic}
    whole: dict[str, Any] = {"topic": topic, "type": topic}
    for path in filter(None, (sender.each, sender.root)):
        plant(whole, path, event)
    letter = Letter("POST", "", headers, b"", whole if sender.each or sender.root else event)
    timeless = msgspec.structs.replace(sender, moment=())
    refused: Refused | None = None
    made: list[Mapped] = []
    try:
        found = messages(timeless, letter, NOW_MS)
        made = [Mapper("key").touchpoint(NamedSource("s", Source()), timeless, each, NOW_MS) for each in found]
    except Refused as error:
        refused = error
    assert refused is None or refused.status < 500
    for each in made:
        assert each.wire is not None or each.why
        json.dumps(each.wire)
