from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from streams.simulator.deviations import CALM, Deviations
from streams.simulator.stream import Scenario, events
from streams.simulator.truth import REASONS, Truth
from tests.people import Seen, people
from tracker.identity.kinds import KINDS
from tracker.planning.decode import Flaw, decode

STARTS_MS = 1_795_341_600_000
WILD = Deviations(0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.5, 0.3, 0.3, 0.05, 0.2)


def scenario(**changes) -> Scenario:
    """Two thousand customers, five hundred messages a second."""
    return replace(Scenario(starts_ms=STARTS_MS, interval_ms=2, customers=2_000), **changes)


def truth_of(of: Scenario) -> Truth:
    """The truth about all of a scenario."""
    truth = Truth()
    for event in events(of):
        truth.add(event)
    return truth


@pytest.mark.parametrize("deviations", [CALM, Deviations(), WILD])
def test_same_seed_same_bytes(deviations) -> None:
    """The stream is a function of the scenario alone."""
    assert list(events(scenario(deviations=deviations))) == list(events(scenario(deviations=deviations)))


def test_another_seed_another_stream() -> None:
    """Two seeds share no customer and no event id."""
    one, two = (list(events(scenario(seed=seed))) for seed in (1, 2))
    assert not {event.event_id for event in one if event.event_id} & {event.event_id for event in two}
    assert not {event.key for event in one} & {event.key for event in two}


@pytest.mark.parametrize("deviations", [CALM, Deviations(), WILD])
def test_the_published_funnel_is_exact(deviations) -> None:
    """However wild the stream, each stage is reached by exactly the published number of customers."""
    assert list(truth_of(scenario(customers=10_000, deviations=deviations)).funnel().values()) == [
        10_000, 5_000, 1_500, 300, 150, 50, 20,
    ]  # fmt: skip


def test_a_calm_stream_is_the_journeys_alone() -> None:
    """Without deviations there is one message a step, in order."""
    truth = truth_of(scenario(deviations=CALM))
    assert truth.messages == truth.touchpoints == sum(truth.funnel().values())
    assert truth.current()["loyalty"] == truth.funnel()["loyalty"] == 4


@pytest.mark.parametrize("deviations", [Deviations(), WILD])
def test_the_tracker_reads_what_the_truth_says(deviations) -> None:
    """Customer, corrected time and event id of each touchpoint, and the reason of each poison, are as known."""
    for event in events(scenario(deviations=deviations)):
        read = decode(event.value, STARTS_MS)
        if isinstance(read, Flaw):
            assert read.reason == REASONS[event.poison]
        else:
            assert (read.customer, read.at_ms, read.event_id) == (event.customer, event.at_ms, event.event_id)
            assert (read.customer.encode(), read.channel) == (event.key, event.channel)


def test_knobs_are_shares() -> None:
    """Duplicates, poison and delays come in about the share that was asked for."""
    deviations = replace(CALM, duplicates=0.2, poison=0.1)
    sent = list(events(scenario(customers=10_000, deviations=deviations)))
    touchpoints = sum(not event.poison and not event.copy for event in sent)
    assert sum(event.copy for event in sent) / touchpoints == pytest.approx(0.2, abs=0.02)
    assert sum(bool(event.poison) for event in sent) / len(sent) == pytest.approx(0.1, abs=0.02)
    assert len(set(Counter(event.poison for event in sent if event.poison))) == len(REASONS)


@pytest.mark.parametrize("deviation", ["disorder", "late"])
def test_delays_reorder_a_customers_touchpoints(deviation) -> None:
    """Many customers' touchpoints arrive in another order than they happened; without delays none do."""

    def reordered(deviations) -> int:
        newest: dict[str, int] = {}
        count = 0
        for event in events(scenario(deviations=deviations)):
            count += event.at_ms < newest.get(event.customer, 0)
            newest[event.customer] = max(event.at_ms, newest.get(event.customer, 0))
        return count

    assert reordered(CALM) == 0
    assert reordered(replace(CALM, **{deviation: 0.2})) > 50


def test_skips_and_returns() -> None:
    """Who skips has a stage less, who returns stands behind the furthest stage; the funnel stays the same."""
    calm = truth_of(scenario(deviations=CALM))
    skipped = truth_of(scenario(deviations=replace(CALM, skips=1)))
    returned = truth_of(scenario(deviations=replace(CALM, returns=1)))
    assert skipped.touchpoints == calm.touchpoints - calm.funnel()["consideration"]
    assert returned.touchpoints == calm.touchpoints + calm.funnel()["evaluation"]
    assert any(where.current != where.furthest for where in returned.customers().values())
    assert calm.funnel() == skipped.funnel() == returned.funnel()


