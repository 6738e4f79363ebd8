"""Places in a touchpoint: a path as text, such as `properties.products.0.category`, and as its parts.

It knows how paths are written. `tracker/journey/conditions.py` follows them through a touchpoint.
"""

import re
from typing import Final

Path = tuple[str, ...]
"""`channel`, or `properties` or `context` and the names below it; ANY stands for each element of a list."""
ROOTS: Final = ("properties", "context")
ANY: Final = ""
"""The part that is written `*`. No name is empty, so it is no name."""
SHAPE: Final = r'^(channel|(properties|context)(\.("([^"]|"")+"|[^.\s"][^.]*))+)$'
"""A path as a regular expression, for editors too. `"` begins a name in quotes, in which `""` is one `"`."""
MAX_LENGTH: Final = 200
MAX_DIGITS: Final = 6
"""A longer number is the name of a key and no place in a list."""
REMEDY: Final = "begin with properties. or context., such as properties.price, or write channel"
QUOTED: Final = 'a name with dots goes in quotes: properties."utm.source"'

_PART: Final = re.compile(r'"((?:[^"]|"")+)"(?=\.|\Z)|([^.\s"][^.]*)')
_BRACKETS: Final = re.compile(r"\[[0-9*]*\]")


class PathError(ValueError):
    """A text that is no path, with its remedy."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def parse(text: str) -> Path:
    """The parts of a path; raises PathError."""
    shown = text[:60]
    root, dot, rest = text.partition(".")
    if text == "channel":
        return ("channel",)
    if len(text) > MAX_LENGTH or root not in ROOTS or not rest:
        raise PathError(f"{shown!r} is no place in a touchpoint", _remedy(text))
    parts, at = [root], len(root) + len(dot)
    while True:
        found = _PART.match(text, at)
        if found is None:
            raise PathError(*_wrong(text, at))
        quoted, plain = found.groups()
        parts.append(quoted.replace('""', '"') if quoted else ANY if plain == "*" else plain)
        at = found.end() + 1
        if at > len(text):
            return tuple(parts)


def show(path: Path) -> str:
    """A path as it is written."""
    return ".".join("*" if part == ANY else _quoted(part) if _needs_quotes(part) else part for part in path)


def doubt(text: str) -> tuple[str, str] | None:
    """What looks like another notation than ours, and the remedy; None where nothing does."""
    bare = re.sub(r'"(?:[^"]|"")*"', "", text)
    if _BRACKETS.search(bare):
        better = _BRACKETS.sub(lambda found: f".{found[0][1:-1] or '*'}", bare)
        return "is read as a name with brackets", f"write {better[:80]} for an element of a list, or the name in quotes"
    if "'" in (part[:1] for part in bare.split(".")):
        return "is read as a name with single quotes", f"write double ones: {QUOTED}"
    if any(re.fullmatch(r"-[0-9]+", part) for part in bare.split(".")):
        return "is read as a name", "count elements of a list from 0, or write `*` for any; put a name in quotes"
    if any(part != "*" and "*" in part for part in bare.split(".")):
        return "is read as a name with a star", "write `*` alone between dots for any element, or the name in quotes"
    return None


def index_of(part: str) -> int:
    """The place in a list that a part names, from 0; -1 where it names none."""
    is_number = part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS
    return int(part) if is_number and (part == "0" or part[0] != "0") else -1


def _needs_quotes(part: str) -> bool:
    return part == "*" or "." in part or part[0] == '"' or part[0].isspace()


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'


def _wrong(text: str, at: int) -> tuple[str, str]:
    """Message and remedy for the part that begins here."""
    if text[at : at + 1] == '"':
        return f"{text[:60]!r}: the quotes are not closed before a dot or the end", QUOTED
    if text[at : at + 1].isspace():
        return f"{text[:60]!r}: a name begins with a blank", "write it without the blank, or in quotes"
    return f"{text[:60]!r} has an empty part, so it can never match", f"write a name between two dots; {QUOTED}"


def _remedy(text: str) -> str:
    if text == "type":
        return "write `type:` beside `where`, not in it"
    bare = text.rsplit(".", maxsplit=1)[-1]
    if bare in ROOTS:
        return REMEDY
    return f"did you mean properties.{bare}?" if re.fullmatch(r"\w{1,40}", bare) else REMEDY
