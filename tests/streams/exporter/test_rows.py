import random
from dataclasses import replace

from streams.exporter.figures import Figures
from streams.exporter.rows import AGES, FunnelRows
from tests.stored import DAY_MS, MONDAY_MS, definition
from tracker.figures.fields import day_of, parse
from tracker.journey.definition import STATUSES, Buckets, Rule, Survey

SEVEN = """
journey: shop
version: 1
stages:
  - {name: seen, touchpoints: [{channel: web}], drops_after: 2d}
  - {name: bought, touchpoints: [{channel: shop}], goal: true}
funnel: {window: 7d}
segments:
  type: {from: context.type, values: [b2b, b2c]}
"""
NOW_MS = MONDAY_MS + DAY_MS // 2
REACHED = {"1": 1, "7": 2, "28": 3, "inf": 4}


def rows(counts: dict[str, int], text: str = SEVEN, now_ms: int = NOW_MS) -> dict:
    found = FunnelRows([definition(text)], ["web", "shop", "support"])
    return found.rows(Figures({parse(field): count for field, count in counts.items()}, {}), now_ms)


def on(age_days: int) -> str:
    return day_of(NOW_MS - age_days * DAY_MS)


def test_conversion_within_days_of_the_beginning() -> None:
    """Of all who began on 28 days, those who reached the stage within so many days; who came later is not in it."""
    counts = {f"shop|cohort|{on(age)}": 10 for age in range(70)}
    counts |= {f"shop|reached|{on(age)}|bought|{days}": n for age in range(70) for days, n in REACHED.items()}
    found = rows(counts)
    assert {found["tracker_cohort_customers"]["shop", days, "recent"] for days in ("1", "7", "28")} == {280}
    reached = [found["tracker_cohort_reached"]["shop", "bought", days, "mature"] for days in ("1", "7", "28")]
    assert reached == [28 * 1, 28 * (1 + 2), 28 * (1 + 2 + 3)]


def test_who_began_before_all_cohorts_is_in_the_whole_alone() -> None:
    """No cohort that is shown lies so far back."""
    found = rows({"shop|cohort|before": 5, f"shop|cohort|{on(3)}": 2, "shop|reached|before|bought|7": 4})
    assert found["tracker_journeys_begun"] == {("shop",): 7}
    assert found["tracker_cohort_customers"]["shop", "7", "recent"] == 2
    assert found["tracker_cohort_reached"]["shop", "bought", "7", "recent"] == 0


def test_a_cohort_is_mature_when_the_days_have_passed_for_all() -> None:
    """For seven days the day eight days ago is over; that of seven days ago ends only tonight."""
    found = rows({f"shop|cohort|{on(age)}": 1 if age < 8 else 100 for age in range(70)})
    assert found["tracker_cohort_customers"]["shop", "7", "mature"] == 2800
    assert found["tracker_cohort_matured"]["shop", "7", "mature"] == 2800
    assert found["tracker_cohort_matured"]["shop", "7", "recent"] == 2000
    assert [found["tracker_cohort_matured"]["shop", days, "recent"] for days in ("1", "28")] == [2006, 0]


def test_the_very_moment_of_maturity() -> None:
    """The days have passed for all of a day so many days after its end, to the millisecond."""
    midnight_ms = MONDAY_MS + 8 * DAY_MS
    monday = {f"shop|cohort|{day_of(MONDAY_MS)}": 3}
    before, then = (rows(monday, now_ms=midnight_ms + by)["tracker_cohort_matured"] for by in (-1, 0))
    assert (before["shop", "7", "recent"], then["shop", "7", "recent"]) == (0, 3)


def test_conversion_by_segment() -> None:
    """Each value has its own cohorts."""
    found = rows({f"shop|cohort|{on(age)}|type=b2b": 10 for age in range(70)}
                 | {f"shop|reached|{on(age)}|bought|1|type=b2b": 4 for age in range(2, 70)})  # fmt: skip
    assert found["tracker_segment_cohort_customers"]["shop", "type", "b2b", "1", "mature"] == 280
    assert found["tracker_segment_cohort_reached"]["shop", "type", "b2b", "bought", "1", "mature"] == 112
    assert found["tracker_segment_cohort_customers"]["shop", "type", "other", "1", "mature"] == 0


def test_cohort_days_one_by_one() -> None:
    """Each of the last days is shown by its age."""
    found = rows({f"shop|cohort|{on(3)}": 5, f"shop|reached|{on(3)}|seen|inf": 5, f"shop|cohort|{on(99)}": 1})
    assert found["tracker_cohort_age_customers"]["shop", "03"] == 5
    assert found["tracker_cohort_age_reached"]["shop", "seen", "03"] == 5
    assert len(found["tracker_cohort_age_customers"]) == AGES


