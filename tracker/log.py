"""The log: the recent touchpoints of one customer as one string of fixed-size entries, sorted.

It knows how an entry is packed, ordered and found again; what an entry means is the engine's affair.
"""

from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

# 12 bytes keep the ids of a log exact in identity and order where it matters: UUIDs of every version differ
# within them, and ids of up to 12 bytes are kept whole. Ten touchpoints of 16 bytes would break the state's budget.
ID_BYTES: Final = 12
_PREFIX_BYTES: Final = 6
_UUID_LENGTH: Final = 36
_TIME_BYTES: Final = 6
_WIDTHS: Final = ((8, "B"), (16, "H"), (32, "I"), (64, "Q"))


class Entry(NamedTuple):
    """One touchpoint as the fold sees it; sorts as the design orders touchpoints."""

    at_ms: int
    order: int
    """The first stage that it belongs to; the number of stages where it belongs to none."""
    id: bytes
    bits: int
    rule: int
    segments: bytes


def short_id(event_id: str) -> bytes:
    """An event id in 12 bytes: UUIDs and ids of up to 12 bytes keep their order, longer ids that of 6 bytes."""
    if len(event_id) == _UUID_LENGTH and event_id[8] == event_id[13] == event_id[18] == event_id[23] == "-":
        try:
            packed = bytes.fromhex(event_id.replace("-", ""))
        except ValueError:
            packed = b""
        if len(packed) == 16 and event_id == event_id.lower():
            return packed[:ID_BYTES]
    text = event_id.encode("utf-8", "surrogatepass")
    if len(text) <= ID_BYTES and b"\0" not in text:
        return text.ljust(ID_BYTES, b"\0")
    return text[:_PREFIX_BYTES] + blake2b(text, digest_size=ID_BYTES - _PREFIX_BYTES).digest()


class Layout:
    """How the entries of one journey are packed; its size depends on the number of bits and segments."""

    def __init__(self, stages: int, bits: int, segments: int) -> None:
        code = next(code for width, code in _WIDTHS if bits <= width)
        self._struct = Struct(f">HI{ID_BYTES}s{code}B{segments}s")
        self._stages = stages
        self._stage_mask = (1 << stages) - 1
        self.size: Final = self._struct.size

    def pack(self, entry: Entry) -> bytes:
        """An entry as bytes."""
        at_ms, _, short, bits, rule, segments = entry
        return self._struct.pack(at_ms >> 32, at_ms & 0xFFFFFFFF, short, bits, rule, segments)

    def pack_all(self, entries: list[Entry]) -> bytes:
        """A sorted log."""
        return b"".join(map(self.pack, entries))

    def order(self, bits: int) -> int:
        """The first stage among the bits; the number of stages where there is none."""
        stages = bits & self._stage_mask
        return (stages & -stages).bit_length() - 1 if stages else self._stages

    def unpack(self, log: bytes) -> list[Entry]:
        """The entries of a log, in order."""
        order = self.order
        return [
            Entry((high << 32) | low, order(bits), short, bits, rule, segments)
            for high, low, short, bits, rule, segments in self._struct.iter_unpack(log)
        ]

    def at_ms(self, log: bytes, index: int) -> int:
        """When the entry at `index` happened."""
        begin = index * self.size
        return int.from_bytes(log[begin : begin + _TIME_BYTES], "big")

    def holds(self, log: bytes, short: bytes) -> bool:
        """Whether the log has an entry with this id."""
        place = log.find(short)
        while place >= 0:
            if (place - _TIME_BYTES) % self.size == 0:
                return True
            place = log.find(short, place + 1)
        return False
