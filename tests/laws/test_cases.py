"""The funnels of other tools' documentation and bug reports, one by one, for the engine and the reference alike."""

from dataclasses import replace

import pytest

from tests.laws.seen import by_engine, by_reference
from tracker.journey.definition import Condition, Definition, Exclusion, Funnel, Rule, Segment, Stage
from tracker.touch import Touch

HOUR_MS = 3_600_000


def touches(text):
    """`a0 b1.5` is a at 0 h and b at 1.5 h; ids follow the text's order, backwards, so that they decide nothing."""
    words = text.split()
    ids = [f"e{number}" for number in range(len(words), 0, -1)]
    return [
        Touch("c", int(float(word[1:]) * HOUR_MS) + 1_760_000_000_000, word[0], "web", name, {}, {})
        for word, name in zip(words, ids, strict=True)
    ]


def journey(steps, *, optional="", **funnel):
    """`abc`: three stages of these types; a repeated letter is a repeated step, named with its place."""
    stages = tuple(
        Stage(f"{kind}{place + 1}", (Rule(type=kind),), optional=kind in optional) for place, kind in enumerate(steps)
    )
    return Definition("case", 1, stages, funnel=Funnel(**funnel))


def exclude(kind, *between):
    return (Exclusion(Rule(type=kind), between or None),)


H = HOUR_MS

