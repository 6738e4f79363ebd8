"""The latest figures of an exporter, and whether anything of them was lost since they were seen further."""

from dataclasses import dataclass, field

from streams.exporter.figures import Figures
from streams.exporter.neglect import Neglect
from streams.stores.attendance import patience_s


@dataclass(slots=True)
class Latest:
    """The last figures that were read, and how the last readings went."""

    figures: Figures | None = None
    read_s: float = 0.0
    """When the reading began, by the monotonic clock."""
    took_s: float = 0.0
    changed_unix_s: float = 0.0
    read_unix_s: float = 0.0
    furthest: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """By topic and partition, the topic's id and the highest offset that was ever seen applied of it."""
    build: str = ""
    """The build whose figures these are."""
    unbroken: bool = True
    """False while a partition is applied less far than it was: Redis has lost writes, and they are applied again."""
    available: bool = False
    trouble: str = ""
    """Why the last reading failed; empty when it succeeded."""
    neglect: Neglect = field(default_factory=lambda: Neglect(patience_s(0)))

    def took(self, figures: Figures, began_s: float, now_s: float, unix_s: float) -> None:
        """Note a reading that has succeeded."""
        if self.figures is None or self.figures.offsets != figures.offsets:
            self.changed_unix_s = unix_s
        self.read_unix_s = unix_s
        if figures.build != self.build:
            # A switch: the offsets of the other build have a history of their own.
            self.build, self.furthest = figures.build, {}
        # A topic that was created anew begins at 0 again, and what was applied of the former one stays counted.
        self.unbroken = all(
            figures.offsets.get(place, 0) >= offset
            for place, (its_id, offset) in self.furthest.items()
            if figures.ids.get(place, its_id) == its_id
        )
        for place, offset in figures.offsets.items():
            its_id = figures.ids.get(place, "")
            before_id, before = self.furthest.get(place, (its_id, 0))
            self.furthest[place] = (its_id, max(offset, before if before_id == its_id else 0))
        # The age counts from the beginning of the reading, since its first partition was read then.
        self.figures, self.read_s, self.took_s = figures, began_s, now_s - began_s
        self.available, self.trouble = True, ""

    @property
    def complete(self) -> bool:
        """Whether the figures hold all that they held before, and somebody goes on with every partition."""
        return self.unbroken and not self.neglect.partitions

    def failed(self, trouble: str) -> None:
        """Note a reading that has failed; the last figures stay."""
        self.available, self.trouble = False, trouble
