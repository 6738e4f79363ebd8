import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def run(*words: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    """Every rule of pyproject.toml is kept."""
    code, said = run("ruff", "check", "--quiet", ".")
    assert code == 0, said


def test_formatting_is_ruffs() -> None:
    """Every file is as the formatter leaves it."""
    code, said = run("ruff", "format", "--check", "--quiet", ".")
    assert code == 0, said


def test_types_hold() -> None:
    """Mypy is content, strictly with schemas and tracker."""
    code, said = run("mypy")
    assert code == 0, said


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_each_test_states_its_fact(path) -> None:
    """Each test has a sentence as its docstring, so that a failure says what no longer holds."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert [node.name for node in tests if not (ast.get_docstring(node) or "").rstrip().endswith(".")] == []
