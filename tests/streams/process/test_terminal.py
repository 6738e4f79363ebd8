"""What reaches a terminal of what somebody sent."""

import io
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.cli.main import main, run
from streams.cli.paint import Paint
from streams.errors import ExitCode, TrackerError
from streams.process.terminal import Terminal, escaped, printable

STREAMS = Path(__file__).parents[3] / "streams"
HOSTILE = "\x1b[2J\x1b]0;x\x07\x9b31m\u202etxt\u2066\u200b\u2028\ufeff\x7f\x00\b\rgone"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


class Screen(io.StringIO):
    """A terminal that keeps what it gets."""

    def isatty(self) -> bool:
        return True


def test_what_a_terminal_obeys_is_escaped() -> None:
    """Controls, marks that turn text around, characters without a shape and halves of characters are written out."""
    assert not UNSEEN.search(escaped(HOSTILE))
    assert escaped("\x1b[2J \u202e \ud800 \U000e0041") == r"\u001b[2J \u202e \ud800 \udb40\udc41"


def test_what_people_read_stays() -> None:
    """Letters, lines, tabs, wide blanks, joiners and emoji stay."""
    text = "Smörgås\n\tmi\u200cxaham \U0001f469\u200d\U0001f680 10\u202f000\u00a0kr\r\n→ ▇ é e\u0301"
    assert escaped(text) == text


@given(st.text())
def test_json_stays_what_it_is(text: str) -> None:
    """JSON means the same after it was escaped, and holds nothing unsafe."""
    said = escaped(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert json.loads(said) == {text: [text]}
    assert not UNSEEN.search(said) and escaped(said) == said


def test_a_terminal_shows_our_colours_alone() -> None:
    """Codes of our own reach the terminal; the same codes in what somebody sent do not."""
    screen = Screen()
    terminal = Terminal(screen)
    print(Paint(terminal, {})("red", "no \x1b[32m"), file=terminal)
    terminal.writelines(["\x1b[1m", "a\n"])
    assert screen.getvalue() == "\x1b[31mno \\u001b[32m\x1b[0m\n\\u001b[1ma\n"
    assert (terminal.isatty(), terminal.closed) == (True, False)


def test_every_command_prints_through_it(monkeypatch) -> None:
    """Whatever a command prints, and its error, comes out escaped; afterwards the streams are as before."""
    out, error = Screen(), Screen()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error)

    def command(**_options: object) -> int:
        sys.stdout.write(HOSTILE)
        raise TrackerError(f"no {HOSTILE}", HOSTILE, ExitCode.NOT_FOUND)

    monkeypatch.setattr("streams.cli.main.build", lambda _app: command)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["show", "x"]) == ExitCode.NOT_FOUND
    assert not UNSEEN.search(out.getvalue() + error.getvalue()) and "gone" in out.getvalue()
    assert (sys.stdout, sys.stderr) == (out, error)
    assert run(lambda: 3) == 3


def test_nothing_goes_past_it_unseen() -> None:
    """Only what sends codes of its own writes to a stream directly, or knows such a code."""
    past = {
        str(path.relative_to(STREAMS))
        for path in STREAMS.rglob("*.py")
        if re.search(r"unfiltered\(|std(?:out|err)\.buffer|\\033|\\x1b|__stdout__|__stderr__", path.read_text("utf-8"))
    }
    assert past == {
        "process/terminal.py", "process/logs.py", "events/gathering.py", "cli/progress.py", "cli/servers.py",
        "cli/simulate_output.py", "cli/show.py", "cli/demo.py", "cli/rejected.py",
    }  # fmt: skip


@pytest.mark.parametrize("text", [HOSTILE, "a\nb", "\u00a0"])
def test_a_name_stays_on_its_line(text) -> None:
    """A name has every character replaced that is not printable, line breaks too."""
    assert printable(text).isprintable()
