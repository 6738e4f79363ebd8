"""What may be compiled."""

import ast
import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEVER_DECODED = {"Change"}


def modules() -> tuple[str, ...]:
    spec = importlib.util.spec_from_file_location("compiled", ROOT / "deploy" / "compiled.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded.MODULES


def structures(tree: ast.Module) -> list[ast.ClassDef]:
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [each for each in classes if any("Struct" in ast.unparse(base) for base in each.bases)]


def test_what_is_compiled_can_be_decoded() -> None:
    """Of an annotation mypyc keeps the name of a class, and makes `type` of any other: no decoder would read it."""
    forgotten = [
        f"{name}.{each.name}: {ast.unparse(field)}"
        for name in modules()
        for each in structures(ast.parse((ROOT / "tracker" / f"{name}.py").read_text("utf-8")))
        if each.name not in NEVER_DECODED
        for field in each.body
        if isinstance(field, ast.AnnAssign) and not isinstance(field.annotation, ast.Name)
    ]
    assert forgotten == []
    assert "planning/planner" in modules()
