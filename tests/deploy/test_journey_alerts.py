from pathlib import Path

import pytest

from tests.deploy.promtool import ROOT, THRESHOLDS, fired, firing, summed
from tracker.alerts.thresholds import as_yaml
from tracker.journey.file import load, read

STEP_M = 15
HOUR = 4
DAY = 24 * HOUR
WEEK = 8 * DAY
"""Steps of the past: a day and a week before any of the last hours there is something to compare with."""


def trust(steps: int) -> dict[str, list]:
    """An exporter whose figures are fresh and whole."""
    return {
        "tracker_figures_age_seconds": [1] * steps,
        "tracker_figures_complete": [1] * steps,
        'tracker_applied_records{topic="touchpoints.web"}': list(range(steps)),
    }


def stage(name: str, dropped: list, left: list, entered: list | None = None) -> dict[str, list]:
    """A stage by its flows in each step: drop-offs, departures, entries (as many as decided)."""
    entered = entered or [a + b for a, b in zip(dropped, left, strict=True)]
    here = [a - b for a, b in zip(summed(entered), summed(left), strict=True)]
    labels = f'journey="retail",stage="{name}"'
    return {
        f"tracker_stage_place{{{labels}}}": [1] * len(dropped),
        f"tracker_stage_visits{{{labels}}}": summed(entered),
        f"tracker_stage_dropoffs{{{labels}}}": summed(dropped),
        f"tracker_stage_exits{{{labels}}}": [0] * len(dropped),
        f'tracker_customers{{{labels},status="waiting"}}': here,
    }


