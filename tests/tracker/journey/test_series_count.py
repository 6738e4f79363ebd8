"""The number of series of a journey: what is said before is what the exporter serves."""

import pytest

from streams.exporter.figures import Figures
from streams.exporter.rows import FunnelRows
from tests.stored import definition
from tracker.journey.definition import SCALES, Definition
from tracker.journey.series_count import count

PLAIN = "journey: j\nstages: [{name: a, touchpoints: {type: a}}, {name: b, touchpoints: {type: b}, goal: true}]\n"
RICH = f"""{PLAIN}
segments: {{s: {{from: context.s, values: [x, y]}}, t: {{from: context.t, values: [z]}}}}
feedback: {{nps: {{type: r}}, ces: {{type: r}}}}
buckets: {{stay: [1h], convert: [1h, 1d, 7d]}}
"""


def served(journey: Definition) -> int:
    """The samples of a scrape, but for channels."""
    rows, nothing = FunnelRows([journey]), Figures({}, {})
    plain = sum(len(found) for name, found in rows.rows(nothing, 0).items() if name != "tracker_journey_channels")
    times = [each for found in rows.histograms(nothing).values() for each in found.values()]
    # Each bucket, the count and the sum.
    return plain + sum(len(buckets) + 2 for buckets, _ in times)


@pytest.mark.parametrize("text", [PLAIN, RICH])
def test_the_count_is_what_is_served(text: str) -> None:
    """Every series by stage, value, cohort, bucket and score, whether or not anybody was counted."""
    journey = definition(text)
    counted = count(
        stages=len(journey.stages),
        values=sum(len(segment.values) + 1 for segment in journey.segments),
        bounds=len(journey.buckets.stay_ms) + len(journey.buckets.convert_ms),
        scores=sum(SCALES[survey.kind][1] - SCALES[survey.kind][0] + 1 for survey in journey.feedback),
    )
    assert counted == served(journey)
