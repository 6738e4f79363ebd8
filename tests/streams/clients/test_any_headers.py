"""Header names that are no UTF-8, in batches as a broker gives them."""

from collections.abc import Callable, Iterator
from types import ModuleType

import aiokafka.consumer.fetcher
import kafka.consumer.fetcher
import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as BatchBuilder
from aiokafka.record.legacy_records import _LegacyRecordBatchBuilderPy as LegacyBatchBuilder

from streams.clients.any_headers import allow_in_aiokafka, allow_in_kafka_python

LIBRARIES = [(aiokafka.consumer.fetcher, allow_in_aiokafka), (kafka.consumer.fetcher, allow_in_kafka_python)]


class NoText(str):
    """A name that no library would write: its bytes are no UTF-8."""

    __slots__ = ()

    def encode(self, *_args: str) -> bytes:
        return b"\xff\xfe"


@pytest.fixture(params=LIBRARIES, ids=["aiokafka", "kafka-python"])
def fetcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A library that was told to read such names; for this test alone."""
    module: ModuleType
    allow: Callable[[], None]
    module, allow = request.param
    monkeypatch.setattr(module, "MemoryRecords", module.MemoryRecords)
    allow()
    return module


def batch(*headers: list[tuple[str, bytes | None]], compression: int = 0, base: int = 0) -> bytes:
    builder = BatchBuilder(2, compression, 0, -1, -1, -1, 65536)
    for number, each in enumerate(headers):
        builder.append(number, 1_000 + number, b"key", b"value %d" % number, each)
    raw = bytearray(builder.build())
    raw[:8] = base.to_bytes(8)
    return bytes(raw)


def read(fetcher: ModuleType, raw: bytes) -> list[tuple[int, bytes, list[str]]]:
    records, found = fetcher.MemoryRecords(raw), []
    while records.has_next():
        one = records.next_batch()
        assert one.validate_crc()
        assert not one.is_control_batch
        found += [(each.offset, each.value, [name for name, _ in each.headers]) for each in one]
    return found


@pytest.mark.parametrize("compression", [0, 1, 3])
def test_all_records_are_read(fetcher: ModuleType, compression: int) -> None:
    """Those beside it as they are, and its own with the bytes of the name replaced; compressed or not."""
    strange = batch([("a", b"1")], [("b", None), (NoText("x"), b"2")], [], compression=compression)
    good = batch([("c", b"3")], base=3)
    assert read(fetcher, good + strange + good) == [
        (3, b"value 0", ["c"]),
        (0, b"value 0", ["a"]),
        (1, b"value 1", ["b", "��"]),
        (2, b"value 2", []),
        (3, b"value 0", ["c"]),
    ]


def test_older_formats_are_read(fetcher: ModuleType) -> None:
    """They have no headers, and go the library's own way."""
    builder = LegacyBatchBuilder(1, 0, 65536)
    builder.append(0, 1_000, b"key", b"value")
    records = fetcher.MemoryRecords(bytes(builder.build()))
    assert [each.value for each in records.next_batch()] == [b"value"]


def test_a_damaged_record_is_still_damaged(fetcher: ModuleType) -> None:
    """Only names are read tolerantly: a batch that is cut off in its headers is an error."""
    raw = bytearray(batch([(NoText("x"), b"2"), ("zz", b"3")]))
    # The length of the second name. aiokafka's compiled parser has no bounds there: it must stop at the first name.
    assert raw[-5:] == b"\x04zz\x023"
    raw[-5] = 90
    records = fetcher.MemoryRecords(bytes(raw))
    with pytest.raises(Exception, match=r"(?i)record|underrun|corrupt|header"):
        list(records.next_batch())
