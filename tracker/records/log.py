"""The log: the recent touchpoints of one customer as one string of fixed-size entries, sorted.

It knows how an entry is packed, ordered and found again; the engine knows what it means.
"""

from collections.abc import Collection, Iterable
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

# Ids of up to 12 bytes are kept whole. Of longer ones the first 6 bytes are kept for their order, and 6 bytes of a hash
# for their identity (UUIDs that count up differ only in their last bytes). Whole UUIDs would cost a customer of ten
# touchpoints 40 bytes more. Among a thousand ids of one customer two collide once in 500 million customers.
ID_BYTES: Final = 12
_PREFIX_BYTES: Final = 6
_HASH_BYTES: Final = ID_BYTES - _PREFIX_BYTES
_UUID_LENGTH: Final = 36
_UUID_BYTES: Final = 16
_TIME_BYTES: Final = 6
# The top bit of the last byte says whose version of the touchpoint it is: set where a browser sent it. So an id has two
# short forms, the twins, and of each is known which one it is; it takes no room. Of a hash a bit is lost, and no whole
# id is another's twin, since it would end in half a character.
_TWIN: Final = 128
_FLIPPED: Final = [bytes((end ^ _TWIN,)) for end in range(256)]
_WIDTHS: Final = ((8, "B"), (16, "H"), (32, "I"), (64, "Q"))

NO_RULE: Final = 255


class Entry(NamedTuple):
    """One touchpoint as the fold sees it. Entries sort by their fields in this order: time, stages, id."""

    at_ms: int
    order: tuple[int, ...]
    """The first and the last stage that it matches; beyond the last stage where it matches none."""
    id: bytes
    bits: int
    """Stages, exit and exclusions met, as `tracker/engine/matcher.py` numbers them."""
    rule: int
    """The first rule met; NO_RULE where none is."""
    segments: bytes
    """One code a segment."""


def short_id(event_id: str, is_browser: bool = False) -> bytes:
    """An event id in 12 bytes: short ids whole, others as 6 bytes and a hash; a browser's version has the twin."""
    packed = b""
    if len(event_id) == _UUID_LENGTH and event_id[8] == "-":
        try:
            packed = bytes.fromhex(event_id.replace("-", ""))
        except ValueError:
            packed = b""
    if len(packed) == _UUID_BYTES:
        # Hashed as bytes, so that a UUID in upper and in lower case is one id.
        short = packed[:_PREFIX_BYTES] + blake2b(packed, digest_size=_HASH_BYTES).digest()
    else:
        text = event_id.encode("utf-8", "surrogatepass")
        # The padding is NUL, so an id that contains NUL is hashed: it could equal a shorter one.
        if len(text) <= ID_BYTES and b"\0" not in text:
            short = text.ljust(ID_BYTES, b"\0")
        else:
            short = text[:_PREFIX_BYTES] + blake2b(text, digest_size=_HASH_BYTES).digest()
    last = short[-1]
    return short if (last >= _TWIN) == is_browser else short[:-1] + _FLIPPED[last]


def twin(short: bytes) -> bytes:
    """The short id of the other version of the touchpoint, a browser's of a server's or a server's of a browser's."""
    return short[:-1] + _FLIPPED[short[-1]]


def is_browsers(short: bytes) -> bool:
    """Whether it is the short id of a browser's version."""
    return short[-1] >= _TWIN


def readable_id(short: bytes) -> str:
    """A short id for people: the id itself where it was kept whole, else its bytes in hexadecimal."""
    short = twin(short) if is_browsers(short) else short
    text = short.rstrip(b"\0")
    return text.decode() if text and text.isascii() and text.decode().isprintable() else short.hex() + "…"


def counting(entries: Iterable["Entry"], former: Collection[bytes] = ()) -> list["Entry"]:
    """The entries without a browser's versions of what is here, or was formerly, in a server's version."""
    every = list(entries)
    servers = {entry.id for entry in every}
    return [
        entry
        for entry in every
        if not is_browsers(entry.id) or ((other := twin(entry.id)) not in servers and other not in former)
    ]


def latest(ids: bytes, most: int) -> bytes:
    """The last of a string of short ids, `most` bytes of them; a browser's go first, the oldest before the others."""
    over = (len(ids) - most) // ID_BYTES
    if over <= 0:
        return ids
    ends = ids[ID_BYTES - 1 :: ID_BYTES]
    if not ends.isascii():
        every = [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
        gone = [place for place, end in enumerate(ends) if end >= _TWIN][:over]
        ids = b"".join([short for place, short in enumerate(every) if place not in gone])
    return ids[-most:]


def holds_id(ids: bytes, short: bytes) -> bool:
    """Whether a string of short ids contains this one; a match across two ids is none."""
    place = ids.find(short)
    while place >= 0 and place % ID_BYTES:
        place = ids.find(short, place + 1)
    return place >= 0


class Layout:
    """How the entries of one journey are packed; their size depends on the number of bits and segments."""

    def __init__(self, stages: int, bits: int, segments: int) -> None:
        code = next(code for width, code in _WIDTHS if bits <= width)
        # Big-endian, time first: the bytes of entries sort as their times do, and the time is read without unpacking.
        self._struct = Struct(f">HI{ID_BYTES}s{code}B{segments}s")
        self._pack = self._struct.pack
        self._stages = stages
        self._stage_mask = (1 << stages) - 1
        self._orders: dict[int, tuple[int, ...]] = {}
        self.size: Final = self._struct.size

    def order(self, bits: int) -> tuple[int, ...]:
        """The first and the last stage among the bits; beyond the last stage where there is none."""
        order = self._orders.get(bits)
        if order is None:
            stages = bits & self._stage_mask
            order = ((stages & -stages).bit_length() - 1, stages.bit_length() - 1) if stages else (self._stages,)
            # Few sets of bits occur, because few rules overlap. The bound is for definitions where many do.
            if len(self._orders) < 4096:
                self._orders[bits] = order
        return order

    def pack_all(self, entries: Iterable[Entry]) -> bytes:
        """The log of sorted entries, as bytes."""
        pack = self._pack
        return b"".join(
            [
                pack(at_ms >> 32, at_ms & 0xFFFFFFFF, short, bits, rule, segments)
                for at_ms, _, short, bits, rule, segments in entries
            ]
        )

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

    def newest_ms(self, log: bytes) -> int:
        """When the last entry happened; 0 for an empty log."""
        begin = len(log) - self.size
        return int.from_bytes(log[begin : begin + _TIME_BYTES], "big") if begin >= 0 else 0

    def newest(self, log: bytes) -> Entry:
        """The last entry."""
        return self.unpack(log[-self.size :])[0]

    def count(self, log: bytes) -> int:
        """How many entries a log has."""
        return len(log) // self.size

    def find(self, log: bytes, short: bytes) -> int:
        """The index of the entry with this id; -1 where there is none."""
        place = log.find(short)
        while place >= 0:
            # The bytes may also occur elsewhere in an entry or across two.
            if (place - _TIME_BYTES) % self.size == 0:
                return place // self.size
            place = log.find(short, place + 1)
        return -1
