"""The tracking plans of a running collector, from the file of COLLECTOR_PLANS, which is read again when it changes."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from streams.collector.watched import Watched
from streams.errors import ConfigurationError
from tracker.tracking_plans.tracking_plan import SourcePlan, read
from tracker.yaml_tree import MAX_BYTES

NONE: Final[Mapping[str, SourcePlan]] = {}


class Plans:
    """The plan of each source."""

    def __init__(self, path: Path | None, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._file = Watched(path, load, clock_s) if path else None

    def of(self, source: str) -> SourcePlan | None:
        """The plan of a source, None where it has none."""
        return (self._file.value if self._file else NONE).get(source)


def load(path: Path) -> dict[str, SourcePlan]:
    """The plans in a file. Raises ConfigurationError with all its problems."""
    try:
        raw = path.read_bytes()
        text = raw[: MAX_BYTES + 1].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{path} cannot be read: {why}.", "COLLECTOR_PLANS names the plans.") from error
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{path} has more than {MAX_BYTES} bytes.", "Remove the types that nobody sends.")
    plans, problems = read(text)
    if problems:
        listed = "\n       ".join(
            f"{path}:{each.line}:{each.column}: {each.message}; {each.remedy}" for each in problems
        )
        raise ConfigurationError(listed, "docs/collector.md shows such a file.")
    return plans
