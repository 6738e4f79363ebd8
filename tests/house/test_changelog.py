import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
SECTIONS = ["Upgrading", "Added", "Changed", "Fixed"]
HEADING = re.compile(r"(\d+)\.(\d+)\.(\d+) \((prepared )?(\d{4}-\d\d-\d\d)\)")
# Each version's heading with what stands under it, the newest first.
VERSIONS = dict(part.split("\n", 1) for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:])


def test_newest_version_is_the_projects() -> None:
    """The newest version of the changelog is the version in pyproject.toml."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert next(iter(VERSIONS)).partition(" ")[0] == version


def test_versions_are_in_order() -> None:
    """Each heading is a version and its date, the newest first; none but the newest is still being prepared."""
    found = [HEADING.fullmatch(heading) for heading in VERSIONS]
    assert all(found), list(VERSIONS)
    keys = [(tuple(map(int, each.group(1, 2, 3))), date.fromisoformat(each[5])) for each in found if each]
    numbers, dates = zip(*keys, strict=True)
    assert list(numbers) == sorted(set(numbers), reverse=True)
    assert list(dates) == sorted(dates, reverse=True)
    assert not any(each[4] for each in found[1:] if each)


@pytest.mark.parametrize("version", VERSIONS)
def test_sections_are_in_order(version) -> None:
    """A version has sections, each once: Upgrading before Added, Changed and Fixed."""
    titles = re.findall(r"^### (.*)$", VERSIONS[version], re.MULTILINE)
    assert titles and titles == [each for each in SECTIONS if each in titles]


@pytest.mark.parametrize("version", VERSIONS)
def test_steps_are_numbered(version) -> None:
    """The steps of Upgrading are a list that is numbered from 1; the entries of every other section are points."""
    for section in re.split(r"^### ", VERSIONS[version], flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        marks = re.findall(r"^(\d+\.|-) ", body, re.MULTILINE)
        expected = [f"{number}." for number in range(1, len(marks) + 1)] if title == "Upgrading" else ["-"] * len(marks)
        assert marks and marks == expected, title
