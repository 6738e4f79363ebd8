import re
import shlex
from pathlib import Path

import pytest

from streams.cli.main import main
from tracker.journey.file import read
from tracker.replay.rehearsal import rehearse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "journeys.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
YAML = [text for language, text in BLOCKS if language == "yaml"]
EVENTS = """\
{"customer": "c1", "event": "Leaflet Viewed", "timestamp": "2026-01-05T08:00:00Z"}
{"customer": "c1", "event": "Order Completed", "timestamp": "2026-01-05T09:00:00Z", "channel": "shop"}
{"customer": "c2", "event": "Page Viewed", "timestamp": "2026-01-05T09:30:00Z"}
"""


@pytest.mark.parametrize("text", YAML, ids=[text.split(":")[0] for text in YAML])
def test_yaml_on_the_page_is_right(text: str) -> None:
    """Each piece of YAML is a journey, or a part of the page's first one, without a problem or a warning; it holds."""
    whole = text if "stages:" in text else f"{YAML[0]}{text}"
    definition, problems = read(whole, "page.yaml")
    assert problems == []
    assert definition is not None
    assert [each.misses for each in rehearse(definition) if each.misses] == []


def test_commands_on_the_page_work(tmp_path, monkeypatch, capsys) -> None:
    """Typed one after the other, the page's commands succeed."""
    monkeypatch.chdir(tmp_path)
    Path("events.jsonl").write_text(EVENTS)
    commands = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines() if line]
    assert len(commands) >= 8
    for command in commands:
        words = shlex.split(command.partition(">")[0])
        assert words[0] == "tracker"
        assert main(words[1:]) == 0, (command, capsys.readouterr().err)
    assert {each.name for each in tmp_path.iterdir()} >= {"my-map.html", "future.svg", "with-figures.html"}


def test_the_problem_on_the_page_is_what_is_said(tmp_path, capsys) -> None:
    """The problem that the page shows reads as `tracker check` prints it."""
    shown = next(text for language, text in BLOCKS if language == "text")
    file = tmp_path / "my-journey.yaml"
    file.write_text("stages:\n  - name: a\n    touchpoints:\n      - type: x\n      - type: y\n\n    drop_after: 14d\n")
    main(["check", str(file)])
    assert shown in capsys.readouterr().out.replace(str(file), "my-journey.yaml")


def test_every_template_is_on_the_page() -> None:
    """The page lists each template, and no other."""
    listed = re.findall(r"\[`([\w-]+)`\]\(\.\./examples/journeys/", PAGE)
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "examples" / "journeys").glob("*.yaml"))
