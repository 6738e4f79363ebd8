"""The keeper of a process: the record of definitions as it was read last, written again where the store has lost it."""

from collections.abc import Callable
from time import monotonic, time
from typing import Any, Final

import structlog

from streams.definitions.apply import is_outdated, read_record, write_again
from streams.definitions.record import NEWEST, DamagedRecord, DefinitionRecord, read_field
from streams.stores.store import Unavailable

OTHERS_S: Final = 5.0
"""How long who knows less than a marker says leaves a lost record to others: they look every second."""

log = structlog.get_logger()


class RecordKeeper:
    """Reads the record whole only where it has changed. Its calls of Redis block."""

    def __init__(
        self,
        client: Callable[[], Any],
        wall_s: Callable[[], float] = time,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        """`client` opens a blocking Redis client, at the first call that needs one."""
        self.record = DefinitionRecord()
        self._open = client
        self._client: Any = None
        self._wall_s, self._monotonic_s = wall_s, monotonic_s
        self._lost: tuple[int, float] | None = None
        """The marker by which the record was found to be lost, and when."""

    @property
    def client(self) -> Any:
        """The Redis client."""
        if self._client is None:
            self._client = self._open()
        return self._client

    def refresh(self, at_least: int = 0) -> bool:
        """Read the record again where it has changed; whether it has.

        `at_least`: a marker that was seen. Where the record has no such revision it was lost, with Redis or without it;
        what this process knows of it is written again, by others first where they know more. Raises TrackerError, and
        Unavailable meanwhile.
        """
        known = self.record.newest.number
        held = b"0"
        try:
            held = read_field(self.client, NEWEST) or held
            if held == b"%d" % known and known >= at_least:
                return False
            found = read_record(self.client).newest.number
        except DamagedRecord as error:
            if not known:
                raise
            log.error("the record of definitions is damaged; writing it again", reason=str(error))  # noqa: TRY400
            self._restore(held, at_least, anew=True)
        else:
            if found < max(at_least, known):
                if known < at_least:
                    self._leave_to_others(at_least)
                log.warning("the store has lost its record of definitions; writing it again")
                self._restore(b"%d" % found, at_least)
        self.load()
        return True

    def _leave_to_others(self, at_least: int) -> None:
        """Raises Unavailable for a while: who has followed that marker knows more, and writes more of the record."""
        now_s = self._monotonic_s()
        if self._lost is None or self._lost[0] != at_least:
            self._lost = (at_least, now_s)
        if now_s - self._lost[1] < OTHERS_S:
            raise Unavailable("the record of definitions is lost; waiting for a worker that knows its newest revision")

    def load(self) -> None:
        """Read the record, whether or not it has changed. Raises TrackerError."""
        record = read_record(self.client)
        if is_outdated(record, self.record):
            self._restore(b"%d" % record.newest.number, record.newest.number)
            record = read_record(self.client)
        self.record = record

    def _restore(self, held: bytes, at_least: int, *, anew: bool = False) -> None:
        """Write again what the store has lost of the record, under a number above every marker."""
        found = int(held) if held.isdigit() else 0
        above = max(found, at_least, self.record.newest.number)
        write_again(self.client, self.record, held, above, self._wall_s, anew=anew)
