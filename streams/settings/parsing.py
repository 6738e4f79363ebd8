"""The kinds of settings: how the text of an environment variable becomes a value, and which text is allowed.

It knows no variable; the table of all is in `streams/settings/settings.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from tracker.identity.kinds import KINDS_ALLOWED, kinds_of

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Kind:
    """A reader of text; `read` raises ValueError for text that `allowed` does not describe."""

    allowed: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its variable, its field in `Settings`, the allowed values and its effect."""

    variable: str
    field: str
    kind: Kind
    default: str
    """As written in the environment; empty: unset."""
    explanation: str
    secret: Literal["", "whole", "password"] = ""
    """The part that is never printed: the whole value, or the password inside a URL."""

    def show(self, value: Any) -> str:
        """The value as a person may see it, without secrets."""
        if value is None or value == ():
            return ""
        if self.secret == "whole":  # noqa: S105
            return HIDDEN
        if self.secret == "password":  # noqa: S105
            return hide_password(str(value))
        if isinstance(value, tuple):
            return (":" if isinstance(value[0], Path) else ",").join(str(item) for item in value)
        if isinstance(value, bool):
            return str(value).lower()
        return str(value)


def hide_password(url: str) -> str:
    """The URL with its password replaced; a text that is no URL is hidden completely."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    if "@" not in url:
        return url
    if not parts.netloc:
        return HIDDEN
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}:{HIDDEN}@{host}"))


def text(allowed: str = "any text") -> Kind:
    """Any text, unchanged."""
    return Kind(allowed, str)


def whole(unit: str, low: int, high: int) -> Kind:
    """A whole number of a unit between two bounds, both included."""
    return Kind(f"a whole number of {unit} from {low} to {high}", _bounded(int, low, high))


def seconds(low: float, high: float) -> Kind:
    """A number of seconds, fractions allowed."""
    return Kind(f"a number of seconds from {low:g} to {high:g}", _bounded(float, low, high))


def _bounded(number_of: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    """A reader of numbers between two bounds, both included."""

    def read(value: str) -> float:
        number = number_of(value)
        if not low <= number <= high:
            raise ValueError(value)
        return number

    return read


def choice(*words: str) -> Kind:
    """One of these words, in upper or lower case."""
    by_folded = {word.casefold(): word for word in words}

    def read(value: str) -> str:
        word = by_folded.get(value.casefold())
        if word is None:
            raise ValueError(value)
        return word

    return Kind("one of " + ", ".join(words), read)


def flag() -> Kind:
    """Yes or no."""
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

    def read(value: str) -> bool:
        word = words.get(value.casefold())
        if word is None:
            raise ValueError(value)
        return word

    return Kind("true or false", read)


def port(high: int = 65_535) -> Kind:
    """A port of this machine; 0 stands for any free one."""
    return Kind(f"a port from 1 to {high}, or 0", whole("", 0, high).read)


def names() -> Kind:
    """Names separated by commas, each once, of the letters that Kafka allows in a topic."""

    def read(value: str) -> tuple[str, ...]:
        found = tuple(word.strip() for word in value.split(","))
        if len(set(found)) != len(found) or not all(word.replace("-", "").replace("_", "").isalnum() for word in found):
            raise ValueError(value)
        return found

    return Kind("names of letters, digits, - and _, separated by commas, each once", read)


def alias_kinds() -> Kind:
    """Kinds of alias, as `tracker/identity/kinds.py` reads them."""

    def read(value: str) -> tuple[str, ...]:
        found = tuple(value.replace(",", " ").split())
        kinds_of(found)
        return found

    return Kind(KINDS_ALLOWED, read)


def texts() -> Kind:
    """Texts, separated by commas, as they are."""

    def read(value: str) -> tuple[str, ...]:
        found = tuple(word.strip() for word in value.split(","))
        if not all(found):
            raise ValueError(value)
        return found

    return Kind("texts, separated by commas", read)


def servers() -> Kind:
    """Addresses, `host:port`, separated by commas."""

    def read(value: str) -> str:
        addresses = [word.strip() for word in value.split(",") if word.strip()]
        for address in addresses:
            host, _, port = address.rpartition(":")
            if not host or not 0 < int(port) < 65536:
                raise ValueError(value)
        return ",".join(addresses)

    return Kind("one or more host:port, separated by commas", read)


def url(*schemes: str) -> Kind:
    """A URL of one of these schemes, with a host."""

    def read(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
            raise ValueError(value)
        _ = parts.port  # raises ValueError when it is no port
        return value

    return Kind("a URL that begins with " + " or ".join(f"{scheme}://" for scheme in schemes), read)


def file() -> Kind:
    """A file that exists."""

    def read(value: str) -> Path:
        path = Path(value)
        if not path.is_file():
            raise ValueError(value)
        return path

    return Kind("a file that exists", read)


def files(separator: str) -> Kind:
    """Files or folders that exist."""

    def read(value: str) -> tuple[Path, ...]:
        paths = tuple(Path(word) for word in value.split(separator) if word)
        if not all(path.exists() for path in paths):
            raise ValueError(value)
        return paths

    return Kind(f"files or folders that exist, separated by {separator}", read)


def path() -> Kind:
    """A path; the file may be created later."""
    return Kind("the path of a file", Path)


def origins() -> Kind:
    """Origins as browsers name them, `https://shop.example.com`, separated by commas."""

    def read(value: str) -> tuple[str, ...]:
        found = tuple(word.strip() for word in value.split(",") if word.strip())
        for origin in found:
            parts = urlsplit(origin)
            if (
                parts.scheme not in {"http", "https"}
                or not parts.hostname
                or f"{parts.scheme}://{parts.netloc}" != origin
            ):
                raise ValueError(value)
        return found

    return Kind("origins like https://shop.example.com, separated by commas", read)


def addresses() -> Kind:
    """Addresses or networks of machines, separated by commas."""

    def read(value: str) -> tuple[str, ...]:
        found = tuple(word.strip() for word in value.split(",") if word.strip())
        for word in found:
            ip_network(word, strict=False)
        return found

    return Kind("addresses or networks like 10.0.0.0/8, separated by commas", read)
