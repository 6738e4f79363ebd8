"""Every command that reads files, over events whose every text would take over a terminal."""

import json

import pytest

from streams.cli.main import main
from tests.streams.process.test_terminal import HOSTILE as ANY
from tests.streams.process.test_terminal import UNSEEN

# No id may hold NUL, and no argument can.
HOSTILE = ANY.replace("\0", "")

JOURNEY = """
journey: shop
version: 1
stages:
  - {name: seen, touchpoints: [{channel: web}], drops_after: 1d}
  - {name: bought, touchpoints: [{channel: shop}], goal: true}
key: properties.order
segments:
  plan: {from: context.plan, values: [free, paid]}
"""
TABLE = """
import: lines
ids:
  customer_id: ids.customer_id
touchpoints:
  - channel: web
    type: type
    occurred_at: {from: occurred_at, as: milliseconds}
    properties: {all: properties}
"""
T = 1_795_000_000_000


def event(number: int, **fields: object) -> str:
    said = {
        "event_id": f"e{number}{HOSTILE}", "type": f"t{HOSTILE}\nforged", "channel": "web", "occurred_at": T + number,
        "ids": {"customer_id": f"c{HOSTILE}", "account_id": f"a{HOSTILE}"},
        "properties": {"order": f"o{HOSTILE}", "n": HOSTILE, HOSTILE: HOSTILE}, "context": {"plan": HOSTILE}, **fields,
    }  # fmt: skip
    return json.dumps(said)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A journey, tables and events in the present folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "journey.yaml").write_text(JOURNEY)
    (tmp_path / "new.yaml").write_text(JOURNEY.replace("version: 1", "version: 2").replace("1d", "2d"))
    (tmp_path / "wrong.yaml").write_text(
        f"journey: x\nstages: [{{name: {json.dumps(HOSTILE)}, {json.dumps(HOSTILE)}: 1}}]"
    )
    (tmp_path / "table.yaml").write_text(TABLE)
    (tmp_path / "plan.yaml").write_text("sources: {s: {other_types: violate, types: {page: {type: object}}}}")
    good = [event(1), event(2, channel="shop"), event(3, type=HOSTILE)]
    bad = [event(4, channel=7), event(5, schema=HOSTILE), HOSTILE, event(6, occurred_at=HOSTILE), "{" + HOSTILE]
    (tmp_path / "events.jsonl").write_text("\n".join([*good, *bad]) + "\n", encoding="utf-8")
    return tmp_path


CALLS = [
    (0, ["check", "journey.yaml"]),
    (2, ["check", "wrong.yaml"]),
    (2, ["check", HOSTILE]),
    (0, ["draw", "journey.yaml", "--with", "events.jsonl"]),
    (0, ["draw", "journey.yaml", "--with", "events.jsonl", "--form", "blueprint"]),
    (0, ["replay", "journey.yaml", "events.jsonl", "--customers"]),
    (0, ["replay", "journey.yaml", "events.jsonl", "--customers", "--json"]),
    (0, ["replay", "journey.yaml", "events.jsonl", "--by", "plan"]),
    (0, ["replay", "journey.yaml", "events.jsonl", "--explain", f"c{HOSTILE}"]),
    (10, ["replay", "journey.yaml", "events.jsonl", "--explain", HOSTILE]),
    (0, ["replay", "journey.yaml", "events.jsonl", "--explain", f"c{HOSTILE}", "--json"]),
    (0, ["compare", "journey.yaml", "new.yaml", "events.jsonl"]),
    (0, ["compare", "journey.yaml", "new.yaml", "events.jsonl", "--json"]),
    (0, ["backtest", "journey.yaml", "events.jsonl"]),
    (0, ["plan", "infer", "s", "events.jsonl"]),
    (1, ["plan", "check", "plan.yaml", "events.jsonl", "--source", "s"]),
    (1, ["plan", "check", "plan.yaml", "events.jsonl", "--source", "s", "--json"]),
    (1, ["import", "events.jsonl", "--map", "table.yaml", "--dry-run"]),
    (1, ["import", "events.jsonl", "--map", "table.yaml", "--dry-run", "--json"]),
    (2, ["new", HOSTILE]),
    (2, [HOSTILE]),
    (2, ["keys", "new", HOSTILE]),
]


@pytest.mark.parametrize(("expected", "words"), CALLS, ids=[ascii(" ".join(words))[1:60] for _, words in CALLS])
def test_no_text_of_a_sender_takes_over_the_terminal(files, capsys, monkeypatch, expected, words) -> None:
    """No command prints a control character, or a mark that turns text around; JSON stays JSON."""
    monkeypatch.setenv("COLLECTOR_KEYS", str(files / "keys.json"))
    code = main(words)
    said = capsys.readouterr()
    assert code == expected, said.err
    assert said.out + said.err and "Traceback" not in said.err and "itself failed" not in said.err
    assert not UNSEEN.search(said.out + said.err)
    assert not [line for line in (said.out + said.err).splitlines() if line.startswith("forged")]
    if "--json" in words and words[0] != "import":
        json.loads(said.out)


def test_a_drafted_plan_is_the_plan_of_what_was_sent(files, capsys) -> None:
    """A type with unsafe characters is escaped in the drafted plan, which still means that type."""
    import yaml

    assert main(["plan", "infer", "s", "events.jsonl"]) == 0
    drafted = yaml.safe_load(capsys.readouterr().out)
    assert HOSTILE in drafted["sources"]["s"]["types"]
