"""Sources and their write keys: who may send what, in one file that is read again when it changes.

Keys are stored as SHA-256. They have 256 random bits, so they cannot be guessed and need no slow hash. A look-up by
hash does not reveal through its timing how close a guess was.
"""

import fcntl
import secrets
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import structlog

from schemas.unreadable import UNREADABLE
from streams.collector.watched import Watched
from streams.errors import ConfigurationError, ExitCode, TrackerError
from streams.process import private_file
from tracker.identity.pseudonym import Treatment

log = structlog.get_logger()

PREFIX: Final = "wk_"
MAX_NAME: Final = 64
LEAST_USER_SECRET_BYTES: Final = 16
"""Of the secret that proves customers' ids: a shorter one can be guessed from a single signature."""
LEAST_SECRET_BYTES: Final = 8
"""Of a sender's secret. Shops let people choose it, so this is only what nobody tries in passing; 16 are good."""


class Source(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One producer: a shop, an app, a help desk."""

    channel: str | None = None
    """The only channel it may send to; None: each touchpoint names its own."""
    types: tuple[str, ...] = ()
    """The only types it may send; none: all."""
    personal: Treatment = "keyed"
    drop: tuple[str, ...] = ()
    """Fields that are removed, as paths: `properties.card`, `context.page.url`."""
    sender: str | None = None
    """The sender of its webhooks, by its name in `schemas/webhooks` or in COLLECTOR_TABLES."""
    secret_file: str | None = None
    """A file with the secret that the sender signs with."""
    subject_is: str | None = None
    """The kind of id that `subject` of a CloudEvent is, where the event has no other id; None: it is none."""
    max_age_s: int | None = None
    """How old its touchpoints may be; None: as old as its keys' kind may tell of."""
    user_secret_file: str | None = None
    """A file with the secret that proves customers' ids from browsers, a line each; beside the file of keys."""
    customer_id: Literal["own"] | None = None
    """`own`: the numbers that the sender gives to people are the company's customer numbers."""
    public_url: str | None = None
    """The address that the sender calls, for senders that sign it: behind a proxy the collector does not know it."""


class WriteKey(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One key of a source; a source may have several."""

    id: str
    source: str
    sha256: str
    made_at: str
    revoked_at: str | None = None
    browser: bool | None = None
    """Whether everybody can read it, in a page or an app. None: made before keys had kinds; it counts as a server's."""


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    sources: dict[str, Source] = {}
    keys: list[WriteKey] = []
    version: Literal[1] = 1


class NamedSource(msgspec.Struct, frozen=True):
    """A source with its name, by one of its keys."""

    name: str
    rules: Source
    browser: bool = False
    """Whether the key is a browser's."""
    user_secrets: tuple[bytes, ...] = ()
    """What proves the ids of its customers."""

    def __repr__(self) -> str:
        return f"NamedSource({self.name!r}, browser={self.browser})"


def hashed(key: str) -> str:
    """The hash of a key, which is stored in its place."""
    return sha256(key.encode()).hexdigest()


def load(path: Path) -> KeyFile:
    """The content of the file; an empty book where there is none yet. Raises ConfigurationError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeyFile)
    except FileNotFoundError:
        return KeyFile()
    except UNREADABLE as error:
        raise ConfigurationError(
            f"COLLECTOR_KEYS names {str(path)!r}, which is not a file of write keys: {error}.",
            "Restore a copy, or let `tracker keys new` write a new file.",
        ) from error


def new(
    path: Path,
    name: str,
    change: Callable[[Source], Source],
    now_s: float,
    is_browser: Callable[[KeyFile], bool] = lambda _book: False,
) -> tuple[str, WriteKey]:
    """Add a key to a source, and create or change the source. Returns the key, which is not stored, and its entry.

    `is_browser` says of the changed book whether the key is a browser's; with the first one, the source gets a secret.
    """
    key = PREFIX + secrets.token_urlsafe(32)
    with _changing(path) as book:
        book.sources[name] = change(book.sources.get(name, Source()))
        entry = WriteKey(f"k{secrets.token_hex(4)}", name, hashed(key), moment(now_s), browser=is_browser(book))
        book.keys.append(entry)
        if entry.browser and book.sources[name].user_secret_file is None:
            _make_secret(path, book, name)
    return key, entry


def new_secret(path: Path, name: str) -> Path:
    """Put a new secret before those of a source, which stay valid; the file. Raises TrackerError."""
    with _changing(path) as book:
        if name not in book.sources:
            raise TrackerError(f"There is no source {name!r}.", "`tracker keys list` shows them.", ExitCode.NOT_FOUND)
        return _make_secret(path, book, name)


def _make_secret(path: Path, book: KeyFile, name: str) -> Path:
    rules = book.sources[name]
    place = user_secret_place(path, rules) or path.with_name(f"{name}.user-secret")
    try:
        before = secret_lines(place, LEAST_USER_SECRET_BYTES)
    except FileNotFoundError:
        before = ()
    private_file.replace(place, b"".join(line + b"\n" for line in (secrets.token_hex(32).encode(), *before)))
    book.sources[name] = msgspec.structs.replace(rules, user_secret_file=rules.user_secret_file or place.name)
    return place


def user_secret_place(path: Path, rules: Source) -> Path | None:
    """Where the secret for proofs lies; a relative path begins at the folder of the file of keys."""
    return None if rules.user_secret_file is None else path.parent / rules.user_secret_file


def user_secrets(path: Path, rules: Source) -> tuple[bytes, ...]:
    """The secrets for proofs; none where there is no file, or where it cannot be read."""
    place = user_secret_place(path, rules)
    try:
        return secret_lines(place, LEAST_USER_SECRET_BYTES) if place else ()
    except OSError as error:
        log.warning("secret of a source cannot be read", file=place and place.name, reason=error.strerror)
        return ()


def revoke(path: Path, key_id: str, now_s: float) -> WriteKey:
    """Revoke the key of that id; its entry. Raises TrackerError."""
    with _changing(path) as book:
        for place, entry in enumerate(book.keys):
            if entry.id == key_id:
                book.keys[place] = msgspec.structs.replace(entry, revoked_at=entry.revoked_at or moment(now_s))
                return book.keys[place]
    raise TrackerError(f"There is no key {key_id!r}.", "`tracker keys list` shows them.", ExitCode.NOT_FOUND)


def moment(now_s: float) -> str:
    """A time as the file has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))


