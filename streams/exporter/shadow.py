"""The series of a shadow: those by which people compare it with what is served, under names of their own.

Rules, alerts and dashboards ask for the names of the served figures, and often add up; under the same names they would
count every customer twice (docs/decisions/0017-shadow-and-switch.md).
"""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from schemas.topics import TOUCHPOINTS
from streams.definitions.served import Served
from streams.exporter.figures import Figures
from streams.exporter.rows import FunnelRows
from streams.exporter.series import SHADOW, SHADOW_BEHIND
from tracker.journey.definition import Definition

ROLE = "shadow"


class ShadowRows:
    """Counts rows for the journeys in which a shadow differs."""

    def __init__(self, definitions: Sequence[Definition], channels: Sequence[str]) -> None:
        self._versions = {one.journey: str(one.version) for one in definitions}
        self._rows = FunnelRows(definitions, channels)

    @classmethod
    def of(cls, served: Served, channels: Sequence[str]) -> "ShadowRows | None":
        """Those of the shadow beside what is served; None without one."""
        return cls(served.shadow.definitions, channels) if served.shadow is not None else None

    def families(self, shadow: Figures, served: Figures, now_ms: int) -> Iterator[Metric]:
        """The series of these figures."""
        rows = self._rows.rows(shadow, now_ms)
        for series, of in SHADOW:
            family = GaugeMetricFamily(series.name, series.help, labels=series.labels)
            for (journey, *parts), count in rows[of.name].items():
                # What the shadow counts as the served build does is not shown twice.
                if journey in self._versions:
                    family.add_metric((journey, self._versions[journey], ROLE, *parts), count)
            yield family
        behind = GaugeMetricFamily(SHADOW_BEHIND.name, SHADOW_BEHIND.help)
        behind.add_metric((), _behind(shadow, served))
        yield behind


def _behind(shadow: Figures, served: Figures) -> int:
    """The touchpoints that the served build has applied and the shadow has not."""
    return sum(
        max(0, offset - shadow.offsets.get(place, 0))
        for place, offset in served.offsets.items()
        if place[0].startswith(TOUCHPOINTS)
    )