# what, definition, touchpoints, depth
DEPTHS = [
    ("steps in order", journey("abc"), "a0 b1 c2", 3),
    ("others between do not matter", journey("abc"), "a0 x1 b2 x3 c4", 3),
    ("a later step that came too early comes again", journey("abcd"), "a0 b1 d2 c3 d4", 4),
    ("a step left out ends it", journey("abcd"), "a0 b1 d2", 2),
    ("who never entered has no depth", journey("abc"), "b0 c1", 0),
    ("order matters", journey("ab"), "b0 a1", 1),
    ("the end of the window is in it", journey("ab", window_ms=H), "a0 b1", 2),
    ("a moment later is not", journey("ab", window_ms=H - 1), "a0 b1", 1),
    ("the window is counted from the entry", journey("abc", window_ms=2 * H), "a0 b1.5 c2.5", 2),
    ("a later entry may still convert", journey("abc", window_ms=H), "a0 a0.5 b0.75 c1.25", 3),
    ("an entry after the window begins anew", journey("ab", window_ms=H), "a0 a5 b5.5", 2),
    ("the best of two entries counts", journey("abc", window_ms=H), "a0 b0.5 a3 b3.5 c4", 3),
    ("a deeper early entry stays", journey("abc", window_ms=H), "a0 b0.5 c0.9 a3 b3.5", 3),
    ("a step's own window", journey("abc", step_windows_ms={"c3": H}), "a0 b5 c6", 3),
    ("a step's own window that has passed", journey("abc", step_windows_ms={"c3": H}), "a0 b5 c6.5", 2),
    ("a later touchpoint of the step before", journey("abc", step_windows_ms={"c3": H}), "a0 b5 b6 c6.5", 3),
    ("both windows at once", journey("abc", window_ms=3 * H, step_windows_ms={"c3": H}), "a0 b2.5 c3.5", 2),
    ("a repeated step needs two touchpoints", journey("aa"), "a0", 1),
    ("two touchpoints are enough", journey("aa"), "a0 a1", 2),
    ("at one instant too", journey("aa"), "a0 a0", 2),
    ("a repeated step with one between", journey("aba"), "a0 b1 a2", 3),
    ("a repeated step with none after", journey("aba"), "a0 a1 b2", 2),
    ("three times", journey("aaa", window_ms=H), "a0 a2 a2.5 a3", 3),
    ("a tie counts in stage order", journey("abc"), "c0 b0 a0", 3),
    ("a tie half-way", journey("abc"), "a0 c1 b1", 3),
    ("a repeated touchpoint at one instant stops nothing", journey("abc"), "a0 b1 b1 c2", 3),
    ("a tie at the end of the window", journey("abc", window_ms=H), "a0 c1 b1", 3),
    ("ten steps of four types at one instant", journey("abcdabcdab"), "a0 a0 a0 b0 b0 b0 c0 c0 d0 d0", 10),
    ("a repeated type half-way at one instant", journey("aba"), "a0 b1 a1", 3),
    ("at one instant each touchpoint serves once", journey("aba"), "a0 b0", 2),
    ("what an instant left open goes on later", journey("abab", window_ms=H), "a0 b0 a0 b1", 4),
    ("an excluded type that is a step, at one instant", journey("ab", exclude=exclude("a", "a1", "b2")), "a0 a0 b1", 2),
    ("an excluded step beside the next one", journey("abc", exclude=exclude("c", "a1", "b2")), "a0 c1 b1 c2", 3),
    ("strict: an instant in the best order", journey("abab", mode="strict"), "a0 b1 a1 b2", 4),
    ("strict: all of an instant between is used", journey("abc", mode="strict"), "a0 b1 b1 c2", 2),
    ("any: an instant in the best order",
     journey("abc", mode="any", step_windows_ms={"b2": H}), "a0 b2 c2", 3),
    ("strict: neighbours", journey("abc", mode="strict"), "a0 b1 c2", 3),
    ("strict: another between", journey("abc", mode="strict"), "a0 b1 x1.5 c2", 2),
    ("strict: a step again is another too", journey("abc", mode="strict"), "a0 b1 b1.5 c2", 2),
    ("strict: a later try", journey("abc", mode="strict"), "a0 x1 a2 b3 c4", 3),
    ("strict: the entry again", journey("ab", mode="strict"), "a0 a1 b2", 2),
    ("strict: a tie of others comes after the steps", journey("abc", mode="strict"), "a0 x1 b1 c2", 2),
    ("strict: a window", journey("ab", mode="strict", window_ms=H), "a0 b2", 1),
    ("any: backwards", journey("abc", mode="any"), "c0 b1 a2", 3),
    ("any: not all", journey("abc", mode="any"), "c0 a2", 2),
    ("any: the window runs from the first", journey("abc", mode="any", window_ms=2 * H), "c0 b1 a2.5", 2),
    ("any: a later window is better", journey("abc", mode="any", window_ms=2 * H), "c0 b1 a2.5 c3", 3),
    ("any: a repeated step needs two", journey("aab", mode="any"), "b0 a1", 2),
    ("any: and two are enough", journey("aab", mode="any"), "a0 b1 a2", 3),
    ("any: nothing", journey("abc", mode="any"), "x0", 0),
    ("exclusion between", journey("ab", exclude=exclude("x", "a1", "b2")), "a0 x1 b2", 1),
    ("exclusion before", journey("ab", exclude=exclude("x", "a1", "b2")), "x0 a1 b2", 2),
    ("exclusion after", journey("abc", exclude=exclude("x", "a1", "b2")), "a0 b1 x2 c3", 3),
    ("exclusion, and then a new entry", journey("ab", exclude=exclude("x", "a1", "b2")), "a0 x1 a2 b3", 2),
    ("exclusion over several steps", journey("abc", exclude=exclude("x", "a1", "c3")), "a0 b1 x2 c3", 2),
    ("exclusion anywhere", journey("abc", exclude=exclude("x")), "a0 b1 x2 c3", 2),
    ("exclusion that is a step itself", journey("ab", exclude=exclude("a", "a1", "b2")), "a0 a1 a2 b3", 2),
    ("exclusion in a tie comes after the step", journey("ab", exclude=exclude("x", "a1", "b2")), "a0 x1 b1", 2),
    ("what was reached before an exclusion stays", journey("abc", exclude=exclude("x", "b2", "c3")), "a0 b1 x2", 2),
    ("an optional step may be missing", journey("abc", optional="b"), "a0 c1", 3),
    ("an optional step may be there", journey("abc", optional="b"), "a0 b1 c2", 3),
    ("an optional step in the wrong place", journey("abc", optional="b"), "b0 a1 c2", 3),
    ("an optional first step", journey("abc", optional="a"), "b0 c1", 3),
    ("strict with an optional step left out", journey("abc", mode="strict", optional="b"), "a0 c1", 3),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "text", "depth"), [one[1:] for one in DEPTHS], ids=[one[0] for one in DEPTHS])
def test_depth(definition, text, depth):
    """The funnel's depth is what an analyst counts by hand."""
    given = touches(text)
    answers = [
        by_engine(definition, given, 0),
        by_engine(definition, given[::-1], 0),
        by_reference(definition, given, 0),
    ]
    # Who has no touchpoint of any stage is not in the journey at all.
    expected = [] if text == "x0" else [depth]
    assert [[one["funnel_depth"] for one in answer.values()] for answer in answers] == [expected] * 3


GENERAL = Definition(
    "case",
    1,
    (
        Stage("page", (Rule(type="page"),)),
        Stage("pricing", (Rule(type="page", where=(Condition(("properties", "path"), "eq", "/pricing"),)),)),
    ),
)


