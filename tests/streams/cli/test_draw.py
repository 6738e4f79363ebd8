import pytest

from streams.cli.main import main
from streams.errors import ExitCode

EVENTS = """\
{"customer": "c1", "event": "a", "timestamp": "2026-01-05T08:00:00Z"}
{"customer": "c1", "event": "b", "timestamp": "2026-01-05T09:30:00Z"}
{"customer": "c2", "event": "a", "timestamp": "2026-01-05T09:00:00Z"}
"""


@pytest.fixture
def journey(tmp_path) -> str:
    path = tmp_path / "x.yaml"
    first = "{name: one, touchpoints: {type: a}, actions: Looks, targets: Many}"
    path.write_text(f"stages: [{first}, {{name: two, touchpoints: {{type: b}}}}]")
    return str(path)


@pytest.mark.parametrize(("name", "begins"), [("m.svg", "<svg"), ("m.html", "<!doctype html>"), ("m.MD", "# X")])
def test_the_ending_chooses_the_format(journey, tmp_path, name, begins) -> None:
    """A map is written in the format of the file's ending, and an existing file is replaced."""
    target = tmp_path / name
    for _ in range(2):
        assert main(["draw", journey, "-o", str(target)]) == ExitCode.OK
    assert target.read_text().startswith(begins)


def test_without_a_file_markdown_is_printed(journey, capsys) -> None:
    """The map goes to standard output as Markdown, in the form asked for."""
    assert main(["draw", journey, "--form", "future"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "| **Targets** | Many |  |" in said


def test_touchpoints_give_figures(journey, tmp_path, capsys) -> None:
    """With touchpoints the map shows how many customers reached each stage."""
    events = tmp_path / "events.jsonl"
    events.write_text(EVENTS)
    assert main(["draw", journey, "--with", str(events)]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "**2** (100 %)<br>1 here now" in said
    assert "**1** (50 %)<br>1 here now<br>1 h 30 min from the step before" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "m.png"], "use one of: .svg, .html, .md"),
        (["-o", "/nowhere/m.svg"], "/nowhere/m.svg cannot be written"),
        (["--form", "past"], "'past'"),
        (["--with", "/nowhere.jsonl"], "no such file"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(journey, words, said, capsys) -> None:
    """A wrong ending, place, form or file ends with a remedy and no traceback."""
    assert main(["draw", journey, *words]) != ExitCode.OK
    assert said in capsys.readouterr().err


def test_a_broken_journey_is_not_drawn(tmp_path, capsys) -> None:
    """All problems of the file are printed, with exit code 2."""
    path = tmp_path / "bad.yaml"
    path.write_text("stages: []\norder: up\n")
    assert main(["draw", str(path)]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "no stages" in said
    assert "bad.yaml:2:8" in said