@contextmanager
def _changing(path: Path) -> Iterator[KeyFile]:
    """The book, which is written back whole. A lock file makes processes that change it at once wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        book = load(path)
        yield book
        private_file.replace(path, msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n")


class _Index(NamedTuple):
    """The sources of a book, indexed for look-ups."""

    by_hash: dict[str, NamedSource]
    by_name: dict[str, NamedSource]
    secret_files: tuple[Path, ...]


def _indexed(path: Path) -> _Index:
    book = load(path)
    by_name = {name: NamedSource(name, rules) for name, rules in book.sources.items()}
    by_hash = dict[str, NamedSource]()
    public = {entry.source for entry in book.keys if entry.browser and entry.revoked_at is None} & by_name.keys()
    for_pages = {
        name: NamedSource(name, by_name[name].rules, browser=True, user_secrets=user_secrets(path, by_name[name].rules))
        for name in public
    }
    for entry in book.keys:
        if entry.revoked_at is None and entry.source in by_name:
            by_hash[entry.sha256] = (for_pages if entry.browser else by_name)[entry.source]
    files = [user_secret_place(path, rules) for rules in book.sources.values()]
    return _Index(by_hash, by_name, tuple(file for file in files if file))


class Sources:
    """The sources of a running collector."""

    def __init__(self, path: Path, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._file = Watched(path, _indexed, clock_s, lambda index: index.secret_files)

    def by_key(self, key: str) -> NamedSource | None:
        """The source of this write key, else None."""
        hash_ = hashed(key)
        return self._file.value.by_hash.get(hash_) or self._file.newest.by_hash.get(hash_)

    def by_name(self, name: str) -> NamedSource | None:
        """The source of that name, else None."""
        return self._file.value.by_name.get(name) or self._file.newest.by_name.get(name)

    def secrets(self, source: NamedSource) -> tuple[bytes, ...]:
        """The secrets that the source's sender signs with; none where the file cannot be read."""
        if source.rules.secret_file is None:
            return ()
        try:
            return secret_lines(Path(source.rules.secret_file))
        except OSError as error:
            log.warning("secret of a source cannot be read", source=source.name, reason=error.strerror)
            return ()


def secret_lines(path: Path, least: int = LEAST_SECRET_BYTES) -> tuple[bytes, ...]:
    """The secrets in a file, a line each. Raises OSError.

    Blank lines are none: the empty key would be a secret that everybody knows. So are short ones, which can be tried.
    """
    return tuple(line for line in _lines(path.read_bytes()) if _may_be_secret(line, least))


def _lines(raw: bytes) -> Iterator[bytes]:
    """The lines without blanks around them, and without the mark that editors put before UTF-8."""
    return (line.strip() for line in raw.removeprefix(BOM_UTF8).splitlines())


def _may_be_secret(line: bytes, least: int) -> bool:
    # A text has no NUL: it is UTF-16, or what a crash has left. A key of NULs alone signs as the empty key does.
    return len(line) >= least and b"\0" not in line


def short_lines(path: Path) -> int:
    """How many lines of a file of secrets are too short to be one, or hold a NUL. Raises OSError."""
    lines = _lines(path.read_bytes())
    return sum(bool(line) and not _may_be_secret(line, LEAST_SECRET_BYTES) for line in lines)
