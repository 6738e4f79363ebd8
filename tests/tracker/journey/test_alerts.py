"""Thresholds of alerts in journey files."""

import pytest

from tests.tracker.journey.test_file import RETAIL, bad, good
from tracker.journey.definition import Alerts, ConversionAlert, DropOffAlert, StalledAlert
from tracker.journey.file import read

ALERTS = """
journey: j
alerts: {drop_off: {customers: 50}, stalled: off, conversion_fall: {severity: page}}
stages:
  - {name: a, touchpoints: {type: a}, drops_after: 1d}
  - name: b
    touchpoints: {type: b}
    drops_after: 1d
    alerts: {drop_off: {odds: 1.5}, stalled: {customers: 5}, conversion_fall: false}
"""


def test_alerts_of_a_stage_add_to_those_of_the_journey() -> None:
    """What the stage says counts, else what the journey says, else the defaults; off and false silence."""
    first, second = (stage.alerts for stage in good(ALERTS).stages)
    assert first == Alerts(DropOffAlert(customers=50), ConversionAlert(severity="page"), None)
    assert second == Alerts(DropOffAlert(customers=50, odds=1.5), None, StalledAlert(customers=5))
    assert good(RETAIL).stages[0].alerts == Alerts()


@pytest.mark.parametrize(
    ("alerts", "message", "remedy"),
    [
        ("{drop_of: {z: 3}}", "unknown key 'drop_of' in the alerts", "did you mean 'drop_off'?"),
        (
            "{drop_off: {size: 3}}",
            "unknown key 'size' in the alert drop_off",
            "use one of: customers, odds, z, severity",
        ),
        ("{drop_off: {odds: much}}", "odds: 'much' does not fit here", "write a number from 1 to 1000"),
        ("{drop_off: {z: 0}}", "z: 0 does not fit here", "write a number from 1 to 100"),
        ("{drop_off: {customers: 2.5}}", "customers: 2.5 does not fit here", "write a whole number from 1 to"),
        ("{drop_off: {severity: loud}}", "severity: 'loud' is none of its values", "use one of: page, ticket"),
        ("{stalled: true}", "stalled: expected thresholds or `off`, found true", "or `stalled: off`"),
        ("{conversion_fall: {fall: 30}}", "fall: 30 does not fit here", "write a number from 0 to 1"),
    ],
)
def test_wrong_thresholds_have_their_remedy(alerts: str, message: str, remedy: str) -> None:
    """A fault in the alerts of a stage is reported at its place, like any other."""
    stage = f"stages: [{{name: a, touchpoints: {{type: a}}, drops_after: 1d, alerts: {alerts}}}]"
    (found,) = bad(stage)
    assert found.message == message
    assert remedy in found.remedy
    assert (found.line, found.column > stage.index("alerts: ")) == (1, True)


def test_thresholds_for_what_cannot_happen_are_doubted() -> None:
    """A drop-off threshold of a stage that nobody can drop off from is a warning."""
    stage = "stages: [{name: a, touchpoints: {type: a}, alerts: {drop_off: {z: 3}}}]"
    _, problems = read(stage, "x.yaml")
    assert [(each.severity, each.message.split(":")[0]) for each in problems] == [
        ("warning", "nobody can drop off here")
    ]
