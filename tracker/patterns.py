r"""Regular expressions in files that people write: searched in linear time; what of their syntax is not supported.

RE2 takes time in proportion to the text, whatever the pattern. Python's `re` tries one way after the other, and
`(.*)(.*)x` on a long text takes it minutes. The price is syntax that no linear engine has: look-around, back
references, atomic groups. The meaning is that of patterns in tracking plans: `\d`, `\w` and `\b` know ASCII, `\pL` is
any letter, and `$` is the very end of the text (docs/decisions/0031-linear-patterns.md).
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import re2

MAX_LENGTH: Final = 200
# Repeats of repeats multiply: `(.{0,30}){0,30}` is 8,134 instructions, of which a text of 512 characters may visit each
# at every character. 5,000 keep the slowest pattern that was found at 10 ms; a word of any letters, `\pL+`, is 1,200.
MAX_INSTRUCTIONS: Final = 5000


class PatternProblem(NamedTuple):
    """Why a pattern is not accepted, and what to write instead."""

    message: str
    remedy: str


SIMPLER: Final = "make it simpler, or use contains for a plain text"
_LOOK_AHEAD: Final = ("look-ahead", "write what may follow as part of the pattern, or add a second condition")
_LOOK_BEHIND: Final = ("look-behind", "write what may come before as part of the pattern, or add a second condition")
_BACK_REFERENCE: Final = ("a back reference", "write the repeated part again, or list the values with in")
_POSSESSIVE: Final = ("a possessive repeat", "leave the second + out: no pattern is slow here")
_FLAG: Final = ("this flag", "the flags are i, m, s and U, such as (?i)")
_CODE: Final = ("this escape", "write a character by its number, such as \\x{e9}, or as itself")

# What Python, PCRE or JavaScript take and a linear engine does not, by how it begins.
UNSUPPORTED: Final = {
    "(?=": _LOOK_AHEAD,
    "(?!": _LOOK_AHEAD,
    "(?<=": _LOOK_BEHIND,
    "(?<!": _LOOK_BEHIND,
    "(?P=": _BACK_REFERENCE,
    "\\k": _BACK_REFERENCE,
    **dict.fromkeys((f"\\{digit}" for digit in range(1, 10)), _BACK_REFERENCE),
    "(?>": ("an atomic group", "write (?: instead: no pattern is slow here"),
    "(?(": ("a choice by group", "write both alternatives out: (?:a|b)"),
    "(?#": ("a comment", "write it beside the pattern, after a # of YAML"),
    **dict.fromkeys(("*+", "++", "?+", "}+"), _POSSESSIVE),
    **dict.fromkeys(("(?a", "(?u", "(?L", "(?x"), _FLAG),
    "\\Z": ("this escape", "write \\z for the end of the text"),
    **dict.fromkeys(("\\u", "\\U", "\\N"), _CODE),
    "{,": ("a repeat without its least number", "write {0, and the number"),
}
# An escape, a class in brackets as a whole, the beginning of a group, a repeat, or any other character.
_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:<[=!]|P=|.)?|\{,(?=\d+\})|[*+?}]\+|.", re.DOTALL)

_OPTIONS: Final = re2.Options()
# It would write each refusal to standard error besides raising it.
_OPTIONS.log_errors = False
# Nobody asks what a group has found; without groups a search takes 1.4 µs instead of 3.6.
_OPTIONS.never_capture = True


def unsupported(pattern: str) -> PatternProblem | None:
    """The first syntax in the pattern that no linear engine has; None where there is none."""
    for found in _TOKEN.finditer(pattern):
        if known := UNSUPPORTED.get(found[0]):
            message = f"{known[0]} is not supported: {found[0]} at character {found.start() + 1}"
            return PatternProblem(message, known[1])
    return None


def problem(pattern: Any) -> PatternProblem | None:
    """Why a pattern is not accepted; None when it is fine."""
    if not isinstance(pattern, str):
        return PatternProblem("a pattern must be text", "write a text, such as '^/checkout'")
    if len(pattern) > MAX_LENGTH:
        return PatternProblem(f"a pattern is at most {MAX_LENGTH} characters long", SIMPLER)
    if found := unsupported(pattern):
        return found
    try:
        instructions = re2.compile(pattern, _OPTIONS).programsize
    except UnicodeEncodeError:
        return PatternProblem("a pattern holds a character that is none", SIMPLER)
    except re2.error as error:
        return PatternProblem(_words(error), SIMPLER)
    if instructions > MAX_INSTRUCTIONS:
        return PatternProblem(
            "the pattern is too large: its repeats multiply", "use smaller numbers in braces, or * and +"
        )
    return None


def searcher(pattern: str) -> Callable[[str], bool]:
    """The function that says whether a text has a part that fits. Raises ValueError for a pattern with a problem."""
    if found := problem(pattern):
        raise ValueError(found.message)
    search = re2.compile(pattern, _OPTIONS).search
    # As bytes it takes half the time: positions in characters would be counted for nobody. "replace" never raises.
    return lambda text: search(text.encode("utf-8", "replace")) is not None


def _words(error: Exception) -> str:
    """What RE2 says, which it says in bytes."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