@pytest.mark.parametrize("seen", [by_engine, by_reference])
@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_general_before_special(seen, names):
    """Of two pages at one instant the plain one comes before the one that is pricing too, whatever their ids."""
    pages = [
        Touch("c", 1_760_000_000_000, "page", "web", name, {"path": path}, {})
        for name, path in zip(names, ("/pricing", "/about"), strict=True)
    ]
    (one,) = seen(GENERAL, pages, pages[0].at_ms).values()
    assert (one["funnel_depth"], one["current"]) == (2, "pricing")


@pytest.mark.parametrize("seen", [by_engine, by_reference])
def test_special_alone_enters(seen):
    """A page that is both general and special serves one step: the first, where nothing came before."""
    page = Touch("c", 1_760_000_000_000, "page", "web", "e", {"path": "/pricing"}, {})
    (one,) = seen(GENERAL, [page], page.at_ms).values()
    assert (one["funnel_depth"], one["current"], list(one["reached"])) == (1, "page", ["page"])


QUIET = Definition(
    "case", 1, (Stage("a", (Rule(type="a"),), drops_after_ms=2 * H), Stage("b", (Rule(type="b"),), goal=True))
)


@pytest.mark.parametrize("seen", [by_engine, by_reference])
@pytest.mark.parametrize(
    ("text", "now_h", "status", "dropped_h", "recovered_h"),
    [
        ("a0", 2, "waiting", None, None),
        ("a0", 2.001, "dropped", 2, None),
        ("a0 a2", 3, "waiting", None, None),
        ("a0 a2.5", 3, "waiting", 2, 2.5),
        ("a0 a2.5", 5, "dropped", 4.5, 2.5),
        ("a0 b5", 99, "completed", 2, 5),
        ("a0 x1", 2.5, "waiting", None, None),
        ("a0 x1", 3.5, "dropped", 3, None),
    ],
)
def test_drop_off(seen, text, now_h, status, dropped_h, recovered_h):
    """A gap longer than allowed is a drop-off at its end, and the next touchpoint a recovery."""
    base = 1_760_000_000_000
    (one,) = seen(QUIET, touches(text), base + int(now_h * H)).values()
    moments = [None if at is None else (at - base) / H for at in (one["dropped_at"], one["recovered_at"])]
    assert (one["status"], moments) == (status, [dropped_h, recovered_h])


@pytest.mark.parametrize("seen", [by_engine, by_reference])
@pytest.mark.parametrize(("attribution", "value"), [("first", "chrome"), ("last", "opera"), ("b2", "firefox")])
def test_attribution(seen, attribution, value):
    """First, last and step attribution each take the value where their names say."""
    segment = Segment("browser", ("context", "browser"), ("chrome", "firefox", "opera"), attribution)
    definition = replace(journey("abc"), segments=(segment,))
    given = touches("a0 a1 b2 c3")
    for touch, browser in zip(given, (None, "chrome", "firefox", "opera"), strict=True):
        touch.context = {"browser": browser}
    (one,) = seen(definition, given, given[-1].at_ms).values()
    assert one["segments"] == {"browser": value}


def test_any_order_passes_over_exits():
    """In any order a touchpoint that is only an exit is no obstacle to finding the chain."""
    definition = replace(journey("b", mode="any"), exits=(Rule(type="a"),))
    given = touches("a0 b1")
    assert by_engine(definition, given, 0) == by_reference(definition, given, 0)


@pytest.mark.parametrize("seen", [by_engine, by_reference])
def test_at_one_instant_every_step_of_the_chain_is_reached(seen):
    """Each touchpoint counts for the step that it serves, in stage order, so the customer stands at the last one."""
    steps = journey("abcdabcdab")
    (one,) = seen(steps, touches("a0 a0 a0 b0 b0 b0 c0 c0 d0 d0"), 0).values()
    names = [stage.name for stage in steps.stages]
    assert (one["current"], list(one["reached"]), one["visits"]) == ("b10", names, dict.fromkeys(names, 1))
    assert [stage for _, stage in sorted(one["chain"], key=lambda link: names.index(link[1]))] == names


@pytest.mark.parametrize("seen", [by_engine, by_reference])
@pytest.mark.parametrize(("text", "taken"), [("a0 c1", []), ("a0 b1 c2", ["b2"]), ("b0 a1 c2", []), ("a0 b1", ["b2"])])
def test_an_optional_step_is_taken_in_its_place(seen, text, taken):
    """Who passes it by, or comes to it out of order, has not taken it."""
    (one,) = seen(journey("abc", optional="b"), touches(text), 0).values()
    assert one["taken"] == taken
