"""Replays: the figures over a whole set of events."""

import pytest

from tests.strategies import BASE_MS, UNIT_MS
from tracker.journey.definition import Condition, Definition, Rule, Segment, Stage
from tracker.replay.replay import BreakdownError, Replay, breakdown, columns_of
from tracker.touch import Touch

HOUR_S = UNIT_MS // 1000


def stage(name, **more):
    return Stage(name, (Rule(type=name),), **more)


PLAIN = Definition("shop", 3, (stage("visit"), stage("order"), stage("return")))


def touch(customer, kind, hour, name=None, **context):
    return Touch(customer, BASE_MS + hour * UNIT_MS, kind, "web", name or f"{customer}{kind}{hour}", {}, context)


def run(definition, touches, now_hour=None, by=None):
    chosen = breakdown(definition, by) if by else None
    columns = columns_of([definition], touches, [chosen.path] if chosen and chosen.path else [])
    now_ms = None if now_hour is None else BASE_MS + now_hour * UNIT_MS
    return Replay(definition, columns, now_ms, chosen).run()


def column(report, name):
    return [one[name] for one in report.as_json()["stages"]]


def test_lists_of_products():
    """A condition on an order's products counts the same in a replay, which keeps only what the journey asks for."""
    asked = [
        (("properties", "products", "", "category"), "shoes"),
        (("properties", "products", "0", "category"), "hats"),
        (("properties", "utm.source"), "mail"),
    ]
    every = [
        Definition("shop", 1, (Stage("sold", (Rule(type="order", where=(Condition(path, "eq", value),)),)),))
        for path, value in asked
    ]
    sold = [{"category": name, "price": price} for price, name in enumerate(("hats", "shoes"))]
    touches = [touch("ann", "order", 0), touch("bob", "order", 1), touch("cy", "order", 2)]
    touches[0].properties.update(products=sold, coupon="x")
    touches[1].properties.update(products=sold[1:])
    touches[2].properties.update({"products": "hats", "utm.source": "mail", "utm": {"source": "web"}})
    assert [column(run(one, touches), "reached") for one in every] == [[2], [1], [1]]
    kept = columns_of(every, touches).touch("ann", (0, "", 0))
    assert kept.properties == {"products": [{"category": "hats"}, {"category": "shoes"}]}


def test_breakdown_by_an_element():
    """`--by` takes places in lists and names in quotes, which may have a colon."""
    by = {text: breakdown(PLAIN, text) for text in ("properties.products.0.id", 'context."utm:x.y":last')}
    assert [(one.path, one.attribution) for one in by.values()] == [
        (("properties", "products", "0", "id"), "first"),
        (("context", "utm:x.y"), "last"),
    ]


TOUCHES = [
    touch("ann", "visit", 0),
    touch("ann", "order", 2),
    touch("bob", "visit", 1),
    touch("bob", "order", 5),
    touch("bob", "return", 9),
    touch("cy", "order", 3),
    touch("dee", "nothing", 3),
]


@pytest.mark.parametrize("order", [1, -1])
def test_figures(order):
    """Customers are counted by stage, in whatever order their events come."""
    report = run(PLAIN, TOUCHES[::order])
    assert report.as_json()["customers"] == 3
    assert [column(report, name) for name in ("reached", "current", "funnel")] == [[2, 3, 1], [0, 2, 1], [2, 2, 1]]


def test_stages_and_nothing_else():
    """Without limits nobody drops off: all are waiting."""
    report = run(PLAIN, TOUCHES, now_hour=99_999)
    assert column(report, "waiting") == [0, 2, 1]
    assert column(report, "dropped") == [0, 0, 0]


def test_seconds_to_reach():
    """The time to a stage runs from the stage before it, along the funnel."""
    times = column(run(PLAIN, TOUCHES), "seconds_to_reach")
    assert times[0] == {"median": None, "mean": None, "n": 0}
    assert times[1] == {"median": 3.0 * HOUR_S, "mean": 3.0 * HOUR_S, "n": 2}
    assert times[2] == {"median": 4.0 * HOUR_S, "mean": 4.0 * HOUR_S, "n": 1}


def test_dropped_and_waiting_are_looked_at_now():
    """Who went quiet is dropped at `now`, by the stage they are in; the newest event's time stands in for `now`."""
    limited = Definition("shop", 1, (stage("visit", drops_after_ms=2 * UNIT_MS), stage("order", goal=True)))
    touches = [touch("ann", "visit", 0), touch("bob", "visit", 3), touch("cy", "order", 3)]
    assert column(run(limited, touches), "dropped") == [1, 0]
    assert column(run(limited, touches), "waiting") == [1, 0]
    assert column(run(limited, touches, now_hour=2), "dropped") == [0, 0]


def test_duplicates_count_once():
    """An event that comes again with its id is a duplicate."""
    again = [touch("ann", "visit", 0, "e1"), touch("ann", "visit", 0, "e1"), touch("bob", "visit", 0, "e1")]
    events = run(PLAIN, again).as_json()["events"]
    assert events == {"applied": 2, "duplicate": 1, "late": 0, "rejected": 0}


