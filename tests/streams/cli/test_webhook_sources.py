"""`tracker keys new` for sources whose sender is a system with webhooks."""

import json

import pytest

from streams.cli.main import main
from streams.collector import sources
from streams.errors import ExitCode


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "keys.json"
    monkeypatch.setenv("COLLECTOR_KEYS", str(path))
    (tmp_path / "secret").write_text("\nlong enough\n")
    (tmp_path / "short").write_text("\nshort\n")
    monkeypatch.chdir(tmp_path)
    return path


def new(*words: str) -> int:
    return main(["keys", "new", *words])


def test_a_source_says_whose_its_numbers_are_and_where_it_is_called(file, capsys) -> None:
    """`--customer-id own` and `--public-url` are kept with the source, and the list shows them."""
    url = "https://in.example.com/v1/webhooks/crm"
    words = ("--sender", "hubspot", "--secret-file", "secret", "--customer-id", "own", "--public-url", url)
    assert new("crm", *words) == ExitCode.OK
    rules = sources.load(file).sources["crm"]
    assert (rules.sender, rules.customer_id, rules.public_url) == ("hubspot", "own", url)
    assert "Its webhooks go to /v1/webhooks/crm of the collector." in capsys.readouterr().err
    assert main(["keys", "list", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["sources"]["crm"]["customer_id"] == "own"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("crm", "--customer-id", "mine"), "--customer-id cannot be 'mine'"),
        (("crm", "--public-url", "in.example.com"), "is no address"),
        (("crm", "--sender", "stripe"), "signs its webhooks"),
        (("crm", "--sender", "nobody"), "There is no sender 'nobody'"),
        (("crm", "--sender", "stripe", "--secret-file", "short"), "holds no secret of at least 8 characters"),
        (("crm", "--sender", "stripe", "--secret-file", "none"), "cannot be read"),
        (("caf\N{LATIN SMALL LETTER E WITH ACUTE}",), "cannot name a source"),
    ],
)
def test_what_cannot_be_is_said_with_its_remedy(file, capsys, words, said) -> None:
    """A wrong option, an unreadable or short secret and a name with other letters are errors, and nothing is made."""
    assert new(*words) == ExitCode.USAGE
    assert said in capsys.readouterr().err
    assert not file.exists()
