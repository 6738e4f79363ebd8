"""Bodies of webhooks: forms, XML, lists, and what is refused in them."""

from urllib.parse import urlencode

import pytest

from schemas.webhooks import SENDERS
from schemas.webhooks.form import WebhookSender
from streams.collector.problems import Refused
from streams.collector.webhooks.bodies import events, read
from streams.collector.webhooks.places import steps, walk

FORM = WebhookSender(signature=None, body="form", topic=("type",))
XML = SENDERS["salesforce"]


def test_a_form_has_objects() -> None:
    """`data[merges][EMAIL]` is a value in an object in an object."""
    body = read(
        FORM, urlencode({"type": "subscribe", "data[id]": "8a", "data[merges][EMAIL]": "ö@example.com"}).encode()
    )
    assert body == {"type": "subscribe", "data": {"id": "8a", "merges": {"EMAIL": "ö@example.com"}}}


@pytest.mark.parametrize("raw", [b"a=1&a=2", b"a=1&a[b]=2", b"a=%FF", b"a" + b"[b]" * 40 + b"=1", b"a=1&" * 30_000])
def test_forms_that_mean_two_things_are_refused(raw) -> None:
    """A field that comes twice, is value and object, is no UTF-8, too deep or one of too many is refused."""
    with pytest.raises(Refused) as refused:
        read(FORM, raw)
    assert refused.value.word == "bad_request"


def test_xml_is_read_without_its_namespaces() -> None:
    """Elements that repeat are a list, the type of an element is `@type`, and an empty element is no value."""
    body = read(
        XML,
        b"""<?xml version="1.0"?><a:x xmlns:a="urn:a" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
      <a:n xsi:type="a:Lead"><a:m>1 &amp; 2</a:m></a:n><a:n xsi:type="xsd:string">3</a:n><a:e/></a:x>""",
    )
    assert body == {"x": {"n": [{"@type": "Lead", "m": "1 & 2"}, "3"], "e": None}}


@pytest.mark.parametrize(
    "raw",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/">%p;]><x/>',
        b"<x>&undefined;</x>",
        b"<x>" * 100 + b"</x>" * 100,
        b"<x>" + b"<y/>" * 30_000 + b"</x>",
        b"<x>",
        b"no xml",
        b"",
    ],
)
def test_dangerous_xml_is_refused(raw) -> None:
    """Document types, entities, files, depth and what is no XML are refused."""
    with pytest.raises(Refused) as refused:
        read(XML, raw)
    assert refused.value.word == "bad_request"


def test_events_are_found_where_the_table_says() -> None:
    """A body is one event or a list of them; `each` leads to a list, to one element, or to a list as a text."""
    plain = WebhookSender(signature=None, topic=("a",))
    inside = WebhookSender(signature=None, topic=("a",), each="data.events")
    assert events(plain, {"a": 1}) == [{"a": 1}]
    assert events(plain, [{"a": 1}, {"a": 2}]) == [{"a": 1}, {"a": 2}]
    assert events(inside, {"data": {"events": [1, 2]}}) == [1, 2]
    assert events(inside, {"data": {"events": {"a": 1}}}) == [{"a": 1}]
    assert events(inside, {"data": {"events": '[{"a": 1}]'}}) == [{"a": 1}]
    assert events(plain, []) == []
    for body in ({"data": 1}, {"data": {"events": "no list"}}, [0] * 2_501):
        with pytest.raises(Refused):
            events(inside, body)


def test_paths_lead_to_the_only_element() -> None:
    """A condition finds the only element that meets it, asks an object for it, and is not decided between two."""
    people = {"all": [{"role": "user", "id": 1}, {"role": "admin", "id": 2}], "one": {"role": "user", "id": 3}}
    assert walk(people, "all[role=user].id") == 1
    assert walk(people, "all.1.id") == 2
    assert walk(people, "one[role=User].id") == 3
    assert walk(people, "one[role=admin].id") is None
    assert walk({"all": [{"role": "user"}, {"role": "user"}]}, "all[role=user].role") is None
    assert walk([{"field": {"type": "nps"}, "number": 0}], "[field.type=nps].number") == 0
    assert walk(people, "all.9.id") is walk(people, "one.role.x") is walk("text", "a.b") is None


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a.", "a[b]", "a[b=c", "a]b", "a[b=c]d", "x" * 300])
def test_what_is_no_path_is_said(path) -> None:
    """A path that leads nowhere for its form alone is an error."""
    with pytest.raises(ValueError, match="is no path"):
        steps(path)
