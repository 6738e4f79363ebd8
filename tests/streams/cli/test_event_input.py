"""Exports of other systems in the commands about recorded touchpoints."""

import json
from pathlib import Path

import pytest

from streams.cli.main import main
from streams.errors import ExitCode

JOURNEY = """\
journey: buying
stages:
  - {name: look, touchpoints: [{type: Page Viewed}], drops_after: 30d}
  - {name: buy, touchpoints: [{type: Order Completed}], goal: true}
"""
TABLE = """\
import: rows
source: shop
ids: {customer_id: who}
touchpoints:
  - {channel: web, type: {from: what}, occurred_at: at, if: {what: [Page Viewed, Order Completed, Newsletter Read]}}
"""
ROWS = """\
who,what,at
a,Page Viewed,2026-01-05 10:00
a,Order Completed,2026-03-01 10:00
b,Page Viewed,2026-01-20 10:00
c,Page Viewed,2026-02-02 10:00
c,Order Completed,2026-02-03 10:00
c,Newsletter Read,2026-02-04 10:00
c,Scrolled,2026-02-05 10:00
d,Page Viewed,once
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with a journey, an export, its table, and the same events as a file of events."""
    for name, text in (("j.yaml", JOURNEY), ("rows.csv", ROWS), ("map.yaml", TABLE)):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(["import", "rows.csv", "--map", "map.yaml", "--out", "events.jsonl"]) == ExitCode.FAILED
    return tmp_path


def answer(capsys, *words: str, code=ExitCode.OK):
    """What a command prints as JSON, and what it says on stderr."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    said = capsys.readouterr()
    return json.loads(said.out), said.err


def test_an_export_is_replayed_as_its_events_are(place, capsys) -> None:
    """A replay, a comparison and a backtest of an export give what those of the imported touchpoints give."""
    for words in (["replay", "j.yaml"], ["compare", "j.yaml", "j.yaml"], ["backtest", "j.yaml", "--every", "5m"]):
        one, said = answer(capsys, *words, "rows.csv", "--map", "map.yaml")
        other, _ = answer(capsys, *words, "events.jsonl")
        for each in (one, other):
            each.pop("events", None)
            for side in ("old", "new"):
                each.get(side, {}).pop("events", None)
        assert one == other
        assert "rows.csv:9: wrong_value: column 'at': 'once' is no time" in said
        assert "what: Scrolled 1" in said


def test_a_map_has_the_figures_of_an_export(place, capsys) -> None:
    """`draw --with` reads it by its table too."""
    assert main(["draw", "j.yaml", "--with", "rows.csv", "--map", "map.yaml"]) == ExitCode.OK
    with_export = capsys.readouterr().out
    assert main(["draw", "j.yaml", "--with", "events.jsonl"]) == ExitCode.OK
    assert with_export == capsys.readouterr().out


def test_several_files_have_a_table_each(place, capsys) -> None:
    """One table for all files, or one for each in their order; `-` stands for a file of events."""
    found, _ = answer(capsys, "replay", "j.yaml", "rows.csv", "events.jsonl", "--map", "map.yaml", "--map", "-")
    assert (found["customers"], found["events"]["applied"], found["events"]["duplicate"]) == (3, 6, 6)
    found, _ = answer(capsys, "replay", "j.yaml", "rows.csv", "rows.csv", "--map", "map.yaml")
    assert found["events"]["duplicate"] == 6


def test_several_files_have_a_source_each(place, capsys) -> None:
    """Two shops' exports by one table: number 7 is two customers, and order 1 is two orders."""
    (place / "map.yaml").write_text(TABLE.replace("source: shop\n", "").replace("customer_id:", "shop_customer@:"))
    for name in ("se.csv", "dk.csv"):
        (place / name).write_text("who,what,at\n7,Order Completed,2026-01-05 10:00\n")
    shops = ["replay", "j.yaml", "se.csv", "dk.csv", "--map", "map.yaml"]
    found, _ = answer(capsys, *shops, "--source", "se", "--source", "dk", "--customers")
    assert sorted(found["by_customer"]) == ["shop_customer@dk:7", "shop_customer@se:7"]
    found, _ = answer(capsys, *shops, "--source", "both")
    assert (found["customers"], found["events"]["duplicate"]) == (1, 1)
    assert main([*shops, "se.csv", "--source", "se", "--source", "dk"]) == ExitCode.USAGE
    assert "2 sources for 3 files." in capsys.readouterr().err


