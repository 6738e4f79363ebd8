"""The middle scale: names of classes and files, lengths of files, and how many lie in one folder."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "tracker", "streams")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ALL = SOURCES + sorted(path for folder in ("tests", "bench", "deploy") for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 400
MAX_FILES = 25
# Classes that share a name for a reason. Add a pair only where one is the other's protocol.
SHARED_NAMES: dict[str, str] = {}
# A command is a file, so there are as many files as commands.
COMMANDS = ROOT / "streams" / "cli"


def test_no_two_classes_share_a_name() -> None:
    """A class name stands for one thing in all three packages."""
    places = defaultdict(list)
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED_NAMES} == {}
    assert {name for name in SHARED_NAMES if len(places[name]) < 2} == set()


def test_no_file_name_exists_three_times() -> None:
    """Whoever hears a file's name finds it at once, or at the second try."""
    names = Counter(path.name for path in SOURCES if path.name != "__init__.py")
    assert {name: count for name, count in names.items() if count > 2} == {}


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_too_long(path) -> None:
    """A file fits into one's head: at most 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_no_folder_is_too_full() -> None:
    """A folder has at most 25 Python files, the commands apart."""
    counts = Counter(path.parent for path in ALL if path.parent != COMMANDS)
    assert {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > MAX_FILES} == {}