def test_a_servers_version_counts_whatever_a_browser_sent_under_its_id():
    """As in the live tracker: the browser's is a duplicate, and ends no journey."""
    ends = Definition("shop", 3, PLAIN.stages, exits=(Rule(type="return"),))
    claims = [touch("ann", "return", 0, "order-1"), touch("bob", "return", 9, "r")]
    for one in claims:
        one.is_browser = True
    report = run(ends, [*claims, touch("ann", "order", 3, "order-1"), touch("bob", "visit", 1)])
    assert report.as_json()["events"] == {"applied": 3, "duplicate": 1, "late": 0, "rejected": 0}
    assert column(report, "current") == [0, 1, 1]


def test_keyed_journeys_count_instances():
    """Every figure of a keyed journey counts instances; events without the key belong to none."""
    keyed = Definition("orders", 1, (stage("visit"), stage("order")), key=("context", "order"))
    touches = [touch("ann", "visit", 0, order=1), touch("ann", "order", 1, order=1), touch("ann", "visit", 2, order=2)]
    report = run(keyed, [*touches, touch("ann", "order", 3)])
    assert report.figures.customers == 2
    assert column(report, "funnel") == [2, 1]


SEGMENTED = [
    touch("ann", "visit", 0, plan="pro"),
    touch("ann", "order", 2, plan="free"),
    touch("bob", "visit", 0),
    touch("bob", "visit", 1, plan="free"),
    touch("cy", "visit", 0, plan="gold"),
    touch("dee", "visit", 0),
]


@pytest.mark.parametrize(
    ("attribution", "expected"),
    [
        ("first", {"pro": [1, 1], "free": [1, 0], "other": [2, 0]}),
        ("last", {"pro": [0, 0], "free": [2, 1], "other": [2, 0]}),
        ("order", {"pro": [0, 0], "free": [1, 1], "other": [3, 0]}),
    ],
)
def test_declared_segments(attribution, expected):
    """A declared segment breaks the funnel down by its attribution; what is not declared is other."""
    segment = Segment("plan", ("context", "plan"), ("pro", "free"), attribution)
    definition = Definition("shop", 1, (stage("visit"), stage("order")), segments=(segment,))
    by = run(definition, SEGMENTED, by="plan").as_json()["by"]
    assert {value: [one["funnel"] for one in stages] for value, stages in by.items()} == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("context.plan", {"pro": 1, "free": 1, "gold": 1, "(none)": 1}),
        ("context.plan:last", {"free": 2, "gold": 1, "(none)": 1}),
        ("context.plan:order", {"free": 1, "(none)": 3}),
        ("channel", {"web": 4}),
    ],
)
def test_any_place(by, expected):
    """A place that is not declared breaks down by every value found there."""
    report = run(PLAIN, SEGMENTED, by=by)
    assert {value: figures.customers for value, figures in report.by.items()} == expected


@pytest.mark.parametrize("by", ["plan", "properties", "context.plan:sometimes", "customer.x", "context."])
def test_breakdowns_that_cannot_be(by):
    """A breakdown that is neither a segment nor a place is refused."""
    with pytest.raises(BreakdownError):
        breakdown(PLAIN, by)


def test_nothing():
    """No events give figures of nobody."""
    assert run(PLAIN, []).as_json()["customers"] == 0


ANN = "anonymous_id:ann"
KNOWN_LATER = [
    touch(ANN, "visit", 0),
    touch(ANN, "order", 2),
    Touch("c1", BASE_MS + 168 * UNIT_MS, "identify", "web", "e3", {}, {}, 0, (ANN,)),
    touch("c1", "return", 170),
]


@pytest.mark.parametrize("order", [1, -1])
def test_an_anonymous_order_counts_for_who_is_known_a_week_later(order):
    """Once, under the customer's name, from the first visit on."""
    report = run(PLAIN, KNOWN_LATER[::order])
    assert (report.as_json()["customers"], report.applied) == (1, 4)
    assert column(report, "funnel") == column(report, "reached") == [1, 1, 1]
    ((result,),) = Replay(PLAIN, columns_of([PLAIN], KNOWN_LATER[::order])).customers()
    assert (result.customer, result.summary.reached["visit"]) == ("c1", BASE_MS)


def test_any_name_finds_the_customer():
    """Also when touchpoints are added after the first look."""
    columns = columns_of([PLAIN], KNOWN_LATER[:2])
    assert (columns.customer(ANN), len(columns.of(ANN))) == (ANN, 2)
    for one in KNOWN_LATER[2:]:
        columns.add(one)
    assert (columns.customer(ANN), columns.customer("nobody"), len(columns.of("c1"))) == ("c1", "nobody", 4)


def test_the_funnel_of_an_optional_stage_counts_who_took_it():
    """Passing by is no taking: of two who returned something one had a fitting before."""
    definition = Definition("shop", 3, (stage("visit"), stage("fitting", optional=True), stage("order")))
    kinds = {"ann": ("visit", "order"), "bob": ("visit", "fitting", "order"), "cy": ("visit",)}
    report = run(definition, [touch(who, kind, hour) for who, each in kinds.items() for hour, kind in enumerate(each)])
    assert column(report, "funnel") == [3, 1, 2]
