import re
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
FILES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
HEAD = re.compile(
    r"# (\d+)\. (.+)\n\n\*\*Status\.\*\* (accepted|superseded by \[\d+\]\(.+\.md\)), (\d{4}-\d\d-\d\d)\.\n\n"
)
ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+\.md)\) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    return ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_decision_says_what_it_is(path) -> None:
    """A decision begins with its number, which is its file's, its title, its status and its date."""
    head = HEAD.match(path.read_text(encoding="utf-8"))
    assert head, f"{path.name} must begin with `# 7. Title` and `**Status.** accepted, 2026-11-22.`"
    assert f"{int(head[1]):04}" == path.name[:4]
    assert date.fromisoformat(head[4])


def test_every_decision_is_in_the_index() -> None:
    """The index has each decision with the number, title, status and date of its file, and no other, in order."""
    heads = [(path.name, HEAD.match(path.read_text(encoding="utf-8"))) for path in FILES]
    expected = [(head[1], head[2], name, head[3], head[4]) for name, head in heads if head]
    assert [row[:5] for row in rows()] == expected


def test_numbers_are_unique() -> None:
    """No two decisions have one number."""
    numbers = [path.name[:4] for path in FILES]
    assert len(numbers) == len(set(numbers))


def test_superseded_decision_leads_on() -> None:
    """A decision that was superseded links to one that exists."""
    links = [link for row in rows() for link in re.findall(r"^superseded by \[\d+\]\((.+)\)$", row[3])]
    assert [link for link in links if not (FOLDER / link).exists()] == []