def test_segments() -> None:
    """Each declared value has its rows and all others are one; the funnel counts at least so deep there too."""
    found = rows({
        "shop|current|seen|waiting|type=b2b": 3,
        "shop|current|seen|waiting|type=strange": 2,
        "shop|current|seen|waiting|colour=red": 9,
        f"shop|funnel|{on(0)}|seen|type=b2b": 2,
        f"shop|funnel|{on(0)}|bought|type=b2b": 1,
    })  # fmt: skip
    assert found["tracker_segment_customers"]["shop", "type", "b2b", "seen", "waiting"] == 3
    assert found["tracker_segment_customers"]["shop", "type", "other", "seen", "waiting"] == 2
    assert found["tracker_segment_funnel"]["shop", "type", "b2b", "seen"] == 3
    assert found["tracker_customers"]["shop", "seen", "waiting"] == 0
    assert not any("red" in labels for labels in found["tracker_segment_customers"])


def test_what_the_journeys_declare() -> None:
    """The places of the stages and the channels that the journey looks at; a rule for any channel looks at all."""
    assert rows({})["tracker_stage_place"] == {("shop", "seen"): 1, ("shop", "bought"): 2}
    assert set(rows({})["tracker_journey_channels"]) == {("shop", "web"), ("shop", "shop")}
    anywhere = rows({}, SEVEN.replace("{channel: web}", "{type: page}"))
    assert len(anywhere["tracker_journey_channels"]) == 3


def test_time_in_stage_adds_up() -> None:
    """Buckets hold all that are shorter, and the seconds stand beside them."""
    figures = Figures(
        {parse(f): n for f, n in {"shop|stay|seen|60": 2, "shop|stay|seen|3600": 1, "shop|seconds|seen": 700}.items()},
        {},
    )
    buckets, seconds = FunnelRows([definition(SEVEN)]).histograms(figures)["tracker_stage_stay_seconds"]["shop", "seen"]
    assert (dict(buckets)["60"], dict(buckets)["3600"], dict(buckets)["+Inf"], seconds) == (2, 3, 3, 700)


def test_a_bucket_of_an_earlier_definition_counts_in_the_next_wider_one() -> None:
    """Until all customers are counted with the new bounds none is missing."""
    figures = Figures({parse("shop|convert|bought|60"): 2, parse("shop|convert|bought|90"): 1}, {})
    shop = replace(definition(SEVEN), buckets=Buckets(convert_ms=(30_000, 70_000)))
    buckets, _ = FunnelRows([shop]).histograms(figures)["tracker_stage_convert_seconds"]["shop", "bought"]
    assert dict(buckets) == {"30": 0, "70": 2, "+Inf": 3}


def test_feedback_has_its_scale() -> None:
    """Every score of the declared questions has a row, zero too; what nobody asks any more has none."""
    shop = replace(definition(SEVEN), feedback=(Survey("csat", Rule(type="survey")),))
    figures = Figures({parse("shop|feedback|csat|4"): 2, parse("shop|feedback|nps|9"): 1}, {})
    found = FunnelRows([shop]).rows(figures, NOW_MS)["tracker_feedback_customers"]
    assert found == {("shop", "csat", str(score)): 2 if score == 4 else 0 for score in range(1, 6)}


def test_whatever_comes_the_series_are_the_same() -> None:
    """100,000 fields with names that nobody declared add not one series besides `other`."""
    chance = random.Random(7)
    word = lambda: f"x{chance.randrange(10**9)}"  # noqa: E731
    kinds = (
        lambda: f"{word()}|current|{word()}|{chance.choice(STATUSES)}",
        lambda: f"shop|current|{word()}|{chance.choice(STATUSES)}",
        lambda: f"shop|dropoffs|{word()}|{word()}={word()}",
        lambda: f"shop|reached|{on(chance.randrange(900))}|{word()}|{word()}|type={word()}",
        lambda: f"shop|stay|{word()}|60",
        lambda: f"shop|convert|seen|{chance.randrange(10**9)}",
        lambda: f"shop|feedback|{word()}|{chance.randrange(99)}|type={word()}",
        lambda: f"shop|funnel|{on(0)}|{word()}|type={word()}",
    )
    counts = {chance.choice(kinds)(): 1 for _ in range(100_000)}
    few, many = rows({}), rows(counts)
    new = {labels for name in many for labels in many[name].keys() - few[name].keys()}
    assert all("other" in labels for labels in new) and len(new) < 30


def test_the_funnel_of_an_optional_stage_is_who_took_it() -> None:
    """Of the others it is whoever is at least so deep, also by passing it by."""
    asked = "  - {name: asked, touchpoints: [{type: q}], optional: true}"
    text = SEVEN.replace("drops_after: 2d}", f"drops_after: 2d}}\n{asked}")
    counts = {f"shop|funnel|{on(1)}|bought": 5, f"shop|funnel|{on(1)}|asked": 1, f"shop|taken|{on(1)}|asked": 3}
    counts |= {f"{field}|type=b2b": count for field, count in counts.items()}
    found = rows(counts, text)
    assert [found["tracker_funnel"]["shop", name] for name in ("seen", "asked", "bought")] == [6, 3, 5]
    assert found["tracker_segment_funnel"]["shop", "type", "b2b", "asked"] == 3
