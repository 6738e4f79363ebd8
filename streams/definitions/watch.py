"""The builds that the record names, looked up once a second in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Any, Final, Self

from streams.definitions.builds import FIRST, builds_of
from streams.definitions.keeper import RecordKeeper

LOOK_EVERY_S: Final = 1.0


class BuildsWatch:
    """What the record named when it was read last; while Redis does not answer, that stays.

    A record that is lost is written again, as worker processes do: these would else be replaced by those of the first
    build before they notice.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        """`client` opens a blocking Redis client."""
        self.builds: tuple[str, ...] = (FIRST,)
        self._keeper = RecordKeeper(client)
        self._ended = threading.Event()

    def look(self) -> None:
        """Read the record."""
        if self._keeper.refresh():
            self.builds = builds_of(self._keeper.record.newest)

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
