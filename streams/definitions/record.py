"""The record of definitions: every definition that was ever applied, and which ones are current.

It lies in one Redis hash, so that one script changes it whole. Its fields:

- `revision`: the number of the newest revision;
- `revision 7`: what was current from that revision on, as JSON of `Revision`;
- `definition DIGEST`: a definition's text with its name and version, as JSON of `StoredDefinition`.

No write spans partitions in a cluster, so each partition has a marker: the revision that its owner writes by
(`Keys.definitions`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from redis.exceptions import ResponseError

from streams.errors import Mismatch
from streams.stores.keys import PREFIX
from streams.stores.replies import OF_DAMAGE
from tracker.engine.customer import DEFAULT_COHORT_DAYS, CustomerFold
from tracker.identity.accounts import with_accounts
from tracker.journey.definition import Definition
from tracker.journey.file import read as read_journey
from tracker.journey.versions import digest

NEWEST: Final = "revision"
MOST_QUOTED: Final = 40


class DamagedRecord(Mismatch):  # what it is
    """The record of definitions holds something that no program writes."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The store's record of definitions is damaged: {what}.",
            f"Delete it, `DEL {record_key()}`: running workers write it again, and so do workers that start, from "
            "TRACKER_JOURNEYS. `tracker journeys apply --former` adds earlier definitions.",
        )


class StoredDefinition(msgspec.Struct, frozen=True):
    """One definition as it was applied."""

    journey: str
    version: int
    text: str
    """The journey file."""
    file: str
    """The name of the file, which names the journey where the text does not."""
    applied_at_ms: int


class Shadow(msgspec.Struct, frozen=True):
    """Definitions that are counted beside the current ones, in a build of their own."""

    build: str
    journeys: dict[str, str]
    """By journey, the digest of its definition."""


class Revision(msgspec.Struct, frozen=True):
    """What is current from one change of the record to the next."""

    number: int
    at_ms: int
    by: str
    """What made it: `start` of a worker, `apply`, `former`, `reload`, `restore`, `shadow`, `drop`, `switching`,
    `switch` or `called off`."""
    journeys: dict[str, str]
    """By journey, the digest of its definition."""
    build: str = ""
    """The keys that are served: those of a build that was switched to; empty: the first ones."""
    shadow: Shadow | None = None
    switching: bool = False
    """Both builds come to a standstill at the same offsets, to change places there."""

    of: int = 0
    """Of a `restore`: the revision that it repeats, the newest that its writer knew."""

    @property
    def content(self) -> int:
        """The number of the revision that first said this."""
        return self.of or self.number

    def journeys_of(self, build: str) -> dict[str, str]:
        """The definitions by which a build is counted."""
        return self.shadow.journeys if self.shadow is not None and self.shadow.build == build else self.journeys


@dataclass(frozen=True, slots=True)
class DefinitionRecord:
    """The record at one moment."""

    revisions: dict[int, Revision] = field(default_factory=dict)
    """By number."""
    stored: dict[str, StoredDefinition] = field(default_factory=dict)
    """By digest."""
    _read: dict[str, Definition] = field(default_factory=dict, compare=False, repr=False)
    """By digest: the definitions that were asked for; to read one takes some tens of milliseconds."""

    @property
    def newest(self) -> Revision:
        """The newest revision; number 0 where nothing was ever applied."""
        return self.revisions[max(self.revisions)] if self.revisions else Revision(0, 0, "", {})

    def definition(self, identifier: str) -> Definition:
        """A definition by its digest. Raises Mismatch where this program cannot read it."""
        if identifier in self._read:
            return self._read[identifier]
        stored = self.stored.get(identifier)
        if stored is None:
            raise Mismatch(
                f"The store's record of definitions lacks the text of {identifier}.",
                "Apply the file of that version again: `tracker journeys apply FILE`. Without the file, delete the "
                f"record, `DEL {record_key()}`: running workers write it again.",
            )
        definition, found = read_journey(stored.text, stored.file)
        if definition is None:
            problem = next(each for each in found if each.severity == "problem")
            raise Mismatch(
                f"This program cannot read {stored.journey} {stored.version}, which the store holds: "
                f"line {problem.line}: {problem.message}.",
                "Update this program to the version that applied it.",
            )
        self._read[identifier] = definition
        return definition

    def current(self, revision: Revision, build: str | None = None) -> tuple[Definition, ...]:
        """The definitions of a build, of the served one by default, those of accounts included, ordered by name."""
        journeys = revision.journeys if build is None else revision.journeys_of(build)
        return with_accounts(self.definition(found) for _, found in sorted(journeys.items()))

    def former(self, journeys: Mapping[str, str]) -> tuple[Definition, ...]:
        """Every other definition of these journeys, with which stored states may still have been folded."""
        others = [
            self.definition(identifier)
            for identifier, each in sorted(self.stored.items(), key=lambda item: item[1].applied_at_ms)
            if each.journey in journeys and journeys[each.journey] != identifier
        ]
        return with_accounts(others)

    def since(self, journey: str) -> Revision:
        """The revision from which on the present definition of a journey has been current."""
        newest = self.newest
        found = newest
        for number in sorted(self.revisions, reverse=True):
            if self.revisions[number].journeys.get(journey) != newest.journeys[journey]:
                break
            found = self.revisions[number]
        return found

    def before(self, number: int) -> Revision:
        """The revision before one; number 0 where there is none."""
        earlier = [one for one in self.revisions if one < number]
        return self.revisions[max(earlier)] if earlier else Revision(0, 0, "", {})

    def fold(
        self,
        revision: Revision,
        horizon_ms: int | None,
        build: str | None = None,
        cohort_days: int = DEFAULT_COHORT_DAYS,
    ) -> CustomerFold:
        """What folds customers by the definitions of a build, whatever version their states are of."""
        journeys = revision.journeys if build is None else revision.journeys_of(build)
        return CustomerFold(self.current(revision, build), horizon_ms, self.former(journeys), cohort_days)


