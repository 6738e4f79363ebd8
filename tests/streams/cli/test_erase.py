"""The question before an erasure."""

import sys

import pytest
import typer

from streams.cli import erase
from streams.errors import UsageError
from streams.person.identity import Identity


class Terminal:
    """Standard input with one answer."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        return self._answer


def ask() -> None:
    erase._ask(Identity("c1", "c1"), {"c1": {"touchpoints": 2, "bytes": 9}})


def test_no_means_no(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The data to be erased are listed before the question; `n` aborts."""
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    with pytest.raises(typer.Abort):
        ask()
    assert "c1: 2 touchpoints" in capsys.readouterr().err


def test_yes_means_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`y` lets the erasure go on."""
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    ask()


def test_nobody_can_be_asked_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stdin is not a terminal, --yes is required."""
    monkeypatch.setattr(Terminal, "isatty", lambda _self: False)
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    with pytest.raises(UsageError):
        ask()
