import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from schemas.topics import CHANNELS, REJECTED, TRANSITIONS, touchpoint_topic
from streams.wire.asyncapi import document

ROOT = Path(__file__).parents[3]
SPECIFICATION = json.loads((ROOT / "tests" / "house" / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))


def test_it_is_asyncapi() -> None:
    """The document is what the AsyncAPI initiative's own schema of version 3.0.0 describes, bindings included."""
    jsonschema.Draft7Validator(SPECIFICATION).validate(document())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.pop("info"),
        lambda found: found["operations"]["receiveTouchpointsWeb"].update(action="publish"),
        lambda found: found["channels"]["touchpoints.web"]["bindings"]["kafka"].update(partitions="eight"),
        lambda found: found["components"]["schemas"]["touchpoint"].update(type="thing"),
    ],
)
def test_the_check_would_notice(spoil) -> None:
    """That schema refuses a document that is none: the test above says something."""
    spoiled = copy.deepcopy(document())
    spoil(spoiled)
    assert not jsonschema.Draft7Validator(SPECIFICATION).is_valid(spoiled)


def test_every_topic_of_others_is_there() -> None:
    """What producers write and consumers read; not what workers send to each other."""
    assert set(document()["channels"]) == {*map(touchpoint_topic, CHANNELS), TRANSITIONS, REJECTED}


def test_every_reference_leads_somewhere() -> None:
    """Each `$ref` names a part of the document itself, so that one file is all one needs."""
    found = document()

    def references(node):
        if isinstance(node, dict):
            yield from [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            node = list(node.values())
        for item in node if isinstance(node, list) else ():
            yield from references(item)

    for reference in set(references(found)):
        target = found
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_the_published_one_is_read_back() -> None:
    """YAML keeps every value as it is."""
    assert yaml.safe_load((ROOT / "schemas/published/asyncapi.yaml").read_text(encoding="utf-8")) == document()
