from pathlib import Path

import pytest

from streams.cli.main import main
from streams.cli.new import templates
from streams.errors import ExitCode
from tracker.journey.file import load


def test_without_a_name_the_templates_are_listed(capsys) -> None:
    """Each template has its line, its stages, and how to begin."""
    assert main(["new"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert all(f"{name}: " in said for name in templates())
    assert "awareness > evaluation > decision > follow up" in said


def test_a_template_is_copied_and_the_next_step_printed(tmp_path, capsys) -> None:
    """The new file is the template, ready to be checked."""
    target = tmp_path / "mine.yaml"
    assert main(["new", "retail", "-o", str(target)]) == ExitCode.OK
    assert load(target).journey == "retail"
    assert f"tracker check {target}" in capsys.readouterr().out


def test_without_a_file_it_is_called_after_the_template(tmp_path, monkeypatch, capsys) -> None:
    """`tracker new travel` writes travel.yaml here; into a folder it keeps its name, too."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "travel"]) == ExitCode.OK
    assert main(["new", "b2b", "-o", str(tmp_path)]) == ExitCode.OK
    assert {path.name for path in Path().iterdir()} == {"travel.yaml", "b2b.yaml"}
    assert "b2b.yaml" in capsys.readouterr().out


def test_nothing_is_overwritten(tmp_path, capsys) -> None:
    """A file that exists is left as it is, with exit code 2."""
    target = tmp_path / "mine.yaml"
    target.write_text("mine")
    assert main(["new", "retail", "-o", str(target)]) == ExitCode.USAGE
    assert target.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "words"), [("retial", "did you mean 'retail'?"), ("zzz", "use one of: b2b")])
def test_an_unknown_template_has_its_nearest(name, words, capsys) -> None:
    """A mistyped name ends with 2 and the one that was meant."""
    assert main(["new", name]) == ExitCode.USAGE
    assert words in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_reported(tmp_path, capsys) -> None:
    """A folder that does not exist is one line, no traceback."""
    assert main(["new", "retail", "-o", str(tmp_path / "nowhere" / "x.yaml")]) == ExitCode.USAGE
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
