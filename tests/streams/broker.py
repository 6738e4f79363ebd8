"""A kafka-python producer whose broker confirms at flush, refuses, or stays silent."""

from typing import Any

from kafka.future import Future


class Open(Future):
    """A future that is waited for as kafka-python's own are."""

    def get(self, timeout: float) -> Any:
        if not self.is_done:
            raise TimeoutError(f"not within {timeout:g} s")
        if self.exception:
            raise self.exception
        return self.value


class Broker:
    """Keeps what is sent; `refuses` is what each message fails with, `silent` leaves all of them open."""

    def __init__(self, refuses: Exception | None = None, *, silent: bool = False) -> None:
        self.refuses = refuses
        self.silent = silent
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.waiting: list[Open] = []
        self.closed = False

    def send(self, topic: str, value: bytes, key: bytes) -> Open:
        self.sent.append((topic, value, key))
        self.waiting.append(Open())
        return self.waiting[-1]

    def flush(self, timeout: float) -> None:
        if self.silent:
            raise TimeoutError(f"not within {timeout:g} s")
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            future.failure(self.refuses) if self.refuses else future.success(object())

    def close(self, timeout: Any = None) -> None:
        self.closed = True
