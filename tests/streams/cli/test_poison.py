"""Every command that reads files of events, over every line that nobody should send."""

import json

import pytest

from streams.cli.main import main
from tests.poison import AT_MS, NO_TOUCHPOINT, NOT_JSON, WELCOME, line

BAD = NOT_JSON | NO_TOUCHPOINT
JOURNEY = """
journey: shop
version: 1
stages:
  - {name: visit, touchpoints: [{type: page, where: {properties.n: {exists: false}}}]}
  - {name: large, touchpoints: [{type: page, where: {properties.n: {gte: 5}}}]}
segments:
  plan: {from: properties.a, values: [free, paid]}
"""
TABLE = """
import: lines
ids:
  customer_id: ids.customer_id
touchpoints:
  - channel: web
    type: page
    occurred_at: {from: occurred_at, as: milliseconds}
    properties:
      n: {from: properties.n, as: number}
      all: properties
"""
# A line each, in the form of producers and in the short one.
SHORT = {
    "short, cut off": b'{"customer": "c1", "event": "page", "timestamp": ',
    "short, a time of 4,300 digits": b'{"customer": "c1", "event": "page", "timestamp": ' + b"9" * 4_300 + b"}",
    "short, a time beyond floats": b'{"customer": "c1", "event": "page", "timestamp": 1e999}',
    "short, an offset of 99 hours": b'{"customer": "c1", "event": "page", "timestamp": "2026-11-22T10:00:00+99:99"}',
    "short, after the year 9999": b'{"customer": "c1", "event": "page", "timestamp": "9999-12-31T23:59:59-23:59"}',
    "short, a comma behind": b'{"customer": "c1", "event": "page", "timestamp": 1795000000000},',
    "short, of no customer": b'{"customer": "' + "\u200b".encode() * 60_000 + b'", "event": "page", "timestamp": 1}',
    "short, too deep": b'{"customer": "c1", "event": "page", "timestamp": 1795000000000, "properties": '
    + b'{"a":' * 900
    + b"1"
    + b"}" * 902,
}
ALL = [each for each in (BAD | SHORT | WELCOME).values() if b"\n" not in each]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "journey.yaml").write_text(JOURNEY, encoding="utf-8")
    (tmp_path / "table.yaml").write_text(TABLE, encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(
        "sources: {shop: {types: {page: {type: object, properties: {a: {type: string}}}}}}", encoding="utf-8"
    )
    around = [line(event_id=f"g{number}", ids={"customer_id": f"good{number}"}) for number in range(len(ALL) + 1)]
    lines = [around[0], *(each for pair in zip(ALL, around[1:], strict=True) for each in pair)]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


def run(capsys, *words):
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    assert "should not have happened" not in said.err
    return code, said.out, said.err


def test_replay_applies_all_around_bad_lines(capsys, files) -> None:
    """Each bad line is counted with its number and its reason, and every customer around it counts."""
    code, out, err = run(capsys, "replay", files / "journey.yaml", files / "events.jsonl", "--json", "--customers")
    report = json.loads(out)
    assert code == 0
    assert report["events"]["rejected"] == len(ALL) - len(WELCOME)
    assert sum(name.startswith("good") for name in report["by_customer"]) == len(ALL) + 1
    assert "events.jsonl:2: not_json: " in err
    assert max(map(len, err.splitlines())) < 1_000


@pytest.mark.parametrize(
    "words",
    [
        ["replay", "journey.yaml", "events.jsonl", "--by", "properties.a"],
        ["replay", "journey.yaml", "events.jsonl", "--explain", "c1"],
        ["compare", "journey.yaml", "journey.yaml", "events.jsonl"],
        ["backtest", "journey.yaml", "events.jsonl"],
        ["draw", "journey.yaml", "--with", "events.jsonl"],
        ["plan", "infer", "shop", "events.jsonl"],
        ["plan", "check", "plan.yaml", "events.jsonl", "--source", "shop", "--json"],
        ["import", "events.jsonl", "--map", "table.yaml", "--dry-run", "--json"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_no_command_ends_at_a_bad_line(capsys, files, monkeypatch, words) -> None:
    """A line that cannot be read ends no command that reads files of events: it is left out."""
    monkeypatch.chdir(files)
    code, out, _ = run(capsys, *words)
    assert code in {0, 1}
    assert out


@pytest.mark.parametrize("bad", BAD | SHORT)
def test_each_bad_line_by_itself(capsys, files, bad) -> None:
    """One bad line beside a good one changes nothing for the good one."""
    bad_line = (BAD | SHORT)[bad]
    (files / "events.jsonl").write_bytes(line() + b"\n" + bad_line + b"\n")
    code, out, _ = run(capsys, "replay", files / "journey.yaml", files / "events.jsonl", "--json", "--now", AT_MS)
    report = json.loads(out)
    assert (code, report["customers"], report["events"]["rejected"]) == (0, 1, 1)


@pytest.mark.parametrize(
    "moment", ["9" * 18, "9" * 5_000, "-5", "²", "1e999", "2026-13-01", "9999-12-31T23:59:59-23:59"]
)
def test_a_moment_beyond_the_calendar_is_a_wrong_call(capsys, files, moment) -> None:
    """What is no moment is report in one line, not as a fault of the program."""
    code, _, said = run(capsys, "replay", files / "journey.yaml", files / "events.jsonl", f"--now={moment}")
    assert (code, said.count("\n")) == (2, 2)
