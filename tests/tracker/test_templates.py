from itertools import pairwise
from pathlib import Path

import pytest

from tracker.journey.definition import Definition
from tracker.journey.fields import FORMS
from tracker.journey.file import read_file
from tracker.maps.grid import journey_map
from tracker.maps.html import to_html
from tracker.maps.markdown import to_markdown
from tracker.maps.picture import to_svg
from tracker.replay.rehearsal import rehearse

FOLDER = Path(__file__).parents[2] / "examples" / "journeys"
# What practitioners use, stage by stage.
MODELS = {
    "sales-phases": "awareness evaluation decision follow_up",
    "nine-stages": "awareness consideration interest intent purchase post_purchase retention advocacy loyalty",
    "seven-stages": "awareness evaluation consideration purchase_decision post_purchase repurchase loyalty",
    "seven-with-referral": "awareness interest consideration purchase post_purchase loyalty referral",
    "five-sales": "awareness consideration decision action aftercare",
    "five-retail": "awareness consideration purchase retention advocacy",
}
EXAMPLES = {"retail", "travel", "banking", "b2b", "b2c"}

templates = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)


def clean(path: Path) -> Definition:
    definition, problems = read_file(path)
    assert problems == []
    assert definition is not None
    return definition


def test_the_models_of_practitioners_ship() -> None:
    """Each stage model and each trade has its template."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(MODELS) | EXAMPLES
    for name, stages in MODELS.items():
        assert [stage.name for stage in clean(FOLDER / f"{name}.yaml").stages] == stages.split()


@templates
def test_a_template_holds(path: Path) -> None:
    """A template has no problem and no warning, and two or more examples of its own, which hold."""
    outcomes = rehearse(clean(path))
    assert len(outcomes) >= 2
    assert [each.misses for each in outcomes if each.misses] == []


@templates
def test_a_template_is_called_after_its_file(path: Path) -> None:
    """The journey's name is the file's, so that several can run side by side."""
    assert clean(path).journey == path.stem.replace("-", "_")


@templates
def test_a_template_fills_the_map(path: Path) -> None:
    """In all four forms a template shows at least six lanes, and the faces of the curve are those of its stages."""
    definition = clean(path)
    for form in FORMS:
        made = journey_map(definition, form)
        assert len(made.rows) >= 6, form
        assert all(len(row.cells) == len(definition.stages) for row in made.rows if row.kind != "line")
        assert to_svg(made).count("<title>") - 1 == sum(row.kind == "curve" for row in made.rows) * len(
            definition.stages
        )
        assert to_html(made)
        assert to_markdown(made)


@templates
def test_bands_of_a_drawn_template_do_not_overlap(path: Path) -> None:
    """From lane to lane the picture goes down, and nothing lies in another's band."""
    drawn = to_svg(journey_map(clean(path), "blueprint"))
    bands = [line for line in drawn.splitlines() if 'rx="10"' in line]
    edges = [
        (float(line.split(' y="')[1].split('"')[0]), float(line.split('height="')[1].split('"')[0])) for line in bands
    ]
    assert len(edges) >= 6
    assert all(y + height <= below for (y, height), (below, _) in pairwise(edges))
