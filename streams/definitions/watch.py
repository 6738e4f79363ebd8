"""The builds that the record names, looked up once a second in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Any, Final, Self

import structlog

from streams.definitions.apply import is_outdated, read_record, write_again
from streams.definitions.builds import FIRST, builds_of
from streams.definitions.record import DefinitionRecord, read_newest

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0


class BuildsWatch:
    """What the record named when it was read last; while Redis does not answer, that stays.

    A record that is lost is written again, as worker processes do: these would else be replaced by those of the first
    build before they notice.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        """`client` opens a blocking Redis client."""
        self.builds: tuple[str, ...] = (FIRST,)
        self._record = DefinitionRecord()
        self._open = client
        self._client: Any = None
        self._ended = threading.Event()

    def look(self) -> None:
        """Read the record."""
        if self._client is None:
            self._client = self._open()
        found, known = read_newest(self._client).number, self._record.newest.number
        if found < known:
            log.warning("the store has lost its record of definitions; writing it again", known=known)
            write_again(self._client, self._record, found, known)
        if found != known:
            record = read_record(self._client)
            if is_outdated(record, self._record):
                write_again(self._client, self._record, record.newest.number, record.newest.number)
                record = read_record(self._client)
            self._record = record
            self.builds = builds_of(self._record.newest)

    def __enter__(self) -> Self:
        self.look()
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_problem: object) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                self.look()
            except Exception:  # noqa: BLE001, S112  # whatever it is, the processes go on as they are, and say more
                continue
