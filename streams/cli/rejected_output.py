"""What `tracker rejected` prints: as text and as JSON.

Original bytes are shown without control characters, so that they cannot act on a terminal.
"""

import json
from base64 import b64encode
from collections import Counter
from typing import Any, Final

from schemas.rejection import Place
from streams.events.rejected import Found, Retried, received_at_ms, still_wrong
from streams.person.times import shown
from streams.process.terminal import printable

DETAIL_LENGTH: Final = 60
HEX_BYTES: Final = 256


def data(found: Found, known: bool | None) -> dict[str, Any]:
    """A rejection as plain data."""
    rejection = found.rejection
    flaw = still_wrong(rejection)
    return {
        "name": found.name,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "topic": rejection.place.topic,
        "partition": rejection.place.partition,
        "offset": rejection.place.offset,
        "rejected_at": shown(rejection.rejected_at_ms),
        "received_at": shown(received_at_ms(rejection)),
        "bytes": len(rejection.value or b""),
        "retried": known,
        "readable_now": flaw is None,
    }


def bytes_of(found: Found) -> dict[str, str | None]:
    """Key and value, as text where they are text, else in base64."""
    fields: dict[str, str | None] = {}
    for name, content in (("key", found.rejection.key), ("value", found.rejection.value)):
        try:
            fields[name] = None if content is None else content.decode()
        except UnicodeDecodeError:
            fields[f"{name}_base64"] = b64encode(content or b"").decode()
    return fields


def text_of(found: Found) -> str:
    """A rejection as text, its original bytes at the end."""
    rejection = found.rejection
    place = rejection.place
    flaw = still_wrong(rejection)
    value = rejection.value or b""
    lines = [
        f"reason     {rejection.reason}: {_printable(rejection.detail)}",
        f"from       {_origin(place)}",
        f"received   {shown(received_at_ms(rejection))}",
        f"rejected   {shown(rejection.rejected_at_ms)}",
        f"now        {'would be read: `tracker rejected retry ' + found.name + '`' if flaw is None else flaw.reason}",
        f"key        {_bytes_text(rejection.key)}",
        f"value      {len(value)} bytes{'' if rejection.value is not None else ' (none)'}",
    ]
    return "\n".join(lines) + (f"\n\n{_bytes_text(value)}" if value else "")


def _origin(place: Place) -> str:
    if place.offset < 0:
        return f"the collector, on its way to {place.topic}"
    return f"{place.topic}, partition {place.partition}, offset {place.offset}"


def _bytes_text(content: bytes | None) -> str:
    """Bytes as text without control characters; where they are not UTF-8, the first of them in hexadecimal."""
    if content is None:
        return "none"
    try:
        return _printable(content.decode())
    except UnicodeDecodeError:
        return f"{content[:HEX_BYTES].hex(' ')}{' ...' if len(content) > HEX_BYTES else ''}"


def _printable(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def list_text(found: list[Found], known: list[bool | None], counts: Counter[str]) -> str:
    """A line each, then how many of each reason there are."""
    if not counts:
        return "Nothing was rejected."
    rows = [("name", "rejected", "reason", "from", "bytes", "sent again", "detail")]
    for each, again in zip(found, known, strict=True):
        rejection, place = each.rejection, each.rejection.place
        detail = _printable(rejection.detail).replace("\n", " ")
        short = detail if len(detail) <= DETAIL_LENGTH else detail[: DETAIL_LENGTH - 1] + "…"
        sent = {True: "yes", False: "-", None: "?"}[again]
        origin = "the collector" if place.offset < 0 else f"{place.topic}/{place.partition}/{place.offset}"
        size_ = str(len(rejection.value or b""))
        rows.append((each.name, shown(rejection.rejected_at_ms)[:19], rejection.reason, origin, size_, sent, short))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    total = sum(counts.values())
    left = f" (the newest {len(found)} are shown)" if len(found) < total else ""
    by_reason = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    return "\n".join([*lines, "", f"{total} rejected{left}: {by_reason}"])


def list_data(found: list[Found], known: list[bool | None], counts: Counter[str]) -> str:
    """The same as one JSON object."""
    rows = [data(each, again) for each, again in zip(found, known, strict=True)]
    listed = {"total": sum(counts.values()), "by_reason": dict(counts.most_common()), "rejected": rows}
    return json.dumps(listed, indent=2, ensure_ascii=False)


def retried_text(done: Retried, *, dry_run: bool) -> str:
    """What was sent again and what was left out, as text."""
    verb = "would be sent" if dry_run else "sent and confirmed"
    lines = [f"{done.sent} {verb}" + "".join(f", {count} to {topic}" for topic, count in done.by_topic.items())]
    if done.before:
        lines.append(f"{done.before} left out: sent again before")
    if done.still_wrong:
        reasons = ", ".join(f"{count} {reason}" for reason, count in done.still_wrong.most_common())
        lines.append(
            f"{sum(done.still_wrong.values())} left out: still cannot be read ({reasons}); --unreadable-too sends them"
        )
    return "\n".join(lines)


def retried_data(done: Retried, *, dry_run: bool) -> str:
    """The same as one JSON object."""
    counts = {
        "dry_run": dry_run,
        "sent": done.sent,
        "by_topic": dict(done.by_topic),
        "sent_before": done.before,
        "still_unreadable": dict(done.still_wrong),
    }
    return json.dumps(counts, indent=2)
