"""`tracker keys`: what it makes, prints and refuses."""

import json
from pathlib import Path

import pytest

from streams.cli.main import main
from streams.collector.sources import load
from streams.errors import ExitCode


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """The file of keys that the commands use."""
    monkeypatch.setenv("COLLECTOR_KEYS", str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


@pytest.mark.parametrize(
    ("words", "browser"),
    [
        (["--channel", "web"], True),
        (["--channel", "web", "--server"], False),
        (["--channel", "shop"], False),
        ([], False),
        (["--browser"], True),
    ],
)
def test_a_key_of_the_web_is_a_browsers(file, capsys, words, browser) -> None:
    """For the channel `web` a key is a browser's unless it is said to be a server's."""
    assert main(["keys", "new", "it", *words]) == ExitCode.OK
    assert load(file).keys[0].browser is browser
    assert ("a browser's" if browser else "a server's") in capsys.readouterr().err
    assert (file.parent / "it.user-secret").exists() is browser


def test_a_key_in_place_of_another_is_of_its_kind(file, capsys) -> None:
    """A further key of a source is of the kind of the ones before; those that were made before kinds are a server's."""
    assert main(["keys", "new", "old", "--channel", "web", "--server"]) == ExitCode.OK
    file.write_text(file.read_text().replace('"browser": false', '"revoked_at": null'))
    assert main(["keys", "new", "old"]) == ExitCode.OK
    assert main(["keys", "new", "page", "--browser"]) == main(["keys", "new", "page"]) == ExitCode.OK
    assert [key.browser for key in load(file).keys] == [None, False, True, True]
    capsys.readouterr()
    assert main(["keys", "list"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "server (made before keys had kinds)" in said and "browser  made" in said


def test_the_secret_is_named_and_never_printed(file, capsys) -> None:
    """`secret` prints the file, makes it where there is none, and renews it on demand."""
    assert main(["keys", "new", "page", "--browser"]) == main(["keys", "new", "late"]) == ExitCode.OK
    capsys.readouterr()
    lines = []
    for words in (["page"], ["page"], ["page", "--renew"], ["late"]):
        assert main(["keys", "secret", *words]) == ExitCode.OK
        place = Path(capsys.readouterr().out.strip())
        lines.append(place.read_text().splitlines())
        assert place.stat().st_mode & 0o077 == 0
    assert [len(each) for each in lines] == [1, 1, 2, 1]
    assert lines[2][1:] == lines[1] == lines[0]
    assert main(["keys", "secret", "nobody"]) == ExitCode.NOT_FOUND


def test_the_options_are_the_sources(file) -> None:
    """Age, subject and types are kept with the source; a type is kept in one form."""
    words = ["--max-age", "7d", "--subject-is", "customer_id", "--type", "Cafe\u0301"]
    assert main(["keys", "new", "page", *words]) == ExitCode.OK
    rules = load(file).sources["page"]
    assert (rules.max_age_s, rules.subject_is, rules.types) == (7 * 86_400, "customer_id", ("Caf\u00e9",))


@pytest.mark.parametrize("words", [["--max-age", "0s"], ["--max-age", "soon"], ["--subject-is", "thing"]])
def test_a_wrong_option_has_its_remedy(file, capsys, words) -> None:
    """A wrong age or kind makes nothing and says what to write."""
    assert main(["keys", "new", "page", *words]) == ExitCode.USAGE
    assert "remedy:" in capsys.readouterr().err
    assert not file.exists()


def test_the_kind_is_told_to_scripts(file, capsys) -> None:
    """`--json` names the kind of the key."""
    assert main(["keys", "new", "page", "--browser", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["kind"] == "browser"
