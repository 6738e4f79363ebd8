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
    """Events, and the plan that is drafted of them."""
    for name, lines in (("events.jsonl", EVENTS), ("worse.jsonl", WORSE)):
        (tmp_path / name).write_bytes(b"\n".join(lines) + b"\n")
    code, said, _ = run(capsys, "plan", "infer", "web-shop", tmp_path / "events.jsonl")
    assert code == 0
    (tmp_path / "plans.yaml").write_text(said)
    return tmp_path


def test_what_it_was_drafted_of_is_as_planned(capsys, files) -> None:
    """Exit code 0, with what the file holds."""
    code, said, _ = run(capsys, "plan", "check", files / "plans.yaml", files / "events.jsonl")
    assert (code, said) == (0, "web-shop: 2 types, violations are marked\n0 of 3 events are not as planned.\n")


def test_what_is_not_as_planned_is_told_by_type(capsys, files) -> None:
    """Exit code 1; each kind of violation with its number and first place; what is no touchpoint is told too."""
    code, said, err = run(capsys, "plan", "check", files / "plans.yaml", files / "worse.jsonl")
    assert code == 1 and "1 of 4 events are not as planned" in said
    assert "1  Order Completed: wrong_type, as in properties.order_id" in said
    assert "1 of 5 are no touchpoints" in err
    code, said, _ = run(capsys, "plan", "check", files / "plans.yaml", files / "worse.jsonl", "--json")
    told = json.loads(said)
    assert (told["ok"], told["not_as_planned"], told["unreadable"]) == (False, 1, 1)
    assert {(each["violation"], each["events"]) for each in told["violations"]} == {("wrong_type", 1), ("missing", 1)}


def test_a_plan_may_become_wider_and_not_tighter(capsys, files) -> None:
    """Exit code 1 where something that was as planned is not any more."""
    now = files / "now.yaml"
    now.write_text((files / "plans.yaml").read_text().replace("      - amount\n", "").replace("  - amount\n", ""))
    assert run(capsys, "plan", "check", now, "--before", files / "plans.yaml")[0] == 0
    code, said, _ = run(capsys, "plan", "check", files / "plans.yaml", "--before", now)
    assert code == 1 and "web-shop, Order Completed: $.amount: is required now" in said


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["check", "none.yaml"], 3, "none.yaml cannot be read"),
        (["check", "broken.yaml"], 3, "broken.yaml:1:10"),
        (["check", "plans.yaml", "events.jsonl", "--source", "shop"], 10, "There is no plan of 'shop'"),
        (["check", "two.yaml", "events.jsonl"], 2, "--source: a, b"),
        (["infer", "web-shop"], 2, "Name files of events"),
        (["infer", "web-shop", "--channel", "wob"], 2, "Did you mean 'web'?"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(capsys, files, monkeypatch, words, code, told) -> None:
    """One line, a named exit code, no traceback."""
    (files / "broken.yaml").write_text("sources: 5")
    (files / "two.yaml").write_text("sources: {a: {types: {}}, b: {types: {}}}")
    monkeypatch.chdir(files)
    found, _, err = run(capsys, "plan", *words)
    assert found == code and told in err
