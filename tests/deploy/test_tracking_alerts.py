from collections.abc import Callable

import pytest

from tests.deploy.promtool import alerts, firing

HOUR = 60
TRUST = {
    "tracker_figures_age_seconds": 1,
    "tracker_figures_complete": 1,
}


def steady(value: float, steps: int = 90) -> list[float]:
    return [value] * steps


def rising(by: float, steps: int = 90) -> list[float]:
    return [by * step for step in range(steps)]


def worker(waiting: int, read: int, stands_for: int = 0, ahead_s: int = 0) -> dict[str, list]:
    """A worker with a backlog and a speed (both records, the speed a minute), which has stood for so many minutes."""
    times = [min(step, 89 - stands_for) * 60 + ahead_s for step in range(90)]
    return {
        'tracker_lag_records{topic="touchpoints.web",partition="0",instance="w"}': steady(waiting),
        'tracker_touchpoints_read_total{topic="touchpoints.web",instance="w"}': rising(read),
        'tracker_applied_time_seconds{instance="w"}': times,
    }


def rejected(read: int, spoiled: int) -> dict[str, list]:
    """So many of so many touchpoints a minute are rejected."""
    return {
        'tracker_touchpoints_read_total{topic="touchpoints.web"}': rising(read),
        'tracker_touchpoints_rejected_total{reason="not_json"}': rising(spoiled),
    }


def collector(answered: int, failed: int, accepted: int = 1000, refused: int = 0) -> dict[str, list]:
    """So many requests a minute, of which so many fail; so many events, beside which so many are refused."""
    return {
        'tracker_collector_requests_total{route="batch",status="202"}': rising(answered - failed),
        'tracker_collector_requests_total{route="batch",status="503"}': rising(failed),
        'tracker_collector_touchpoints_total{source="web"}': rising(accepted),
        'tracker_collector_refused_total{source="web",reason="not_a_touchpoint"}': rising(refused),
    }


STAGE = 'tracker_stage_place{journey="retail",stage="checkout"}'
NO_RULES = "groups: [{name: thresholds, rules: []}]"
# By alert: series just below its threshold, and just above.
EDGES: dict[str, tuple[dict[str, list], dict[str, list]]] = {
    "TrackerLag": (worker(10_000, 10_000), worker(10_001, 9_900)),
    "WorkerNotProgressing": (worker(5, 0, stands_for=3), worker(5, 0, stands_for=4)),
    "WorkerClockAhead": (worker(0, 0, ahead_s=60), worker(0, 0, ahead_s=61)),
    "PartitionsWithoutWorker": (
        {"tracker_partitions": steady(8), 'tracker_partitions_owned{instance="a"}': steady(8)},
        {"tracker_partitions": steady(8), 'tracker_partitions_owned{instance="a"}': steady(7)},
    ),
    "NobodyApplies": (
        {"tracker_partitions_neglected": steady(0), "tracker_partitions": steady(8)},
        {"tracker_partitions_neglected": steady(1), "tracker_partitions": steady(8)},
    ),
    "ProcessRestarting": (
        {'tracker_process_restarts_total{job="worker",instance="a"}': [*steady(0, 80), 1, *steady(2, 9)]},
        {'tracker_process_restarts_total{job="worker",instance="a"}': [*steady(0, 80), 1, *steady(3, 9)]},
    ),
    "RedisDown": (
        {'tracker_server_available{server="redis"}': steady(1), "tracker_figures_redis_available": steady(1)},
        {'tracker_server_available{server="redis"}': steady(0), "tracker_figures_redis_available": steady(1)},
    ),
    "KafkaDown": (
        {'tracker_server_available{server="kafka"}': steady(1)},
        {'tracker_server_available{server="kafka"}': steady(0)},
    ),
    "FiguresStale": ({"tracker_figures_age_seconds": steady(60)}, {"tracker_figures_age_seconds": steady(61)}),
    "FiguresIncomplete": ({"tracker_figures_complete": steady(1)}, {"tracker_figures_complete": steady(0)}),
    "JourneyMixed": (
        {'tracker_journey_complete{journey="j"}': steady(1)},
        {'tracker_journey_complete{journey="j"}': steady(0)},
    ),
    "ExporterAbsent": ({"tracker_figures_age_seconds": steady(900)}, {"up": steady(0)}),
    "WorkersAbsent": ({"tracker_partitions_owned": steady(0)}, {"up": steady(0)}),
    # The rules that ship make thresholds of the stages; without them there is the place alone.
    "ThresholdsAbsent": ({STAGE: steady(1)}, {STAGE: steady(1)}),
    "CollectorsDown": (
        {'up{job="collector",instance="a"}': steady(0), 'up{job="collector",instance="b"}': steady(1)},
        {'up{job="collector",instance="a"}': steady(0), 'up{job="collector",instance="b"}': steady(0)},
    ),
    "CollectorFailing": (collector(1000, 10), collector(1000, 11)),
    "CollectorRefusedJump": (collector(1000, 0, 990, 10), collector(1000, 0, 989, 11)),
    "CanaryLate": (
        {'tracker_canary_waiting_seconds{partition="3"}': steady(60)},
        {'tracker_canary_waiting_seconds{partition="3"}': steady(61)},
    ),
    "CanaryLost": (
        {"tracker_canary_lost_total": steady(7)},
        {"tracker_canary_lost_total": [*steady(7, 80), *steady(8, 10)]},
    ),
    # 15 minutes hold 20 and more in each; a tenth of a point around one in a hundred.
    "TouchpointsRejectedJump": (rejected(1000, 10), rejected(1000, 11)),
    "IdentitySuspect": (
        {"tracker_identity_suspects_total": steady(7)},
        {"tracker_identity_suspects_total": [*steady(7, 80), *steady(8, 10)]},
    ),
    "TouchpointsUnforeseen": (
        {
            'tracker_touchpoints_rejected_total{reason="unforeseen"}': steady(7),
            'tracker_touchpoints_rejected_total{reason="not_json"}': [*steady(7, 80), *steady(8, 10)],
            "tracker_timers_set_aside_total": steady(7),
        },
        {'tracker_touchpoints_rejected_total{reason="unforeseen"}': [*steady(7, 80), *steady(8, 10)]},
    ),
}


