"""Colours for a terminal; none for a pipe, with NO_COLOR or with TERM=dumb."""

import os
from collections.abc import Mapping
from typing import Final, TextIO

from streams.process.terminal import code_of

CODES: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}


class Paint:
    """Colours words for one stream: `paint("red", "no")`."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self._code = code_of(stream)
        self.shows: Final = stream.isatty() and "NO_COLOR" not in environ and environ.get("TERM") != "dumb"

    def __call__(self, colour: str, words: str) -> str:
        """The words in colour; unchanged where the stream shows no colours."""
        return f"{self._code}{CODES[colour]}m{words}{self._code}0m" if self.shows else words
