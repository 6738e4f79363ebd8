"""What there is to say of a shadow: how far it is, the matrix of stages, and customers who differ."""

from collections.abc import Callable
from typing import Any, NamedTuple

from streams.clients.failures import door
from streams.definitions.apply import read_record
from streams.definitions.builds import FIRST
from streams.definitions.record import DefinitionRecord
from streams.settings.settings import Settings
from streams.shadow.lag import Lag, first_offsets, lag, offsets
from streams.shadow.matrix import JourneyMatrix, Side, matrices
from tracker.journey.versions import differences


class ShadowReport(NamedTuple):
    """A shadow compared with the served build, at one moment."""

    build: str
    served: str
    lag: Lag
    versions: dict[str, tuple[int | None, int]]
    """By journey that differs, its version in the served build (None: it is new) and in the shadow."""
    differences: dict[str, list[str]]
    """By journey that differs, how the definitions do, in words."""
    matrices: dict[str, JourneyMatrix]

    def as_data(self, samples: int) -> dict[str, Any]:
        """As plain data."""
        return {
            "build": self.build or FIRST,
            "served": self.served,
            "applied": self.lag.applied,
            "behind": self.lag.behind,
            "caught_up": self.lag.follows,
            "journeys": [self._journey(name, samples) for name in self.versions],
        }

    def _journey(self, name: str, samples: int) -> dict[str, Any]:
        served, shadow = self.versions[name]
        data: dict[str, Any] = {
            "journey": name, "served_version": served, "shadow_version": shadow, "differences": self.differences[name],
        }  # fmt: skip
        if (matrix := self.matrices.get(name)) is not None:
            data |= {
                "customers": matrix.cells.total(),
                "differing": matrix.differing,
                "matrix": [
                    {"served": one or None, "shadow": other or None, "customers": count}
                    for (one, other), count in sorted(matrix.cells.items())
                ],
                "samples": [
                    {"customer": customer, "served": one or None, "shadow": other or None}
                    for customer, one, other in matrix.sampled(samples)
                ],
            }
        return data


def progress(client: Any, admin: Any, settings: Settings) -> Lag | None:
    """How far the shadow is; None where there is none any more."""
    newest = read_record(client).newest
    if newest.shadow is None:
        return None
    served, shadow = (offsets(client, settings.partitions, each) for each in (newest.build, newest.shadow.build))
    return lag(served, shadow, first_offsets(admin, settings))


def report(
    client: Any,
    admin: Any,
    settings: Settings,
    record: DefinitionRecord,
    samples: int,
    advance: Callable[[int], None] = lambda _customers: None,
    *,
    counts: bool = True,
) -> ShadowReport:
    """The shadow of the record compared with the served build; without `counts` no customer is looked at."""
    newest = record.newest
    assert newest.shadow is not None
    build, served = newest.shadow.build, newest.build
    own, other = newest.journeys, newest.shadow.journeys
    differing = sorted(name for name in other if own.get(name) != other[name])
    versions: dict[str, tuple[int | None, int]] = {}
    words: dict[str, list[str]] = {}
    for name in differing:
        after = record.definition(other[name])
        before = record.definition(own[name]) if name in own else None
        versions[name] = (before.version if before is not None else None, after.version)
        words[name] = [str(one) for one in differences(before, after)] if before is not None else ["is new"]
    with door(settings):
        found = progress(client, admin, settings)
        assert found is not None
        horizon_ms = settings.lateness_horizon_ms
        sides = (
            Side(served, record.fold(newest, horizon_ms, served)),
            Side(build, record.fold(newest, horizon_ms, build)),
        )
        counted = (
            matrices(client, sides, dict.fromkeys(differing), settings.partitions, samples, advance) if counts else {}
        )
    return ShadowReport(build, served, found, versions, words, counted)