@pytest.mark.parametrize("seed", range(5))
def test_without_skips_all_steps_are_met_in_order(seed) -> None:
    """Whatever arrives when, by the corrected clock each customer has met every stage up to the furthest in order."""
    met: dict[str, list[tuple[int, int]]] = {}
    for event in events(scenario(deviations=replace(WILD, skips=0), seed=seed)):
        if event.stage >= 0:
            met.setdefault(event.person, []).append((event.at_ms, event.stage))
    for touches in met.values():
        depth = 0
        for _, stage in sorted(touches):
            depth += stage == depth
        assert depth == max(stage for _, stage in touches) + 1


@pytest.mark.parametrize("deviations", [replace(CALM, anonymous=1), WILD])
@pytest.mark.parametrize("seed", range(3))
def test_everybody_counts_for_whom_a_union_find_says(deviations, seed) -> None:
    """All aliases of a person end in one customer, some never sign in, and a borrowed device stays its owner's."""
    sent = list(events(scenario(deviations=deviations, seed=seed)))
    touches = [(event, decode(event.value, STARTS_MS)) for event in sent if not event.poison]
    seen = [Seen(one.at_ms, one.event_id, one.customer, link) for _, one in touches for link in one.links]
    who = people(seen)
    assert {event.person for event, _ in touches} >= set(who.values())
    assert all(who.get(one.customer, one.customer) == event.person for event, one in touches)


def test_aliases() -> None:
    """One to five of them, of two kinds, tied by `identify` and `alias`; half of the customers never sign in."""
    sent = list(events(scenario(deviations=replace(CALM, anonymous=1))))
    together = truth_of(scenario(deviations=replace(CALM, anonymous=1)))
    assert len(together.customers()) == together.funnel()["awareness"] == 2_000
    assert sum(name.startswith("anonymous_id:") for name in together.customers()) == 1_000
    names: dict[str, set[str]] = {}
    for event in sent:
        touch = decode(event.value, None)
        names.setdefault(event.person, set()).update({touch.customer, *touch.links} - {event.person})
    assert set(map(len, (names[name] for name in names if name.startswith("c-")))) == {1, 2, 3, 4, 5}
    assert {KINDS.kind_of(name) for held in names.values() for name in held} == {"anonymous_id", "email_sha256"}


def test_a_borrowed_device_is_a_conflict() -> None:
    """Some devices are seen with two customers, each of whom is known by that time."""
    sent = list(events(scenario(deviations=replace(CALM, anonymous=0.5, shared=0.5))))
    owners: dict[str, set[str]] = {}
    for event in sent:
        for link in decode(event.value, None).links:
            owners.setdefault(link, set()).add(event.person)
    assert sum(len(claims) > 1 for claims in owners.values()) > 30


def test_quiet_customers_have_dropped() -> None:
    """A share of the customers was last seen longer ago than their stage allows."""
    truth = truth_of(scenario(deviations=replace(CALM, quiet=0.1)))
    day_ms = 86_400_000
    allowed = [day_ms * days if days else None for days in (30, 14, 7, 30, 60, 90, None)]
    dropped = truth.dropped(allowed, STARTS_MS + day_ms)
    assert 120 < sum(dropped.values()) < 280
    assert dropped["loyalty"] == 0


@pytest.mark.parametrize("deviations", [CALM, Deviations(), WILD])
def test_the_number_of_messages_is_known_before(deviations) -> None:
    """The estimate, which progress bars and spans rely on, is right to three parts in a hundred."""
    of = scenario(customers=10_000, deviations=deviations)
    assert of.expected_messages == pytest.approx(truth_of(of).messages, rel=0.03)


def test_a_stream_can_end_in_the_middle() -> None:
    """A number of messages ends an endless stream exactly, and what was held back is never counted."""
    truth = truth_of(scenario(customers=None, messages=5_000))
    assert truth.messages == 5_000
    assert truth.funnel()["evaluation"] > 0


def test_memory_is_bounded() -> None:
    """After tens of thousands of messages of an endless stream only the journeys under way are held."""
    from streams.simulator.stream import _Stream

    stream = _Stream(scenario(customers=None, messages=10_000_000))
    running, sizes = stream.run(), []
    for _ in range(4):
        for _ in islice(running, 15_000):
            stream.sent += 1
        sizes.append(len(stream.under_way) + len(stream.held))
    assert max(sizes) < 20_000


def test_time_follows_the_schedule() -> None:
    """A touchpoint happens when its message is planned to be sent, so a live stream is never in the future."""
    last = 0
    for place, event in enumerate(events(scenario(deviations=CALM))):
        assert event.at_ms == STARTS_MS + place * 2
        last = event.at_ms
    assert last == STARTS_MS + 2 * place
