"""The OpenAPI document of the collector: validated, and each path tried with generated requests."""

import os
import urllib.request

import jsonschema
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from streams.collector.app import Collector as Routes
from streams.collector.openapi import document
from tests.streams.collector.asking import Collector, basic
from tests.streams.collector.living import living, require_readable
from tests.touchpoints import touchpoint

LONG = os.environ.get("FAULTS") == "long"
EXAMPLES = 500 if LONG else 20
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
OPERATIONS = [
    (path, method, mode)
    for path, methods in document()["paths"].items()
    for method in sorted(methods.keys() - {"parameters"})
    # An operation without input has no invalid requests.
    for mode in (GenerationMode if "requestBody" in methods[method] else [GenerationMode.POSITIVE])
]


@pytest.fixture(scope="module")
def collector(tmp_path_factory) -> Collector:
    """One whose limits nobody reaches, with a source that sends webhooks."""
    limits = {"COLLECTOR_ADDRESS_REQUESTS_PER_S": "1000000", "COLLECTOR_KEY_EVENTS_PER_S": "10000000"}
    made = Collector(tmp_path_factory.mktemp("openapi"), limits)
    made.key = made.add("desk", sender="freshdesk")
    return made


@pytest.fixture(scope="module")
def address(collector):
    with living(collector) as url:
        yield url


def test_it_is_valid() -> None:
    """The document is valid by the schema of OpenAPI 3.1 and its further rules."""
    assert [str(error) for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_it_has_every_path_of_the_collector() -> None:
    """The document has exactly the collector's paths, with the methods of each."""
    routes = {
        each.path: {method.lower() for method in each._methods} for each in Routes(None, None, None, None, b"").routes()
    }
    described = {path: set(methods) - {"parameters"} for path, methods in document()["paths"].items()}
    assert described.keys() == routes.keys()
    assert all(methods <= routes[path] for path, methods in described.items())


def test_the_collector_publishes_it(address) -> None:
    """The collector serves the document at /openapi.json."""
    with urllib.request.urlopen(f"{address}/openapi.json") as answer:
        assert msgspec.json.decode(answer.read()) == document()


def test_what_it_describes_is_taken(collector) -> None:
    """A touchpoint that is valid by the document is accepted, and the answer is as described."""
    schemas = document()["components"]["schemas"]
    event = msgspec.json.decode(touchpoint("c-1"))
    inside = {"components": {"schemas": schemas}}
    jsonschema.validate(event, {"$ref": "#/components/schemas/touchpoint", **inside})
    jsonschema.validate(
        collector.ask("/v1/touchpoints", event).said, {"$ref": "#/components/schemas/accepted", **inside}
    )


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_every_path_answers_as_described(collector, address, path, method, mode) -> None:
    """Valid and invalid requests get no 5xx, answers are as described, and all that was accepted can be read."""
    operation = schemathesis.openapi.from_dict(document())[path][method]

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def fire(case) -> None:
        if mode is GenerationMode.POSITIVE and "source" in (case.path_parameters or {}):
            case.path_parameters["source"] = "desk"
        headers = {"authorization": basic(collector.key), **(case.headers or {})}
        case.call_and_validate(base_url=address, checks=CHECKS, headers=headers, timeout=15)

    collector.publisher.batches.clear()
    fire()
    require_readable(collector)
