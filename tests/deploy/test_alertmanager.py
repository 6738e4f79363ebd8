import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.promtool import alerts, needs, severity

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy/alertmanager/alertmanager.yml"
FOUND = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))


def amtool(*words: str) -> str:
    done = subprocess.run([needs("amtool"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def labels(alert: str) -> dict[str, str]:
    """The labels that an alert of the rules has, journey included where it names one."""
    rule = alerts()[alert]
    named = re.search(r"journey_stage:|journey, ", rule["expr"])
    return {
        "alertname": alert,
        **rule["labels"],
        "severity": severity(alert),
        **({"journey": "retail"} if named else {}),
    }


def test_configuration_is_valid() -> None:
    """Alertmanager's own tool finds nothing wrong."""
    assert "SUCCESS" in amtool("check-config", str(CONFIG))


RECEIVERS = {
    "JourneyDropoffSpike": "pager,chat",
    "JourneyConversionFall": "chat",
    "JourneyStageStalled": "chat",
    "TouchpointSourceSilent": "pager,chat",
    "CollectorFailing": "pager,chat",
    "CanaryLost": "chat",
    "RedisDown": "pager,chat",
    "FiguresIncomplete": "chat",
    "Watchdog": "heartbeat",
}


def heard_by(of: dict[str, str]) -> str:
    """The receivers of an alert with these labels."""
    words = [f"{name}={value}" for name, value in of.items()]
    return amtool("config", "routes", "test", f"--config.file={CONFIG}", *words).strip()


@pytest.mark.parametrize("alert", RECEIVERS)
def test_who_hears_of_it(alert) -> None:
    """Pages wake somebody and are told in the chat, tickets are told there alone, the watchdog has its own way."""
    assert heard_by(labels(alert)) == RECEIVERS[alert]


def test_a_journey_file_decides_who_is_woken() -> None:
    """The severity that a stage declares sends its alerts another way."""
    assert heard_by(labels("JourneyDropoffSpike") | {"severity": "ticket"}) == "chat"
    assert heard_by(labels("JourneyStageStalled") | {"severity": "page"}) == "pager,chat"


def muted(day: str, time: str) -> bool:
    """Whether tickets wait then, where the installation is."""
    intervals = next(each["time_intervals"] for each in FOUND["time_intervals"] if each["name"] == "quiet hours")
    return any(
        day in each.get("weekdays", [day])
        and any(span["start_time"] <= time < span["end_time"] for span in each.get("times", [ALWAYS]))
        for each in intervals
    )


ALWAYS = {"start_time": "00:00", "end_time": "24:00"}


def test_quiet_hours_are_nights_and_weekends() -> None:
    """Tickets are told in working hours, at the installation's own time, and wait at all others."""
    assert [muted("monday", time) for time in ("06:59", "07:00", "17:59", "18:00")] == [True, False, False, True]
    assert muted("saturday", "12:00") and muted("sunday", "12:00")
    (intervals,) = FOUND["time_intervals"]
    assert {each["location"] for each in intervals["time_intervals"]} == {"Europe/Stockholm"}


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        ("KafkaDown", "CollectorFailing"),
        ("KafkaDown", "CanaryLate"),
        ("TrackerLag", "CanaryLate"),
        ("CollectorsDown", "TouchpointSourceSilent"),
        ("CollectorRefusedJump", "TouchpointSourceSilent"),
        ("RedisDown", "FiguresStale"),
        ("WorkersAbsent", "TouchpointSourceSilent"),
    ],
)
def test_the_cause_is_told_and_not_what_follows(cause, consequence) -> None:
    """Of two alerts about one fault the one that names it is heard."""
    assert inhibited(labels(cause), labels(consequence))
    assert not inhibited(labels(consequence), labels(cause))


def matches(matchers: list[str], of: dict[str, str]) -> bool:
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|!=|=)"(.*)"', matcher).groups()
        actual = of.get(name, "")
        held = re.fullmatch(value, actual) if operator == "=~" else (actual == value) == (operator == "=")
        if not held:
            return False
    return True


def inhibited(source: dict[str, str], target: dict[str, str]) -> bool:
    """Whether Alertmanager keeps silent about the target while the source fires."""
    return any(
        matches(rule["source_matchers"], source)
        and matches(rule["target_matchers"], target)
        and all(source.get(name, "") == target.get(name, "") for name in rule.get("equal", ()))
        for rule in FOUND["inhibit_rules"]
    )


def test_tracking_silences_its_own_journey() -> None:
    """A silent source keeps back the drop-off of the journeys that look at it, and of no other."""
    spike, silent = labels("JourneyDropoffSpike"), labels("TouchpointSourceSilent")
    assert inhibited(silent, spike)
    assert not inhibited(silent | {"journey": "travel"}, spike)
    assert not inhibited(spike, silent)


@pytest.mark.parametrize("alert", [name for name, rule in alerts().items() if rule["labels"]["about"] == "tracking"])
def test_tracking_silences_journeys(alert) -> None:
    """Every alert about the tracking keeps back what would be told about customers; none is kept back by those."""
    assert inhibited(labels(alert), labels("JourneyDropoffSpike"))
    assert not inhibited(labels("JourneyDropoffSpike"), labels(alert))


def test_the_watchdog_is_never_silenced() -> None:
    """No alert keeps the watchdog back, and no quiet hours mute it."""
    assert not any(inhibited(labels(alert), labels("Watchdog")) for alert in alerts())
    muted = [route["matchers"] for route in FOUND["route"]["routes"] if "mute_time_intervals" in route]
    assert muted == [['severity="ticket"']]


def test_secrets_are_files() -> None:
    """No secret stands in the configuration: each is a file of the folder that is described."""
    text = CONFIG.read_text(encoding="utf-8")
    assert re.findall(r"^\s*-?\s*(?:routing_key|api_url|password|credentials|bearer_token): ", text, re.MULTILINE) == []
    named = set(re.findall(r"/etc/alertmanager/secrets/(\w+)", text))
    told = set(re.findall(r"^\| `(\w+)` \|", (CONFIG.parent / "secrets/README.md").read_text("utf-8"), re.MULTILINE))
    assert named == told