def record_key(prefix: str = PREFIX) -> str:
    """Hash: the record of definitions."""
    return f"{prefix}:definitions"


def read_field(client: Any, name: str, prefix: str = PREFIX) -> bytes | None:
    """One field, through a blocking Redis client; None where it is missing. Raises DamagedRecord."""
    with _a_hash():
        held: bytes | None = client.hget(record_key(prefix), name)
        return held


def read_fields(client: Any, prefix: str = PREFIX) -> dict[bytes, bytes]:
    """Every field, through a blocking Redis client. Raises DamagedRecord."""
    with _a_hash():
        held: dict[bytes, bytes] = client.hgetall(record_key(prefix))
        return held


@contextmanager
def _a_hash() -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        if any(words in str(error) for words in OF_DAMAGE):
            raise DamagedRecord("the key is no hash") from None
        raise


def read_newest(client: Any, prefix: str = PREFIX) -> Revision:
    """The newest revision alone, through a blocking Redis client; number 0 where nothing was ever applied.

    Raises DamagedRecord.
    """
    number = read_field(client, NEWEST, prefix)
    # A revision that was written once stays, so nothing can come between the two questions.
    if number is None:
        return Revision(0, 0, "", {})
    name = number.decode(errors="replace")
    found = read_field(client, f"{NEWEST} {name}", prefix)
    if found is None:
        raise DamagedRecord(f"{NEWEST!r} says {_text(number)}, and there is no such revision")
    return _revision(name, found)


def parsed(fields: Mapping[bytes, bytes]) -> DefinitionRecord:
    """The record in a hash. Raises DamagedRecord.

    A definition that is damaged counts as one that is missing: it may be one that nobody needs, and applying its file
    writes it again.
    """
    record = DefinitionRecord()
    for name, value in fields.items():
        kind, _, rest = name.decode(errors="replace").partition(" ")
        if kind == "definition":
            with suppress(msgspec.MsgspecError):
                record.stored[rest] = msgspec.json.decode(value, type=StoredDefinition)
        elif kind == NEWEST and rest:
            revision = _revision(rest, value)
            record.revisions[revision.number] = revision
    newest = fields.get(NEWEST.encode(), b"0")
    if newest != b"%d" % record.newest.number:
        # Whoever changes the record asks whether this field is still as it was read.
        raise DamagedRecord(f"the newest revision is {record.newest.number}, and {NEWEST!r} says {_text(newest)}")
    return record


def _revision(number: str, value: bytes) -> Revision:
    try:
        revision = msgspec.json.decode(value, type=Revision)
    except msgspec.MsgspecError as error:
        raise DamagedRecord(f"revision {number!r} cannot be read: {error}") from error
    if str(revision.number) != number:
        raise DamagedRecord(f"revision {number!r} says that it is {revision.number}")
    return revision


def _text(value: bytes) -> str:
    return repr(value[:MOST_QUOTED].decode(errors="replace"))


def fields(revision: Revision, definitions: Mapping[str, StoredDefinition]) -> list[Any]:
    """The fields, names and values alternating, that a change of the record writes."""
    written: list[Any] = [NEWEST, revision.number, f"{NEWEST} {revision.number}", msgspec.json.encode(revision)]
    for identifier, each in definitions.items():
        written += [f"definition {identifier}", msgspec.json.encode(each)]
    return written


def digests(definitions: Iterable[Definition]) -> dict[str, str]:
    """By journey, the digest of its definition; journeys of accounts come with those of their people."""
    return {one.journey: digest(one) for one in definitions if one.of_people is None}
