import ast
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
HOOKS = [hook for repo in CONFIG["repos"] for hook in repo["hooks"]]
ENVIRONMENT = "exec ${TRACKER_VENV:-.venv}/bin/"


def command(hook: dict) -> str:
    """What a hook runs, without the shell and the place of the environment."""
    shell, flag, line = shlex.split(hook["entry"])
    assert (shell, flag) == ("sh", "-c")
    bare = " ".join(shlex.split(line))
    assert bare.startswith(ENVIRONMENT)
    return bare.removeprefix(ENVIRONMENT)


def calls(file: str, name: str) -> list[ast.Call]:
    """The calls of a function in a file of this folder."""
    tree = ast.parse((Path(__file__).parent / file).read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name]


def test_hooks_are_our_own() -> None:
    """Every hook is of this project and runs what is installed: nothing is fetched from elsewhere."""
    assert {repo["repo"] for repo in CONFIG["repos"]} == {"local"}
    assert {hook["language"] for hook in HOOKS} == {"system"}


def test_hooks_run_what_the_house_runs() -> None:
    """The hooks are the programs that the tests of style and floor plan run, and then the tests of the house."""
    style = [f"python -m {' '.join(map(ast.literal_eval, call.args))}" for call in calls("test_style.py", "run")]
    (lint,) = calls("test_floor_plan.py", "lint_imports")
    options = {word.arg: ast.literal_eval(word.value) for word in lint.keywords}
    assert options == {"config_filename": "pyproject.toml", "cache_dir": None}
    floor_plan = f"lint-imports --config {options['config_filename']} --no-cache"
    assert [command(hook) for hook in HOOKS] == [*style, floor_plan, "python -m pytest -q tests/house"]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_hook_looks_at_everything(hook) -> None:
    """A hook looks at the whole project at each commit, whatever files are in it."""
    assert hook["always_run"] is True and hook["pass_filenames"] is False
