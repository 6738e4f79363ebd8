import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rejection import Place, Rejection
from schemas.transition import Transition, Why
from streams.simulator.deviations import Deviations
from streams.simulator.poison import KINDS
from streams.simulator.stream import Scenario, events
from streams.wire.schema import EXAMPLE, MESSAGES, document
from tests.touchpoints import START_MS
from tracker.planning.decode import Flaw, decode
from tracker.tracking_plans.compatibility import narrowings

PUBLISHED = Path(__file__).parents[3] / "schemas" / "published"
TOUCHPOINT = jsonschema.Draft202012Validator(document("touchpoint"))
EVERYTHING = Deviations(0.2, 0.2, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.1, 0.0)
# Not a matter of the schema: no JSON at all, and the size of the whole.
BEYOND = {"empty", "no_value", "text", "binary", "truncated", "too_large"}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_schema_is_one(name) -> None:
    """It keeps to the rules of JSON Schema 2020-12, and everything in it is explained."""
    schema = document(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    blocks = [schema, *(each for each in schema.get("$defs", {}).values() if "title" in each)]
    assert [name for each in blocks for name, field in each["properties"].items() if not field.get("description")] == []


def test_what_the_simulator_sends_is_valid() -> None:
    """Every touchpoint of simulated customers, with all that may go wrong on their way, keeps to the schema."""
    sent = list(events(Scenario(starts_ms=START_MS, interval_ms=50, customers=500, deviations=EVERYTHING)))
    assert len(sent) > 1000
    for event in sent:
        TOUCHPOINT.validate(json.loads(event.value))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.kind not in BEYOND], ids=lambda kind: kind.kind)
def test_poison_is_not_valid(kind) -> None:
    """What the workers reject, the schema refuses, as far as a schema can see it."""
    assert not TOUCHPOINT.is_valid(json.loads(kind.spoil(dict(EXAMPLE))))
    TOUCHPOINT.validate(EXAMPLE)


MOMENTS = st.sampled_from([
    START_MS, 315_532_799_999, 315_532_800_000, 253_402_300_799_999, 253_402_300_800_000, 0, True, 1.5, None,
    "2026-11-22T10:00:00Z", "2026-11-22t10:00:00.123456+0100", "2026-11-22 10:00:00-23:59", "2026-11-22T10:00:00",
    "2026-13-22T10:00:00Z", "1979-12-31T23:59:59Z", "1980-01-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22",
])  # fmt: skip
IDS = st.dictionaries(
    st.sampled_from(["customer_id", "anonymous_id", "email_sha256", "session", "shop_customer@se-1", "shop@", "@se"]),
    st.sampled_from(["c-1", " c-1 ", "", "  ", "null", "NULL", "Guest", "n/a", "[object Object]", "-1", "0", "x" * 256,
                     "(Not Set)", "(other)", "Other", "test", "#N/A", "#REF!", "\\N", "{}", '""', "<NULL>", "--",
                     "0.0", "000", "-1.0",
                     "0" * 32, "00-0", "{{ user.id }}", "u-{{id}}", "{{id}}-u", "${ID}", "%UserId%", "{UserId}",
                     "{0F8F}",
                     "User ID", "not-authenticated", "“null”", "Nullerby", "guest@", "a-0", "0a", "10", "-2", "å",
                     0, -1, 7, None, 1.5, False, ["c-1"]]),
    max_size=3,
)  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.sampled_from(["e", "", "e" * 128, "e" * 129, "ä" * 128, 1]),
        "type": st.sampled_from(["Page Viewed", "", None]),
        "channel": st.sampled_from(["web", "store", 3]),
        "occurred_at": MOMENTS,
        "received_at": MOMENTS,
        "ids": IDS,
        "schema": st.sampled_from(["touchpoint/1", "touchpoint/1.4", "touchpoint/10", "touchpoint/2", None]),
        "properties": st.sampled_from([{}, {"own": [1]}, None, [], "x"]),
        "context": st.sampled_from([{}, {"physical": True}, None, []]),
        "unknown": st.just({"kept": True}),
    },
)


@given(changes=DOCUMENTS, without=st.sets(st.sampled_from(sorted(EXAMPLE)), max_size=1))
def test_the_schema_says_what_the_decoder_does(changes, without) -> None:
    """Whatever is changed in a touchpoint: it is valid by the schema if, and only if, the decoder takes it."""
    good = {**EXAMPLE, "properties": {"path": "/"}, "channel": "web"}
    said = {name: value for name, value in {**good, **changes}.items() if name not in without - changes.keys()}
    taken = not isinstance(decode(msgspec.json.encode(said), START_MS), Flaw)
    assert TOUCHPOINT.is_valid(said) is taken


@pytest.mark.parametrize(
    ("channel", "properties"),
    [
        ("shop", {"amount": "49.90"}),
        ("web", {"price": "free"}),
        ("support", {"score": "good"}),
        ("shop", {"order_id": 7}),
    ],
)
def test_properties_of_a_channel_have_types(channel, properties) -> None:
    """The schema is stricter than the decoder in this alone; on a channel that it does not know, all are free."""
    assert not TOUCHPOINT.is_valid(EXAMPLE | {"channel": channel, "properties": properties})
    TOUCHPOINT.validate(EXAMPLE | {"channel": "store", "properties": properties})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rejection", Rejection("not_json", "no", Place("touchpoints.web", 1, 2), START_MS, b"\xff", None, START_MS)),
        ("transition", Transition(kind="entered", customer="c", journey="j", version=1, stage="a", at_ms=START_MS)),
        (
            "transition",
            Transition(
                kind="advanced", customer="c", journey="j", version=1, instance="o-1", origin="a", stage="c",
                at_ms=START_MS, skipped=("b",), why=Why("e-1", "Page Viewed", "web", 0),
            ),
        ),
    ],
)  # fmt: skip
def test_what_the_tracker_writes_is_valid(name, message) -> None:
    """Rejections and transitions, as they are encoded, keep to their schemas."""
    jsonschema.validate(json.loads(msgspec.json.encode(message)), document(name))


@pytest.mark.parametrize("name", MESSAGES)
def test_what_was_published_still_holds(name) -> None:
    """What producers send by the released schema is read; what consumers get can be read by the released one."""
    released = json.loads((PUBLISHED / "released" / f"{name}.schema.json").read_text(encoding="utf-8"))
    before, after = (released, document(name)) if MESSAGES[name].comes_in else (document(name), released)
    assert [str(each) for each in narrowings(before, after)] == []
