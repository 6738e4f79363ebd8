"""`tracker check --against`: what applying journey files would mean for a store, before it is done.

It prints; `tracker/journey/versions.py` says what a change asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from streams.clients.clients import redis_client
from streams.clients.failures import door
from streams.definitions.apply import Applied, JourneyFile, compare, read_record, require_one_each
from streams.definitions.markers import STATES_PER_S
from streams.definitions.reader import served_prefix
from streams.errors import UsageError
from streams.events.from_kafka import opened
from streams.events.kept import KeptTopic, kept
from streams.person.times import shown
from streams.settings.settings import Settings
from streams.stores.keys import keys
from streams.stores.layout import require
from tracker.duration import show as lasting
from tracker.figures.fields import BEFORE_ALL, parse

REBUILT_PER_S: Final = 50_000
"""Records a second that one worker process applies while it builds up; docs/benchmarks.md measures more."""
MEANINGS: Final = {
    "new": "a new journey: it counts from now on",
    "same": "nothing: the store has it already",
    "wording": "only texts change; what is counted stays",
    "older": "it would not be taken: the store has a higher version",
    "refused": "it would be refused: the store's definition has this version and another content",
}


@dataclass(frozen=True, slots=True)
class Foresight:
    """What the files would mean."""

    outcomes: Sequence[Applied]
    states: Sequence[int]
    """By partition."""
    kept: Sequence[KeptTopic] | None
    """None where no file asks for history, or no Kafka is known."""
    oldest_days: dict[str, str]
    """By journey: the day on which its first customers began."""

    @property
    def sweep_s(self) -> int:
        """About how long workers take to look at every state; partitions are looked at side by side."""
        return -(-max(self.states, default=0) // STATES_PER_S)

    def rebuild_s(self) -> int | None:
        """About how long one worker process takes to build everything up again."""
        return None if self.kept is None else -(-sum(topic.records for topic in self.kept) // REBUILT_PER_S)

    def is_enough(self, journey: str) -> bool | None:
        """Whether Kafka still holds the touchpoints of the journey's first customers; None: unknown."""
        if self.kept is None:
            return None
        day = self.oldest_days.get(journey)
        gone = [topic.oldest_ms for topic in self.kept if topic.gone]
        return not gone or (day is not None and all(at_ms is not None and shown(at_ms)[:10] < day for at_ms in gone))

    @property
    def is_taken(self) -> bool:
        """Whether all files would be taken."""
        return all(each.decision.verdict not in ("refused", "older") for each in self.outcomes)


def foresee(settings: Settings, given: Sequence[JourneyFile], url: str) -> Foresight:
    """What applying the files to the store would mean; `url` is empty for that of REDIS_URL. Raises TrackerError."""
    if url:
        _require_no_password(url)
        settings = replace(settings, redis_url=url)
    require_one_each(given)
    with door(settings):
        client = redis_client(settings)
        prefix = served_prefix(client)
        require(client, settings.partitions, prefix)
        outcomes = compare(read_record(client), given)
        states = [int(client.hlen(keys(partition, prefix).states)) for partition in range(settings.partitions)]
        asks = [each for each in outcomes if each.decision.need == "history"]
        days = _oldest_days(client, settings.partitions, prefix) if asks else {}
    return Foresight(outcomes, states, _kept(settings) if asks else None, days)


def _require_no_password(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("redis", "rediss", "unix")
        has_password = parts.password is not None or "password=" in parts.query
    except ValueError:
        is_url = has_password = False
    if not is_url:
        raise UsageError("--against needs the address of Redis.", "Write redis://host:port, or leave it out.")
    if has_password:
        raise UsageError(
            "The address holds a password, which other users of this machine can read on the command line.",
            "Put it into REDIS_PASSWORD.",
        )


def _kept(settings: Settings) -> list[KeptTopic] | None:
    if settings.kafka_bootstrap is None:
        return None
    inputs = [topic.name for topic in settings.topics() if topic.direction == "input"]
    with opened(settings) as consumer:
        return kept(consumer, inputs)


def _oldest_days(client: Any, partitions: int, prefix: str) -> dict[str, str]:
    """By journey: the first day of a cohort."""
    oldest: dict[str, str] = {}
    for partition in range(partitions):
        for field, count in client.hgetall(keys(partition, prefix).aggregates).items():
            one = parse(field.decode())
            if one.figure == "cohort" and one.day and one.day != BEFORE_ALL and int(count) > 0:
                oldest[one.journey] = min(oldest.get(one.journey, one.day), one.day)
    return oldest


def as_lines(found: Foresight) -> list[str]:
    """The foresight as text."""
    lines = []
    for each in found.outcomes:
        lines += ["", f"{each.file.path} against the store: {_meaning(each)}"]
        lines += [f"    {one}  [{one.need}]" for one in each.decision.differences if each.decision.verdict != "older"]
        if each.decision.verdict in ("taken", "refused") and each.decision.need is not None:
            lines += [f"  {line}" for line in _costs(found, each)]
        if each.decision.verdict in ("refused", "older"):
            assert each.current is not None
            lines.append(f"  Raise `version` to {each.current.version + 1} if the change is meant.")
    return lines


def _meaning(outcome: Applied) -> str:
    if outcome.decision.verdict != "taken":
        return MEANINGS[outcome.decision.verdict]
    match outcome.decision.need:
        case None:
            return "a new version that counts the same"
        case "fold":
            return "stored states are folded again"
        case _:
            return "the past is right only when it is built again from Kafka"


def _costs(found: Foresight, outcome: Applied) -> list[str]:
    """What a change costs: the states to fold again, and the history to build up."""
    states = f"{sum(found.states)} states in {len(found.states)} partitions"
    lines = [f"Workers fold {states} again: about {lasting(found.sweep_s * 1000)}. Figures are incomplete until then."]
    if outcome.decision.need != "history":
        return lines
    lines.append("Without history, touchpoints of the past count as they matched the earlier rules.")
    if found.kept is None:
        lines.append("KAFKA_BOOTSTRAP is not set, so nothing is known of the history.")
    else:
        records = sum(topic.records for topic in found.kept)
        seconds = lasting((found.rebuild_s() or 0) * 1000)
        lines.append(f"Kafka holds {records} records; one worker process builds them up in about {seconds}.")
        for topic in found.kept:
            if topic.gone:
                since = f", what it keeps begins at {shown(topic.oldest_ms)}" if topic.oldest_ms is not None else ""
                lines.append(f"Kafka has deleted the first {topic.gone} records of {topic.topic}{since}.")
        lines.append(_enough(found, outcome.file.definition.journey))
    lines.append(f"Build it beside the present one: `tracker shadow {outcome.file.path}`.")
    return lines


def _enough(found: Foresight, journey: str) -> str:
    day = found.oldest_days.get(journey)
    first = f"the first customers began on {day}" if day else "nobody has begun yet"
    if found.is_enough(journey):
        return f"Kafka holds enough: {first}."
    return f"Kafka does not hold enough: {first}. Older customers lose what it has deleted."


def as_data(found: Foresight) -> dict[str, Any]:
    """The foresight as plain data."""
    return {
        "taken": found.is_taken,
        "states": sum(found.states),
        "sweep_seconds": found.sweep_s,
        "rebuild_seconds": found.rebuild_s(),
        "kafka": None if found.kept is None else [topic._asdict() for topic in found.kept],
        "files": [
            each.as_data()
            | {
                "first_day": found.oldest_days.get(each.file.definition.journey),
                "history_is_kept": found.is_enough(each.file.definition.journey)
                if each.decision.need == "history"
                else None,
            }
            for each in found.outcomes
        ],
    }
