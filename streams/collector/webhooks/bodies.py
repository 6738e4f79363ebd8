"""Bodies of webhooks as plain values: JSON, forms with names such as `data[email]`, and XML without its namespaces."""

from typing import Any, Final
from urllib.parse import parse_qsl

# Expat itself reads documents without a type declaration, which `_Tree` refuses: no entities, nothing from elsewhere.
from xml.parsers import expat

from schemas.webhooks.form import WebhookSender
from streams.collector import document
from streams.collector.document import MAX_DEPTH
from streams.collector.problems import Refused
from streams.collector.webhooks.places import walk

MAX_FIELDS: Final = 20_000
"""Fields of a form, elements of an XML document: as many as a body of the largest size may sensibly have."""
MAX_EACH: Final = 2_500
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_AT: Final = "@"


def read(sender: WebhookSender, raw: bytes) -> Any:
    """The value in a body. Raises `Refused`."""
    if sender.body == "form":
        return _form(raw)
    return _xml(raw) if sender.body == "xml" else document.read(raw)


def events(sender: WebhookSender, body: Any) -> list[Any]:
    """The events in a body. Raises `Refused`."""
    found = walk(body, sender.each) if sender.each else body
    if isinstance(found, str) and sender.each:
        found = document.read(found.encode("utf-8", "surrogatepass"))
    if found is None:
        raise Refused("bad_request", f"The body has no `{sender.each}`.")
    listed = found if isinstance(found, list) else [found]
    if len(listed) > MAX_EACH:
        raise Refused("too_large", f"{len(listed)} events; a request may have at most {MAX_EACH}.")
    return listed


def _form(raw: bytes) -> dict[str, Any]:
    """The fields of a form; `a[b]` is `b` in the object `a`."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise Refused("bad_request", "The body is no form in UTF-8.") from error
    found: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = name.replace("]", "").split("[")
        if len(rest) >= MAX_DEPTH:
            raise Refused("bad_request", "A field of the form is nested too deeply.")
        place = found
        for part in [first, *rest][:-1]:
            inside = place.setdefault(part, {})
            if not isinstance(inside, dict):
                raise Refused("bad_request", f"The form has {part[:80]!r} as a value and as an object.")
            place = inside
        last = rest[-1] if rest else first
        if last in place:
            raise Refused("bad_request", f"The form has two fields {name[:80]!r}.")
        place[last] = value
    return found


class _Tree:
    """Builds the value of an XML document from what the parser meets."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = [("", self.root, [])]
        self._count = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) > MAX_DEPTH or self._count > MAX_FIELDS:
            raise Refused("bad_request", "The XML has too many levels or elements.")
        kind = attributes.get(f"{XSI} type")
        inside = {f"{_AT}type": _local(kind.rpartition(":")[2])} if kind else {}
        self._open.append((_local(name), inside, []))

    def words(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, _name: str) -> None:
        name, inside, words = self._open.pop()
        said = "".join(words).strip()
        value: Any = inside if inside.keys() - {f"{_AT}type"} or (inside and not said) else said or None
        place = self._open[-1][1]
        if name not in place:
            place[name] = value
        elif isinstance(place[name], list):
            place[name].append(value)
        else:
            place[name] = [place[name], value]

    def refuse(self, *_: Any) -> None:
        raise Refused("bad_request", "XML with a document type or entities is not accepted.")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _xml(raw: bytes) -> dict[str, Any]:
    tree = _Tree()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = tree.begin, tree.end
    parser.CharacterDataHandler = tree.words
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = tree.refuse
    parser.ExternalEntityRefHandler = tree.refuse  # type: ignore[assignment]
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, "unknown")
        raise Refused(
            "bad_request", f"The body is not XML at line {error.lineno}, column {error.offset + 1}: {why}."
        ) from error
    return tree.root
