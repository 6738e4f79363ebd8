import io
import json
import sys

import pytest

from streams.cli.main import main
from streams.errors import ExitCode

GOOD = "stages: [{name: one, touchpoints: {type: a}}, {name: two, touchpoints: {type: b}}]\n"
EXAMPLE = "examples: [{given: {type: a, at: 0s}, expect: {current: %s}}]\n"


@pytest.fixture
def file(tmp_path):
    """Writes a journey file and returns its path as text."""

    def write(content, name="x.yaml") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_a_good_file_is_reported_as_good(file, capsys) -> None:
    """A good file with examples that hold ends with 0 and one line about it."""
    assert main(["check", file(GOOD + EXAMPLE % "one")]) == ExitCode.OK
    assert "x 1, 2 stages, 1 example holds\n1 file: no problems" in capsys.readouterr().out


def test_problems_are_shown_with_their_line_and_end_with_2(file, capsys) -> None:
    """Each problem has place, message, the line itself with a mark, and the remedy."""
    path = file(GOOD + "order: fowrard\nversion: 0\n")
    assert main(["check", path]) == ExitCode.USAGE == 2
    said = capsys.readouterr().out
    assert f"{path}:2:8: problem: order: 'fowrard' is none of its values\n   2 | order: fowrard\n" in said
    assert "     |        ^\n     = did you mean 'forward'?" in said
    assert said.endswith("1 file: 2 problems\n")


def test_an_example_that_fails_ends_with_1(file, capsys) -> None:
    """A failed example is shown with what was expected and what came."""
    path = file(GOOD + EXAMPLE % "two")
    assert main(["check", path]) == ExitCode.FAILED
    assert f"{path}:2: example 1 does not hold\n     current  expected two, found one" in capsys.readouterr().out


def test_warnings_count_only_when_strict(file, capsys) -> None:
    """A warning ends with 0, and with `--strict` with 2."""
    path = file("stages: [{name: one}]")
    assert main(["check", path]) == ExitCode.OK
    assert "1 warning" in capsys.readouterr().out
    assert main(["check", "--strict", path]) == ExitCode.USAGE


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a: [", b"\t", b"stages: &a [*a]", b"#" * 300_000, b"[[[["])
def test_a_file_that_is_no_journey_ends_with_2(file, capsys, content) -> None:
    """Whatever the bytes, there is a problem with a place and no traceback."""
    assert main(["check", file(content)]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert ": problem: " in said.out
    assert "Traceback" not in said.out + said.err


def test_a_missing_file_is_a_problem_beside_the_others(file, capsys) -> None:
    """One file that cannot be opened does not hide the results of the others."""
    assert main(["check", file(GOOD), "/nowhere.yaml"]) == ExitCode.USAGE
    said = capsys.readouterr().out
    assert "good" in said
    assert "/nowhere.yaml:1:1: problem: cannot be opened" in said


def test_machines_get_one_object(file, capsys) -> None:
    """`--json` has every problem, warning and example with its place."""
    main(["check", "--json", file(GOOD + EXAMPLE % "two", "good.yaml"), file("stages: []", "bad.yaml")])
    data = json.loads(capsys.readouterr().out)
    assert not data["ok"]
    good, bad = data["files"]
    assert good["stages"] == ["one", "two"]
    assert good["examples"][0]["misses"] == [{"key": "current", "expected": "two", "found": "one"}]
    assert bad["problems"][0]["line"] == 1
    assert bad["problems"][0]["remedy"]


def test_a_folder_stands_for_its_journey_files(file, tmp_path, capsys) -> None:
    """A folder stands for its journey files; one without any ends with 2."""
    file(GOOD, "a.yaml")
    file(GOOD, "b.yml")
    file("no journey", "c.txt")
    assert main(["check", str(tmp_path)]) == ExitCode.OK
    assert "2 files: no problems" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == ExitCode.USAGE


def test_a_journey_may_come_by_standard_input(monkeypatch, capsys) -> None:
    """`-` reads the file from standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert main(["check", "-"]) == ExitCode.OK
    assert "-: stdin 1" in capsys.readouterr().out


def test_channels_come_from_the_settings(file, monkeypatch, capsys) -> None:
    """A channel of TRACKER_CHANNELS raises no warning."""
    path = file("stages: [{name: one, touchpoints: {channel: branch}}]")
    assert main(["check", "--strict", path]) == ExitCode.USAGE
    monkeypatch.setenv("TRACKER_CHANNELS", "web,branch")
    assert main(["check", "--strict", path]) == ExitCode.OK


def test_schema_and_keys_are_printed_on_demand(capsys) -> None:
    """`--schema` prints JSON Schema for editors, `--keys` the reference."""
    assert main(["check", "--schema"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["title"] == "Journey definition"
    assert main(["check", "--keys"]) == ExitCode.OK
    assert "| `drops_after` |" in capsys.readouterr().out