def hour(count: int) -> list[int]:
    """So many in an hour, as evenly as whole customers can be."""
    return [count * (step + 1) // HOUR - count * step // HOUR for step in range(HOUR)]


def lasting(count: int) -> list[int]:
    """So many in each of the two hours that end with the last two steps, which is long enough for `for`."""
    return [*hour(count), hour(count)[0]]


def after(name: str, before: tuple[int, int], dropped: list[int], decided: list[int]) -> dict[str, list]:
    """A stage with (drop-offs, decided) in every hour of the past, and then these flows."""
    hours = WEEK // HOUR
    left = [all_ - lost for all_, lost in zip(decided, dropped, strict=True)]
    return stage(name, hour(before[0]) * hours + dropped, hour(before[1] - before[0]) * hours + left)


def stages_firing(place, alert: str, *series: dict[str, list], **options) -> set[str]:
    """The stages that the alert fires for; the figures are trusted where nothing else is said."""
    all_series = {name: values for each in series for name, values in each.items()}
    steps = max(len(values) for values in all_series.values())
    return {alert["stage"] for alert in firing(place, alert, trust(steps) | all_series, step_m=STEP_M, **options)}


def test_dropoff_spike_at_its_thresholds(tmp_path) -> None:
    """It is silent just below and loud just above its size (odds), volume and significance (z), in both windows."""
    spiking = stages_firing(
        tmp_path,
        "JourneyDropoffSpike",
        after("size below", (120, 1200), lasting(218), lasting(1200)),
        after("size above", (120, 1200), lasting(219), lasting(1200)),
        after("volume below", (2, 60), [9, 0, 10, 10, 10], lasting(60)),
        after("volume above", (2, 60), [10, 0, 10, 10, 10], lasting(60)),
        after("quarter below", (2, 60), [9] * 5, lasting(60)),
        after("z below", (40, 100), lasting(64), lasting(100)),
        after("z above", (40, 100), lasting(65), lasting(100)),
        after("over", (120, 1200), [120, 120, 120, 30, 30, 30], [*lasting(1200), 300]),
        after("quiet night", (1, 3), lasting(3), lasting(3)),
        after("as ever", (120, 1200), lasting(120), lasting(1200)),
    )
    assert spiking == {"size above", "volume above", "z above"}


DECLARED = """
journey: retail
alerts: {drop_off: {severity: ticket}}
stages:
  - {name: odds below, touchpoints: {type: a}, drops_after: 1d, alerts: {drop_off: {odds: 1.5}}}
  - {name: odds above, touchpoints: {type: b}, drops_after: 1d, alerts: {drop_off: {odds: 1.5, severity: page}}}
  - {name: few, touchpoints: {type: c}, drops_after: 1d, alerts: {drop_off: {customers: 271}}}
  - {name: enough, touchpoints: {type: d}, drops_after: 1d, alerts: {drop_off: {customers: 270}}}
  - {name: z below, touchpoints: {type: e}, drops_after: 1d, alerts: {drop_off: {z: 15.2}}}
  - {name: z above, touchpoints: {type: f}, drops_after: 1d, alerts: {drop_off: {z: 15.1}}}
  - {name: silenced, touchpoints: {type: g}, drops_after: 1d, alerts: {drop_off: off}}
"""


def test_dropoff_spike_at_declared_thresholds(tmp_path) -> None:
    """A stage's own thresholds count: silent just below, loud just above, with its severity; off is never told."""
    definition, _ = read(DECLARED, "retail.yaml")
    # 90 in the last quarter, which is a third of 270; z is 15.18.
    large = lasting(360), lasting(1200)
    series = [
        after("odds below", (240, 2400), lasting(342), lasting(2400)),
        after("odds above", (240, 2400), lasting(343), lasting(2400)),
        *(after(name, (120, 1200), *large) for name in ("few", "enough", "z below", "z above", "silenced", "default")),
    ]
    merged = trust(WEEK + 5) | {name: values for each in series for name, values in each.items()}
    fired = firing(tmp_path, "JourneyDropoffSpike", merged, step_m=STEP_M, thresholds=as_yaml([definition]))
    assert {each["stage"]: each["severity"] for each in fired} == {
        "odds above": "page",
        "enough": "ticket",
        "z above": "ticket",
        "default": "page",
    }


def test_thresholds_are_those_of_the_journeys_that_ship() -> None:
    """The committed rules are what `tracker rules examples/journeys` writes."""
    shipped = [load(path) for path in sorted(Path(ROOT / "examples/journeys").glob("*.yaml"))]
    assert THRESHOLDS.read_text(encoding="utf-8") == as_yaml(shipped)


def test_dropoff_that_is_high_every_day(tmp_path) -> None:
    """An hour that is bad every day is no news."""
    dropped = ([30] * (DAY - 5) + [120] * 5) * 9
    assert (
        stages_firing(tmp_path, "JourneyDropoffSpike", stage("s", dropped, [300 - each for each in dropped])) == set()
    )


def test_dropoff_spike_tells_its_figures(tmp_path) -> None:
    """The summary has the share, what it was before and how many customers it is about, and the runbook is named."""
    series = after("checkout", (120, 1200), lasting(360), lasting(1200))
    (alert,) = firing(tmp_path, "JourneyDropoffSpike", trust(WEEK + 5) | series, step_m=STEP_M)
    assert alert["summary"] == (
        "retail: drop-off in checkout is 30% of those decided in the last hour; "
        "it was 10% at this hour a day and a week before (360 customers)"
    )
    assert alert["runbook_url"] == "http://grafana/d/journey-runbooks/JourneyDropoffSpike"
    assert (alert["severity"], alert["about"]) == ("page", "journey")


@pytest.mark.parametrize(("past", "spiking"), [(DAY - 2, set()), (DAY + 2 * HOUR, {"s"})], ids=["none", "a day"])
def test_dropoff_spike_needs_a_past(tmp_path, past, spiking) -> None:
    """Without a past nothing is claimed; yesterday alone is enough of one."""
    dropped, left = [50] * past + [200] * 5, [450] * past + [300] * 5
    assert stages_firing(tmp_path, "JourneyDropoffSpike", stage("s", dropped, left)) == spiking


def test_first_dropoffs_are_no_news(tmp_path) -> None:
    """Drop-offs begin when customers have been seen for `drops_after`; at no step after that are they news."""
    quiet, days = 2 * DAY, 11
    series = stage("s", [0] * quiet + [30] * (days * DAY - quiet), [100] * days * DAY)
    steps = range(quiet, days * DAY)
    assert fired(tmp_path, ["JourneyDropoffSpike"], trust(days * DAY) | series, step_m=STEP_M, at_steps=steps) == []


def test_gap_hides_nothing(tmp_path) -> None:
    """A hole in the scrapes where the hour begins, and an exporter that was started again, change nothing."""
    past, step_m = 26 * 12, 5
    series = trust(past + 14) | stage("s", [20] * past + [60] * 14, [180] * past + [140] * 14)
    holed = {name: [*values[:-14], None, None, *values[-12:]] for name, values in series.items()}
    assert [each["stage"] for each in firing(tmp_path, "JourneyDropoffSpike", holed, step_m=step_m)] == ["s"]


def test_untrusted_figures_are_no_news(tmp_path) -> None:
    """While figures are old, or Redis has been built anew within the hour, nothing is said about customers."""
    spike = after("s", (120, 1200), lasting(360), lasting(1200))
    stalled = after("t", (120, 1200), lasting(0), lasting(0))
    old = {"tracker_figures_age_seconds": [1] * WEEK + [300] * 5}
    assert stages_firing(tmp_path, "JourneyDropoffSpike", spike, stalled, old) == set()
    rebuilt = {name: [*values[:-3], 0, *values[-2:]] for name, values in (trust(WEEK + 5) | spike).items()}
    whole = {name: [1] * (WEEK + 5) for name in ("tracker_figures_age_seconds", "tracker_figures_complete")}
    assert stages_firing(tmp_path, "JourneyDropoffSpike", rebuilt, whole) == set()


def test_another_definition_is_no_news(tmp_path) -> None:
    """For a day after a journey is counted by another definition, nothing is compared with the time before.

    Another journey has its alert, and so has this one where the change is older than all that is compared.
    """
    spike = after("s", (120, 1200), lasting(360), lasting(1200))
    steps = WEEK + 5
    end_s = (steps - 1) * STEP_M * 60

    def changed(ago_s: int, journey: str = "retail", outdated: int = 0) -> dict[str, list]:
        return {
            f'tracker_definition_changed_time_seconds{{journey="{journey}"}}': [max(0, end_s - ago_s)] * steps,
            f'tracker_states_outdated{{journey="{journey}"}}': [outdated] * steps,
        }

    def spiking(*series: dict[str, list]) -> set[str]:
        return stages_firing(tmp_path, "JourneyDropoffSpike", spike, *series)

    assert spiking(changed(600)) == set()
    assert spiking(changed(5 * 3600)) == set()
    assert spiking(changed(26 * 3600, outdated=3)) == set()
    assert spiking(changed(600, "other")) == {"s"}
    assert spiking(changed(26 * 3600)) == {"s"}


@pytest.mark.parametrize(("neglected", "news"), [([0, 0], {"s"}), ([8, 0], {"s"}), ([8, 8], set())])
def test_a_pause_of_the_workers_mutes_no_hour(tmp_path, neglected, news) -> None:
    """While nobody applies nothing is said about customers; as soon as somebody does, what happens is told again."""
    spike = trust(WEEK + 5) | after("s", (120, 1200), lasting(360), lasting(1200))
    pause, now = neglected
    paused = {
        "tracker_figures_complete": [*[1] * (WEEK + 1), *[int(not pause)] * 2, *[int(not now)] * 2],
        "tracker_partitions_neglected": [*[0] * (WEEK + 1), *[pause] * 2, *[now] * 2],
    }
    assert stages_firing(tmp_path, "JourneyDropoffSpike", spike, paused) == news


def test_not_a_number_is_no_news(tmp_path) -> None:
    """NaN is compared with nothing: neither where one series of a stage is NaN nor where all are."""
    series = trust(WEEK + 5) | after("whole", (120, 1200), lasting(360), lasting(1200))
    for broken in ("visits", "dropoffs", "exits", "customers", "tracker"):
        for name, values in after(broken, (120, 1200), lasting(360), lasting(1200)).items():
            series[name] = [*values[:-2], "NaN", "NaN"] if broken in name.partition("{")[0] else values
    names = ["JourneyDropoffSpike", "JourneyStageStalled"]
    found = fired(tmp_path, names, series, step_m=STEP_M, at_steps=[WEEK + 4])
    assert [labels["stage"] for _, labels in found] == ["whole"]


def test_a_clock_that_jumps_is_no_fall(tmp_path) -> None:
    """An exporter whose clock is a day behind, or ahead, shows another day's cohort; that is no fall."""
    series = cohort("s", (400, 200), (400, 200))
    at_step, jumps = 9 * DAY - 2, {}
    for name, values in series.items():
        jumps[name] = [
            [*values[: at_step - 4], *[other] * (len(values) - at_step + 4)] for other in (0, values[DAY - 1])
        ]
    for place in (0, 1):
        jumped = {name: series[name] if "place" in name else both[place] for name, both in jumps.items()}
        assert stages_firing(tmp_path, "JourneyConversionFall", jumped, at_step=at_step) == set()


STALLED = """
journey: retail
stages:
  - {name: ten declared, touchpoints: {type: a}, alerts: {stalled: {customers: 10}}}
  - {name: nine of ten, touchpoints: {type: b}, alerts: {stalled: {customers: 10}}}
"""


def test_stage_stalled_at_its_thresholds(tmp_path) -> None:
    """Twenty come and none leaves: loud. Nineteen, or one who leaves, or a stage that few ever left: silent."""

    def waiting(name: str, arrivals: int, left: int, usually: int = 20) -> dict[str, list]:
        hours = WEEK // HOUR
        gone = hour(usually) * hours + hour(left) * 3
        return stage(name, [0] * len(gone), gone, hour(max(usually, 20)) * hours + hour(arrivals) * 3)

    definition, _ = read(STALLED, "retail.yaml")
    stalled = stages_firing(
        tmp_path,
        "JourneyStageStalled",
        waiting("ten declared", 10, 0),
        waiting("nine of ten", 9, 0),
        waiting("all stand", 20, 0),
        waiting("few came", 19, 0),
        waiting("one left", 20, 1),
        waiting("few ever leave", 20, 0, usually=9),
        waiting("ten a day do", 20, 0, usually=10),
        thresholds=as_yaml([definition]),
    )
    assert stalled == {"all stand", "ten a day do", "ten declared"}


def cohort(journey: str, before: tuple[int, int], now: tuple[int, int]) -> dict[str, list]:
    """(begun, reached) at the end of each of eight days, growing from midnight on, then a new day's first hour."""
    days = [before] * 8 + [now]
    points = [(begun * step // DAY, got * step // DAY) for begun, got in days for step in range(1, DAY + 1)]
    begun, reached = ([*(point[place] for point in points), *[0] * HOUR] for place in (0, 1))
    series = {f'tracker_stage_place{{journey="{journey}",stage="{journey}"}}': [1] * len(begun)}
    for name, today in (("cohort", 'days="1",cohort="recent"'), ("cohort_age", 'age_days="00"')):
        labels = f'journey="{journey}",{today}'
        series[f"tracker_{name}_customers{{{labels}}}"] = begun
        series[f'tracker_{name}_reached{{{labels},stage="{journey}"}}'] = reached
    return series


COHORTS = {
    "as ever": ((400, 200), (400, 200)),
    "fall is small": ((400, 200), (400, 143)),
    "fall is large": ((400, 200), (400, 138)),
    "few customers": ((199, 100), (199, 20)),
    "enough customers": ((208, 100), (208, 20)),
    "rare stage": ((1000, 14), (1000, 0)),
    "chance": ((400, 30), (400, 18)),
    "declared small": ((400, 200), (400, 162)),
    "declared large": ((400, 200), (400, 156)),
}
# A fifth fewer is news of both; z there is -2.4 and -2.8.
FALLS = [
    read(f"{{journey: {name}, stages: [{{name: {name}, alerts: {{conversion_fall: {{fall: 0.2, z: 2.5}}}}}}]}}", "x")[0]
    for name in ("declared small", "declared large")
]


def test_conversion_fall_at_its_thresholds(tmp_path) -> None:
    """Today's cohort is compared with equally old ones: silent just below, loud just above."""
    series = [cohort(name, *sizes) for name, sizes in COHORTS.items()]
    at_step = 9 * DAY - 2
    fallen = stages_firing(tmp_path, "JourneyConversionFall", *series, at_step=at_step, thresholds=as_yaml(FALLS))
    assert fallen == {"fall is large", "enough customers", "declared large"}


def test_midnight_is_no_fall(tmp_path) -> None:
    """A cohort that has only begun is not compared."""
    assert stages_firing(tmp_path, "JourneyConversionFall", cohort("s", (400, 200), (400, 200))) == set()