@pytest.mark.parametrize("alert", EDGES)
def test_silent_below_and_loud_above(tmp_path, alert) -> None:
    """Just below its threshold the alert is silent, just above it fires, with a whole summary and its runbook."""
    below, above = EDGES[alert]
    assert firing(tmp_path, alert, below, step_m=1) == []
    (found,) = firing(tmp_path, alert, above, step_m=1, thresholds=NO_RULES if alert == "ThresholdsAbsent" else None)
    assert found["runbook_url"].endswith(f"/{alert}")
    assert found["about"] == "tracking" and found["summary"] and "error" not in found["summary"]


def test_timers_that_were_put_off_are_unforeseen_too(tmp_path) -> None:
    """One is enough, though no record was set aside."""
    series = {"tracker_timers_set_aside_total": [*steady(7, 80), *steady(8, 10)]}
    (found,) = firing(tmp_path, "TouchpointsUnforeseen", series, step_m=1)
    assert found["summary"].startswith("1 touchpoints, messages or timers")


BLIPS: dict[str, Callable[[], dict[str, list]]] = {
    # What a rebalance leaves unattended for longer than it should.
    "NobodyApplies": lambda: {"tracker_partitions_neglected": [*steady(0), 4]},
    "RedisDown": lambda: {'tracker_server_available{server="redis"}': [*steady(1), 0]},
    "TrackerLag": lambda: {
        name: [*values, *values[-1:]] if "lag" not in name else [*steady(0), 50_000]
        for name, values in worker(0, 600).items()
    },
    "FiguresStale": lambda: {"tracker_figures_age_seconds": [*steady(1), 90]},
    "WorkersAbsent": lambda: {"tracker_partitions_owned": [*steady(8), None]},
    "CollectorsDown": lambda: {'up{job="collector"}': [*steady(1), 0]},
    "CanaryLate": lambda: {"tracker_canary_waiting_seconds": [*steady(0), 90]},
}


@pytest.mark.parametrize("alert", BLIPS)
def test_a_moment_is_not_enough(tmp_path, alert) -> None:
    """What lasts for one look does not fire: `for` is kept."""
    assert firing(tmp_path, alert, BLIPS[alert](), step_m=1) == []


def test_nobody_applies_is_no_rebuild(tmp_path) -> None:
    """Where no worker runs the figures are not complete either; that is told as what it is."""
    series = {"tracker_figures_complete": steady(0), "tracker_partitions_neglected": steady(8)}
    assert firing(tmp_path, "FiguresIncomplete", series, step_m=1) == []
    assert len(firing(tmp_path, "NobodyApplies", series, step_m=1)) == 1
    back = {name: [*values[:-5], *[int(name.endswith("complete"))] * 5] for name, values in series.items()}
    assert firing(tmp_path, "NobodyApplies", back, step_m=1) == []


def test_counter_reset_is_no_rejection(tmp_path) -> None:
    """A worker that begins anew counts from nothing again; that is neither a jump nor a lag."""
    series = rejected(1000, 10)
    restarted = {name: [*values[:45], *values[:45]] for name, values in series.items()}
    assert firing(tmp_path, "TouchpointsRejectedJump", restarted, step_m=1) == []
    assert firing(tmp_path, "TrackerLag", restarted, step_m=1) == []