def test_who_entered_and_who_converted_are_asked_apart(place, capsys) -> None:
    """Of those who entered in January, all that they did until March counts; a later purchase does not."""
    january = ["--entered-since", "2026-01-01", "--entered-until", "2026-01-31T23:59:59Z"]
    found, _ = answer(capsys, "replay", "j.yaml", "events.jsonl", *january)
    assert ([each["funnel"] for each in found["stages"]], found["left_out"]) == ([2, 1], 1)
    found, said = answer(capsys, "replay", "j.yaml", "events.jsonl", *january, "--until", "2026-02-28")
    assert [each["funnel"] for each in found["stages"]] == [2, 0]
    assert "1 outside of --since and --until left out" in said
    found, _ = answer(capsys, "replay", "j.yaml", "events.jsonl", "--since", "2026-02-01")
    assert ([each["reached"] for each in found["stages"]], "left_out" in found) == ([1, 2], False)
    assert main(["replay", "j.yaml", "events.jsonl", *january]) == ExitCode.OK
    assert "1 customers entered at other times and are left out" in capsys.readouterr().out


def test_accounts_enter_too(place, capsys) -> None:
    """The journey of accounts counts those that entered in the span."""
    (place / "j.yaml").write_text(JOURNEY + "accounts: {rule: furthest}\n")
    lines = [
        {"ids": {"customer_id": name, "account_id": f"of-{name}"}, "event": "Page Viewed", "timestamp": f"2026-0{n}-05"}
        for n, name in enumerate("abc", 1)
    ]
    (place / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    found, _ = answer(capsys, "replay", "j.yaml", "events.jsonl", "--entered-since", "2026-02-01")
    assert (found["customers"], found["accounts"]["accounts"]) == (2, 2)


def test_check_names_what_meets_no_rule(place, capsys) -> None:
    """Each type with its count, and the stages that no touchpoint meets."""
    found, _ = answer(capsys, "check", "j.yaml", "--against", "rows.csv", "--map", "map.yaml")
    assert found["met"] == [
        {"file": "j.yaml", "touchpoints": 6, "stages": {"look": 3, "buy": 2}, "unmet": {"web: Newsletter Read": 1}}
    ]
    (place / "j.yaml").write_text(JOURNEY.replace("Order Completed", "Order Paid"))
    assert main(["check", "--against", "events.jsonl", "j.yaml"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "j.yaml against the touchpoints: 3 of 6 meet a rule" in said
    assert "no rule  web: Order Completed  2" in said
    assert "no touchpoint meets the stage 'buy'" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["replay", "j.yaml", "rows.csv", "--source", "a"], "--source is about files with a mapping table"),
        (["replay", "j.yaml", "rows.csv", "--format", "csv"], "--format is about files with a mapping table"),
        (["replay", "j.yaml", "rows.csv", "--map", "map.yaml", "--format", "xml"], "'xml' is not a format"),
        (["replay", "j.yaml", "rows.csv", "--map", "map.yaml", "--map", "-"], "2 tables for 1 files"),
        (["replay", "j.yaml", "-", "--map", "map.yaml"], "Standard input has no name"),
        (["replay", "j.yaml", "-", "-", "--map", "map.yaml", "--format", "csv"], "Standard input is named twice"),
        (["replay", "j.yaml", "rows.csv", "--since", "2026-02-01", "--until", "2026-01-01"], "--since is later"),
        (["replay", "j.yaml", "rows.csv", "--entered-since", "soon"], "--entered-since: 'soon' is no moment"),
        (["backtest", "j.yaml", "--kafka", "--map", "map.yaml"], "--map is about files, not --kafka"),
        (["replay", "j.yaml", "rows.csv"], "Add --map TABLE"),
        (["check", "j.yaml", "--against", "rows.csv"], "Add --map TABLE"),
        (["check", "j.yaml", "--map", "map.yaml"], "Add --against FILE"),
    ],
)
def test_mistakes_of_these_options_are_one_line(place, capsys, words, message) -> None:
    """Each has its remedy and the exit code of a misused command."""
    assert main(words) == ExitCode.USAGE
    assert message in capsys.readouterr().err
