"""Records whose headers have names that are no UTF-8: read like any other, with the replacement character in the name.

Kafka takes any bytes as a header's name. Both client libraries decode it strictly: one such record would end every
fetch of its partition, for ever. A batch in which that happens is parsed once more with the library's own parser in
Python, over a buffer whose parts decode tolerantly. Any other batch takes the same path as before.
"""

from collections.abc import Iterator
from typing import Any, Final

REPLACED: Final = "replace"


class _TolerantBuffer(bytearray):
    """Bytes of which every slice decodes, whatever they are."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _TolerantBuffer(part) if isinstance(place, slice) else part

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, REPLACED)


def _tolerant(batch: Any) -> Any:
    """A batch of either library's parser in Python, whose names decode whatever they are."""
    # The only way to it: the parsers have no argument for it.
    batch._maybe_uncompress()  # noqa: SLF001
    batch._buffer = _TolerantBuffer(batch._buffer)  # noqa: SLF001
    return batch


def allow_in_aiokafka() -> None:
    """Have aiokafka's consumers of this process read such records."""
    from aiokafka.consumer import fetcher
    from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
    from aiokafka.record.memory_records import _MemoryRecordsPy

    class TolerantBatch:
        """A batch of the compiled parser, with its bytes for the other one, which the compiled one does not give."""

        def __init__(self, batch: Any, raw: memoryview) -> None:
            self._batch = batch
            self._raw = raw

        def __getattr__(self, name: str) -> Any:
            return getattr(self._batch, name)

        def __next__(self) -> Any:
            return next(self._batch)

        def __iter__(self) -> Iterator[Any]:
            try:
                return iter(list(self._batch))
            except UnicodeDecodeError:
                return iter(_tolerant(_DefaultRecordBatchPy(self._raw)))

    class TolerantRecords(_MemoryRecordsPy):
        """The batches of a fetch."""

        def next_batch(self, *args: Any) -> Any:
            raw = self._next_slice
            batch = super().next_batch(*args)
            # Older formats have no headers.
            return TolerantBatch(batch, raw) if isinstance(batch, DefaultRecordBatch) else batch

    fetcher.MemoryRecords = TolerantRecords


def allow_in_kafka_python() -> None:
    """Have kafka-python's consumers of this process read such records."""
    from kafka.consumer import fetcher
    from kafka.record import memory_records

    class TolerantBatch(memory_records.DefaultRecordBatch):
        """A batch that reads a record again, tolerantly, where it fails."""

        __slots__ = ()

        def _read_msg(self, *args: Any) -> Any:
            try:
                return super()._read_msg(*args)
            except UnicodeDecodeError:
                _tolerant(self)
                return super()._read_msg(*args)

    class TolerantRecords(memory_records.MemoryRecords):
        """The batches of a fetch."""

        def next_batch(self, *args: Any) -> Any:
            batch = super().next_batch(*args)
            if isinstance(batch, memory_records.DefaultRecordBatch):
                # In place, since a new one would copy the bytes.
                batch.__class__ = TolerantBatch
            return batch

    fetcher.MemoryRecords = TolerantRecords
