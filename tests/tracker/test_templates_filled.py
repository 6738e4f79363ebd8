"""Templates that fill: what the shipped doors and tables write reaches every stage of every template."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from schemas import segment, vocabulary, webhooks
from tests.tracker.making import HOUR_MS, START_MS
from tracker.engine.customer import CustomerFold
from tracker.engine.matcher import Matcher
from tracker.engine.summary import summaries
from tracker.figures.feedback import Listener, latest
from tracker.journey.conditions import getter
from tracker.journey.definition import SCALES, Definition, Rule
from tracker.journey.file import load
from tracker.touch import Touch

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "examples" / "journeys").glob("*.yaml"))
BUSINESS = Rule(where=load(TEMPLATES[0]).not_activity[0].where)
# What a table says of an order, a ticket or an answer, in the words of schemas/properties.py.
SAID = {
    "Order": {"order_id": "1001", "amount": 49.9, "currency": "EUR", "status": "paid"},
    "Ticket": {"ticket_id": "7", "topic": "delivery", "status": "open"},
    "Satisfaction": {"ticket_id": "7", "score": 5, "scale": "csat", "kind": "csat"},
    "Product": {"product": "desk", "category": "desks", "price": 149.0, "currency": "EUR"},
}
ANSWERS = {
    "nps": {"kind": "nps", "scale": "nps", "score": 9},
    "csat": {"kind": "csat", "scale": "csat", "score": 4},
    "ces": {"kind": "ces", "scale": "ces", "score": 6},
}

templates = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)


def shipped_types() -> dict[str, set[str]]:
    """By type that a shipped table or door writes: its channels."""
    found: dict[str, set[str]] = defaultdict(set)
    for sender in webhooks.SENDERS.values():
        for mapping in sender.mappings:
            found[mapping.type].add(mapping.channel)
    for kind in [*filter(None, segment.TYPES.values()), *segment.CHANNELS]:
        found[kind].add(segment.CHANNELS.get(kind, segment.CHANNEL))
    for path in (ROOT / "examples" / "imports").glob("*.yaml"):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["touchpoints"]:
            kinds = entry["type"]["words"].values() if isinstance(entry["type"], dict) else [entry["type"]]
            for kind in kinds:
                found[kind].add(entry["channel"])
    for kind, channel in vocabulary.TYPES.items():
        found[kind].add(channel)
    return found


def samples(definition: Definition, *, spoken: bool = True) -> list[Touch]:
    """One touch of each shipped type and channel, with the key of a keyed journey; the business's doings are marked."""
    made = []
    for kind, channels in sorted(shipped_types().items()):
        for channel in sorted(channels):
            context = {"by": "business"} if kind in vocabulary.OF_BUSINESS else {}
            said = dict(SAID.get(kind.split()[0], {})) if spoken else {}
            if definition.key is not None:
                said[definition.key[1]] = "1001"
            at_ms = START_MS + len(made)
            made.append(Touch("c", at_ms, kind, channel, f"{kind} {channel}", said, context, at_ms))
    return made


@templates
def test_every_stage_is_reached_from_a_shipped_door(path: Path) -> None:
    """By what the doors write, as it comes, each stage of a template has a touchpoint of the customer's own."""
    definition = load(path)
    matcher = Matcher(definition)
    bits = 0
    for touch in samples(definition):
        bits |= matcher.match(touch).bits if touch.type in vocabulary.TYPES else 0
    assert [stage.name for place, stage in enumerate(definition.stages) if not bits >> place & 1] == []


@templates
def test_the_samples_of_the_doors_lead_through_the_journey(path: Path) -> None:
    """A customer who does everything that the doors can tell, stage by stage, has reached every stage."""
    definition = load(path)
    matcher = Matcher(definition)
    given = samples(definition)
    walk = []
    for place in range(len(definition.stages)):
        one = next(touch for touch in given if matcher.match(touch).bits == 1 << place)
        at_ms = START_MS + place * HOUR_MS
        walk.append(Touch("c", at_ms, one.type, one.channel, one.event_id, one.properties, one.context, at_ms))
    journeys = CustomerFold([definition], horizon_ms=None)
    (summary,) = summaries(journeys, journeys.fold("c", None, walk, walk[-1].at_ms).after)
    assert list(summary.reached) == [stage.name for stage in definition.stages]
    assert summary.skipped == ()


@templates
def test_answers_of_the_doors_are_heard(path: Path) -> None:
    """Each template asks something, and hears the answers that the doors write for it."""
    definition = load(path)
    assert definition.feedback
    listener = Listener(definition.feedback)
    given = [Touch("c", START_MS, "Survey Answered", "support", kind, said, {}) for kind, said in ANSWERS.items()]
    given.append(Touch("c", START_MS, "Satisfaction Rated", "support", "rated", SAID["Satisfaction"], {}))
    given.append(Touch("c", START_MS, "Review Submitted", "support", "review", {"score": 9}, {}))
    # The effort that the demo's desk asks for is its own question.
    asked = [one.kind for one in definition.feedback if (path.stem, one.kind) != ("seven-stages", "ces")]
    assert [kind for kind, _, _ in latest(listener.hear((), given))] == sorted(asked, key=list(SCALES).index)


@templates
def test_what_the_business_does_is_no_activity(path: Path) -> None:
    """Every template says so, by the mark that the shipped tables set, and no stage rests on it."""
    definition = load(path)
    assert definition.not_activity == (BUSINESS,)
    get = getter(BUSINESS.where[0].path)
    matcher, stages = Matcher(definition), (1 << len(definition.stages)) - 1
    marked = [touch for touch in samples(definition) if get(touch) == "business"]
    assert {touch.type for touch in marked} == vocabulary.OF_BUSINESS & shipped_types().keys()
    assert [touch.type for touch in marked if matcher.match(touch).bits & stages] == []
