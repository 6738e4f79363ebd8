import ast
import sys
from pathlib import Path

import grimp
import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).parents[2]
# Former names of modules: who imports one is warned, so these do have an effect.
FORMER = {ROOT / "streams" / "producer.py", ROOT / "streams" / "repeats.py"}
# What a structure may be made of, beside msgspec.
PLAIN = {"collections", "dataclasses", "datetime", "enum", "typing", "__future__", "types"}


def test_floor_plan_holds(monkeypatch) -> None:
    """Every contract of import-linter in pyproject.toml is kept."""
    monkeypatch.chdir(ROOT)
    configure()
    assert lint_imports(config_filename="pyproject.toml", cache_dir=None) is True


def test_schemas_import_msgspec_alone() -> None:
    """What travels is described without any other library."""
    graph = grimp.build_graph("schemas", include_external_packages=True, cache_dir=None)
    inside = {module for module in graph.modules if module.partition(".")[0] == "schemas"}
    imported = {name for module in inside for name in graph.find_modules_directly_imported_by(module)} - inside
    assert imported <= PLAIN | {"msgspec"}


def test_core_does_not_ask_for_the_time() -> None:
    """The present moment arrives as an argument: no file of tracker/ calls a clock through datetime."""
    asked = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "tracker").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"}
    ]
    assert asked == []


@pytest.mark.parametrize("package", ["schemas", "tracker", "streams"])
def test_file_says_what_lives_there(package) -> None:
    """Each file begins with a docstring: what lives here."""
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_importing_has_no_effect() -> None:
    """Importing every module opens nothing, starts no thread and writes nothing."""
    import subprocess

    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("schemas", "tracker", "streams")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name not in {"__init__.py", "__main__.py"} and path not in FORMER
    ]
    code = (
        "import importlib, os, sys, threading\n"
        "before = set(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else set()\n"
        f"[importlib.import_module(name) for name in {names!r}]\n"
        "after = set(os.listdir('/proc/self/fd')) if before else set()\n"
        "print(threading.active_count(), len(after) - len(before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout, done.stderr) == ("1 0\n", "")
