import gzip
import io
import json
import random
import sys

import pytest

from streams.cli.main import main
from streams.errors import ExitCode

BEGIN_MS = 1_767_571_200_000
HOUR_MS = 3_600_000
BROKE_MS = BEGIN_MS + 34 * HOUR_MS
JOURNEY = """
journey: shop
stages:
  - {name: seen, touchpoints: [{type: Page}], drops_after: 20m, alerts: {drop_off: {customers: 15}}}
  - {name: bought, touchpoints: [{type: Order}], goal: true}
"""


def lines() -> str:
    """A customer every ten seconds for 36 hours; one of ten drops off, in the last two hours half of them."""
    chance = random.Random(2)
    events = []
    for number, at_ms in enumerate(range(BEGIN_MS, BEGIN_MS + 36 * HOUR_MS, 20_000)):
        buys = chance.random() < (0.5 if at_ms >= BROKE_MS else 0.9)
        for kind, wait_ms in [("Page", 0), *([("Order", 120_000)] if buys else [])]:
            events.append({"customer": f"c{number}", "event": kind, "timestamp": at_ms + wait_ms})
    return "\n".join(map(json.dumps, events)) + "\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backtest")
    (folder / "shop.yaml").write_text(JOURNEY, encoding="utf-8")
    (folder / "events.jsonl.gz").write_bytes(gzip.compress(lines().encode()))
    return folder


def backtest(place, *words: str) -> int:
    return main(["backtest", str(place / "shop.yaml"), str(place / "events.jsonl.gz"), "--every", "5m", *words])


def test_a_break_is_shown(place, capsys) -> None:
    """The alert that would have fired is shown with stage, delay and figures, and other thresholds in a table."""
    assert backtest(place) == ExitCode.OK
    said = capsys.readouterr()
    assert "JourneyDropoffSpike     seen" in said.out and "%, before " in said.out
    assert "odds     z   alarms        alarms a week" in said.out
    assert "events in" in said.err


def test_machines_get_one_object(place, capsys) -> None:
    """`--json` has firings and thresholds; a truth gives the delay."""
    assert backtest(place, "--json", "--truth", str(BROKE_MS), "--odds", "2", "--z", "4") == ExitCode.OK
    printed = json.loads(capsys.readouterr().out)
    (firing,) = printed["firings"]
    assert firing["truth"] == "2026-01-06T10:00:00Z" and 0 < firing["delay_s"] < 7200
    assert [(row["alarms"], row["false"], row["found"]) for row in printed["thresholds"]] == [(1, 0, 1)]
    assert printed["events"] == {"read": len(lines().splitlines()), "rejected": 0}


def test_a_truth_without_an_alert_ends_with_1(place, capsys) -> None:
    """A truth that no alert followed ends with 1, so that scripts notice it."""
    assert backtest(place, "--truth", "2026-01-05T12:00:00Z") == ExitCode.FAILED
    assert "false alarm" in capsys.readouterr().out


def test_a_short_history_is_not_judged(place, capsys, monkeypatch) -> None:
    """A history without a day before it is reported as not judged; standard input is read like a file."""
    text = "\n".join(lines().splitlines()[:500])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["backtest", str(place / "shop.yaml"), "-"]) == ExitCode.OK
    assert "Nothing could be judged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--every", "10m"], "--every: '10m' is not a step that divides 15m"),
        (["--every", "often"], "--every: 'often' is no duration"),
        (["--odds", "2;3"], "--odds: '2;3' is not a list of numbers"),
        (["--z", "nan"], "--z: 'nan' is not a list of numbers"),
        (["--truth", "lately"], "--truth: 'lately' is no moment"),
        (["--since", "2027-01-01"], "--since: the last event is of 2026-01-06"),
        (["--kafka"], "Files and --kafka cannot be combined"),
        (["--since", "1970-01-01"], "is too much for --every 300s"),
    ],
)
def test_what_cannot_be_asked_has_a_remedy(place, capsys, words, message) -> None:
    """A wrong option ends with 2, the reason and a remedy."""
    assert backtest(place, *words) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert message in said and "remedy: " in said


def test_a_step_that_is_the_longest_already_is_not_recommended(place, capsys) -> None:
    """Only a longer step that is enough is; else the times are what is left to change."""
    backtest(place, "--since", "1970-01-01")
    said = capsys.readouterr().err
    assert "--every 5m" not in said and "cut them off with --since" in said


def test_lines_that_are_no_touchpoints_alone_end_with_1(place, tmp_path, capsys) -> None:
    """A file without any touchpoint ends with 1, as in a replay."""
    (tmp_path / "bad.jsonl").write_text("not json\n", encoding="utf-8")
    assert main(["backtest", str(place / "shop.yaml"), str(tmp_path / "bad.jsonl"), "--json"]) == ExitCode.FAILED
    said = capsys.readouterr()
    assert "1 not_json" in said.err and json.loads(said.out)["weeks_judged"] == 0
