"""The backtest's rules are Prometheus': both judge the same history and fire at the same steps."""

import random
from collections import defaultdict

from tests.deploy.promtool import alerts, fired
from tracker.alerts.backtest import Backtest
from tracker.alerts.history import FigureHistory
from tracker.alerts.rules import TIMING
from tracker.alerts.thresholds import as_yaml
from tracker.duration import parse
from tracker.journey.file import read
from tracker.touch import Touch

STEP_MS = 300_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BEGIN_MS = 1_767_571_200_000
"""A Monday, midnight UTC."""
# Thresholds low enough for two dozen alerts, so that each number of the rules decides somewhere.
SHOP = """
journey: retail
alerts: {drop_off: {customers: 20, odds: 1.5, z: 2}, conversion_fall: {customers: 10, fall: 0.01, z: 1}}
stages:
  - name: seen
    touchpoints: {channel: web, type: Page}
    drops_after: 30m
    alerts: {stalled: {customers: 15, severity: page}}
  - name: checkout
    touchpoints: {channel: web, type: Checkout}
    drops_after: 30m
    alerts: {drop_off: {z: 4, severity: ticket}}
  - {name: bought, touchpoints: {channel: shop, type: Order}, goal: true, alerts: {conversion_fall: {fall: 0.2}}}
exits: {channel: web, type: Goodbye}
"""
ALERTS = tuple(TIMING)


def between(at_ms: int, day: int, begin_h: float, end_h: float) -> bool:
    begin_ms = BEGIN_MS + day * DAY_MS
    return begin_ms + begin_h * HOUR_MS <= at_ms < begin_ms + end_h * HOUR_MS


def customers() -> dict[str, list[Touch]]:
    """Nine days: on the last of them the checkout breaks, the web falls silent, and nobody leaves the first page."""
    chance, found, at_ms = random.Random(5), {}, BEGIN_MS
    while at_ms < BEGIN_MS + 9 * DAY_MS:
        busy = 0.1 if at_ms // HOUR_MS % 24 < 6 else 1
        at_ms += round(chance.expovariate(80 * busy / HOUR_MS))
        if between(at_ms, 8, 15, 16.5):
            continue
        way = [("Page", "web", 0)]
        leaving = not between(at_ms, 8, 19, 21.5)
        if chance.random() < 0.6 and leaving:
            way.append(("Checkout", "web", 2))
            if chance.random() < (0.5 if between(at_ms, 8, 9, 13) else 0.9):
                way.append(("Order", "shop", 5))
        elif chance.random() < 0.1 and leaving:
            way.append(("Goodbye", "web", 1))
        name = f"c{len(found)}"
        found[name] = [
            Touch(name, at_ms + wait * MINUTE_MS, kind, channel, f"{name}{kind}", {}, {}, at_ms)
            for kind, channel, wait in way
        ]
    return found


def as_series(history: FigureHistory) -> dict[str, list]:
    """What the exporter would have shown at each step."""
    steps = history.steps
    series = {
        "tracker_figures_age_seconds": [1] * steps,
        "tracker_figures_complete": [1] * steps,
        'tracker_cohort_age_customers{journey="retail",age_days="00"}': list(history.begun_today),
    }
    for channel, counts in history.records.items():
        series[f'tracker_applied_records{{topic="touchpoints.{channel}"}}'] = list(counts)
        series[f'tracker_journey_channels{{journey="retail",channel="{channel}"}}'] = [1] * steps
    for name, stage in history.stages.items():
        labels = f'journey="retail",stage="{name}"'
        series |= {
            f"tracker_stage_place{{{labels}}}": [1] * steps,
            f"tracker_stage_visits{{{labels}}}": list(stage.visits),
            f"tracker_stage_dropoffs{{{labels}}}": list(stage.dropoffs),
            f"tracker_stage_exits{{{labels}}}": list(stage.exits),
            f'tracker_customers{{{labels},status="waiting"}}': list(stage.here),
            f'tracker_cohort_age_reached{{{labels},age_days="00"}}': list(stage.reached_today),
        }
    return series


def test_both_fire_at_the_same_steps(tmp_path) -> None:
    """Every alert about customers fires at every step of nine days, and at no other, where the backtest says so."""
    definition, _ = read(SHOP, "retail.yaml")
    history = FigureHistory(definition, BEGIN_MS, BEGIN_MS + 9 * DAY_MS, STEP_MS)
    for name, touches in customers().items():
        history.fold(name, touches)
    history.settle()
    told = defaultdict(set)
    for one in Backtest(definition, history).firings():
        end = history.steps if one.end_ms is None else history.step_of(one.end_ms)
        told[one.alert, one.stage or one.channel, one.severity] |= set(range(history.step_of(one.start_ms), end))
    seen = defaultdict(set)
    for step, labels in fired(tmp_path, ALERTS, as_series(history), step_m=5, at_steps=range(history.steps),
                              thresholds=as_yaml([definition])):  # fmt: skip
        seen[labels["alertname"], labels.get("stage") or labels["channel"], labels["severity"]].add(step)
    assert seen == told
    assert {alert for alert, _, _ in told} == set(ALERTS)


def test_they_wait_and_linger_alike() -> None:
    """`for` and `keep_firing_for` of the rules are those that the backtest counts with."""
    rules = alerts()
    assert {name: (parse(rules[name]["for"]), parse(rules[name]["keep_firing_for"])) for name in ALERTS} == {
        name: tuple(timing) for name, timing in TIMING.items()
    }
