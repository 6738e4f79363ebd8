"""What cannot be read: the errors by which msgspec says so, and documents too deep to be passed around."""

from typing import Final

import msgspec

# msgspec lets two errors of Python's own through: text that is no UTF-8, and nesting that exhausts the stack.
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# Python's stack holds 1,000 levels, and whoever writes a document out again may stand deeper than whoever read it.
MAX_NESTING: Final = 500
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def explained(error: Exception) -> str:
    """One of the errors in words for whoever wrote the document."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is no UTF-8: save the text as UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return str(error)


def is_too_deep(document: bytes) -> bool:
    """Whether a JSON document is nested deeper than `MAX_NESTING`."""
    if len(document) <= 2 * MAX_NESTING or document.count(b"[") + document.count(b"{") <= MAX_NESTING:
        return False
    # Every second part between quotes lies outside of the texts, once no text holds a quote of its own.
    outside = b"".join(document.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    depth = 0
    for bracket in outside.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_NESTING:
            return True
    return False
