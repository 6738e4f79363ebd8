"""Text on its way to a terminal: nothing that a sender wrote moves the cursor, hides a line or turns text around.

Every command prints through `Terminal`, so no command can forget it. What the tracker itself sends to a terminal, such
as colours and progress bars, goes past it by `unfiltered`.
"""

import re
import secrets
from typing import Any, Final

# Control characters but newline and tab (a carriage return only before a newline), marks that turn text around, breaks
# that only some programs see, characters without a shape, and halves of characters. The two joiners stay: Persian
# words and emoji need them.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]|\r(?!\n)"
)


def printable(text: str) -> str:
    """Text that is safe on a terminal and stays on its line: every character that is not printable is replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def escaped(text: str) -> str:
    r"""The text with every unsafe character written as `\u202e`, as JSON writes it: JSON stays what it is."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


class Terminal:
    """A stream whose text is escaped; everything else is that of the stream."""

    def __init__(self, stream: Any) -> None:
        self.unfiltered: Final = stream
        # What nobody can guess, in place of the bracket of a terminal's codes: only our own colours have it.
        self.mark: Final = f"\x1b{secrets.token_hex(8)}"

    def write(self, text: str) -> int:
        """Write the text, escaped but for our own codes."""
        parts = text.split(self.mark)
        self.unfiltered.write("\x1b[".join(map(escaped, parts)))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unfiltered, name)


def unfiltered(stream: Any) -> Any:
    """The stream itself, for what writes codes of its own and nothing that a sender wrote."""
    return stream.unfiltered if isinstance(stream, Terminal) else stream


def code_of(stream: Any) -> str:
    """How a terminal's code begins on that stream."""
    return stream.mark if isinstance(stream, Terminal) else "\x1b["
