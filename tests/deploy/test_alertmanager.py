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
    "RedisDown": "pager,chat",
    "FiguresIncomplete": "chat",
    "Watchdog": "heartbeat",
}


@pytest.mark.parametrize("alert", RECEIVERS)
def test_who_hears_of_it(alert) -> None:
    """Pages wake somebody and are told in the chat, tickets are told there alone, the watchdog has its own way."""
    words = [f"{name}={value}" for name, value in labels(alert).items()]
    said = amtool(
        "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={RECEIVERS[alert]}", *words
    )
    assert said.strip() == RECEIVERS[alert]


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