@pytest.mark.parametrize("alert", EDGES)
def test_not_a_number_is_no_news(tmp_path, alert) -> None:
    """Where the figures are NaN nothing is claimed, by no alert."""
    below, above = EDGES[alert]
    broken = {name: [*values[:45], *["NaN"] * 45] for name, values in (above | below).items()}
    # What an absent() looks for is there.
    there = {"tracker_figures_age_seconds": ["NaN"] * 90, "tracker_partitions_owned": ["NaN"] * 90}
    assert firing(tmp_path, alert, there | broken, step_m=1) == []


@pytest.mark.parametrize("jump_s", [-7200, 7200], ids=["back", "ahead"])
def test_a_clock_that_jumps_is_no_standstill(tmp_path, jump_s) -> None:
    """A worker with a wrong clock goes on applying; how old its time looks is no matter."""
    series = worker(5, 0)
    name = 'tracker_applied_time_seconds{instance="w"}'
    jumped = [at + (jump_s if step > 60 else 0) for step, at in enumerate(series[name])]
    assert firing(tmp_path, "WorkerNotProgressing", series | {name: jumped}, step_m=1) == []


def test_restarts_are_no_failures(tmp_path) -> None:
    """A collector and a canary that begin anew count from nothing; so few requests that twenty fail not, neither."""
    series = collector(1000, 10, 990, 10) | {"tracker_canary_lost_total": steady(7)}
    restarted = {name: [*values[:45], *values[:45]] for name, values in series.items()}
    for alert in ("CollectorFailing", "CollectorRefusedJump", "CanaryLost"):
        assert firing(tmp_path, alert, restarted, step_m=1) == []
    few = collector(2, 1, 1, 1)
    assert firing(tmp_path, "CollectorFailing", few, step_m=1) == []
    assert firing(tmp_path, "CollectorRefusedJump", few, step_m=1) == []


def test_few_rejections_are_no_jump(tmp_path) -> None:
    """Nineteen of a quiet quarter are not enough, however large their share; twenty are."""
    counts = {"few": 1.25, "enough": 1.4}
    found = {
        name: bool(firing(tmp_path, "TouchpointsRejectedJump", rejected(10, each), step_m=1))
        for name, each in counts.items()
    }
    assert found == {"few": False, "enough": True}


def source(usual: float, now: float) -> dict[str, list]:
    """A channel that brings so many in each quarter of an hour of a day, and in the last hour; two journeys see it."""
    flow = [usual] * 104 + [now] * 4
    applied = [sum(flow[: step + 1]) for step in range(len(flow))]
    return {
        **{name: steady(value, len(flow)) for name, value in TRUST.items()},
        'tracker_applied_records{topic="touchpoints.web"}': applied,
        'tracker_applied_records{topic="touchpoints.shop"}': rising(100, len(flow)),
        'tracker_journey_channels{journey="retail",channel="web"}': steady(1, len(flow)),
        'tracker_journey_channels{journey="travel",channel="web"}': steady(1, len(flow)),
        'tracker_journey_channels{journey="orders",channel="shop"}': steady(1, len(flow)),
    }


@pytest.mark.parametrize(
    ("usual", "now", "journeys"),
    [(100, 10, set()), (100, 9, {"retail", "travel"}), (24, 0, set()), (25, 0, {"retail", "travel"})],
    ids=["a tenth", "less", "always few", "enough"],
)
def test_source_silent(tmp_path, usual, now, journeys) -> None:
    """A channel that falls below a tenth of yesterday's half-hour is told for each journey that looks at it."""
    found = firing(tmp_path, "TouchpointSourceSilent", source(usual, now), step_m=15)
    assert {each["journey"] for each in found} == journeys
    assert {each["channel"] for each in found} <= {"web"}


def test_rebuild_silences_no_source(tmp_path) -> None:
    """Offsets that fall (Redis built anew) are not taken for a silent channel."""
    series = source(100, 100)
    name = 'tracker_applied_records{topic="touchpoints.web"}'
    assert firing(tmp_path, "TouchpointSourceSilent", series | {name: [*series[name][:-3], 0, 0, 0]}, step_m=15) == []


def test_watchdog_always_fires(tmp_path) -> None:
    """The watchdog needs nothing."""
    assert len(firing(tmp_path, "Watchdog", {"up": steady(1)}, step_m=1)) == 1


def test_every_alert_is_tried() -> None:
    """No alert is without a test that names it."""
    journeys = {"JourneyDropoffSpike", "JourneyConversionFall", "JourneyStageStalled"}
    assert set(alerts()) == EDGES.keys() | journeys | {"TouchpointSourceSilent", "Watchdog"}
