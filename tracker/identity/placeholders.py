"""Placeholders: texts that programs write where they have no id. Linking on one of them would merge strangers.

They are found by rule. What is left of a text in small letters without brackets, quotes and punctuation is a word for
nothing, the name of a field, or only zeros; or it is a template that nobody filled in, or the hash of such a text.
A word that can be a name, such as `test`, is a name.
"""

import re
from hashlib import md5, sha1, sha256, sha512
from typing import Final

WORDS: Final = (
    "not[ _-]?set", "none", "null", "nil", "nan", "n[./]?a", "undefined", "unknown", "anon", "anonymous", "guest",
    "true", "false", "email", "phone", "id", "uuid", "guid", "not[ _-]?authenticated",
    "object (?:object|null|undefined)",
    "(?:user|customer|anonymous|account|distinct|client|device|visitor)[ _-]?id",
)  # fmt: skip
"""What means nobody, in small letters and as patterns: words for nothing, and the names of fields."""
EDGE: Final = (
    "[\\s!-/:-@\\[-`{-~\u00a1\u00ab\u00bb\u00bf\u200b-\u200d"
    "\u2010-\u201f\u2026\u2039\u203a\u2060\u2212\u2e3a\u2e3b\u301c\u3030\ufe58\ufe63\ufeff\uff0d]"
)
"""Signs that are taken off at both ends: blanks (seen or not), brackets, quotes, punctuation and dashes, as a
pattern."""
FORMS: Final = (
    rf"{EDGE}*(?:{'|'.join(WORDS)}){EDGE}*",
    rf"(?:0|{EDGE})*",
    f"{EDGE}*[-\u2212]0*1(?:[.,]0+)?{EDGE}*",
    r"0x0+|0+[.,]0*e[-+]?0+",
    # A word that can be a name is nobody in its brackets alone.
    r"\(other\)",
    # What JavaScript makes of any object.
    r"\[object \w+\]",
    r"\\+n",
    r"#(?:ref|value|name|div/0|num|null|error)[!?]",
    r"%[^%\s]+%|%%[^%\s]+%%|\*\|[^|]+\|\*|<[%?].*[%?]>|\[\[.*\]\]",
    r"\{[!$]?[a-z_. ]+\}",
    # `%s` of C, `%(id)s` of Python and `%!s(<nil>)` of Go.
    r"%(?:[sd@]|!?[a-z]?\(.*\)[a-z]?)",
    # `{{…}}` and `${…}` in an address.
    r"(?:%7b%7b|%24%7b).*%7d",
    # A template that nobody filled in, alone or with a text on one side.
    r".*(?:\{\{.*\}\}|\{%.*%\}|[$#]\{.*\})|(?:\{\{.*\}\}|\{%.*%\}|[$#]\{.*\}).*",
)
"""Texts that mean nobody, in small letters and without blanks around them, as patterns for the whole text."""

_FORM: Final = re.compile("|".join(FORMS), re.DOTALL)
_EDGES: Final = re.compile(rf"^{EDGE}+|{EDGE}+$")

_PLAIN_WORDS: Final = (
    "not set", "not_set", "not-set", "notset", "none", "null", "nil", "nan", "na", "n/a", "n.a", "undefined",
    "unknown", "anon",
    "anonymous", "guest", "true", "false", "email", "phone", "id", "uuid", "guid", "not authenticated",
    "not_authenticated", "not-authenticated", "notauthenticated", "object object", "object null", "object undefined",
    *(f"{word}{sign}id" for sign in (" ", "_", "-", "") for word in
      ("user", "customer", "anonymous", "account", "distinct", "client", "device", "visitor")),
)  # fmt: skip
"""The same words, written out; each ends with a letter."""
LONGEST_WORD: Final = max(map(len, _PLAIN_WORDS))
HASHED: Final = (
    "", " ", "\n", "0", "-1", "0.0", "{}", "[]", '""', "''", "-", "\\N", "#N/A", "(not set)", "(none)", "(other)",
    "<null>",
    "[object Object]", "00000000-0000-0000-0000-000000000000", "0" * 32, "None", "Null", "NULL", "NaN", "N/A", "NA",
    "Undefined", "Unknown", "Anonymous", "Guest", "True", "False", *_PLAIN_WORDS,
)  # fmt: skip
"""Texts whose hashes mean nobody too, as hashing programs are given them."""
NOBODY: Final = frozenset(
    (
        *_PLAIN_WORDS,
        # Not for secrecy: senders hash with these.
        *(
            case(hash_(text.encode()).hexdigest())
            for hash_ in (sha256, sha1, md5, sha512)
            for text in HASHED
            for case in (str.lower, str.upper)
        ),
    )
)
"""Words for nobody in small letters, and the hashes of texts for nobody in small and in capital letters."""


def means_nobody(text: str, nobody: frozenset[str] = NOBODY) -> bool:
    """Whether a text without blanks around it is a placeholder. `nobody`: whole texts that are."""
    small = text.lower()
    if not small or small in nobody:
        return True
    if small[0].isalnum() and small[-1].isalnum() and (small[0] != "0" or small[-1] != "0"):
        return False
    return _FORM.fullmatch(small) is not None or _EDGES.sub("", small) in nobody
