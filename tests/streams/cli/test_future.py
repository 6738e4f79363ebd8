"""Touchpoints whose clock runs ahead, in every command that reads files of events."""

import json

import pytest

from streams.cli.main import main

JOURNEY = """
journey: t
version: 1
stages:
  - {name: look, touchpoints: [{type: A}], drops_after: 30d}
  - {name: buy, touchpoints: [{type: B}]}
"""
LINES = [
    {"customer": "c0", "event": "A", "timestamp": "2026-01-01T10:00:00Z"},
    {"customer": "c1", "event": "A", "timestamp": "2026-01-02T10:00:00Z"},
    {"customer": "c2", "event": "A", "timestamp": "2026-01-03T10:00:00Z"},
    {"customer": "clock", "event": "B", "timestamp": "2099-01-01T00:00:00Z"},
]
SAID = "1 touchpoint lies in the future (2099-01-01T00:00:00Z): taken for 2026-01-03T10:00:00Z."


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.yaml").write_text(JOURNEY, encoding="utf-8")
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return tmp_path


def run(capsys, *words):
    code = main([*words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize(
    "words",
    [
        ["replay", "t.yaml", "events.jsonl"],
        ["compare", "t.yaml", "t.yaml", "events.jsonl"],
        ["backtest", "t.yaml", "events.jsonl"],
        ["draw", "t.yaml", "--with", "events.jsonl"],
    ],
    ids=lambda words: words[0],
)
def test_the_future_is_counted_and_said(capsys, files, words) -> None:
    """One wrong clock stops nothing, and stderr says what it was taken for."""
    code, _, said = run(capsys, *words)
    assert (code, SAID in said.splitlines()) == (0, True)


def test_nobody_drops_off_because_of_one_clock(capsys, files) -> None:
    """The moment of looking is that of the newest touchpoint with a clock that can be right."""
    _, out, _ = run(capsys, "replay", "t.yaml", "events.jsonl", "--json", "--customers")
    report = json.loads(out)
    assert {name: one["status"] for name, one in report["by_customer"].items()} == {
        "c0": "waiting", "c1": "waiting", "c2": "waiting", "clock": "active",
    }  # fmt: skip
    assert report["by_customer"]["clock"]["reached"] == {"buy": "2026-01-03T10:00:00Z"}


def test_who_looks_from_the_future_has_it_as_it_is(capsys, files) -> None:
    """--now after the wall clock says what the present is: touchpoints before it are right, and all else is gone."""
    _, out, said = run(capsys, "replay", "t.yaml", "events.jsonl", "--json", "--now", "2099-06-01")
    assert [stage["dropped"] for stage in json.loads(out)["stages"]] == [3, 0]
    assert "future" not in said


def test_until_leaves_the_future_out(capsys, files) -> None:
    """What lies after --until was not to be read, whatever its clock."""
    _, out, said = run(capsys, "replay", "t.yaml", "events.jsonl", "--json", "--until", "2026-02-01")
    assert json.loads(out)["events"]["applied"] == 3
    assert "future" not in said
