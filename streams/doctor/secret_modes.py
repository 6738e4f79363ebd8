"""Files that hold secrets: whether every user of this machine may read or change them.

A group may: containers and service managers hand out secrets by a group.
"""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from streams.collector import sources
from streams.doctor.finding import Finding
from streams.errors import TrackerError
from streams.settings.settings import SETTINGS, Settings

PRIVATE_KEYS: Final = ("kafka_ssl_keyfile", "redis_ssl_keyfile")
OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


def secret_modes(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """A warning for each file of a secret that is open to everybody."""
    for what, path in _files(settings, environ):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:  # whoever needs the file says that it is not there
            continue
        if mode & OTHERS:
            message = f"{what} is {path}, which every user of this machine may read or change (mode {mode:04o})."
            yield Finding("secrets", "warning", message, f"chmod o-rwx {path}")


def _files(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for setting in SETTINGS:
        if setting.secret and (path := environ.get(f"{setting.variable}_FILE", "").strip()):
            yield f"{setting.variable}_FILE", Path(path)
        if setting.field in PRIVATE_KEYS and (key := getattr(settings, setting.field)) is not None:
            yield setting.variable, key
    yield "COLLECTOR_KEYS", settings.collector_keys
    try:
        book = sources.load(settings.collector_keys)
    except TrackerError:  # the area of the collector tells it
        return
    for name, rules in sorted(book.sources.items()):
        if rules.secret_file is not None:
            yield f"The secret of the source {name}", Path(rules.secret_file)
