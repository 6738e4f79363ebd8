"""`tracker plan` and files of events."""

import json

import pytest

from streams.cli.main import main
from tests.touchpoints import touchpoint

EVENTS = [
    touchpoint("c-1", "Order Completed", properties={"order_id": "17", "amount": 3}, channel="shop"),
    touchpoint("c-2", "Order Completed", properties={"order_id": "18", "amount": 3.5, "gift": True}, channel="shop"),
    touchpoint("c-1", "Page Viewed"),
]
WORSE = [*EVENTS, touchpoint("c-3", "Order Completed", properties={"order_id": 19}), b"{}"]


def run(capsys, *words):
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


@pytest.fixture
def files(tmp_path, capsys):
    """Events, and the plan drafted from them."""
    for name, lines in (("events.jsonl", EVENTS), ("worse.jsonl", WORSE)):
        (tmp_path / name).write_bytes(b"\n".join(lines) + b"\n")
    code, said, _ = run(capsys, "plan", "infer", "web-shop", tmp_path / "events.jsonl")
    assert code == 0
    (tmp_path / "plans.yaml").write_text(said)
    return tmp_path


def test_the_events_of_the_draft_are_as_planned(capsys, files) -> None:
    """The events that a plan was drafted from end with 0 and a summary of the file."""
    code, said, _ = run(capsys, "plan", "check", files / "plans.yaml", files / "events.jsonl")
    assert (code, said) == (0, "web-shop: 2 types, violations are marked\n0 of 3 events are not as planned.\n")


def test_violations_are_counted_by_type(capsys, files) -> None:
    """Violations end with 1, each kind with its number and first place; lines that are not touchpoints are counted."""
    code, said, err = run(capsys, "plan", "check", files / "plans.yaml", files / "worse.jsonl")
    assert code == 1 and "1 of 4 events are not as planned" in said
    assert "1  Order Completed: wrong_type, as in properties.order_id" in said
    assert "1 of 5 are not touchpoints" in err
    code, said, _ = run(capsys, "plan", "check", files / "plans.yaml", files / "worse.jsonl", "--json")
    printed = json.loads(said)
    assert (printed["ok"], printed["not_as_planned"], printed["unreadable"]) == (False, 1, 1)
    assert {(each["violation"], each["events"]) for each in printed["violations"]} == {
        ("wrong_type", 1),
        ("missing", 1),
    }


def test_a_plan_may_become_wider_and_not_tighter(capsys, files) -> None:
    """A plan that refuses what the plan before allows ends with 1."""
    now = files / "now.yaml"
    now.write_text((files / "plans.yaml").read_text().replace("      - amount\n", "").replace("  - amount\n", ""))
    assert run(capsys, "plan", "check", now, "--before", files / "plans.yaml")[0] == 0
    code, said, _ = run(capsys, "plan", "check", files / "plans.yaml", "--before", now)
    assert code == 1 and "web-shop, Order Completed: $.amount: is required now" in said


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["check", "none.yaml"], 3, "none.yaml cannot be read"),
        (["check", "broken.yaml"], 3, "broken.yaml:1:10"),
        (["check", "plans.yaml", "events.jsonl", "--source", "shop"], 10, "There is no plan of 'shop'"),
        (["check", "two.yaml", "events.jsonl"], 2, "--source: a, b"),
        (["infer", "web-shop"], 2, "Name files of events"),
        (["infer", "web-shop", "--channel", "wob"], 2, "Did you mean 'web'?"),
    ],
)
def test_a_mistake_is_reported_with_its_remedy(capsys, files, monkeypatch, words, code, message) -> None:
    """A mistake ends with one line, a named exit code and no traceback."""
    (files / "broken.yaml").write_text("sources: 5")
    (files / "two.yaml").write_text("sources: {a: {types: {}}, b: {types: {}}}")
    monkeypatch.chdir(files)
    found, _, err = run(capsys, "plan", *words)
    assert found == code and message in err
